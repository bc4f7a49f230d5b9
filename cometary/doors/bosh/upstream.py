"""The connection of one session to the XMPP server: a task of the session's actor.

1.  It opens a stream for the session's domain. What comes is reported as `Arrived`, and the end, whatever its cause,
    as `ServerEnded`.
2.  Where the server demands TLS, or with `always`, the connection changes to TLS before the client hears anything;
    the certificate must be for the session's domain. A client's password is never sent in the clear where TLS was
    due.
3.  The client never hears of a stanza that takes too long to read (`ServerStreamReader`), and its sender is told as
    if the client had not fetched it.
4.  What the server does not take at once waits, up to `MOST_UNSENT` bytes. Beyond that the connection has failed: a
    server that limits how fast a client may write does so for good reasons.
5.  While reading is off (`reading`), TCP holds back what the server sends.
6.  However the connection ends, the stream is closed after all that was to be sent, within `FAREWELL` seconds.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from cometary.doors.bosh.bounces import bounce_of
from cometary.doors.bosh.events import Arrived, ServerEnded
from cometary.doors.bosh.names import REMOTE_CONNECTION_FAILED, REMOTE_STREAM_ERROR, TLS
from cometary.doors.bosh.server_stream import AT_ONCE, CLOSING, ERROR
from cometary.doors.bosh.streams import FEATURES, PROCEED, START_TLS, StreamReader, opening
from cometary.errors import ProtocolError
from cometary.log import get_logger
from cometary.transport.net.vanished import notice_when_it_vanishes

if TYPE_CHECKING:
    from cometary.config.kinds import Address
    from cometary.doors.bosh.elements import Element
    from cometary.doors.bosh.terms import Terms

    AnyStream = trio.SocketStream | trio.SSLStream[trio.SocketStream]

MOST_UNSENT: Final = 1 << 20
PATIENCE: Final = 10.0
"""Seconds that the server has to take a connection, and to change to TLS."""

FAREWELL: Final = 1.0

logger = get_logger("cometary.doors.bosh")


class Server(NamedTuple):
    """The XMPP server.

    Attributes:
        address: where it is.
        tls: when TLS is used: if `demanded` by the server, `always`, or `never`.
        ca: the file with the authorities that its certificate may be from; None for those that the machine trusts.
    """

    address: Address
    tls: str = "demanded"
    ca: str | None = None


@cache
def tls_with(ca: str | None) -> ssl.SSLContext:
    """Return the TLS context; loading all authorities that the machine trusts takes long.

    Raises:
        OSError: the file cannot be read, or holds none; the fault of the one who named it.
    """
    return ssl.create_default_context(cafile=ca)


class Upstream:
    """One connection.

    Args:
        server: where to.
        terms: what the session's client wants.
        tell: told what comes.
        now: reads the clock, in seconds.
    """

    def __init__(
        self,
        server: Server,
        terms: Terms,
        tell: Callable[[Arrived | ServerEnded], object],
        now: Callable[[], float],
    ) -> None:
        self._server = server
        self._opening = opening(terms.host, terms.language, terms.xmpp)
        self._host = terms.host
        self._has_features = terms.xmpp is not None
        self._tell = tell
        self._now = now
        self._reader = StreamReader()
        self._unsent = bytearray()
        self._to_send = trio.Event()
        self._descriptor: int | None = None  # of the socket, while bytes may be written to it as they are
        self._may_read = trio.Event()
        self._may_read.set()
        self._failed = False
        self._broken_off = False  # whether some bytes of a write are on their way, and nobody knows how many

    # -- for the session ------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Send bytes, now or later."""
        if self._descriptor is not None and not self._unsent:
            data = data[_write(self._descriptor, data) :]
        if not data or self._failed:
            return
        self._unsent += data
        self._to_send.set()
        if len(self._unsent) > MOST_UNSENT:
            self._fail("it does not take what its client sends")

    def restart(self) -> None:
        """Begin another stream."""
        self._reader.restart()
        self.send(self._opening)

    def reading(self, *, on: bool) -> None:
        """Read from now on, or stop reading."""
        if on:
            self._may_read.set()
        else:
            self._may_read = trio.Event()

    async def run(self) -> None:
        """Connect, and go on until the server ends it, or the task is cancelled."""
        try:
            await self._connect_and_talk()
        finally:
            self._reader.close()

    async def _connect_and_talk(self) -> None:
        try:
            with trio.fail_after(PATIENCE):
                stream = await trio.open_tcp_stream(self._server.address.host, self._server.address.port)
        except (OSError, trio.TooSlowError) as error:
            self._fail(error)
            return
        stream.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
        notice_when_it_vanishes(stream)
        await self._talk(stream)

    # -- the conversation -------------------------------------------------------------------------

    async def _talk(self, stream: trio.SocketStream) -> None:
        secured: AnyStream = stream
        try:
            left, secured = await self._begin_or_forget(stream)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write_all, secured)
                await self._read_all(secured, left)
                nursery.cancel_scope.cancel()
        except* (OSError, trio.BrokenResourceError, trio.TooSlowError, ssl.SSLError) as group:
            self._fail(group.exceptions[0])
        except* ProtocolError as group:
            self._fail(group.exceptions[0])
        finally:
            self._descriptor = None
            await self._leave(secured)

    async def _begin_or_forget(self, stream: trio.SocketStream) -> tuple[list[Element], AnyStream]:
        try:
            return await self._begin(stream)
        except BaseException:
            self._unsent.clear()  # what a client has sent too early is not sent in the clear, as a farewell (rule 2)
            raise

    async def _begin(self, stream: trio.SocketStream) -> tuple[list[Element], AnyStream]:
        """Open a stream, with TLS if needed; returns what has come by then."""
        await stream.send_all(self._opening)
        always, never = self._server.tls == "always", self._server.tls == "never"
        if always and not self._has_features:
            raise ProtocolError("forbidden", "a client that does not say version 1.0 cannot have TLS")
        if never or not self._has_features:
            self._descriptor = stream.socket.fileno()
            return [], stream
        with trio.fail_after(PATIENCE):
            elements = await self._next_elements(stream)
            features = elements[0].source if elements and elements[0].name == FEATURES else b""
            offered = TLS.encode() in features
            if not (offered and (always or b"required" in features)):
                if always:
                    raise ProtocolError("forbidden", "the XMPP server offers no TLS")
                self._descriptor = stream.socket.fileno()
                return elements, stream
            return [], await self._go_on_in_tls(stream)

    async def _go_on_in_tls(self, stream: trio.SocketStream) -> trio.SSLStream[trio.SocketStream]:
        tls = await trio.to_thread.run_sync(tls_with, self._server.ca)
        await stream.send_all(START_TLS)
        answer = await self._next_elements(stream)
        if [element.name for element in answer] != [PROCEED]:
            raise ProtocolError("forbidden", "the XMPP server does not go on in TLS")
        secured = trio.SSLStream(stream, tls, server_hostname=self._host, https_compatible=True)
        await secured.do_handshake()
        self._reader.restart()
        await secured.send_all(self._opening)
        return secured

    async def _next_elements(self, stream: AnyStream) -> list[Element]:
        while not self._reader.closed:
            data = await stream.receive_some(AT_ONCE)
            elements = self._reader.feed(bytes(data))
            if elements or not data:
                return elements
        return []

    async def _read_all(self, stream: AnyStream, elements: list[Element]) -> None:
        # Without features nothing comes by itself: the stream's beginning is told.
        was_open = self._has_features
        while True:
            error = next((element for element in elements if element.name == ERROR), None)
            if error is not None or self._reader.closed:
                self._tell(ServerEnded(REMOTE_STREAM_ERROR, self._whole(elements), self._now()))
                return
            if elements or (self._reader.opened and not was_open):
                was_open = True
                self._tell(Arrived(self._whole(elements), self._now()))
            await self._may_read.wait()
            data = await stream.receive_some(AT_ONCE)
            if not data:
                raise ProtocolError("bad-request", "the XMPP server has closed the connection")
            elements = self._reader.feed(bytes(data))

    def _whole(self, elements: list[Element]) -> list[bytes]:
        """Return the sources of elements; tell the senders of those that were too much."""
        for element in elements:
            if not element.is_whole and (told := bounce_of(element)):
                self.send(told)
        return [element.source for element in elements if element.is_whole]

    async def _write_all(self, stream: AnyStream) -> None:
        while True:
            await self._to_send.wait()
            data = bytes(self._unsent)
            self._broken_off = True
            await stream.send_all(data)
            self._broken_off = False
            del self._unsent[: len(data)]
            if not self._unsent:
                self._to_send = trio.Event()

    def _fail(self, error: object) -> None:
        self._failed = True
        text = f"The connection to the XMPP server failed: {_reason_of(error)}"
        logger.info("xmpp connection failed", text=text, host=self._host)
        self._tell(ServerEnded(REMOTE_CONNECTION_FAILED, (), self._now()))

    async def _leave(self, stream: AnyStream) -> None:
        with (
            trio.move_on_after(FAREWELL, shield=True),
            suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError),  # it has ended otherwise
        ):
            if not self._broken_off:
                await stream.send_all(bytes(self._unsent) + CLOSING)
        with suppress(trio.BrokenResourceError):
            await stream.aclose()


def _reason_of(error: object) -> str:
    """Return what an operator is told: Trio's errors themselves say nothing, but their cause does."""
    if isinstance(error, trio.TooSlowError):
        return "it does not answer"
    return str((isinstance(error, trio.BrokenResourceError) and error.__cause__) or error)


def _write(descriptor: int, data: bytes) -> int:
    """Write what the kernel takes at once; returns how much that is. An error is left to the reader."""
    try:
        return os.write(descriptor, data)
    except BlockingIOError:
        return 0
    except OSError:
        return len(data)
