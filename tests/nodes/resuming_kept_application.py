"""What the nodes of the tests serve that keep histories, and whose sessions go on elsewhere: it connects who asks."""

from __future__ import annotations

from cometary import App
from cometary.sessions import Session

app = App()
app.path("kept/*", history=1_000)
app.path("few/*", history=3)


@app.packet("hear")
def hear(session: Session, _path: str, message: list[str]) -> None:
    for path in message:
        session.connect(path)


@app.packet("leave")
def leave(session: Session, _path: str, message: str) -> None:
    session.disconnect(message)


@app.packet("echo")
def echo(session: Session, path: str, message: object) -> None:
    session.send(path, message)
