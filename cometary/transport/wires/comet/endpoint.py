"""The comet endpoint: protocol.md's one URL, between HTTP exchanges and the gate.

It decides nothing about a session, and lets nobody in; it reads the body, makes a request of it, and hands
that to the gate. The session's actor answers, now or when there is something to say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from mypy_extensions import mypyc_attr

from cometary.errors import ElsewhereError, ProtocolError
from cometary.gate.opening import NO_TOKEN, Opening
from cometary.sessions import Request
from cometary.sessions.resuming import Resuming
from cometary.transport.codecs import json, negotiate
from cometary.transport.http.credentials import HttpCredentials
from cometary.transport.http.exchange import NO_HEADERS, Answerer
from cometary.transport.wires.comet.bodies import (
    ABSENT,
    IN_JSON,
    packets_of,
    read_head,
    read_packet,
    read_request,
    read_sid,
    welcome_members,
    with_members,
    write_answer,
)
from cometary.transport.wires.comet.senders import LONGEST_OPENING, check_sender

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.gate.gate import Gate
    from cometary.gate.opening import Welcome
    from cometary.sessions import Packet
    from cometary.transport.codecs import Codec
    from cometary.transport.http.exchange import Endpoint, Exchange
    from cometary.transport.wires.comet.shapes import Body


class CometRequest(Request):
    """A request that came as an HTTP exchange."""

    __slots__ = ("_codec", "_exchange", "_gate")

    def __init__(
        self,
        exchange: Exchange,
        codec: Codec,
        gate: Gate,
        *,
        rid: int,
        ack: int,
        packets: Sequence[Packet] = (),
        close: bool = False,
    ) -> None:
        # Not through the base class's constructor: this is made for every request there is.
        self.rid = rid
        self.ack = ack
        self.packets = packets
        self.close = close
        self.size = len(exchange.body)
        self._exchange = exchange
        self._codec = codec
        self._gate = gate
        exchange.on_drop = self

    @property
    def address(self) -> str:
        """The address that it came from."""
        return self._exchange.peer

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:
        """Answer with packets numbered from `first_seq`, or with none."""
        codec = self._codec
        kind = IN_JSON if codec is json else codec.content_type  # asked of a module, that is a search by name
        self._exchange.respond(200, write_answer(first_seq, packets, codec), kind)

    def refuse(self, error: ProtocolError) -> None:
        """Answer with an error."""
        self._exchange.refuse(error, self._codec)

    def dropped(self) -> None:
        """Take note that its client has gone."""
        if self._gate.drop(self.sid, self):
            self._exchange.leave_unanswered()

    def hurry(self) -> None:
        """See `Request.hurry`."""
        self._gate.hurry(self.sid, self)


class CometSend(CometRequest):
    """One that is to be answered at once, and leaves the present carrier alone."""

    __slots__ = ()

    holds: ClassVar[bool] = False


class LastingRequest(CometRequest):
    """One of a session that may go on elsewhere before it is answered; its client may know nothing of that.

    Attributes:
        broken: whether its client has gone.
    """

    __slots__ = ("_came", "broken")

    resumes: ClassVar[bool] = True

    def __init__(
        self,
        exchange: Exchange,
        codec: Codec,
        gate: Gate,
        *,
        rid: int,
        ack: int,
        packets: Sequence[Packet] = (),
        close: bool = False,
    ) -> None:
        super().__init__(exchange, codec, gate, rid=rid, ack=ack, packets=packets, close=close)
        self.sid = ""
        self.broken = False
        # Should its session go elsewhere before it is answered, another node is to read it again.
        self._came = None if gate.forward_of is None else (exchange.headers, exchange.body)

    def refuse(self, error: ProtocolError) -> None:
        """Answer with an error; or have another node answer, if that has the session."""
        if isinstance(error, ElsewhereError):
            self.given_back()
        super().refuse(error)

    def given_back(self) -> Exchange | None:
        """Return the exchange as it came; None if its client has gone, or there is no other node."""
        exchange = self._exchange
        if self._came is None or self.broken or exchange.carrier is None:
            return None
        exchange.headers, exchange.body = self._came
        exchange.on_drop = None
        return exchange


class LastingSend(LastingRequest):
    """The same, to be answered at once; it leaves the present carrier alone."""

    __slots__ = ()

    holds: ClassVar[bool] = False


class ResumingRequest(LastingRequest):
    """One of a client that can go on with its session elsewhere, and says how far it has come.

    Attributes:
        resuming: what it says.
        recorder: says what the answer has to tell it; set by what takes the request.
    """

    __slots__ = ("recorder", "resuming")

    def __init__(
        self,
        exchange: Exchange,
        codec: Codec,
        gate: Gate,
        *,
        rid: int,
        ack: int,
        packets: Sequence[Packet] = (),
        close: bool = False,
        resuming: Resuming,
    ) -> None:
        super().__init__(exchange, codec, gate, rid=rid, ack=ack, packets=packets, close=close)
        self.resuming = resuming
        self.recorder: Any = None

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:
        """Answer with packets numbered from `first_seq`, or with none, and say how far its client has come then."""
        codec, body = self._codec, write_answer(first_seq, packets, self._codec)
        if self.recorder is not None:
            body = with_members(body, self.recorder.members(first_seq, packets), codec)
        self._exchange.respond(200, body, codec.content_type)


class ResumingSend(ResumingRequest):
    """The same, to be answered at once; it leaves the present carrier alone."""

    __slots__ = ()

    holds: ClassVar[bool] = False


@mypyc_attr(allow_interpreted_subclasses=True)
class CometOpening(Opening):
    """An opening that came as an HTTP exchange."""

    __slots__ = ("_codec", "_exchange", "_gate")

    def __init__(self, exchange: Exchange, codec: Codec, gate: Gate, body: Body) -> None:
        wait = None if body.wait is ABSENT else body.wait
        super().__init__(body.rid, credentials_of(exchange, body), codec.name, wait)
        self._exchange = exchange
        self._codec = codec
        self._gate = gate
        exchange.on_drop = self

    def opened(self, welcome: Welcome) -> None:
        """Tell the client of its session."""
        body = self._codec.encode(welcome_members(welcome))
        self._exchange.respond(200, body, self._codec.content_type)

    def dropped(self) -> None:
        """Take note that its client has gone."""
        self._gate.withdraw(self)

    def refuse(self, error: ProtocolError) -> None:
        """Answer with an error."""
        self._exchange.refuse(error, self._codec)


Streams = Callable[["Exchange", "Codec", "Body | None"], bool]
"""Answers a POST that asks for a stream, and returns whether it does: given the exchange, its codec, and its body if it
opens a session; None if it is no request."""


def no_streams(_exchange: Exchange, _codec: Codec, _body: Body | None) -> bool:
    """Answer none."""
    return False


class CometEndpoint:
    """Answers `POST /comet`.

    Args:
        gate: lets clients in.
        streams: answers those that ask for a stream.
    """

    def __init__(self, gate: Gate, streams: Streams = no_streams) -> None:
        self._gate = gate
        self._guards = gate.guards
        self._forward_of = gate.forward_of
        self._mirrors = gate.mirrors
        self._streams = streams
        # Where sessions are mirrored, any request may have to be kept as it came.
        self._usual: CometEndpoint | InJson = self if gate.mirrors else InJson(self)

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange` now or later.

        Raises:
            ProtocolError: `unsupported-media-type`; the client's fault. All other errors are
                answered in the request's own encoding.
        """
        self._answer(exchange, negotiate(exchange.headers.get(b"content-type", b"")))

    def resolve(self, exchange: Exchange) -> Endpoint:
        """See `Resolving.resolve`: the head decides how bodies are written."""
        return self if negotiate(exchange.headers.get(b"content-type", b"")) is not json else self._usual

    def answer_in_json(self, exchange: Exchange) -> None:
        """Answer `exchange`, whose body is in JSON, now or later."""
        body, gate = exchange.body, self._gate
        sid, rid, ack, ends = read_head(body)
        keeper = gate.living.get(sid) if rid else None
        if keeper is None:
            if self._forward_of is None or not self._forwards(exchange):
                self._answer(exchange, json)
            return
        if ends == len(body) - 1:
            request = CometRequest(exchange, json, gate, rid=rid, ack=ack)
        else:
            packet = read_packet(body, ends)
            if packet is None:
                self._answer(exchange, json)
                return
            request = CometRequest(exchange, json, gate, rid=rid, ack=ack, packets=[packet])
        gate.submit(sid, request, HttpCredentials(exchange, NO_TOKEN) if self._guards else None, keeper)
        exchange.headers, exchange.body = NO_HEADERS, b""  # `release_request`, but for the call

    def _forwards(self, exchange: Exchange) -> bool:
        """Have the node of its session answer, if that is another one: that says what is wrong with it, too."""
        sid = read_sid(exchange.body)
        forward = None if sid is None or self._forward_of is None else self._forward_of(sid)
        if forward is None:
            return False
        forward(exchange)
        return True

    def _answer(self, exchange: Exchange, codec: Codec) -> None:
        gate = self._gate
        try:
            if len(exchange.body) > LONGEST_OPENING:
                check_sender(exchange.body, codec, gate)
            body = read_request(exchange.body, codec)
        except ProtocolError as error:
            # What attaches a stream has no `rid`. That is looked for here, where it costs no request anything.
            if not self._streams(exchange, codec, None):
                exchange.refuse(error, codec)
            return
        sid = body.sid
        if sid is ABSENT:
            if not self._streams(exchange, codec, body):
                opening = CometOpening(exchange, codec, gate, body)
                opening.resumes = body.resume is True or self._mirrors
                opening.mirrored = self._mirrors and body.resume is not True
                gate.open(opening)
            return
        ack = 0 if body.ack is ABSENT else body.ack
        packets = packets_of(body.packets) if body.packets else ()
        close = body.close is True
        if body.gen is not ABSENT:
            at = None if body.at is ABSENT else body.at
            says = Resuming(body.gen, at, 0 if body.done is ABSENT else body.done)
            kind = ResumingSend if body.hold is False else ResumingRequest
            request: CometRequest = kind(
                exchange, codec, gate, rid=body.rid, ack=ack, packets=packets, close=close, resuming=says
            )
        elif self._mirrors:
            lasting = LastingSend if body.hold is False else LastingRequest
            request = lasting(exchange, codec, gate, rid=body.rid, ack=ack, packets=packets, close=close)
        elif body.hold is False:  # not by a variable for the class: that would be called as Python calls
            request = CometSend(exchange, codec, gate, rid=body.rid, ack=ack, packets=packets, close=close)
        else:
            request = CometRequest(exchange, codec, gate, rid=body.rid, ack=ack, packets=packets, close=close)
        gate.submit(sid, request, credentials_of(exchange, body) if self._guards else None)
        exchange.headers, exchange.body = NO_HEADERS, b""  # `release_request`, but for the call


class InJson(Answerer):
    """What answers those whose head says that their body is in JSON.

    Args:
        endpoint: the endpoint.
    """

    __slots__ = ("_endpoint",)

    def __init__(self, endpoint: CometEndpoint) -> None:
        self._endpoint = endpoint

    def answer(self, exchange: Exchange) -> None:
        """Answer `exchange` now or later."""
        self._endpoint.answer_in_json(exchange)


def credentials_of(exchange: Exchange, body: Body) -> HttpCredentials:
    """Return what a client shows of itself."""
    return HttpCredentials(exchange, NO_TOKEN if body.token is ABSENT else body.token)
