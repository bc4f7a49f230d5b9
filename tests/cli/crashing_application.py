"""An application with a handler that crashes and one that does nothing."""

from __future__ import annotations

from cometary.app import App
from cometary.sessions import Session

app = App()


@app.packet("crash")
def crash(session: Session, path: str, message: object) -> None:
    """Crash."""
    raise ZeroDivisionError


@app.packet("quiet")
def quiet(session: Session, path: str, message: object) -> None:
    """Take it."""
