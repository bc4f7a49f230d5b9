"""TLS, as what a listener's callers speak before anything else.

1.  A caller's channel is its handshake at first. Once that is done, the socket goes to the channel of the protocol
    within (`Floor.replace`), for which it is a socket like any other.
2.  A handshake has as long as a request's head, however it gets on. Whatever is wrong with it is the caller's affair,
    and is not logged: OpenSSL has told the caller why.
3.  A handshake costs about as much as a hundred requests. In one turn of the switchboard, those of one listener get
    `A_TURN` seconds; a caller that comes later is left as it is, and reported again in the next turn.
4.  A caller that begins with no handshake speaks plain HTTP, in all likelihood. It is told in plain text what is
    spoken here (400), and the connection is closed.
5.  A record is decrypted as a whole. A poller does not see what of it is not read at once, so the floor is told
    (`Floor.keeps`). It is sent in records, too, so that what the kernel takes is known to a record.
6.  Before the socket is shut or closed, TLS says that nothing follows (close_notify), if it can at once: what
    ends without was cut off. What the peer says after that is not decrypted any more.
7.  A new context (`reload`) is for those who call from then on; all others keep theirs.

The poller's rules are the sockets': of TLS renegotiation, which could make reading wait for writing, nothing is
left (1.3 has none, and OpenSSL refuses it in 1.2).
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Final, cast

from cometary.transport.net.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.transport.net.channel import Floor, Protocol

RECORD: Final = 16 * 1024
"""Bytes of what one record holds at most (RFC 8446, section 5.1)."""

A_TURN: Final = 0.004
"""Seconds."""

HANDSHAKE: Final = b"\x16"
"""The first byte of every TLS connection: that of a record with a handshake in it."""

TEXT: Final = b"This port speaks TLS: ask again with https in place of http.\n"
REFUSAL: Final = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(TEXT), TEXT)
)


class TlsSocket(ssl.SSLSocket):
    """A socket that seems to be a plain one that does not block.

    Attributes:
        floor: is told of what no poller sees; whoever makes it sets it.
    """

    floor: Floor

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Return what has come, at most `buflen` bytes of it.

        Raises:
            BlockingIOError: there is nothing yet.
            OSError: the connection is broken, or what has come is no TLS.
        """
        try:
            data = super().recv(buflen, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        if self.pending():
            self.floor.keeps(self.fileno())
        return data

    def send(self, data: object, flags: int = 0) -> int:
        """Send what the kernel takes.

        A record that it takes a part of counts as not sent; so what follows has to begin with the same bytes.

        Raises:
            BlockingIOError: it takes nothing now.
            OSError: the connection is broken.
        """
        rest = memoryview(cast("bytes", data))
        length = len(rest)
        try:
            while rest:
                rest = rest[super().send(rest[:RECORD], flags) :]
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if len(rest) == length:
                raise BlockingIOError from None
        return length - len(rest)

    def shutdown(self, how: int) -> None:
        """Say that nothing follows; what still comes is of no use any more, and not decrypted."""
        self._say_the_end()
        super().shutdown(how)

    def close(self) -> None:
        """Say that nothing follows, and close."""
        self._say_the_end()
        super().close()

    def _say_the_end(self) -> None:
        if self.fileno() >= 0:
            with suppress(OSError, ValueError):  # it is broken, cannot take it now, or has said so before
                self.unwrap()

    # What is spoken below TLS.

    def peek_plainly(self) -> bytes:
        """Return the first byte that has come, and leave it where it is; empty at the end."""
        return socket.socket.recv(self, 1, socket.MSG_PEEK)

    def refuse_plainly(self) -> None:
        """Answer a caller that speaks no TLS; nothing else is said after that."""
        with suppress(OSError):
            socket.socket.send(self, REFUSAL)
        with suppress(OSError):
            super().shutdown(socket.SHUT_WR)  # which leaves no TLS to be spoken either


class Tls:
    """Makes the channels of a listener whose callers speak a protocol within TLS.

    Args:
        protocol: what they speak within.
        context: returns the context in force, whose sockets are `TlsSocket`.
        seconds: how long a handshake takes at most.
        linger: seconds until a connection is closed on which something else than TLS was spoken.

    Attributes:
        protocol: the same; the next two likewise.
    """

    def __init__(
        self, protocol: Protocol, context: Callable[[], ssl.SSLContext], *, seconds: float, linger: float
    ) -> None:
        self.protocol = protocol
        self.seconds = seconds
        self.linger = linger
        self._context = context
        self._turn = -1
        self._spent = 0.0

    def __call__(self, sock: socket.socket, peer: str, floor: Floor) -> Channel:
        """Make the channel of `sock`, whose other end is at the address `peer`.

        Raises:
            OSError: the other end has gone already.
        """
        secure = self._context().wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return Handshake(cast("TlsSocket", secure), peer, floor, self)

    def has_time(self, turn: int) -> bool:
        """Whether there is time for a step of a handshake in this turn (rule 3)."""
        if turn != self._turn:
            self._turn, self._spent = turn, 0.0
        return self._spent < A_TURN

    def spend(self, seconds: float) -> None:
        """Take note of what a step has taken."""
        self._spent += seconds


class Handshake(Channel):
    """A connection until it is known that TLS is spoken on it.

    Args:
        sock: its socket.
        peer: the address of its other end.
        floor: what watches the socket.
        tls: what it has in common with the others.
    """

    __slots__ = ("_begun", "_deadline", "_floor", "_peer", "_refused", "_secure", "_tls", "_writing")

    def __init__(self, sock: TlsSocket, peer: str, floor: Floor, tls: Tls) -> None:
        super().__init__(sock)
        self._secure = sock
        self._secure.floor = floor
        self._peer = peer
        self._floor = floor
        self._tls = tls
        self._begun = False
        self._refused = False
        self._writing = False
        self._deadline = floor.deadline("handshake", tls.seconds)
        self._deadline.add(self, floor.now)

    @property
    def idle(self) -> bool:
        """True: whoever has asked for nothing yet loses nothing when the server stops."""
        return True

    def readable(self, bits: int) -> None:  # noqa: ARG002 - it shows when it is read
        """Go on: with the handshake, or with waiting for the end of what is none."""
        if self._refused:
            self._wait_for_the_end()
        elif self._begun or self._begin():
            self._step()

    def writable(self) -> None:
        """Go on with the handshake."""
        self._step()

    def close(self) -> None:
        """Close at once; again, that does nothing."""
        if self.sock.fileno() >= 0:
            self._deadline.discard(self)
            self._floor.forget(self)
            self.sock.close()

    def _begin(self) -> bool:
        """Whether what has come first is a handshake."""
        try:
            first = self._secure.peek_plainly()
        except BlockingIOError:
            return False
        except OSError:
            first = b""
        self._begun = first == HANDSHAKE
        if not first:
            self.close()
        elif not self._begun:
            self._refuse()
        return self._begun

    def _refuse(self) -> None:
        self._refused = True
        self._secure.refuse_plainly()
        self._deadline.discard(self)
        self._deadline = self._floor.deadline("no TLS", self._tls.linger)
        self._deadline.add(self, self._floor.now)

    def _wait_for_the_end(self) -> None:
        """Throw away what still comes: to close before it is read would take the answer along."""
        try:
            if not self.sock.recv(RECORD):
                self.close()
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    def _step(self) -> None:
        tls = self._tls
        if not tls.has_time(self._floor.turn):
            return
        began = perf_counter()
        try:
            self._secure.do_handshake()
        except ssl.SSLWantReadError:
            self._watch(writing=False)
        except ssl.SSLWantWriteError:
            self._watch(writing=True)
        except OSError:  # of which the errors of TLS are some
            self.close()
        else:
            self._hand_over()
        finally:
            tls.spend(perf_counter() - began)

    def _watch(self, *, writing: bool) -> None:
        if writing is not self._writing:
            self._writing = writing
            self._floor.watch(self, reading=True, writing=writing)

    def _hand_over(self) -> None:
        channel = self._tls.protocol(self.sock, self._peer, self._floor)
        self._deadline.discard(self)
        self._floor.replace(self, channel)
