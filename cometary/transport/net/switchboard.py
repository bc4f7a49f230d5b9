"""The switchboard: one Trio task that serves every connection through one poller.

What is spoken on a connection is its channel's business (`cometary.transport.net.channel`); this is the floor that
channels stand on. Long-polling is thousands of connections of which few are busy. The poller's own descriptor is
readable while any of them is ready, so Trio, which watches only that one, does work in proportion
to what happens and not to what is open.

1. A wake-up serves at most `BATCH` ready sockets; then all other Trio tasks have their turn.
   After `PARSED` bytes that were parsed in it, the rest of them read no more than `LITTLE` each: a few kilobytes
   of tiny requests, or of chunks, take as long to parse as many ordinary requests.
2. Nothing that happens on one connection is another's misfortune: what its channel raises is logged, and
   it alone is closed.
3. A second task looks for expired deadlines once a second, and sleeps while there are none. When it
   comes late, since the process or the loop stood still, what has come meanwhile is read first:
   nobody is to blame for that (`catch_up`).
4. What a socket keeps of what it has read (`Floor.keeps`, for TLS) is read in the next turn, as if it were the
   kernel's: a poller does not see it. Of a channel that is not watched for reading it waits until it is.
5. `serve` ends by cancellation or after `aclose`; either way every channel is closed before it returns.
"""

from __future__ import annotations

import socket  # at run time, too: Listen, once compiled, is made with these three
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Final

import trio

from cometary.escapes import exit_in
from cometary.log import get_logger
from cometary.transport.net.channel import Channel, Floor, Protocol, Traffic
from cometary.transport.net.deadlines import DeadlineQueue, Deadlines
from cometary.transport.net.idle_queue import IdleQueue
from cometary.transport.net.listener import Listener, open_sockets, shares
from cometary.transport.net.poller import READABLE, WRITABLE, Poller, best_poller

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH: Final = 256
CONNECTIONS: Final = 100_000
READ: Final = 16 * 1024
"""Bytes that a channel may read at once."""
PARSED: Final = 64 * 1024
LITTLE: Final = 1024
TICK: Final = 1.0
"""Seconds between two looks at the deadlines; also the longest that one is late."""
STALL: Final = 0.1
"""Seconds by which a look has to come late for something to have stood still."""
QUIET: Final = 60.0
"""Seconds between two warnings that there is no room for more connections."""

logger = get_logger("cometary.transport")


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen, and what is spoken there.

    Attributes:
        protocol: Makes the channel of each connection.
        host: A name or address of this machine; every address that it has is listened at.
        port: 0 lets the system choose.
        sockets: Sockets that listen already, in place of `host` and `port`. They stay their
            owner's, so that callers wait in them while one switchboard takes the place of another.
        reserve: Whether some connections are kept for it which no other listener may have, and
            whether its callers come first when descriptors are short.
    """

    protocol: Protocol
    host: str = "127.0.0.1"
    port: int = 0
    sockets: Sequence[socket.socket] = ()
    reserve: bool = False


class Switchboard(Floor):
    """Serves the channels of all listeners.

    Args:
        listen: Where to listen, and what is spoken there.
        new_poller: Makes what watches the sockets; by default the best that this system has.
        run: Calls what serves the ready sockets; a scheduler whose actors answer them can let
            these run right after.
        begin_turn: Called before the sockets that are ready are served.
        connections: How many may be open; beyond it new ones wait in the kernel's backlog.
        descriptors: How many the process may have; fewer than 0 for any number.
        traffic: What its channels count in; None for a count of its own.

    Attributes:
        pressed: Whether more sockets were ready in the last turn than it served.
        end_turn: Called when the sockets that were ready have been served, and those whom they have sent mail to.
        in_turn: Whether that is still to come.
    """

    def __init__(
        self,
        listen: Sequence[Listen],
        new_poller: Callable[[], Poller] = best_poller,
        run: Callable[[Callable[[], None]], None] = lambda work: work(),
        connections: int = CONNECTIONS,
        descriptors: int = -1,
        *,
        begin_turn: Callable[[], None] = lambda: None,
        traffic: Traffic | None = None,
    ) -> None:
        super().__init__(READ, traffic or Traffic())
        self._listen = listen
        self._run = run
        self._begin_turn = begin_turn
        self.poller = new_poller()
        self.pressed = False
        self.end_turn: Callable[[], object] | None = None
        self.in_turn = False
        self._passes = 0  # how often all that was ready at a time has been served
        self._pending = trio.Event()
        self._parsed = 0
        self.deadlines = Deadlines[Channel](self._wake_up)
        self._idle: dict[float, IdleQueue] = {}
        self.paused = DeadlineQueue[Listener](TICK, self._wake_up)
        self._shares = shares(connections, descriptors)
        self._descriptors = descriptors if self._shares.all < connections else -1
        self._tells_when_full = -inf
        self._listeners: list[Listener] = []
        self._channels: dict[int, Channel] = {}
        self._keeping: set[int] = set()  # sockets of which something is kept (rule 4),
        self._again: dict[int, None] = {}  # and of these the ones that are watched for reading
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

    def stop_listening(self, *, take_waiting: bool) -> None:
        """Accept nothing more; open connections go on.

        Args:
            take_waiting: Whether those who wait in the backlogs are accepted first. Else they are left to whoever
                has the same sockets; if nobody has, they are reset.
        """
        for listener in self._listeners:
            if take_waiting:
                listener.take_waiting()
            listener.close()

    async def aclose(self, grace: float) -> None:
        """Stop: accept nothing new, let the answers that are under way go out, close the rest.

        Channels on which nothing is under way are closed at once. What is held is for its holders to answer.

        Args:
            grace: Seconds after which whatever is left is closed.
        """
        self.draining = self.closing = True
        for listener in self._listeners:
            listener.close()
        for channel in list(self._channels.values()):
            if channel.idle:
                channel.close()
        with trio.move_on_after(grace):
            if self._channels:
                await self._emptied.wait()
        self._close_all()
        self._scope.cancel()

    @property
    def open_connections(self) -> int:
        """How many connections there are, whatever they are at."""
        return len(self._channels)

    @property
    def full(self) -> bool:
        """Whether there are as many as may be for one more to be taken from anybody."""
        return len(self._channels) >= self._shares.public

    def note_full(self) -> None:
        """Take note that nobody more is accepted somewhere; the log tells it, once in `QUIET` seconds."""
        if self.now < self._tells_when_full:
            return
        self._tells_when_full = self.now + QUIET
        count, most = len(self._channels), self._descriptors
        why = (
            f"all that {most} open files allow (LimitNOFILE, ulimit -n)"
            if most >= 0
            else "all that there may be"
        )
        text = f"there are {count} connections, {why}: whoever calls now has to wait"
        logger.warning("no more connections", text=text, connections=count)

    async def _open(self, listen: Listen) -> tuple[str, int]:
        socks = [sock.dup() for sock in listen.sockets] or await open_sockets(listen.host, listen.port)
        for sock in socks:
            most = self._shares.all if listen.reserve else self._shares.public
            self._listeners.append(Listener(sock, listen.protocol, self, most, first=listen.reserve))
            self.poller.watch(sock.fileno())
        self._listeners.sort(key=lambda listener: not listener.first)
        name = socks[0].getsockname()
        if isinstance(name, str):  # the path of a Unix socket
            return name, 0
        host, port, *_ = name
        return host, port

    # The two tasks.

    async def _watch(self) -> None:
        ready = self.poller.wait
        while True:
            if self._again:
                await trio.lowlevel.checkpoint()
            else:
                await ready()
            self.now = trio.current_time()
            self.in_turn = True
            self._run(self._serve_ready)
            self.in_turn = False
            if self.end_turn is not None:
                self.end_turn()

    def _serve_ready(self) -> None:
        channels = self._channels
        self.turn += 1
        self._begin_turn()
        self.read_bytes, self._parsed = READ, 0
        ready = self.poller.poll(BATCH)
        all_of_it = len(ready) < BATCH
        self.pressed = not all_of_it
        for fd, bits in ready:
            channel = channels.get(fd)
            if channel is None:
                if not self._accept(fd):
                    all_of_it = False
                continue
            try:
                if bits & WRITABLE:
                    channel.writable()
                    if channels.get(fd) is not channel:
                        continue  # it has closed, or another one has its place
                if bits & ~WRITABLE:
                    channel.readable(bits & ~WRITABLE)
            except BaseException as error:
                if exit_in(error) is not None:
                    raise
                self._close_failed(channel, error)
        self._serve_again()
        if all_of_it:
            self._passes += 1

    def _serve_again(self) -> None:
        for fd in list(islice(self._again, BATCH)):
            if fd in self._again:  # else one of those before it has seen to that
                del self._again[fd]
                self._keeping.discard(fd)  # whoever reads says so if there is more
                channel = self._channels[fd]
                self._try(channel, partial(channel.readable, READABLE))

    def _try(self, channel: Channel, step: Callable[[], None]) -> None:
        """Take `step` for `channel` (rule 2)."""
        try:
            step()
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            self._close_failed(channel, error)

    def _close_failed(self, channel: Channel, error: BaseException) -> None:
        logger.error("connection failed", text="a connection failed and is closed", exc_info=error)
        channel.close()

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
                await self.caught_up()
            self.now = now = trio.current_time()
            for queue in self.deadlines.queues:
                for channel in queue.expired(now):
                    self._try(channel, channel.expire)
            for listener in self.paused.expired(now):
                listener.resume()  # in the order in which they were paused, so that each has its turn
            if not (self.deadlines or self.paused):
                self._pending = trio.Event()

    async def caught_up(self) -> None:
        """Wait until all that has come by now is read; see `catch_up`."""
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

    # What listeners and channels call.

    def add(self, channel: Channel) -> None:
        """Serve `channel` from now on."""
        fd = channel.sock.fileno()
        self.poller.watch(fd)
        self._channels[fd] = channel
        self._try(channel, channel.start)

    def take(self, channel: Channel) -> None:
        """Serve `channel`, of whose socket something was read already (rule 4), from now on."""
        self.add(channel)
        fd = channel.sock.fileno()
        self.keeps(fd)
        while fd in self._again:
            self._run(self._serve_again)

    def replace(self, channel: Channel, by: Channel) -> None:
        """Serve `by`, which has the same socket, in place of `channel`, and start it."""
        self._leave_idle(channel)
        self._channels[channel.sock.fileno()] = by
        self.watch(by, reading=True, writing=False)
        self._try(by, by.start)

    def watch(self, channel: Channel, *, reading: bool, writing: bool, ended: bool = False) -> None:
        """Say anew what the socket of `channel` is watched for."""
        fd = channel.sock.fileno()
        self.poller.change(fd, reading=reading, writing=writing, ended=ended)
        if fd in self._keeping:
            if reading:
                self._again[fd] = None
            else:
                self._again.pop(fd, None)

    def keeps(self, fd: int) -> None:
        """Take note that the socket `fd` keeps some of what it has read (rule 4)."""
        if fd in self._channels:  # else it has been closed by what was read
            self._keeping.add(fd)
            self._again[fd] = None

    def deadline(self, name: str, seconds: float) -> DeadlineQueue[Channel]:
        """Return where channels wait for `expire`; it is made when it is first asked for."""
        return self.deadlines.named(name, seconds)

    def idle_queue(self, seconds: float) -> IdleQueue:
        """Return where channels wait that are idle again and again; it is made when it is first asked for."""
        queue = self._idle.get(seconds)
        if queue is None:
            queue = self._idle[seconds] = IdleQueue(seconds, self._wake_up)
            self.deadlines.queues.append(queue)
        return queue

    def count_parsed(self, count: int) -> None:
        """Take note of bytes that a channel has had parsed (rule 1)."""
        self._parsed += count
        if self._parsed >= PARSED:
            self.read_bytes = LITTLE

    def forget(self, channel: Channel) -> None:
        """Serve `channel`, about to close its socket, no longer."""
        fd = channel.sock.fileno()
        self.poller.forget(fd)
        self._leave_idle(channel)
        del self._channels[fd]
        if fd in self._keeping:
            self._keeping.discard(fd)
            self._again.pop(fd, None)
        if not self._channels:
            self._emptied.set()
        for listener in self._listeners:
            if listener.resume() and listener.first:
                break  # what this has freed is for its callers, if it has any

    def _leave_idle(self, channel: Channel) -> None:
        if channel.idle_second:
            for queue in self._idle.values():
                queue.remove(channel)

    def _close_all(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for channel in list(self._channels.values()):
            channel.close()
