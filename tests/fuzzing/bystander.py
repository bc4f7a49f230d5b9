"""A session that has nothing to do with an attack, and must not notice it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

import trio

PAUSE = 0.05
"""Seconds between two messages: the load is to be the attack."""


async def post(port: int, body: object) -> Any:
    """Return what the comet endpoint answers to one request, on a connection of its own."""
    content = json.dumps(body).encode()
    head = b"POST /comet HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    received = b""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(head % len(content) + content)
        async for data in stream:
            received += data
    return json.loads(received.partition(b"\r\n\r\n")[2])


async def open_session(port: int) -> bytes:
    """Return the id of a new session."""
    return str((await post(port, {"rid": 1}))["sid"]).encode()


@dataclass(slots=True)
class Bystander:
    """A client that sends numbers, and gets each of them back from the application; and hears what is shouted.

    Attributes:
        exchanged: how many came back.
        heard: the last number of each shouter.
        longest: seconds that it took one of them to come back with the request that sent it.
    """

    port: int
    sid: str
    exchanged: int = 0
    heard: dict[int, int] = field(default_factory=dict[int, int])
    longest: float = 0

    @classmethod
    async def open(cls, port: int) -> Bystander:
        """Open a session."""
        return cls(port, (await open_session(port)).decode())

    async def talk(self, faults: list[str]) -> None:
        """Talk until cancelled; what is not as it should be goes to `faults`, once."""
        rid = 1
        sent = ack = 0
        packets: list[dict[str, object]] = [{"path": "join"}]
        while True:
            rid += 1
            if sent == self.exchanged:
                sent += 1
                packets.append({"path": "echo", "message": sent})
            began = time.perf_counter()
            answer = await post(self.port, {"sid": self.sid, "rid": rid, "ack": ack, "packets": packets})
            got: list[dict[str, Any]] = answer.get("packets", [answer])
            if packets and got:
                self.longest = max(self.longest, time.perf_counter() - began)
            packets = []
            ack += len(got)
            if not all(self._is_right(one, sent) for one in got):
                faults.append(f"a bystander sent {sent} and got {str(answer)[:1000]}")
                return
            await trio.sleep(PAUSE)

    def _is_right(self, packet: dict[str, Any], sent: int) -> bool:
        """Whether it is what was sent last, or the next of what a shouter said."""
        if packet.get("path") == "room":
            message: tuple[int, int] = packet["message"]
            shouter, number = message
            expected = self.heard.get(shouter, number - 1) + 1
            self.heard[shouter] = number
            return bool(number == expected)
        self.exchanged += 1
        return packet == {"path": "echo", "message": sent} and self.exchanged == sent
