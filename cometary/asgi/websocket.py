"""WebSockets by ASGI: the server's messages go to the front end inside as frames, and its frames come back as messages.

The server has made the handshake with the client; here one is made with the front end, which knows who may have a
WebSocket and what is said on it. Between the two is a pair of sockets, so that what is not read holds up whoever
writes, on either side.

1.  The handshake repeats what the client said of itself; keys are not secrets, and there is nobody between.
2.  Frames towards the front end bear a mask, as those of all clients; it is all zeros, so nothing is changed.
3.  A refusal is passed on as such; a connection that ends without a close frame is closed with 1006.

It has no loop and no socket of its own, but for what it is given to read and to write with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cometary.asgi.scope import headers_of, path_of
from cometary.transport.wires.websocket.client_frames import NO_MASK, ServersFrames, masked
from cometary.transport.wires.websocket.codes import ABNORMAL, GOING_AWAY, NO_CODE, NORMAL
from cometary.transport.wires.websocket.frames import BINARY, CLOSE, TEXT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from cometary.asgi.types import Message, Receive, Scope, Send
    from cometary.transport.wires.websocket.frames import Frame

KEY: Final = b"Y29tZXRhcnktaW5zaWRlIQ=="
PASSED_ON: Final = (b"host", b"origin", b"cookie", b"authorization", b"user-agent")
REFUSED: Final = b"HTTP/1.1 503 "
"""What it comes to if the front end ends the connection without an answer."""


def request_of(scope: Scope, endpoint: str) -> bytes:
    """Return the handshake that asks the front end for what the client asked for."""
    headers = headers_of(scope)
    lines = [
        b"GET " + path_of(scope, endpoint).encode("latin-1") + b" HTTP/1.1",
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: " + KEY,
        *(b"%b: %b" % (name, headers[name]) for name in PASSED_ON if name in headers),
    ]
    if b"host" not in headers:
        lines.append(b"host: localhost")
    if protocols := scope.get("subprotocols"):
        lines.append(b"Sec-WebSocket-Protocol: " + ", ".join(protocols).encode("latin-1"))
    return b"\r\n".join(lines) + b"\r\n\r\n"


def answer_to(head: bytes) -> Message:
    """Return the message that tells the server of the front end's answer to the handshake."""
    status, *lines = head.split(b"\r\n")
    if status.split(b" ")[1] != b"101":
        return {"type": "websocket.close", "code": GOING_AWAY}
    headers = dict(line.lower().split(b": ", 1) for line in lines)
    protocol = headers.get(b"sec-websocket-protocol")
    return {"type": "websocket.accept", "subprotocol": None if protocol is None else protocol.decode()}


def frame_of(message: Message) -> bytes:
    """Return the frame that a message of the server's is to the front end."""
    if message["type"] == "websocket.disconnect":
        code = message.get("code", NO_CODE)
        return masked(CLOSE, b"" if code in {NO_CODE, ABNORMAL} else code.to_bytes(2, "big"), NO_MASK)
    text = message.get("text")
    if text is None:
        return masked(BINARY, message["bytes"], NO_MASK)
    return masked(TEXT, text.encode(), NO_MASK)


def message_of(frame: Frame) -> Message | None:
    """Return the message that a frame of the front end's is to the server; None if it is none."""
    if frame.opcode == TEXT:
        return {"type": "websocket.send", "text": frame.payload.decode()}
    if frame.opcode == BINARY:
        return {"type": "websocket.send", "bytes": frame.payload}
    if frame.opcode == CLOSE:
        code = int.from_bytes(frame.payload[:2], "big") if frame.payload else NORMAL
        return {"type": "websocket.close", "code": code, "reason": frame.payload[2:].decode(errors="replace")}
    return None


class FromFrontEnd:
    """Makes a head, and then frames, of the bytes that come from the front end."""

    def __init__(self) -> None:
        self._head = b""
        self._frames = ServersFrames()
        self._early = b""

    def head(self, data: bytes) -> bytes | None:
        """Take some of the answer to the handshake; returns its head once that is there."""
        self._head += data
        head, end, self._early = self._head.partition(b"\r\n\r\n")
        return head if end else None

    def frames(self, data: bytes) -> Iterator[Frame]:
        """Take what comes after that, and return the frames that it completes."""
        early, self._early = self._early, b""
        return self._frames.feed(early + data)


async def open_to_front_end(reader: FromFrontEnd, read: Callable[[], Awaitable[bytes]], send: Send) -> bool:
    """Wait for the front end's answer to the handshake, and pass it on; returns whether there is a WebSocket now."""
    head = None
    while head is None:
        data = await read()
        head = reader.head(data) if data else REFUSED
    answer = answer_to(head)
    await send(answer)
    return bool(answer["type"] == "websocket.accept")


async def pass_out(reader: FromFrontEnd, read: Callable[[], Awaitable[bytes]], send: Send) -> None:
    """Pass on what the front end sends, until it closes; `read` returns nothing at the end, however it comes."""
    data = b""
    while True:
        for frame in reader.frames(data):
            message = message_of(frame)
            if message is not None:
                await send(message)
                if message["type"] == "websocket.close":
                    return
        data = await read()
        if not data:
            await send({"type": "websocket.close", "code": GOING_AWAY})
            return


async def pass_in(receive: Receive, write: Callable[[bytes], Awaitable[None]]) -> None:
    """Pass on what the client sends, until it has gone."""
    while True:
        message = await receive()
        await write(frame_of(message))
        if message["type"] == "websocket.disconnect":
            return
