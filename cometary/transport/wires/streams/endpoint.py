"""The comet endpoint where it is asked for a stream.

1.  By GET, for server-sent events. The session's id comes in a header, since what is in a URL is in the log of every
    proxy; what has been received in `Last-Event-ID`, as browsers send it by themselves. A plain `EventSource`, which
    sends no header, has a module of its own (`event_source`).
2.  By POST, in whatever form is accepted: a body that attaches, which has no `rid`, or one that opens a session. Both
    are handed on by what answers POST.
3.  A GET takes effect here: it releases the present carrier. So it is refused to pages of foreign origins, though
    reading is not. HEAD, which has no effect, gets the head of a stream and no stream.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET

from cometary.errors import ProtocolError
from cometary.gate.opening import NO_TOKEN
from cometary.sessions.resuming import Resuming
from cometary.transport.http.credentials import HttpCredentials
from cometary.transport.http.router import refuse_method
from cometary.transport.wires.comet.bodies import read_attach
from cometary.transport.wires.comet.senders import LONGEST_OPENING
from cometary.transport.wires.comet.shapes import LONGEST
from cometary.transport.wires.streams.body_stream import HEADERS, BodyStream
from cometary.transport.wires.streams.event_source import LONGEST_NUMBER
from cometary.transport.wires.streams.forms import EVENTS, accepted
from cometary.transport.wires.streams.opening import StreamOpening
from cometary.transport.wires.streams.resuming import ResumingBodyStream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cometary.gate.gate import Gate
    from cometary.transport.codecs import Codec
    from cometary.transport.http.exchange import Endpoint, Exchange
    from cometary.transport.wires.comet.shapes import AttachBody, Body
    from cometary.transport.wires.streams.forms import Form

BEARER: Final = b"bearer "

LAST_EVENT: Final = re.compile(
    rb"([0-9]{1,%d})(?:\.([0-9]{1,%d})\.([A-Za-z0-9_-]{0,%d}))?" % (LONGEST_NUMBER, LONGEST_NUMBER, LONGEST)
)
"""A packet's number; and, if its session can go on elsewhere, the generation, and where the client is behind it."""


class StreamEndpoint:
    """Answers with streams.

    Args:
        gate: lets clients in.
        plain: answers those that do not name their session.
        otherwise: answers a GET that wants none.
    """

    def __init__(
        self,
        gate: Gate,
        plain: Endpoint | None = None,
        otherwise: Endpoint | None = None,
    ) -> None:
        self._gate = gate
        self._plain = plain or refuse_plain
        self._otherwise = otherwise or refuse_get

    def __call__(self, exchange: Exchange) -> None:
        """Answer a GET, or HEAD.

        Raises:
            ProtocolError: `bad-request` or `unknown-session`; the client's fault.
        """
        if exchange.carrier is None:
            return  # its client has gone while it waited for its turn, and would be a carrier that nobody reads
        headers = exchange.headers
        if accepted(headers.get(b"accept", b"")) is not EVENTS:
            self._otherwise(exchange)
            return
        if exchange.method == "HEAD":
            exchange.stream(200, EVENTS.content_type, HEADERS)
            return
        sid = headers.get(b"x-comet-session")
        if sid is None:
            self._plain(exchange)
            return
        credentials = HttpCredentials(exchange, bearer_token(headers))
        ack, says = last_event_id(headers)
        self._gate.attach(sid.decode("latin-1"), self._stream(exchange, EVENTS, says), ack, credentials)
        exchange.release_request()

    def take(self, exchange: Exchange, codec: Codec, body: Body | None) -> bool:
        """Answer a POST if it asks for a stream.

        Args:
            exchange: the exchange.
            codec: that of its body.
            body: the body, if it opens a session; None if it is no request, so that it may attach a stream.

        Returns:
            Whether it does.
        """
        form = accepted(exchange.headers.get(b"accept", b""))
        if form is None or len(exchange.body) > LONGEST_OPENING:
            return False
        if exchange.carrier is None:
            return True  # as above
        if body is not None:
            opening = StreamOpening(exchange, form, self._gate, body)
            opening.mirrored = body.resume is not True and self._gate.mirrors
            opening.resumes = body.resume is True or opening.mirrored
            self._gate.open(opening)
            exchange.release_request()
            return True
        try:
            attach = read_attach(exchange.body, codec)
        except ProtocolError as error:
            exchange.refuse(error, codec)
        else:
            token = NO_TOKEN if attach.token is UNSET else attach.token
            stream = self._stream(exchange, form, says_of(attach))
            self._gate.attach(attach.sid, stream, attach.ack, HttpCredentials(exchange, token))
            exchange.release_request()
        return True

    def _stream(self, exchange: Exchange, form: Form, says: Resuming | None) -> BodyStream:
        if says is None:
            return BodyStream(exchange, form, self._gate)
        return ResumingBodyStream(exchange, form, self._gate, says)


def says_of(attach: AttachBody) -> Resuming | None:
    """Return what a client says of itself that can go on with its session elsewhere; None if it does not say so."""
    if attach.gen is UNSET:
        return None
    return Resuming(attach.gen, None if attach.at is UNSET else attach.at)


def last_event_id(headers: Mapping[bytes, bytes]) -> tuple[int, Resuming | None]:
    """Return the number of the last packet that a client of server-sent events has received; 0 if it does not say.

    Returns:
        That; and where the client is, if its session can go on elsewhere: see `Events.placed`.

    Raises:
        ProtocolError: `bad-request`: it is no such id; the client's fault.
    """
    value = headers.get(b"last-event-id", b"") or b"0"
    found = LAST_EVENT.fullmatch(value)
    if found is None:
        raise ProtocolError("bad-request", "The header Last-Event-ID is no packet's number.")
    number, gen, at = found.groups()
    says = None if gen is None else Resuming(int(gen), at.decode("latin-1") or None)
    return int(number), says


def bearer_token(headers: Mapping[bytes, bytes]) -> Any:
    """Return the token that a client without a body gives: as bearers do (RFC 6750, section 2.1)."""
    value = headers.get(b"authorization", b"")
    if value[: len(BEARER)].lower() != BEARER:
        return NO_TOKEN
    return value[len(BEARER) :].strip().decode("latin-1")


def refuse_plain(_: Exchange) -> None:
    """Refuse a GET that does not say of which session.

    Raises:
        ProtocolError: `bad-request`, the client's fault.
    """
    detail = "The header X-Comet-Session is to name the session, unless sessions are bound to a cookie."
    raise ProtocolError("bad-request", detail)


def refuse_get(exchange: Exchange) -> None:
    """Refuse a GET for which there is nothing."""
    refuse_method(exchange, ("POST",))
