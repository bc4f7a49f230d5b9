"""What the nodes of the tests serve: it sends back what it gets, says which process has a session, and publishes."""

from __future__ import annotations

import os

from cometary import App
from cometary.sessions import Session

app = App()


@app.signon
def joined(session: Session) -> None:
    session.connect("news")


@app.packet("echo")
def echo(session: Session, path: str, message: object) -> None:
    session.send(path, message)


@app.packet("tell")
def tell(_session: Session, _path: str, message: object) -> None:
    app.update("news", message)


@app.packet("who")
def who(session: Session, path: str, _message: object) -> None:
    session.send(path, os.getpid())
