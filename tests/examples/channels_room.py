"""Two users and a stranger at the consumer that the page on Channels shows: prints what each of them gets.

A program of its own, since Django has one configuration in a process.
"""

from __future__ import annotations

import asyncio
import json
from importlib import import_module
from types import SimpleNamespace
from typing import Any, Final

from django.conf import settings

COMMUNICATOR: Final[Any] = import_module("asgiref.testing").ApplicationCommunicator  # without types
SAID: Final = {"text": "Tea is ready."}


class Visitor:
    """A connection of a user; of a stranger, if there is no name."""

    def __init__(self, name: str) -> None:
        user = SimpleNamespace(is_authenticated=bool(name), get_username=lambda: name)
        consumer: Any = import_module("examples.migrating.before_channels").RoomConsumer.as_asgi()
        scope = {"type": "websocket", "user": user, "url_route": {"kwargs": {"room": "kitchen"}}}
        self._socket = COMMUNICATOR(consumer, scope)

    async def connect(self) -> str:
        """Ask to be let in, and return the answer."""
        await self._socket.send_input({"type": "websocket.connect"})
        return str((await self._socket.receive_output())["type"])

    async def say(self) -> None:
        """Say something."""
        await self._socket.send_input({"type": "websocket.receive", "text": json.dumps(SAID)})

    async def heard(self) -> Any:
        """Return what comes next."""
        return json.loads((await self._socket.receive_output())["text"])

    async def leave(self) -> None:
        """Go."""
        await self._socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._socket.wait()


async def main() -> None:
    """Let them come, and one of them say something."""
    stranger, ada, grace = map(Visitor, ("", "ada", "grace"))
    print("a stranger:", await stranger.connect())
    for each in (ada, grace):
        await each.connect()
    await ada.say()
    print("ada:", await ada.heard())
    print("grace:", await grace.heard())
    for each in (stranger, ada, grace):
        await each.leave()


if __name__ == "__main__":
    settings.configure(CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}})
    asyncio.run(main())
