"""RedBarrel's two demonstrations: people who talk, and the same beside the load of the machine, live.

`@app.socket` is all that either takes: a coroutine for each visitor, and a task that says how the machine does.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from cometary.demo.chat import REMEMBERED, TEXT_LENGTH, clean
from cometary.demo.load import memory_of, times_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.app import App, Socket
    from cometary.server import Running

PERIOD: Final = 0.5
"""Seconds from one look at the machine to the next."""


def talk_at(app: App, namespace: str) -> None:
    """Have visitors of a namespace talk with each other."""
    said: deque[dict[str, object]] = deque(maxlen=REMEMBERED)

    @app.socket(namespace)
    async def talk(socket: Socket) -> None:
        socket.broadcast({"announcement": f"{socket.name} has come"})
        await socket.send({"buffer": list(said)})
        async for message in socket:
            if text := clean(message, TEXT_LENGTH):
                said.append({"message": [socket.name, text]})
                socket.broadcast(said[-1])
        socket.broadcast({"announcement": f"{socket.name} has left"})


def _said_by_linux(name: str) -> str:
    """Read what Linux writes of the machine; nothing on others."""
    file = Path("/proc", name)
    return file.read_text("ascii") if file.exists() else ""


def measure_for(app: App, path: str, read: Callable[[str], str] = _said_by_linux) -> None:
    """Tell those who hear a path how busy the processors are, and how the memory is used.

    Args:
        app: the application.
        path: where it is said.
        read: returns the text of `stat` and `meminfo`; an empty one if there is none, and then nothing is said.
    """

    @app.task
    async def measure(_running: Running) -> None:
        if not (text := read("stat")):
            await trio.sleep_forever()
        before = times_of(text)
        while True:
            await trio.sleep(PERIOD)
            now = times_of(read("stat"))
            load = {"cpu": round(now.busy_since(before), 2), "memory": memory_of(read("meminfo"))}
            app.update(path, load)
            before = now


def declare(app: App) -> None:
    """Have both in an application: at `/chat`, and at `/monitor`."""
    talk_at(app, "/chat")
    talk_at(app, "/monitor")
    measure_for(app, "monitor")
