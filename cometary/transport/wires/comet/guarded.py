"""The comet endpoint where not everybody is let in: an authenticator, sessions bound to more than their id.

1.  A token is judged when a session is opened, and whenever a request of a session brings one. All that
    is wrong with the rest of the request, and can be known here, is said before; so a token that was
    judged to be good counts, whatever the session then makes of the request.
2.  Judgements count like openings: an address gets only so many in a minute. An authenticator that
    takes its time is waited for beside everything else, the request it is about with it. When that
    request's connection breaks meanwhile, nothing comes of it.
3.  A request that does not prove what its session is bound to is answered exactly as one for a
    session that there never was.
"""

from __future__ import annotations

import inspect
from functools import partial
from hmac import compare_digest
from typing import TYPE_CHECKING

import trio
from msgspec import UNSET

from cometary.errors import ActorEndedError, ProtocolError
from cometary.escapes import escapes
from cometary.log import get_logger
from cometary.sessions import Applicant
from cometary.sessions.admission import EVERYBODY, admission_of
from cometary.sessions.directory import unknown_session
from cometary.sessions.lease import admit, renew
from cometary.sessions.machine import session_ended
from cometary.transport.codecs import negotiate
from cometary.transport.wires.comet.bodies import read_request
from cometary.transport.wires.comet.endpoint import CometRequest
from cometary.transport.wires.comet.senders import LONGEST_OPENING, check_sender

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cometary.gate.rate_limit import OpenLimiter
    from cometary.sessions import SessionKeeper, SessionManager
    from cometary.sessions.admission import Judge, Verdict
    from cometary.transport.codecs import Codec
    from cometary.transport.http.exchange import Exchange
    from cometary.transport.wires.comet.binding import Binding
    from cometary.transport.wires.comet.endpoint import CometEndpoint
    from cometary.transport.wires.comet.shapes import Body

logger = get_logger("cometary.transport")


class GuardedCometEndpoint:
    """Answers `POST /comet`.

    Args:
        comet: does what there is nothing to guard about.
        manager: knows the sessions.
        limiter: how many tokens of an address are judged.
        judge: says whether an applicant is let in; None lets all in.
        binding: what sessions are bound to; None for nothing but their id.
        start_soon: runs an async function beside everything else, for an authenticator that is one.
    """

    def __init__(
        self,
        comet: CometEndpoint,
        manager: SessionManager,
        limiter: OpenLimiter,
        *,
        judge: Judge | None,
        binding: Binding | None,
        start_soon: Callable[..., None],
    ) -> None:
        self._comet = comet
        self._manager = manager
        self._find = manager.directory.find
        self._notice = manager.settings.notice
        self._limiter = limiter
        self._judge = judge
        self._binding = binding
        self._start_soon = start_soon

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
                self._open(exchange, codec, body)
            else:
                self._exchange(exchange, codec, body, body.sid)
        except ProtocolError as error:
            exchange.refuse(error, codec)
        except ActorEndedError:  # as in `CometEndpoint`
            exchange.refuse(session_ended("failed"), codec)

    # -- opening ----------------------------------------------------------------------------

    def _open(self, exchange: Exchange, codec: Codec, body: Body) -> None:
        self._limiter.check(exchange.peer)
        seal = self._seal(exchange, body)
        if self._binding is not None and seal is None:
            raise ProtocolError("unauthorized", self._binding.missing)
        opened = partial(self._opened, exchange, codec, body, seal)
        if self._judge is None:
            opened(EVERYBODY)
        else:
            self._await_verdict(exchange, codec, self._judge(applicant(exchange, body)), opened)

    def _opened(
        self, exchange: Exchange, codec: Codec, body: Body, seal: bytes | None, verdict: Verdict
    ) -> None:
        admission = admission_of(verdict)
        keeper = self._comet.open(body)
        admit(keeper, admission, self._notice, seal)
        members: dict[str, object] = {}
        if admission.expires is not None:
            members["expires"] = round(admission.expires, 3)
        if self._binding is not None:
            members["bind"] = self._binding.name
        self._comet.welcome(exchange, codec, keeper, **members)

    # -- exchanging -------------------------------------------------------------------------

    def _exchange(self, exchange: Exchange, codec: Codec, body: Body, sid: str) -> None:
        if self._binding is None:
            keeper, token_is_known = self._find(sid), False
        else:
            keeper, token_is_known = self._find_bound(exchange, body, sid, self._binding)
        if body.packets:
            self._comet.check_paths(body.packets)
        if body.token is UNSET or token_is_known or self._judge is None:
            keeper.ref.actor_inbox.put(CometRequest(exchange, codec, keeper, body))
            return
        self._limiter.check(exchange.peer)
        renewed = partial(self._renewed, exchange, codec, body, sid)
        self._await_verdict(exchange, codec, self._judge(applicant(exchange, body)), renewed)

    def _find_bound(
        self, exchange: Exchange, body: Body, sid: str, binding: Binding
    ) -> tuple[SessionKeeper, bool]:
        """Return the session of a request, and whether its token need not be judged.

        Raises:
            ProtocolError: `unknown-session`, or `session-ended` to whoever proves to have been in it.
        """
        seal = binding.seal(exchange, body)
        try:
            keeper = self._find(sid)
        except ProtocolError:
            if fits(seal, self._manager.directory.seal_of_ended(sid)):
                raise
            raise unknown_session() from None
        if fits(seal, None if keeper.terms is None else keeper.terms.seal):
            return keeper, binding.by_token
        if binding.by_token and seal is not None and self._judge is not None:
            return keeper, False  # another token: whether it is as good is to be judged
        raise unknown_session()

    def _renewed(self, exchange: Exchange, codec: Codec, body: Body, sid: str, verdict: Verdict) -> None:
        keeper = self._find(sid)  # again: it may have ended meanwhile
        try:
            renew(keeper, admission_of(verdict), self._notice, self._seal(exchange, body))
        except ProtocolError:
            if self._binding is not None and self._binding.by_token:
                raise unknown_session() from None
            raise
        keeper.ref.actor_inbox.put(CometRequest(exchange, codec, keeper, body))

    # -- for both ---------------------------------------------------------------------------

    def _seal(self, exchange: Exchange, body: Body) -> bytes | None:
        return None if self._binding is None else self._binding.seal(exchange, body)

    def _await_verdict(
        self,
        exchange: Exchange,
        codec: Codec,
        verdict: Verdict | Awaitable[Verdict],
        go_on: Callable[[Verdict], None],
    ) -> None:
        if inspect.isawaitable(verdict):
            dropped = trio.Event()
            exchange.on_drop = dropped.set  # from now on: the task's first turn may come after the drop
            self._start_soon(self._go_on_later, exchange, codec, dropped, verdict, go_on)
        else:
            go_on(verdict)

    async def _go_on_later(
        self,
        exchange: Exchange,
        codec: Codec,
        dropped: trio.Event,
        verdict: Awaitable[Verdict],
        go_on: Callable[[Verdict], None],
    ) -> None:
        try:
            judged = await verdict
            if not dropped.is_set():
                go_on(judged)
        except ProtocolError as error:
            exchange.refuse(error, codec)
        except ActorEndedError:
            exchange.refuse(session_ended("failed"), codec)
        except BaseException as error:  # here it ends: raised further, it would end the actor system
            if escapes(error):
                raise
            logger.exception("authenticator failed", text="the authenticator failed")
            exchange.refuse(ProtocolError("internal-error", "the authenticator failed"), codec)


def applicant(exchange: Exchange, body: Body) -> Applicant:
    """Return who asks."""
    origin = exchange.headers.get(b"origin")
    token = None if body.token is UNSET else body.token
    return Applicant(token, exchange.peer, None if origin is None else origin.decode(errors="replace"))


def fits(seal: bytes | None, kept: bytes | None) -> bool:
    """Whether a request proves what a session is bound to; in constant time."""
    return seal is not None and kept is not None and compare_digest(seal, kept)
