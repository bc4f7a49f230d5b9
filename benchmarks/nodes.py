"""What a forwarded echo costs beside a local one, in processor time of all nodes: `python -m benchmarks.nodes`.

Two nodes run, with a Redis of their own. Clients have sessions at the first, and connections to the first, then to the
second: each sends a packet and gets it back in the answer, again and again, and nothing else happens. It needs
redis-server.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import shutil
import socket
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final, cast

from benchmarks.harness.processes import cpu_seconds
from cometary import __version__
from cometary.version import kind

CLIENTS: Final = (1, 32)
ECHOES: Final = 6_000
WARM_UP: Final = 1_000
ROUNDS: Final = 3

READY: Final = re.compile(r"cometary: comet http://127\.0\.0\.1:(\d+)/comet")
LENGTH: Final = re.compile(rb"[Cc]ontent-[Ll]ength: (\d+)")
SECRET: Final = {"COMETARY_NODE_SECRET": "of-this-benchmark"}

HEAD: Final = (
    "POST /comet HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0)\r\n"
    "Accept: */*\r\nAccept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n"
    "Content-Type: application/json\r\nOrigin: http://www.example.org\r\nConnection: keep-alive\r\n"
    "Sec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\nContent-Length: "
)


@contextmanager
def nodes(
    count: int = 2, app: str = "benchmarks.apps.echo:app", *options: str
) -> Generator[tuple[list[tuple[int, int]], tuple[int, str]]]:
    """Run nodes, and their engine.

    Args:
        count: how many.
        app: the application.
        *options: more of each node's.

    Yields:
        The process id and the port of each node; the process id of the engine, and the path of its socket.
    """
    with ExitStack() as until:
        folder = until.enter_context(TemporaryDirectory())
        redis = [shutil.which("redis-server") or "redis-server", "--port", "0", "--save", ""]
        engine = until.enter_context(
            subprocess.Popen([*redis, "--unixsocket", f"{folder}/s"], stdout=subprocess.DEVNULL)  # noqa: S603
        )
        until.callback(engine.kill)
        while not Path(folder, "s").exists():
            pass
        place = f"{folder}/s"
        yield (
            [
                until.enter_context(node(f"n{number}", f"unix://{place}", app, *options))
                for number in range(count)
            ],
            (engine.pid, place),
        )


@contextmanager
def node(name: str, engine: str, app: str, *more: str) -> Generator[tuple[int, int]]:
    """Run one."""
    command = [sys.executable, "-m", "cometary", "serve", app, "--port", "0"]
    options = [
        "--control",
        "127.0.0.1:0",
        "--log-level",
        "error",
        "--drain",
        "0",
        "--packets-per-second",
        "1000000",
    ]
    options += ["--packet-burst", "1000000", "--address-packets-per-second", "0"]
    place = ["--node", name, "--node-listen", "127.0.0.1:0", "--engine", engine]
    process = subprocess.Popen(  # noqa: S603
        [*command, *options, *place, *more], stdout=subprocess.PIPE, text=True, env={**os.environ, **SECRET}
    )
    with process:
        (port,) = READY.findall(cast("IO[str]", process.stdout).readline())
        try:
            yield process.pid, int(port)
        finally:
            process.terminate()


class Client:
    """A session, and a connection by which it asks.

    Args:
        sid: that of the session.
        port: where it connects.
    """

    def __init__(self, sid: str, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sid = sid
        self._rid = 1
        self._ack = 0
        self._come = b""

    def ask(self) -> None:
        """Send a packet."""
        self._rid += 1
        body = json.dumps(
            {
                "sid": self._sid,
                "rid": self._rid,
                "ack": self._ack,
                "packets": [{"path": "echo", "message": self._rid}],
            },
            separators=(",", ":"),
        )
        self.socket.sendall(f"{HEAD}{len(body)}\r\n\r\n{body}".encode())

    def take(self) -> bool:
        """Read; returns whether the packet has come back."""
        self._come += self.socket.recv(65_536)
        head, found, body = self._come.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if not found or length is None or len(body) < int(length[1]):
            return False
        self._come = b""
        answer = json.loads(body)
        if answer["packets"] != [{"path": "echo", "message": self._rid}]:
            raise RuntimeError(f"not what was sent: {answer}")
        self._ack = answer["seq"]
        return True


def opened(port: int) -> str:
    """Open a session."""
    body = b'{"rid":1}'
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"{HEAD}{len(body)}\r\n\r\n".encode() + body)
        answer = connection.recv(65_536)
    sid: str = json.loads(answer.partition(b"\r\n\r\n")[2])["sid"]
    return sid


def echo(clients: Sequence[Client], count: int) -> None:
    """Have so many packets come back."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.ask()
        asked, done = len(clients), 0
        while done < asked:
            for key, _ in selector.select():
                if key.data.take():
                    done += 1
                    if asked < count:
                        asked += 1
                        key.data.ask()


def cost(pids: Sequence[int], owner: int, asked: int, many: int) -> float:
    """Return the processor time of one echo, in microseconds.

    Args:
        pids: all processes of the server.
        owner: the port of the node that has the sessions.
        asked: the port of the one that is asked.
        many: how many clients there are.
    """
    clients = [Client(opened(owner), asked) for _ in range(many)]
    echo(clients, WARM_UP)
    before = sum(map(cpu_seconds, pids))
    echo(clients, ECHOES)
    after = sum(map(cpu_seconds, pids))
    for client in clients:
        client.socket.close()
    return (after - before) / ECHOES * 1e6


def main() -> None:
    """Measure, and print a table."""
    print(f"cometary {__version__}, {kind()}; the least of {ROUNDS} rounds of {ECHOES} echoes\n")
    print("| clients | local µs | forwarded µs | ratio |\n| --- | --- | --- | --- |")
    with nodes() as (((one, first), (two, second)), _):
        for many in CLIENTS:
            rounds = [
                [cost((one, two), first, asked, many) for asked in (first, second)] for _ in range(ROUNDS)
            ]
            local, forwarded = (min(column) for column in zip(*rounds, strict=True))
            print(f"| {many} | {local:.1f} | {forwarded:.1f} | {forwarded / local:.2f} |", flush=True)


if __name__ == "__main__":
    main()
