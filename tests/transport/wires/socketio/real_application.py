"""What the real clients of Socket.IO talk to."""

from __future__ import annotations

from typing import Any

import trio

from cometary import App, Session

app = App()
app.namespace("/chat")


@app.namespace("/admin")
def admit(token: object) -> bool:
    return token == "root"


@app.packet("echo")
def echo(_session: Session, _path: str, message: Any) -> Any:
    return message


@app.packet("back")
def back(session: Session, path: str, message: Any) -> None:
    session.send(path, message)


@app.packet("chat")
def say(session: Session, path: str, message: Any) -> None:
    session.connect(path)
    app.update(path, message)


@app.packet("to-others")
def say_to_others(session: Session, _path: str, message: Any) -> None:
    app.update("room", message, exclude=session)


@app.packet("join")
def join(session: Session, _path: str, _message: object) -> bool:
    session.connect("room")
    return True


@app.packet("ask-me")
async def ask(session: Session, _path: str, message: Any) -> None:
    session.send("answered", await session.ask("question", message))


@app.packet("count-up-to")
async def count(session: Session, _path: str, message: int) -> None:
    for number in range(message):
        session.send("number", number)
        await trio.sleep(0.0005)


@app.packet("kick")
def kick(session: Session, _path: str, _message: object) -> None:
    session.kick()
