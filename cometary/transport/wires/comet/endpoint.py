"""The comet endpoint: protocol.md's one URL, between HTTP exchanges and sessions.

It decides nothing about a session; it reads the body, finds the session, and puts the request
into the session's mailbox. The session's actor answers, now or when there is something to say.
Whom it lets in, and for how long, is `guarded_comet`'s to say; without that everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import UNSET

from cometary.errors import ActorEndedError, ProtocolError
from cometary.sessions import Request, RequestDropped
from cometary.sessions.machine import session_ended
from cometary.transport.codecs import negotiate
from cometary.transport.wires.comet.bodies import VERSION, packets_of, read_request, write_answer
from cometary.transport.wires.comet.senders import LONGEST_OPENING, check_sender

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.gate.rate_limit import OpenLimiter
    from cometary.sessions import Packet, SessionKeeper, SessionManager
    from cometary.transport.codecs import Codec
    from cometary.transport.http.exchange import Exchange
    from cometary.transport.wires.comet.shapes import Body, PacketBody


class Gatekeeper(Protocol):
    """Who knows where client packets may go: the application."""

    def accepts(self, path: str) -> bool:
        """Whether client packets may go to `path`."""
        ...


class CometRequest(Request):
    """A request that came as an HTTP exchange."""

    __slots__ = ("_codec", "_exchange", "_keeper")

    def __init__(self, exchange: Exchange, codec: Codec, keeper: SessionKeeper, body: Body) -> None:
        # Not through the base class's constructor: this is made for every request there is.
        self.rid = body.rid
        self.ack = 0 if body.ack is UNSET else body.ack
        self.packets = packets_of(body) if body.packets else ()
        self.close = body.close is True
        self.size = len(exchange.body)
        self._exchange = exchange
        self._codec = codec
        self._keeper = keeper
        exchange.on_drop = self._drop
        exchange.release_request()

    @property
    def address(self) -> str:
        """The address that it came from."""
        return self._exchange.peer

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:
        """Answer with packets numbered from `first_seq`, or with none."""
        codec = self._codec
        self._exchange.respond(200, write_answer(first_seq, packets, codec), codec.content_type)

    def refuse(self, error: ProtocolError) -> None:
        """Answer with an error."""
        self._exchange.refuse(error, self._codec)

    def _drop(self) -> None:
        if (
            self._keeper.machine.held is self
        ):  # the session will not answer it in its next turn, but forget it
            self._exchange.leave_unanswered()
        self._keeper.ref.actor_inbox.put_if_open(RequestDropped(self))


class CometEndpoint:
    """Answers `POST /comet`.

    Args:
        manager: knows the sessions.
        limiter: how many sessions an address may open.
        gatekeeper: where client packets may go.
    """

    def __init__(self, manager: SessionManager, limiter: OpenLimiter, gatekeeper: Gatekeeper) -> None:
        self._manager = manager
        self._find = manager.directory.find
        self._limiter = limiter
        self._gatekeeper = gatekeeper

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange` now or later.

        Raises:
            ProtocolError: `unsupported-media-type`; the client's fault. All other errors are
                answered in the request's own encoding.
        """
        codec = negotiate(exchange.headers.get(b"content-type", b""))
        try:
            if len(exchange.body) > LONGEST_OPENING:
                check_sender(exchange.body, codec, self._manager.directory)
            body = read_request(exchange.body, codec)
            if body.sid is UNSET:
                self._limiter.check(exchange.peer)
                self.welcome(exchange, codec, self.open(body))
            else:
                keeper = self._find(body.sid)
                if body.packets:
                    self.check_paths(body.packets)
                keeper.ref.actor_inbox.put(CometRequest(exchange, codec, keeper, body))
        except ProtocolError as error:
            exchange.refuse(error, codec)
        except ActorEndedError:  # with the supervisor of all sessions, whose next life will end this one
            exchange.refuse(session_ended("failed"), codec)

    def check_paths(self, packets: Sequence[PacketBody]) -> None:
        """See whether one request may have so many packets, and the application takes packets to these paths.

        Raises:
            ProtocolError: `too-large` or `forbidden`, the client's fault.
        """
        most = self._manager.settings.max_request_packets
        if len(packets) > most:
            detail = f"the request has {len(packets)} packets; one may have {most}, so send them in several"
            raise ProtocolError("too-large", detail)
        for packet in packets:
            if not self._gatekeeper.accepts(packet.path):
                raise ProtocolError("forbidden", "the application takes no packets to one of these paths")

    def open(self, body: Body) -> SessionKeeper:
        """Open the session that `body` asks for.

        Raises:
            ProtocolError: `too-many-sessions` or `shutting-down`; nobody's fault, try later.
        """
        return self._manager.open(body.rid, None if body.wait is UNSET else body.wait)

    def welcome(self, exchange: Exchange, codec: Codec, keeper: SessionKeeper, **members: object) -> None:
        """Tell the client of its new session; `members` are what is not said of every session."""
        self._manager.journal.opened(keeper, codec.name, exchange.peer)
        settings = self._manager.settings
        answer: dict[str, Any] = {
            "version": VERSION,
            "sid": keeper.sid,
            "wait": keeper.machine.wait,
            "die": settings.die,
            "requests": settings.requests,
            "packets": settings.max_request_packets,
            **members,
        }
        exchange.respond(200, codec.encode(answer), codec.content_type)
