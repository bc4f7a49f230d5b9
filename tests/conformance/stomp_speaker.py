"""STOMP: a back-end that takes what it acknowledges from a queue of its own, and sends to a path."""

from __future__ import annotations

from itertools import count
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import trio

from cometary.config import Address
from cometary.sessions import Admission
from tests.conformance.speakers import TOO_MUCH, EndedError, House, Speaker
from tests.doors.stomp.wire import StompClient
from tests.protocol.client import Connection

HEART_BEAT: Final = "10000,0"
"""Every ten seconds it gives a sign of life, as it says."""

MORTAL: Final = "mortal"
"""The login of the first who comes: it expires."""

LIFE: Final = 15
"""Seconds that it is good for: fewer than its client may be silent."""


def may_speak(login: str, _passcode: str) -> Admission:
    """Let everybody in, to everything."""
    return Admission(paths=["**"], expires=LIFE if login == MORTAL else None)


numbers: Final = count()


class Stomp(Speaker):
    """A back-end; what is at the other end is another one, and whoever is told of updates."""

    settings: ClassVar[dict[str, Any]] = {"stomp": Address("127.0.0.1", 0)}
    is_limited: ClassVar[bool] = False

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._name = f"stomp-{next(numbers)}"
        self._login = "" if house.stomp_speakers else MORTAL
        house.stomp_speakers += 1
        self._client: StompClient
        self._other: StompClient

    async def begin(self) -> None:
        await self.open()
        self._other = await self._connect("0,0")

    async def open(self) -> None:
        self._client = await self._connect(HEART_BEAT, self._login)
        self._reading = self.world.connections[-1]
        await self._client.say(
            "SUBSCRIBE", id="q", destination=f"/queue/{self._name}", ack="client-individual"
        )

    async def _connect(self, heart_beat: str, login: str = "") -> StompClient:
        url = urlsplit(self.world.running.urls["stomp"])
        assert url.hostname
        assert url.port
        connection = Connection(await trio.open_tcp_stream(url.hostname, url.port))
        self.world.connections.append(connection)
        client = StompClient(connection.wire.stream, "1.2")
        frame = await client.ask("CONNECT", accept_version="1.2", heart_beat=heart_beat, login=login)
        assert frame.command == "CONNECTED"
        return client

    async def listen(self) -> None:
        """It always does."""

    async def say(self, text: str) -> None:
        await self._client.say("SEND", text.encode(), destination=self._name, content_type="text/plain")
        await self.world.settle()

    async def read(self) -> list[str]:
        frame = await self._client.hear()
        if frame is None or frame.command == "ERROR":
            raise EndedError
        await self._client.say("ACK", id=frame.headers["ack"])
        return [frame.body.decode()]

    async def cut(self) -> None:
        self._reading.wire.stream.socket.close()
        await self.world.settle()

    async def come_back(self) -> None:
        await self.open()

    async def say_nonsense(self) -> None:
        frame = await self._client.ask("NONSENSE")
        assert frame.command == "ERROR"

    async def say_too_much(self) -> None:
        frame = await self._client.ask("SEND", b"x" * TOO_MUCH, destination=self._name)
        assert frame.command == "ERROR"

    @property
    def said(self) -> list[Any]:
        return self.house.updates.get(self._name, [])

    @property
    def is_over(self) -> bool:
        return self._reading.is_closed()

    async def push(self, *texts: str) -> None:
        for text in texts:
            destination = f"/queue/{self._name}"
            await self._other.done("SEND", text.encode(), destination=destination, content_type="text/plain")
        await self.world.settle()

    async def end(self) -> None:
        await self.house.pass_time(LIFE + 1)
