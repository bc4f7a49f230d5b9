"""A TCP proxy that breaks connections: before a chunk goes on, in its middle, or right after it.

So a request may be lost before the server sees it, its answer after the server has forgotten
about it, and either may arrive in part. What it does follows from a seed.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
from types import TracebackType
from typing import Self

RESET = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing sends RST, as a network that is gone would, and not an orderly FIN."""


class CuttingProxy:
    """Passes bytes between its own port and another one on loopback, in threads of its own.

    Args:
        target: the port to connect to.
        seed: of the random choices.
        cut: the chance that a chunk, of either direction, is the last one of its connection.
    """

    def __init__(self, target: int, *, seed: int, cut: float) -> None:
        self.cut = cut
        self.cuts = 0
        self._target = target
        self._random = random.Random(seed)  # noqa: S311 - it has to be repeatable, not secret
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_all()

    def cut_all(self) -> None:
        """Break every connection that there is."""
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed: the test is over
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open |= {client, server}
            both_ways = ((client, server), (server, client))
            threads = [threading.Thread(target=self._pass_on, args=way, daemon=True) for way in both_ways]
            threading.Thread(target=self._close_after, args=(threads, (client, server)), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        """Pass chunks on until either end closes, or chance has it; then break both."""
        with contextlib.suppress(OSError):
            while chunk := source.recv(1 << 16):
                part = self._part_to_pass()
                sink.sendall(chunk[: round(len(chunk) * part)])
                if part < 1 or self._is_cut_after():
                    self.cuts += 1
                    break
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _part_to_pass(self) -> float:
        with self._lock:
            return self._random.choice((0, 0.5)) if self._random.random() < self.cut / 2 else 1

    def _is_cut_after(self) -> bool:
        with self._lock:
            return self._random.random() < self.cut / 2

    def _close_after(self, threads: list[threading.Thread], ends: tuple[socket.socket, ...]) -> None:
        """Close both ends when neither thread uses them any more: not before, their numbers are reused."""
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with self._lock:
            self._open -= set(ends)
        for end in ends:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            end.close()
