"""What a delivery costs at the ASGI door, beside a bare application: `python -m benchmarks.asgi_door`.

Some sessions hold a request each, an update goes to all, and all ask again; one client does it all by plain blocking
sockets. Counted is the processor time of the server, for one delivery: one answer, and the next request.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.harness.processes import free_ports, running
from benchmarks.harness.workspace import ROOT

SESSIONS: Final = 100
ROUNDS: Final = 60
RUNS: Final = 3
PEERS: Final = Path(__file__).parent / "peers/bare-python"

COMETARY: Final = """
import sys, trio
from hypercorn.config import Config
from hypercorn.trio import serve
from cometary import App
from cometary.asgi import CometASGI
from cometary.config import Address, Settings

app = App()
app.signon(lambda session: session.connect("a"))
settings = Settings(control=Address("127.0.0.1", int(sys.argv[2])), watchdog=0, log_level="error")
config = Config()
config.bind = ["127.0.0.1:" + sys.argv[1]]
config.keep_alive_timeout = 75
config.keep_alive_max_requests = 10**9
config.loglevel = "ERROR"
trio.run(serve, CometASGI(app, settings), config)
"""

UVICORN: Final = COMETARY.partition("config = Config()")[0] + (
    """
import uvicorn
uvicorn.run(CometASGI(app, settings), port=int(sys.argv[1]), log_level="error", timeout_keep_alive=75)
"""
)


class Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port))
        self._file = self._sock.makefile("rb")

    def send(self, path: str, body: object) -> None:
        """Send a request."""
        data = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        self._sock.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)

    def receive(self) -> Any:
        """Read the answer."""
        length = 0
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.lower().partition(b":")
            if name == b"content-length":
                length = int(value)
        return json.loads(self._file.read(length))


def drive(pid: int, port: int, publish: Callable[[int], None]) -> float:
    """Return the microseconds of the server's processor time that a delivery took."""
    clients = [Client(port) for _ in range(SESSIONS)]
    sids: list[str] = []
    for client in clients:
        client.send("/comet", {"rid": 1})
        sids.append(client.receive()["sid"])

    def ask(rid: int) -> None:
        for client, sid in zip(clients, sids, strict=True):
            client.send("/comet", {"sid": sid, "rid": rid, "ack": max(0, rid - 2)})

    def rounds(first: int, count: int) -> None:
        for rid in range(first, first + count):
            publish(rid)
            for client in clients:
                assert client.receive()["packets"]  # noqa: S101 - else it is no delivery
            ask(rid + 1)

    ask(2)
    time.sleep(0.5)
    rounds(2, 10)
    before = processor_time(pid)
    rounds(12, ROUNDS)
    time.sleep(0.5)
    return (processor_time(pid) - before) / ROUNDS / SESSIONS * 1e6


def processor_time(pid: int) -> float:
    """Return the seconds that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bare() -> float:
    """Measure the bare application on Hypercorn."""
    (port,) = free_ports(1)
    with running(
        [sys.executable, str(PEERS / "hypercorn_asgi.py"), str(port)],
        ports=[port],
        cwd=ROOT,
        environment={"PYTHONPATH": "."},
    ) as pid:
        publisher = Client(port)

        def publish(number: int) -> None:
            publisher.send("/publish/", number)
            publisher.receive()

        return drive(pid, port, publish)


def door(program: str) -> float:
    """Measure the door."""
    port, control = free_ports(2)
    with running(
        [sys.executable, "-c", program, str(port), str(control)],
        ports=[port],
        cwd=ROOT,
        environment={"PYTHONPATH": "."},
    ) as pid:
        publisher = Client(control)

        def publish(number: int) -> None:
            publisher.send("/update", {"path": "a", "message": number})
            publisher.receive()

        return drive(pid, port, publish)


def main() -> None:
    """Measure by turns, and print the medians."""
    found: dict[str, list[float]] = {"bare, Hypercorn": [], "door, Hypercorn": [], "door, uvicorn": []}
    for _ in range(RUNS):
        found["bare, Hypercorn"].append(bare())
        found["door, Hypercorn"].append(door(COMETARY))
        found["door, uvicorn"].append(door(UVICORN))
    print("| server | µs for a delivery |\n| --- | --- |")
    for name, times in found.items():
        print(f"| {name} | {sorted(times)[RUNS // 2]:.0f} |")


if __name__ == "__main__":
    main()
