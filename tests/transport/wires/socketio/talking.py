"""Clients of Engine.IO and Socket.IO as small as can be: a test does each step itself."""

from __future__ import annotations

import json
from typing import Any, Final

import trio
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.uri import WebSocketURI

from tests.protocol.client import PATIENCE, Connection, World
from tests.protocol.sockets import Socket
from tests.transport.wire import Response

PATH: Final = "/socket.io/"
SOCKETIO: Final[dict[str, Any]] = {"socketio": PATH}
"""The settings of a server that speaks it."""


def query(transport: str, sid: str = "", version: str = "4", more: str = "") -> str:
    """Return the target of a request."""
    return f"{PATH}?EIO={version}&transport={transport}{f'&sid={sid}' if sid else ''}{more}"


async def response_of(connection: Connection) -> Response:
    with trio.fail_after(PATIENCE):
        return await connection.wire.response()


async def asked(
    world: World, method: str, target: str, *headers: bytes, data: bytes | None = None
) -> Response:
    """Make one request on a connection of its own."""
    connection = await world.connect()
    await connection.request(method, target, *headers, data=data)
    return await response_of(connection)


def code_of(response: Response) -> tuple[int, int]:
    """Return the status and the code of what is wrong."""
    body = json.loads(response.body)
    assert set(body) == {"code", "message"}
    return response.status, body["code"]


class Polling:
    """A connection by polling."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sid = ""
        self.welcome: dict[str, Any] = {}

    async def open(self) -> Polling:
        response = await asked(self.world, "GET", query("polling"))
        assert response.status == 200
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        text = response.body.decode()
        assert text[0] == "0"
        self.welcome = json.loads(text[1:])
        self.sid = self.welcome["sid"]
        return self

    async def hold(self) -> Connection:
        """Ask by GET, and leave it at that."""
        connection = await self.world.connect()
        await connection.request("GET", query("polling", self.sid))
        await self.world.settle()
        return connection

    async def get(self) -> str:
        """Return what a GET brings."""
        response = await asked(self.world, "GET", query("polling", self.sid))
        assert response.status == 200, response.body
        return response.body.decode()

    async def post(self, payload: str, *headers: bytes) -> Response:
        return await asked(self.world, "POST", query("polling", self.sid), *headers, data=payload.encode())

    async def say(self, payload: str) -> None:
        """Have it taken."""
        response = await self.post(payload)
        assert (response.status, response.body) == (200, b"ok")
        await self.world.settle()

    async def is_over(self) -> bool:
        """Whether the server does not know it any more."""
        response = await asked(self.world, "GET", query("polling", self.sid))
        return code_of(response) == (400, 1)

    async def connect(self, namespace: str = "", auth: object = None) -> dict[str, Any]:
        """Connect to a namespace, and return what is said of it."""
        said = "" if auth is None else json.dumps(auth)
        await self.say(f"40{namespace and namespace + ','}{said}")
        told = await self.get()
        assert told.startswith(f"40{namespace and namespace + ','}"), told
        body: dict[str, Any] = json.loads(told[told.index("{") :].split("\x1e")[0])
        return body


class Frames(Socket):
    """A WebSocket."""

    def __init__(self, connection: Connection, target: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(connection, "cometary.1", headers or {})
        path, _, rest = target.partition("?")
        uri = WebSocketURI(False, "127.0.0.1", 80, path, rest, None, None)
        self.protocol = ClientProtocol(uri, max_size=None)

    async def say(self, data: str | bytes) -> None:
        if isinstance(data, str):
            self.protocol.send_text(data.encode())
        else:
            self.protocol.send_binary(data)
        await self.flush()
        await self.connection_settled()

    async def connection_settled(self) -> None:
        await trio.testing.wait_all_tasks_blocked(0.003)

    def next(self) -> Any:
        while self._frames:
            frame = self._frames.pop(0)
            if frame.opcode is Opcode.TEXT:
                return bytes(frame.data).decode()
            if frame.opcode is Opcode.BINARY:
                return bytes(frame.data)
        return None

    async def hear(self, count: int = 1) -> list[Any]:
        """Return what the next frames say."""
        return [await self.body() for _ in range(count)]

    async def connect(self, namespace: str = "", auth: object = None) -> dict[str, Any]:
        """Connect to a namespace, and return what is said of it."""
        said = "" if auth is None else json.dumps(auth)
        await self.say(f"40{namespace and namespace + ','}{said}")
        [told] = await self.hear()
        assert told.startswith(f"40{namespace and namespace + ','}"), told
        body: dict[str, Any] = json.loads(told[told.index("{") :])
        return body


async def framed(world: World, target: str = "", headers: dict[str, str] | None = None) -> Frames:
    """Open a WebSocket; if it begins a connection, its first frame is still to be read."""
    socket = Frames(await world.connect(), target or query("websocket"), headers)
    await socket.handshake()
    return socket


async def begun(world: World) -> Frames:
    """Open a connection by a WebSocket."""
    socket = await framed(world)
    [told] = await socket.hear()
    assert json.loads(told[1:])["upgrades"] == []
    return socket
