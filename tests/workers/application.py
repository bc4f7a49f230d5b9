"""What the workers of the tests serve: it says which process has a session, and publishes where one says so."""

from __future__ import annotations

import os

from cometary import App, Socket
from cometary.sessions import Session

app = App()
app.path("kept/*", history=50)
app.path("room", presence=True)


@app.signon
def joined(session: Session) -> None:
    session.connect("news")


@app.packet("tell")
def tell(_session: Session, _path: str, message: object) -> None:
    app.update("news", message)


@app.packet("keep/*")
def keep(_session: Session, path: str, message: object) -> None:
    app.update(path.replace("keep", "kept"), message)


@app.packet("enter")
def enter(session: Session, _path: str, message: object) -> None:
    session.data["shown"] = message
    session.connect("room")


@app.packet("hear")
def hear(session: Session, _path: str, message: str) -> None:
    session.connect(message, last=100)


@app.packet("who")
def who(session: Session, path: str, _message: object) -> None:
    session.send(path, os.getpid())


@app.socket("/chat")
async def chat(socket: Socket) -> None:
    async for message in socket:
        socket.broadcast(message)
