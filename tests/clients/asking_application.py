"""An application that answers."""

from __future__ import annotations

from cometary import App, Session
from cometary.errors import RefusedError

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
