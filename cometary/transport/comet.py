"""The comet endpoint: protocol.md's one URL, between HTTP exchanges and sessions.

It decides nothing about a session; it reads the body, finds the session, and puts the request
into the session's mailbox. The session's actor answers, now or when there is something to say.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import UNSET

from cometary.errors import ProtocolError
from cometary.log import get_logger
from cometary.sessions import Request, RequestDropped
from cometary.transport.codecs import negotiate
from cometary.transport.comet_bodies import VERSION, packets_of, read_request, write_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cometary.sessions import Packet, SessionKeeper, SessionManager
    from cometary.transport.codecs import Codec
    from cometary.transport.comet_bodies import Body, PacketBody
    from cometary.transport.exchange import Exchange
    from cometary.transport.rate_limit import OpenLimiter

    Verdict = bool | Mapping[str, Any]

logger = get_logger("cometary.transport")


class Gatekeeper(Protocol):
    """Who is let in, and where their packets may go: the application."""

    @property
    def authenticator(self) -> Callable[[object], Verdict | Awaitable[Verdict]] | None:
        """Says of a token whether its bearer may open a session; None lets all in.

        A mapping lets the bearer in as True does, and its items become the session's data.
        """
        ...

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

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:
        """Answer with packets numbered from `first_seq`, or with none."""
        codec = self._codec
        self._exchange.respond(200, write_answer(first_seq, packets, codec), codec.content_type)

    def refuse(self, error: ProtocolError) -> None:
        """Answer with an error."""
        self._exchange.refuse(error, self._codec)

    def _drop(self) -> None:
        self._keeper.ref.actor_inbox.put_if_open(RequestDropped(self))


class CometEndpoint:
    """Answers `POST /comet`.

    Args:
        manager: knows the sessions.
        limiter: how many sessions an address may open.
        gatekeeper: who is let in, and where their packets may go.
        start_soon: runs an async function beside everything else, for an authenticator that is one.
    """

    def __init__(
        self,
        manager: SessionManager,
        limiter: OpenLimiter,
        gatekeeper: Gatekeeper,
        start_soon: Callable[..., None],
    ) -> None:
        self._manager = manager
        self._find = manager.directory.find
        self._limiter = limiter
        self._gatekeeper = gatekeeper
        self._start_soon = start_soon

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange` now or later.

        Raises:
            ProtocolError: `unsupported-media-type`; the client's fault. All other errors are
                answered in the request's own encoding.
        """
        codec = negotiate(exchange.headers.get(b"content-type", b""))
        try:
            body = read_request(exchange.body, codec)
            if body.sid is UNSET:
                self._open(exchange, codec, body)
            else:
                keeper = self._find(body.sid)
                if body.packets:
                    self._check_paths(body.packets)
                keeper.ref.actor_inbox.put(CometRequest(exchange, codec, keeper, body))
        except ProtocolError as error:
            exchange.refuse(error, codec)

    def _check_paths(self, packets: Sequence[PacketBody]) -> None:
        for packet in packets:
            if not self._gatekeeper.accepts(packet.path):
                raise ProtocolError("forbidden", "the application takes no packets to one of these paths")

    # -- opening ----------------------------------------------------------------------------

    def _open(self, exchange: Exchange, codec: Codec, body: Body) -> None:
        self._limiter.check(exchange.peer)
        authenticate = self._gatekeeper.authenticator
        if authenticate is None:
            self._welcome(exchange, codec, body)
            return
        verdict = authenticate(None if body.token is UNSET else body.token)
        if inspect.isawaitable(verdict):
            self._start_soon(self._open_later, exchange, codec, body, verdict)
        else:
            self._judge(exchange, codec, body, verdict)

    async def _open_later(
        self, exchange: Exchange, codec: Codec, body: Body, verdict: Awaitable[Verdict]
    ) -> None:
        try:
            self._judge(exchange, codec, body, await verdict)
        except ProtocolError as error:
            exchange.refuse(error, codec)
        except Exception:  # here it ends: raised further, it would end the actor system
            logger.exception("authenticator failed", text="the authenticator failed")
            exchange.refuse(ProtocolError("internal-error", "the authenticator failed"), codec)

    def _judge(self, exchange: Exchange, codec: Codec, body: Body, verdict: Verdict) -> None:
        notes = verdict if isinstance(verdict, Mapping) else None
        if notes is None and not verdict:
            raise ProtocolError("unauthorized", "the authenticator does not accept this token")
        self._welcome(exchange, codec, body, notes)

    def _welcome(
        self, exchange: Exchange, codec: Codec, body: Body, notes: Mapping[str, Any] | None = None
    ) -> None:
        keeper = self._manager.open(body.rid, None if body.wait is UNSET else body.wait)
        if notes:
            keeper.data.update(notes)  # before the sign-on, which has its turn later
        settings = self._manager.settings
        answer = {
            "version": VERSION,
            "sid": keeper.sid,
            "wait": keeper.machine.wait,
            "die": settings.die,
            "requests": settings.requests,
        }
        exchange.respond(200, codec.encode(answer), codec.content_type)
