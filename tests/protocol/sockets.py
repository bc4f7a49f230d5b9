"""WebSockets over real sockets, as a client of another implementation speaks them."""

from __future__ import annotations

from typing import Any, Final

import trio
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from cometary.transport.codecs import Codec, cbor, json
from tests.protocol.client import PATIENCE, Connection, World

SUBPROTOCOLS: Final[dict[str, Codec]] = {"cometary.1": json, "cometary.1.cbor": cbor}


class ClosedError(Exception):
    """The connection has been closed.

    Args:
        code: with which code; 1006 if without any.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Socket:
    """A WebSocket.

    Args:
        connection: what it is on; of its codec only the name counts.
        subprotocol: what is spoken on it.
        headers: more headers of the handshake.
    """

    def __init__(self, connection: Connection, subprotocol: str, headers: dict[str, str]) -> None:
        self.connection = connection
        self.codec: Codec = SUBPROTOCOLS[subprotocol]
        uri = WebSocketURI(False, "127.0.0.1", 80, "/comet", "", None, None)
        self.protocol = ClientProtocol(uri, subprotocols=[Subprotocol(subprotocol)], max_size=None)
        self._headers = headers
        self._frames: list[Frame] = []
        self.response: Response | None = None
        self.sid = ""
        """That of its session, for tests to remember."""

    async def handshake(self) -> None:
        """Become a WebSocket.

        Raises:
            InvalidHandshake: the server will not have it; `response` says why.
        """
        request = self.protocol.connect()
        request.headers.update(self._headers)
        self.protocol.send_request(request)
        await self.flush()
        while self.response is None:
            await self._read()
        if self.protocol.handshake_exc is not None:
            raise self.protocol.handshake_exc

    async def send(self, body: object) -> None:
        """Send a frame with this body; nothing, if the server has closed the connection."""
        if self.protocol.state is not State.OPEN:
            return  # the server has closed it
        data = self.codec.encode(body)
        if self.codec is json:
            self.protocol.send_text(data)
        else:
            self.protocol.send_binary(data)
        await self.flush()

    async def flush(self) -> None:
        """Send what is to be sent."""
        for data in self.protocol.data_to_send():
            if data:
                await self.connection.wire.send(data)

    async def body(self) -> Any:
        """Read the next frame of data, and return what it says.

        Raises:
            ClosedError: the connection has been closed instead.
        """
        while True:
            found = self.next()
            if found is not None:
                return found
            if self.protocol.parser_exc is not None or self.protocol.close_rcvd is not None:
                raise ClosedError(self.close_code)
            await self._read()

    def next(self) -> Any:
        """Return what the next frame of data says that has been read already; None if there is none."""
        while self._frames:
            frame = self._frames.pop(0)
            if frame.opcode in {Opcode.TEXT, Opcode.BINARY}:
                assert (frame.opcode is Opcode.TEXT) is (self.codec is json)
                return self.codec.decode(bytes(frame.data))
        return None

    def look(self) -> None:
        """Read what has come, without waiting for more."""
        wire = self.connection.wire
        if self.connection.is_closed():
            self._feed(wire._buffer)
            self.protocol.receive_eof()
        else:
            self._feed(wire._buffer)
        wire._buffer = b""

    @property
    def close_code(self) -> int:
        """The code that the server has closed with; 1006 if with none."""
        return 1006 if self.protocol.close_rcvd is None else self.protocol.close_rcvd.code

    async def closed(self) -> int:
        """Read to the end, and return the code that the connection was closed with."""
        with trio.fail_after(PATIENCE):
            while True:
                try:
                    await self.body()
                except ClosedError as closed:
                    return closed.code

    async def _read(self) -> None:
        wire = self.connection.wire
        with trio.fail_after(PATIENCE):
            if wire._buffer or await wire.read_some():
                self._feed(wire._buffer)
                wire._buffer = b""
            else:
                self.protocol.receive_eof()
        await self.flush()

    def _feed(self, data: bytes) -> None:
        if not data:
            return
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            if isinstance(event, Frame):
                self._frames.append(event)
            elif isinstance(event, Response):
                self.response = event


async def connected(
    world: World, subprotocol: str = "cometary.1", headers: dict[str, str] | None = None
) -> Socket:
    """Open a WebSocket."""
    socket = Socket(await world.connect(), subprotocol, headers or {})
    await socket.handshake()
    return socket
