"""The switchboard: one Trio task that serves every connection through one poller.

Long-polling is thousands of connections of which few are busy. The poller's own descriptor is
readable while any of them is ready, so Trio, which watches only that one, does work in proportion
to what happens and not to what is open.

1. A wake-up serves at most `BATCH` ready sockets; then all other Trio tasks have their turn.
   After `PARSED` bytes that were parsed in it, the rest of them read no more than `LITTLE` each: a few kilobytes
   of tiny requests, or of chunks, take as long to parse as many ordinary requests.
2. Nothing that happens on one connection is another's misfortune: what it raises is logged, and it
   alone is closed.
3. A second task looks for expired deadlines once a second, and sleeps while there are none. When it
   comes late, since the process or the loop stood still, what has come meanwhile is read first:
   nobody is to blame for that (`catch_up`).
4. `serve` ends by cancellation or after `aclose`; either way every socket is closed, and every
   exchange still unanswered dropped, before it returns.
"""

from __future__ import annotations

import socket  # at run time, too: Listen, once compiled, is made with these three
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from cometary.escapes import exit_in
from cometary.log import get_logger
from cometary.transport.http.connection import Connection
from cometary.transport.http.head_memory import HeadMemory
from cometary.transport.http.limits import Limits
from cometary.transport.http.parser_pool import ParserPool
from cometary.transport.http.responses import ResponseEncoder
from cometary.transport.http.service import Service
from cometary.transport.net.deadlines import DeadlineQueue
from cometary.transport.net.descriptors import shares
from cometary.transport.net.listener import Listener, open_sockets
from cometary.transport.net.poller import WRITABLE, Poller, best_poller

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH: Final = 256
PARSED: Final = 64 * 1024
LITTLE: Final = 1024
TICK: Final = 1.0
"""Seconds between two looks at the deadlines; also the longest that one is late."""
STALL: Final = 0.1
"""Seconds by which a look has to come late for something to have stood still."""

logger = get_logger("cometary.transport")


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen, and what to serve there.

    Attributes:
        service: What answers the requests.
        host: A name or address of this machine; every address that it has is listened at.
        port: 0 lets the system choose.
        sockets: Sockets that listen already, in place of `host` and `port`. They stay their
            owner's, so that callers wait in them while one switchboard takes the place of another.
        reserve: Whether some connections are kept for it which no other listener may have, and
            whether its callers come first when descriptors are short.
    """

    service: Service
    host: str = "127.0.0.1"
    port: int = 0
    sockets: Sequence[socket.socket] = ()
    reserve: bool = False


class Deadlines:
    """What runs out: a queue for each duration.

    Args:
        limits: The durations.
        on_first: Called when a queue that was empty is no longer.
    """

    __slots__ = ("body", "head", "idle", "linger", "paused", "queues", "write")

    def __init__(self, limits: Limits, on_first: Callable[[float], float]) -> None:
        self.head = DeadlineQueue[Connection](limits.head_seconds, on_first)
        self.body = DeadlineQueue[Connection](limits.body_seconds, on_first)
        self.idle = DeadlineQueue[Connection](limits.idle_seconds, on_first)
        self.write = DeadlineQueue[Connection](limits.write_seconds, on_first)
        self.linger = DeadlineQueue[Connection](limits.linger_seconds, on_first)
        self.paused = DeadlineQueue[Listener](TICK, on_first)
        self.queues = (self.head, self.body, self.idle, self.write, self.linger)

    def __bool__(self) -> bool:
        return bool(self.paused) or any(self.queues)


class Switchboard:
    """The HTTP/1.1 front end.

    Args:
        listen: Where to listen, and what to serve there.
        limits: What one client may take.
        new_poller: Makes what watches the sockets; by default the best that this system has.
        run: Calls what serves the ready sockets; a scheduler whose actors answer them can let
            these run right after.
        descriptors: How many the process may have; fewer than 0 for any number.

    Attributes:
        draining: Whether each connection's next response is its last.
        read_bytes: How much a connection may read now.
        now: Trio's time in seconds, at most one tick old while any deadline runs.
    """

    def __init__(
        self,
        listen: Sequence[Listen],
        limits: Limits | None = None,
        new_poller: Callable[[], Poller] = best_poller,
        run: Callable[[Callable[[], None]], None] = lambda work: work(),
        descriptors: int = -1,
    ) -> None:
        self._listen = listen
        self._run = run
        self.limits = limits or Limits()
        self.encoder = ResponseEncoder()
        self.parsers = ParserPool(self.limits)
        self.heads = HeadMemory()
        self.poller = new_poller()
        self.draining = False
        self._passes = 0  # how often all that was ready at a time has been served
        self._pending = trio.Event()
        self.now = 0.0
        self.read_bytes = self.limits.header_bytes
        self._parsed = 0
        self.deadlines = Deadlines(self.limits, self._wake_up)
        self._shares = shares(self.limits.connections, descriptors)
        self._listeners: list[Listener] = []
        self._connections: dict[int, Connection] = {}
        self._emptied = trio.Event()
        self._scope = trio.CancelScope()

    async def serve(
        self, *, task_status: trio.TaskStatus[list[tuple[str, int]]] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until cancelled or closed; once.

        Args:
            task_status: Told one address for each `Listen`, once connections are accepted there.

        Raises:
            OSError: An address cannot be listened at: the configuration's fault.
        """
        try:
            addresses = [await self._open(listen) for listen in self._listen]
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._expire)
                    task_status.started(addresses)
                    await self._watch()
        finally:
            self._close_all()
            self.poller.close()

    async def aclose(self, grace: float) -> None:
        """Stop: accept nothing new, let the answers that are under way go out, close the rest.

        Connections on which nothing is under way are closed at once. Held exchanges are for their
        holders to answer; those unanswered at the end are dropped.

        Args:
            grace: Seconds after which whatever is left is closed.
        """
        self.draining = True
        for listener in self._listeners:
            listener.close()
        for connection in list(self._connections.values()):
            if connection.idle:
                connection.close()
        with trio.move_on_after(grace):
            if self._connections:
                await self._emptied.wait()
        self._close_all()
        self._scope.cancel()

    @property
    def open_connections(self) -> int:
        """How many connections there are, whatever they are at."""
        return len(self._connections)

    async def _open(self, listen: Listen) -> tuple[str, int]:
        socks = [sock.dup() for sock in listen.sockets] or await open_sockets(listen.host, listen.port)
        for sock in socks:
            most = self._shares.all if listen.reserve else self._shares.public
            self._listeners.append(Listener(sock, listen.service, self, most, first=listen.reserve))
            self.poller.watch(sock.fileno())
        self._listeners.sort(key=lambda listener: not listener.first)
        host, port, *_ = socks[0].getsockname()
        return host, port

    # The two tasks.

    async def _watch(self) -> None:
        ready = self.poller.wait
        while True:
            await ready()
            self.now = trio.current_time()
            self._run(self._serve_ready)

    def _serve_ready(self) -> None:
        connections = self._connections
        self.read_bytes, self._parsed = self.limits.header_bytes, 0
        ready = self.poller.poll(BATCH)
        all_of_it = len(ready) < BATCH
        for fd, bits in ready:
            connection = connections.get(fd)
            if connection is None:
                if not self._accept(fd):
                    all_of_it = False
                continue
            try:
                if bits & WRITABLE:
                    connection.writable()
                if bits & ~WRITABLE:
                    connection.readable(bits & ~WRITABLE)
            except BaseException as error:
                if exit_in(error) is not None:
                    raise
                logger.exception("connection failed", text="a connection failed and is closed")
                connection.close()
        if all_of_it:
            self._passes += 1

    def _accept(self, fd: int) -> bool:
        for listener in self._listeners:
            if listener.sock.fileno() == fd:  # not so if `fd` was a connection closed in this batch
                return listener.accept()
        return True

    async def _expire(self) -> None:
        while True:
            await self._pending.wait()
            planned = trio.current_time() + TICK
            await trio.sleep_until(planned)
            if trio.current_time() > planned + STALL:
                await self._catch_up()
            self.now = now = trio.current_time()
            for queue in self.deadlines.queues:
                for connection in queue.expired(now):
                    connection.expire()
            for listener in self.deadlines.paused.expired(now):
                listener.resume()  # in the order in which they were paused, so that each has its turn
            if not self.deadlines:
                self._pending = trio.Event()

    async def _catch_up(self) -> None:
        done = self.catch_up()
        while not done():
            await trio.lowlevel.checkpoint()

    def catch_up(self) -> Callable[[], bool]:
        """Begin to read what has come while nothing ran.

        Returns:
            What tells whether that is done: all that was ready has been served, and after that all
            that was ready then, since a connection may have had to be accepted first.
        """
        enough = self._passes + 2
        return lambda: self._passes >= enough or not self.poller.poll(1)

    def _wake_up(self, _: float) -> float:
        self._pending.set()
        self.now = trio.current_time()
        return self.now

    # What listeners and connections call.

    def add(self, connection: Connection) -> None:
        """Serve `connection` from now on."""
        fd = connection.sock.fileno()
        self.poller.watch(fd)
        self._connections[fd] = connection

    def count_parsed(self, count: int) -> None:
        """Take note of bytes that a connection has had parsed (rule 1)."""
        self._parsed += count
        if self._parsed >= PARSED:
            self.read_bytes = LITTLE

    def forget(self, connection: Connection) -> None:
        """Serve `connection`, about to close its socket, no longer."""
        fd = connection.sock.fileno()
        self.poller.forget(fd)
        del self._connections[fd]
        if not self._connections:
            self._emptied.set()
        for listener in self._listeners:
            if listener.resume() and listener.first:
                break  # what this has freed is for its callers, if it has any

    def _close_all(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for connection in list(self._connections.values()):
            connection.close()
