"""An application that answers."""

from __future__ import annotations

import trio

from cometary import App, Session
from cometary.errors import AskError, RefusedError

app = App()


@app.packet("double")
def double(_session: Session, _path: str, message: int) -> int:
    """Answer."""
    return 2 * message


@app.packet("refuse")
def refuse(_session: Session, _path: str, _message: object) -> None:
    """Refuse."""
    raise RefusedError("There is none.", "sold-out")


@app.packet("fail")
def fail(_session: Session, _path: str, _message: object) -> None:
    """Fail."""
    raise ValueError("a handler that fails")


@app.packet("confirm")
async def confirm(session: Session, _path: str, message: object) -> object:
    """Ask back."""
    try:
        return {"confirmed": await session.ask("sure", message)}
    except AskError as error:
        raise RefusedError(error.detail, error.condition) from error


@app.packet("never")
async def never(_session: Session, _path: str, _message: object) -> None:
    """Take longer than anybody waits."""
    await trio.sleep(2)
