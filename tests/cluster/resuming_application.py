"""An application whose accounts add up, or not: what it was sent, and what it sends.

Each packet of a client to `say` is written to the file that `ACCOUNT` names, and answered. Each session is sent `tick`
with the numbers from 1 on, whose count is part of its data.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import trio

from cometary import App, Failure, Packet, Session
from cometary.server import Running

app = App()
sessions = dict[str, Session]()
PACE = float(os.environ.get("PACE", "0.02"))


def write(*words: object) -> None:
    """Write one line of the account, before anything else can happen."""
    descriptor = os.open(os.environ["ACCOUNT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, (" ".join(map(str, words)) + "\n").encode())
    os.close(descriptor)


@app.signon
def signed_on(session: Session) -> None:
    """Tick from now on."""
    write("on", session.name)
    sessions[session.name] = session


@app.recovered
def recovered(session: Session) -> None:
    """Tick again."""
    write("recovered", session.name, *session.paths)
    sessions[session.name] = session


@app.signoff
def signed_off(session: Session, reason: str, undelivered: Sequence[Packet]) -> None:
    """Tick no more."""
    write("off", session.name, reason, len(undelivered))
    sessions.pop(session.name, None)


@app.packet("say")
def said(session: Session, path: str, message: Any) -> None:
    """Write it down, and answer."""
    write("said", message)
    session.send("said", message)


@app.packet("dawdle")
async def dawdle(session: Session, path: str, message: Any) -> None:
    """Take a long time."""
    write("dawdle", message)
    await trio.sleep(message)


@app.packet("hear")
def hear(session: Session, path: str, message: Any) -> None:
    """Connect it to a path."""
    session.connect(message)


@app.failure
def failed(failure: Failure) -> None:
    """Write it down, and tell the client."""
    assert failure.session is not None
    reason = getattr(failure.error, "reason", type(failure.error).__name__)
    message = None if failure.packet is None else failure.packet.message
    write("failed", failure.hook, reason, message)
    failure.session.send("failed", [reason, message])


@app.task
async def tick(running: Running) -> None:
    """Send each session the next number."""
    while True:
        await trio.sleep(PACE)
        for session in list(sessions.values()):
            session.data["ticks"] = session.data.get("ticks", 0) + 1
            session.send("tick", session.data["ticks"])
