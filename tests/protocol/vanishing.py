"""A server whose clients vanish without a word: a program to be run in a network namespace of its own.

    python vanishing.py          the server; it prints one line of JSON at the end
    python vanishing.py PORT     its clients

The loopback interface of the namespace is the network. The clients connect, the interface is taken down, and
the clients are killed: no FIN and no RST of theirs gets through, and nothing that the server sends is ever
acknowledged.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import trio

from cometary.config import Address, Settings
from cometary.server import Running, serve
from tests.networks import loopback

WAIT = 1.0
DIE = 1.0
EACH = 5
"""Clients of each kind."""

LOOK = 0.05


# -- the clients -----------------------------------------------------------------------------------


def post(body: bytes) -> bytes:
    return b"POST /comet HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def vanish_from(port: int) -> None:
    """Be all sorts of clients, say so, and wait to be killed."""
    connections: list[socket.socket] = []

    def connect(*first: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", port))
        connections.append(connection)
        for data in first:
            connection.sendall(data)
        return connection

    for _ in range(EACH):
        connect()  # says nothing
        connect(post(b"")[:20])  # stops in a head
        connect(post(b"." * 1000)[:-900])  # stops in a body
        connection = connect(post(b'{"rid":1}'))  # opens a session ...
        sid = json.loads(connection.recv(10_000).partition(b"\r\n\r\n")[2])["sid"].encode()
        connection.sendall(post(b'{"sid":"%b","rid":2}' % sid))  # ... and has its request held
        connect(post(b'{"rid":1}'))  # opens a session, and no more
    sys.stdout.write("connected\n")
    sys.stdout.flush()
    time.sleep(60)


# -- the server ------------------------------------------------------------------------------------


class Observer:
    """Counts descriptors and actors."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._before = descriptors()

    def look(self) -> tuple[int, int]:
        """Return how many descriptors there are for clients, and how many actors of sessions."""
        [sessions] = [child for child in self._running.tree().children if child.id == "sessions"]
        return descriptors() - self._before, sessions.count or 0


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - no path, a question to the kernel


async def observe(running: Running) -> dict[str, Any]:
    """Let clients come and vanish, and return what was left of them when."""
    command = [sys.executable, __file__, str(urlsplit(running.comet).port)]
    observer = Observer(running)
    clients = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
    assert clients.stdout is not None
    await clients.stdout.receive_some()
    loopback(up=False)
    vanished = trio.current_time()
    clients.kill()
    await clients.wait()
    await clients.stdout.aclose()
    await trio.sleep(DIE / 4)
    seen: dict[str, Any] = {"at first": observer.look()}
    while observer.look() != (0, 0) and trio.current_time() < vanished + 10:  # noqa: ASYNC110 - nobody tells
        await trio.sleep(LOOK)
    return {**seen, "in the end": observer.look(), "seconds": trio.current_time() - vanished}


async def main() -> None:
    settings = Settings(port=0, control=Address("127.0.0.1", 0), wait=WAIT, die=DIE)
    async with trio.open_nursery() as nursery:
        running: Running = await nursery.start(serve, settings)
        seen = await observe(running)
        nursery.cancel_scope.cancel()
    sys.stdout.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        vanish_from(int(sys.argv[1]))
    else:
        loopback(up=True)
        trio.run(main)
