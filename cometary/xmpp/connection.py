"""The connection of a component to its XMPP server: a child of the component's supervisor.

1.  It connects, shows that it knows the secret, and writes what waits in the outbox. When the connection ends, however
    that comes about, it connects again after a pause that grows. A server that is away is not a crash: nothing is
    restarted for it, and only the log says so.
2.  While there is no room for what comes, nothing is read, and TCP holds back what the server sends.
3.  What was being written when a connection broke is written again, once (`Outbox`). What the kernel had taken by then
    may be lost: the protocol has no acknowledgements.
4.  When the component ends, the stream is closed after all that was to be sent, within `FAREWELL` seconds. When the
    server ends it, nothing more is written: what waits goes to the next stream.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol, cast

import trio

from cometary.doors.bosh.server_stream import AT_ONCE as READ_AT_ONCE
from cometary.doors.bosh.server_stream import CLOSING, ERROR
from cometary.errors import ProtocolError
from cometary.log import get_logger
from cometary.supervision.restart_policy import Backoff
from cometary.transport.net.vanished import notice_when_it_vanishes
from cometary.xmpp.stream import HANDSHAKE, ComponentReader, handshake, opening, reason_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cometary.doors.bosh.elements import Element
    from cometary.xmpp.outbox import Outbox

BACKOFF: Final = Backoff(min=0.5, max=30.0, jitter=0.5)

PATIENCE: Final = 10.0
"""Seconds that the server has to take the connection and the handshake."""

FAREWELL: Final = 1.0

AT_ONCE: Final = 64 * 1024
"""Bytes that are written at once."""


class Changed(Protocol):
    """Told whether there is a connection."""

    def __call__(self, *, connected: bool) -> None:
        """Take note."""
        ...


LOST: Final = (OSError, trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError, ProtocolError)

logger = get_logger("cometary.xmpp")


class Connection:
    """Connects one component again and again.

    Args:
        domain: the component's.
        secret: what it shares with the server.
        address: host and port of the server.
        outbox: what is to be sent.
        take: given each element that comes, one after the other; it may wait until there is room.
        changed: told whether there is a connection.
        backoff: how long it waits before it connects again.

    Attributes:
        connected: whether the server has accepted the component, and it has not gone.
    """

    def __init__(
        self,
        domain: str,
        secret: str,
        address: tuple[str, int],
        outbox: Outbox,
        *,
        take: Callable[[Element], Awaitable[None]],
        changed: Changed,
        backoff: Backoff = BACKOFF,
    ) -> None:
        self._domain, self._secret, self._address = domain, secret, address
        self._outbox = outbox
        self._backoff = backoff
        self._take, self._changed = take, changed
        self._to_send = trio.Event()
        self._broken_off = False  # whether some bytes of a write are on their way, and nobody knows how many
        self._is_lost = False  # whether the stream has ended, or broken: nobody reads what is written to it
        self.connected = False

    def wake(self) -> None:
        """Take note that there is something to send."""
        self._to_send.set()

    async def run(self) -> None:
        """Be connected until cancelled; a function for a supervisor."""
        streak = 0
        while True:
            began = trio.current_time()
            try:
                await self._connect_once()
            except LOST as error:
                self._say("xmpp connection failed", _reason_of(error))
            except BaseExceptionGroup as group:
                self._say("xmpp connection lost", _reason_of(_expected(group)))
            if trio.current_time() - began > self._backoff.max:
                streak = 0
            await trio.sleep(self._backoff.delay(streak))
            streak += 1

    async def _connect_once(self) -> None:
        reader = ComponentReader()
        try:
            with trio.fail_after(PATIENCE):
                stream = await trio.open_tcp_stream(*self._address)
            async with stream:
                await self._use(stream, reader)
        finally:
            reader.close()

    async def _use(self, stream: trio.SocketStream, reader: ComponentReader) -> None:
        notice_when_it_vanishes(stream)
        with trio.fail_after(PATIENCE):
            elements = await self._shake_hands(stream, reader)
        self.connected, self._is_lost = True, False
        self._say("xmpp component connected", f"{self._domain} is connected", error=False)
        self._changed(connected=True)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write_all, stream)
                await self._read_all(stream, reader, elements)
        finally:
            self.connected = False
            self._changed(connected=False)
            await self._leave(stream)

    async def _shake_hands(self, stream: trio.SocketStream, reader: ComponentReader) -> list[Element]:
        await stream.send_all(opening(self._domain))
        elements: list[Element] = []
        while reader.id is None and not elements:
            elements = await self._next(stream, reader)
        self._look_for_error(elements)
        await stream.send_all(handshake(reader.id or "", self._secret))
        while not elements:
            elements = await self._next(stream, reader)
        self._look_for_error(elements)
        if elements[0].name != HANDSHAKE:
            raise ProtocolError("bad-request", "the XMPP server does not answer the handshake")
        return elements[1:]

    async def _next(self, stream: trio.SocketStream, reader: ComponentReader) -> list[Element]:
        data = b"" if reader.closed else await stream.receive_some(READ_AT_ONCE)
        elements = reader.feed(bytes(data)) if data else []
        if not elements and (not data or reader.closed):
            raise ProtocolError("bad-request", "the XMPP server has ended the stream")
        return elements

    async def _read_all(
        self, stream: trio.SocketStream, reader: ComponentReader, elements: list[Element]
    ) -> None:
        try:
            while True:
                for element in elements:
                    self._look_for_error([element])
                    await self._take(element)
                elements = await self._next(stream, reader)
        except LOST:
            self._is_lost = True
            raise

    async def _write_all(self, stream: trio.SocketStream) -> None:
        outbox = self._outbox
        while True:
            if not outbox:
                self._to_send = trio.Event()
                await self._to_send.wait()
                continue
            try:
                await stream.send_all(outbox.begin(AT_ONCE))
            except BaseException:
                self._broken_off = True
                self._take_note(outbox.failed())
                raise
            outbox.done()

    def _look_for_error(self, elements: list[Element]) -> None:
        for element in elements:
            if element.name == ERROR:
                raise ProtocolError("bad-request", f"the XMPP server says {reason_of(element)}")

    async def _leave(self, stream: trio.SocketStream) -> None:
        broken_off, self._broken_off = self._broken_off, False
        if broken_off:
            return  # what follows would be in the midst of a stanza
        with trio.move_on_after(FAREWELL, shield=True), suppress(*LOST):
            while self._outbox and not self._is_lost:
                await stream.send_all(self._outbox.begin(AT_ONCE))
                self._outbox.done()
            await stream.send_all(CLOSING)
        self._take_note(self._outbox.failed())

    def _take_note(self, dropped: int) -> None:
        if dropped:
            text = f"The stream broke twice during the same write: {dropped} stanzas are dropped"
            self._say("xmpp stanzas dropped", text)

    def _say(self, event: str, text: str, *, error: bool = True) -> None:
        (logger.warning if error else logger.info)(event, text=text, domain=self._domain)


def _expected(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return why a connection was lost; anything else that was raised is a defect, and raised again."""
    _, others = group.split(LOST)
    if others is not None:
        raise others
    while True:
        first = group.exceptions[0]
        if not isinstance(first, BaseExceptionGroup):
            return first
        group = cast("BaseExceptionGroup[BaseException]", first)


def _reason_of(error: BaseException) -> str:
    """Return what an operator is told."""
    if isinstance(error, trio.TooSlowError):
        return "the XMPP server does not answer"
    if isinstance(error, ProtocolError):
        return error.detail
    return str((isinstance(error, trio.BrokenResourceError) and error.__cause__) or error)
