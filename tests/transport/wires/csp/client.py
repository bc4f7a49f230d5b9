"""A client of CSP, written from draft 0.3 of the protocol and from nothing else: a test does each step itself."""

from __future__ import annotations

import base64
import json
from typing import Any, Final
from urllib.parse import urlencode

import trio

from tests.protocol.client import PATIENCE, Connection, World
from tests.transport.wire import Response

URL: Final = "/csp"
CSP: Final[dict[str, Any]] = {"csp": URL}
"""The settings of a server that speaks it."""


def plain(text: str) -> list[object]:
    return [0, text]


def in_base64(data: bytes) -> list[object]:
    return [1, base64.urlsafe_b64encode(data).decode()]


class CspClient:
    """The draft's CometSession, as far as it is on the wire.

    Args:
        world: the server.
        variables: what it says with its first request.

    Attributes:
        key: that of its session.
        ack: the number of the last packet that it has.
        sent: the number of the last packet that it has sent.
        read: what has come, a packet each.
        closed: whether the packet without data has come.
    """

    def __init__(self, world: World, *headers: bytes, **variables: str) -> None:
        self.world = world
        self.headers = headers
        self.key = ""
        self.ack = -1
        self.sent = 0
        self.read: list[bytes] = []
        self.closed = False
        self._variables = variables
        self._batch = ("", "")

    # -- requests ---------------------------------------------------------------------------------------

    async def begin(
        self, action: str, *headers: bytes, method: str = "GET", data: str | None = None, **variables: str
    ) -> Connection:
        """Make a request, and leave it at that; `data` is the body of a POST."""
        said = {**self._variables, **variables}
        self._variables = {}
        before, behind = self._batch
        self._batch = (said.get("bp", before), said.get("bs", behind))
        if self.key and "s" not in said:
            said = {"s": self.key, "a": str(self.ack), **said}
        connection = await self.world.connect()
        body = None if data is None else data.encode()
        target = f"{URL}/{action}?{urlencode(said)}"
        await connection.request(
            "GET" if body is None else "POST", target, *self.headers, *headers, data=body
        )
        return connection

    async def ask(self, action: str, *headers: bytes, **said: Any) -> Response:
        """Make a request."""
        return await response_of(await self.begin(action, *headers, **said))

    async def open(self, **given: object) -> CspClient:
        """Ask for a session."""
        response = await self.ask("handshake", data=json.dumps(given))
        assert response.status == 200, response.body
        text = response.body.decode()
        self.key = json.loads(text[text.index("(") + 1 : text.rindex(")")])["session"]
        await self.world.settle()
        return self

    async def comet(self, *headers: bytes, **variables: str) -> Connection:
        """Ask for packets, and leave it at that."""
        connection = await self.begin("comet", *headers, **variables)
        await self.world.settle()
        return connection

    async def poll(self, **variables: str) -> list[bytes]:
        """Ask for packets; returns what came."""
        return await self.hear(await self.comet(**variables))

    async def hear(self, connection: Connection) -> list[bytes]:
        """Read the answer to a /comet, which is one batch; returns what is new in it."""
        response = await response_of(connection)
        assert response.status == 200, response.body
        assert response.headers["cache-control"] == "no-cache, must-revalidate"
        return self.take(response.body.decode())

    def take(self, text: str) -> list[bytes]:
        """Take one batch; returns what is new in it."""
        before, behind = (f"{self._batch[0]}(", f"){self._batch[1]}")
        assert text.startswith(before), text
        assert text.endswith(behind), text
        new: list[bytes] = []
        for number, encoding, data in json.loads(text[len(before) : len(text) - len(behind)]):
            if number <= self.ack:
                continue
            assert number == max(0, self.ack) + 1
            assert not self.closed
            self.ack = number
            if data is None:
                self.closed = True
            else:
                new.append(base64.urlsafe_b64decode(data) if encoding else data.encode())
        self.read += new
        return new

    def batch(self, *said: str | list[object]) -> str:
        """Write a batch of what is said: text, or an encoding with its data."""
        packets: list[list[object]] = []
        for one in said:
            self.sent += 1
            packets.append([self.sent, *(plain(one) if isinstance(one, str) else one)])
        return json.dumps(packets)

    async def send(self, *said: str | list[object], **variables: str) -> Response:
        """Send packets."""
        response = await self.ask("send", data=self.batch(*said), **variables)
        await self.world.settle()
        return response

    async def write(self, *packets: tuple[str, object]) -> None:
        """Send packets of the session, each as one of CSP."""
        said = [json.dumps({"path": path, "message": message}) for path, message in packets]
        response = await self.send(*said)
        assert (response.status, response.body) == (200, b'("OK")')


class Streaming:
    """The answer to a /comet that goes on."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.head = Response(0, {}, b"")

    async def begin(self) -> Streaming:
        self.head = await response_of(self.connection)
        assert self.head.status == 200
        assert self.head.headers["transfer-encoding"] == "chunked"
        return self

    async def chunk(self) -> str:
        """Return the next chunk; nothing if it was the last."""
        wire = self.connection.wire
        with trio.fail_after(PATIENCE):
            while True:
                size, line, rest = wire.received.partition(b"\r\n")
                if line and len(rest) >= int(size, 16) + 2:
                    break
                assert await wire.read_some(), "closed"
        length = int(size, 16)
        wire._buffer = rest[length + 2 :]
        return rest[:length].decode()


async def response_of(connection: Connection) -> Response:
    with trio.fail_after(PATIENCE):
        return await connection.wire.response()


def said_in(data: list[bytes]) -> list[Any]:
    """Return the messages of packets of sessions, each of which came as one of CSP."""
    return [json.loads(one)["message"] for one in data]
