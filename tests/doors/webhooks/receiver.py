"""A back-end that receives webhooks over real sockets, and does with each request what a test has told it to."""

from __future__ import annotations

import base64
import json
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import trio
import trio.testing

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()

Action = int | tuple[int, bytes] | str | bytes


@dataclass
class Received:
    """One request, as it came."""

    target: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


@dataclass
class Receiver:
    """Answers with 204 unless told otherwise.

    Attributes:
        script: what it does with the next requests: a status, a status with a body, `hang`, `cut`, or
            bytes to answer with before it hangs.
        received: all requests, in order.
        connections: how many there have been.
        port: where it listens; known, and kept, once it has been started.
    """

    script: deque[Action] = field(default_factory=deque[Action])
    received: list[Received] = field(default_factory=list[Received])
    port: int = 0
    connections: int = 0
    _scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?from=cometary"

    @property
    def ids(self) -> list[str]:
        return [one.body["id"] for one in self.received]

    async def serve(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Receive until stopped."""
        (listener,) = await trio.open_tcp_listeners(self.port, host="127.0.0.1")
        self.port = listener.socket.getsockname()[1]
        with trio.CancelScope() as self._scope:
            task_status.started()
            await trio.serve_listeners(self._connected, [listener])

    def stop(self) -> None:
        """Cut all connections and refuse new ones."""
        self._scope.cancel()

    async def _connected(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        with suppress(trio.BrokenResourceError):
            async with stream:
                while (request := await read_request(stream)) is not None:
                    self.received.append(request)
                    if not await self._act(stream):
                        return

    async def _act(self, stream: trio.SocketStream) -> bool:
        what = self.script.popleft() if self.script else 204
        if what == "cut":
            return False
        if isinstance(what, bytes):
            await stream.send_all(what)
        if isinstance(what, str | bytes):
            await trio.sleep_forever()
        status, body = (what, b"") if isinstance(what, int) else what
        head = f"Location: {self.url}&moved=1\r\nContent-Length: {len(body)}\r\n"
        await stream.send_all(f"HTTP/1.1 {status} So\r\n{head}\r\n".encode() + body)
        return True


async def read_request(stream: trio.SocketStream) -> Received | None:
    """Read a request; None at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = await stream.receive_some()
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers["content-length"]):
        body += await stream.receive_some()
    return Received(first.split()[1], headers, body)


async def settle() -> None:
    """Wait until everything that is under way on the loopback has been dealt with."""
    await trio.testing.wait_all_tasks_blocked(0.005)
