"""How long others wait while strangers send what is expensive: python -m tests.fuzzing.stalls [KIND …]

For each kind of body a number of strangers, none of whom has a session, send it all the time. Meanwhile
one client sends packets and waits for each to come back. The longest of
these waits is the figure: it depends on the machine, and on what else that does, so it is read by
people; tests count the work instead.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import trio

from tests.fuzzing.attack import ask
from tests.fuzzing.bystander import open_session
from tests.fuzzing.corpus import TYPES
from tests.fuzzing.expensive import LENGTH, expensive, expensive_in_xml
from tests.servers import ECHO, running_server

STRANGERS: Final = 20
PIPELINES: Final = {
    "requests in a pipeline": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 600,
    "a body in many chunks": b"POST /comet HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"1\r\na\r\n" * 80_000,
}
WHERE: Final = {"xml": b"/http-bind"}
"""The path of requests that are not for `/comet`."""

BOSH: Final = ("--bosh", "/http-bind", "--xmpp-hosts", "localhost")
PAUSE: Final = 0.01
"""Seconds between two packets."""


@dataclass(slots=True)
class Waits:
    """How long the client waited.

    Attributes:
        seconds: of each packet, from its being sent to its coming back.
        bodies: how many the strangers have had answered.
    """

    seconds: list[float] = field(default_factory=list[float])
    bodies: int = 0

    def __str__(self) -> str:
        ordered = sorted(self.seconds)
        middle, longest = ordered[len(ordered) // 2], ordered[-1]
        figures = f"median {middle * 1e3:6.1f} ms, longest {longest * 1e3:6.1f} ms"
        return f"{self.bodies:6} bodies, {len(ordered):5} waits: {figures}"


def request(body: bytes, form: str = "json") -> bytes:
    """Return a request that ends its connection."""
    head = b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %b\r\nContent-Length: %d\r\n"
    where, kind = WHERE.get(form, b"/comet"), TYPES.get(form, b"text/xml")
    return head % (where, kind, len(body)) + b"Connection: close\r\n\r\n" + body


async def wait_beside(port: int, form: str, body: bytes, seconds: float) -> Waits:
    """Have strangers send `body` for so long, and wait beside them."""
    waits = Waits()
    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_converse, port, waits.seconds)
            for _ in range(STRANGERS if form != "http" else 10 * STRANGERS):
                nursery.start_soon(_bother, port, body if form == "http" else request(body, form), waits)
    return waits


async def _bother(port: int, content: bytes, waits: Waits) -> None:
    while True:
        await ask(port, [content])
        waits.bodies += 1


async def _converse(port: int, waits: list[float]) -> None:
    """Send packets, one after the other; each comes back in the answer."""
    sid = (await open_session(port)).decode()
    for number in count():
        packets = [{"path": "echo", "message": number}]
        body = {"sid": sid, "rid": number + 2, "ack": number, "packets": packets}
        began = time.perf_counter()
        await ask(port, [request(json.dumps(body).encode())])
        waits.append(time.perf_counter() - began)
        await trio.sleep(PAUSE)


def main() -> None:
    """Print a line for each kind."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing.stalls", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="parts of names; all kinds without")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each kind")
    parser.add_argument("--length", type=int, default=LENGTH, help="bytes of a body at most")
    options = parser.parse_args()
    pipelines = {name: ("http", content) for name, content in PIPELINES.items()}
    kinds = {"nothing": ("json", b"{}"), **expensive(options.length), **expensive_in_xml(options.length)}
    kinds |= pipelines
    for name, (form, body) in kinds.items():
        if not options.kinds or any(kind in name for kind in options.kinds):
            calm = ("--wait", "0.5", "--watchdog", "0", "--log-level", "warning")
            with running_server(ECHO, *calm, *BOSH) as server:
                waits = trio.run(wait_beside, server.port, form, body, options.seconds)
            print(f"{name:36} {waits}", flush=True)  # noqa: T201 - a program prints


if __name__ == "__main__":
    main()
