"""A browser's own `EventSource`, which can send no header and no acknowledgement: sessions that need neither.

1.  It is for servers whose sessions are bound to a cookie: that is the proof, since the browser sends nothing else of
    the page's. Each `EventSource` has a session of its own: the tabs of a browser do not take streams from each other.
2.  Its first GET opens the session. Its events have ids of a public name and the packet's number; so, when the browser
    comes back by itself, `Last-Event-ID` says which session, and what has come. The name is no secret: without the
    cookie there is no such session. It ends as the session's id does: so one of several workers or nodes, which has
    not given it, knows whose it is, and passes it on.
3.  Any status but 200 would end the `EventSource` for good. So it is another only where that is right: where the
    session was closed or kicked, or the client is not let in. A session that has ended otherwise, or is not known any
    more, is followed by another, of which the page is told by the answer to its opening, which comes as an event. What
    is to be tried again later is a stream that says when, and nothing else.
4.  It gives no sign of life, so its stream is released after a while, and it comes back: that acknowledges. Of what
    was sent meanwhile only so much is kept as the policy's window says; the rest is presumed to have arrived.
5.  Names are remembered as long as their sessions are. With each new one two old ones are looked at, and forgotten if
    their sessions are: so there are never many more than sessions, and nobody has to wait until all are looked at.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from cometary.errors import ElsewhereError, ProtocolError
from cometary.gate.opening import NO_TOKEN
from cometary.sessions.ids import ending_of, nobodys_sid
from cometary.transport.http.credentials import HttpCredentials
from cometary.transport.wires.comet.shapes import Body
from cometary.transport.wires.streams.body_stream import HEADERS, BodyStream
from cometary.transport.wires.streams.forms import EVENTS, NamedEvents, come_back
from cometary.transport.wires.streams.opening import StreamOpening

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.gate.gate import Gate
    from cometary.gate.opening import Welcome
    from cometary.sessions.policy import Policy
    from cometary.transport.http.exchange import Exchange


class EventSources:
    """Answers plain `EventSource`s.

    Args:
        gate: lets clients in.
        policy: what their sessions are like.
    """

    def __init__(self, gate: Gate, policy: Policy) -> None:
        self._gate = gate
        self._policy = policy
        self._sids: OrderedDict[bytes, str] = OrderedDict()

    def __call__(self, exchange: Exchange) -> None:
        """Answer one: by a stream of its session, or of a new one.

        Raises:
            ProtocolError: `bad-request`: its last event was none of ours; the client's fault.
        """
        gate = self._gate
        name, ack = last_event(exchange.headers.get(b"last-event-id", b""))
        if not name:
            self.open(exchange)
        else:
            sid = self._sids.get(name) or nobodys_sid(name[NAME:].decode("latin-1"))
            stream = EventSourceStream(exchange, NamedEvents(name), gate, self.open)
            gate.attach(sid, stream, ack, HttpCredentials(exchange, NO_TOKEN))

    def open(self, exchange: Exchange) -> None:
        """Open a session for one."""
        self._gate.open(EventSourceOpening(exchange, self._gate, self._policy, self.remember))
        exchange.release_request()

    def remember(self, name: bytes, sid: str) -> None:
        """Take note of the name of a session (rule 5)."""
        self._sids[name] = sid
        for _ in range(min(2, len(self._sids))):
            old, old_sid = self._sids.popitem(last=False)
            if self._gate.knows(old_sid):
                self._sids[old] = old_sid


class EventSourceStream(BodyStream):
    """A stream of an `EventSource` that has come back."""

    __slots__ = ("_open",)

    def __init__(
        self, exchange: Exchange, form: NamedEvents, gate: Gate, another: Callable[[Exchange], None]
    ) -> None:
        super().__init__(exchange, form, gate)
        self._open = another

    def taken(self) -> None:
        """Begin, unless the session has refused it."""
        super().taken()
        self._exchange.release_request()

    def refuse(self, error: ProtocolError) -> None:
        """Open another session if that is what helps (rule 3)."""
        if self._response is not None or self._exchange.answered or isinstance(error, ElsewhereError):
            super().refuse(error)
        elif error.condition in LOST and error.members.get("reason") not in FINAL:
            self._open(self._exchange)
        else:
            refuse(self._exchange, error)


NAME: Final = 12
"""Characters of a name, before the end of its session's id."""

WINDOW: Final = 100
"""Packets that are kept for a client that cannot acknowledge; those before them are presumed to have come."""

LOST: Final = frozenset({"session-ended", "unknown-session", "bad-ack"})
FINAL: Final = frozenset({"closed", "kicked"})


def refuse(exchange: Exchange, error: ProtocolError) -> None:
    """Answer with an error, or have the browser come back later."""
    if error.retry_after is None:
        exchange.refuse(error)
    else:
        exchange.stream(200, EVENTS.content_type, HEADERS).finish(come_back(error.retry_after))


class EventSourceOpening(StreamOpening):
    """An opening by an `EventSource`."""

    __slots__ = ("_named", "_remember")

    def __init__(
        self, exchange: Exchange, gate: Gate, policy: Policy, remember: Callable[[bytes, str], None]
    ) -> None:
        self._named = NamedEvents(secrets.token_urlsafe(NAME * 3 // 4).encode())
        super().__init__(exchange, self._named, gate, Body(rid=1))
        self.policy = policy
        self._remember = remember

    def opened(self, welcome: Welcome) -> None:
        """Tell the client of its session."""
        self._named.name += ending_of(welcome.sid).encode()
        self._remember(self._named.name, welcome.sid)
        super().opened(welcome)

    def refuse(self, error: ProtocolError) -> None:
        """Tell the client that it gets none, at least not now."""
        refuse(self._exchange, error)


def last_event(value: bytes) -> tuple[bytes, int]:
    """Return the name and the number in a `Last-Event-ID`; no name if it has none.

    Raises:
        ProtocolError: `bad-request`: it is not one of ours; the client's fault.
    """
    name, dot, number = value.rpartition(b".")
    if not value:
        return b"", 0
    if not (dot and number.isdigit() and len(number) <= LONGEST_NUMBER):
        raise ProtocolError("bad-request", "The header Last-Event-ID is of none of this server's events.")
    return name, int(number)


LONGEST_NUMBER: Final = 16
"""Digits of the highest number that any client counts to."""
