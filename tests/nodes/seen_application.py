"""What nodes serve that are looked at: clients say who they are, and in which room."""

from __future__ import annotations

from cometary import App
from cometary.sessions import Session

app = App()


@app.packet("i-am")
def introduced(session: Session, _path: str, message: str) -> None:
    session.data["user"] = message
    session.connect(f"rooms/{message}")


@app.packet("queue")
def queued(session: Session, path: str, message: int) -> None:
    for number in range(message):
        session.send(path, number)


@app.packet("crash")
def crashed(_session: Session, _path: str, message: object) -> None:
    raise ValueError(message)
