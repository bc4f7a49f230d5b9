"""What the workers of the tests serve: it says which process has a session, and publishes where one says so."""

from __future__ import annotations

import os

from cometary import App
from cometary.sessions import Session

app = App()


@app.signon
def joined(session: Session) -> None:
    session.connect("news")


@app.packet("tell")
def tell(_session: Session, _path: str, message: object) -> None:
    app.update("news", message)


@app.packet("who")
def who(session: Session, path: str, _message: object) -> None:
    session.send(path, os.getpid())
