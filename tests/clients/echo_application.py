"""What the clients are tested against: it sends back what it gets, counts, and tells who left."""

from __future__ import annotations

from collections.abc import Sequence

from cometary import App
from cometary.sessions import Packet, Session

app = App()


@app.packet("echo")
def echo(session: Session, path: str, message: object) -> None:
    """Send the message back."""
    session.send(path, message)


@app.packet("count")
def count(session: Session, _path: str, last: int) -> None:
    """Send all numbers up to the last one, a packet each."""
    for number in range(1, last + 1):
        session.send("counted", number)


@app.packet("say")
def say(_session: Session, _path: str, message: object) -> None:
    """Tell whoever is connected to "last words"."""
    app.update("last words", message)


@app.packet("join")
def join(session: Session, _path: str, _message: object) -> None:
    """Let the session hear what is shouted."""
    session.connect("room")


@app.packet("shout")
def shout(_session: Session, _path: str, message: object) -> None:
    """Tell all who have joined."""
    app.update("room", message)


@app.signoff
def left(_session: Session, reason: str, _undelivered: Sequence[Packet]) -> None:
    """Tell whoever is connected to "left" why a session ended."""
    app.update("left", reason)
