"""Proving: what a request or a stream shows of being its session's, and what of that is judged.

1.  A request that does not prove what its session is bound to is answered exactly as one for a session that never
    existed. Only a client that proves it is told how a session has ended.
2.  A token counts at the opening, and whenever a request of a session brings one. Everything wrong with the rest of
    the request that can be known here is said before; so a token that was judged to be good counts, whatever the
    session then makes of the request. Only where the token is the proof (rule 1) is nothing said, and nothing that
    the client answers taken, before it was judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.errors import ProtocolError
from cometary.gate.binding import fits
from cometary.gate.opening import NO_TOKEN, applicant
from cometary.packets.patterns import NO_GRANTS
from cometary.sessions.admission import admission_of
from cometary.sessions.lease import narrow, renew
from cometary.sessions.locator import Elsewhere, Gone, here, unknown_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.gate.binding import Binding
    from cometary.gate.judging import Asker, Judging
    from cometary.gate.opening import Credentials
    from cometary.gate.rate_limit import OpenLimiter
    from cometary.sessions import SessionKeeper, SessionManager
    from cometary.sessions.admission import Verdict
    from cometary.sessions.locator import Locator


class Proving:
    """What clients prove, and have judged.

    Args:
        manager: whose sessions they are.
        locator: finds sessions.
        limiter: how many tokens of an address are judged.
        judging: asks the authenticator; None if there is none.
        binding: what sessions are bound to; None for nothing but their id.

    Attributes:
        by_token: whether it is the token that proves it, so that one that is still to be judged may be anybody's.
    """

    def __init__(
        self,
        manager: SessionManager,
        locator: Locator,
        limiter: OpenLimiter,
        judging: Judging | None,
        binding: Binding | None,
    ) -> None:
        self._manager = manager
        self._locator = locator
        self._limiter = limiter
        self._judging = judging
        self._binding = binding
        self.by_token = binding is not None and binding.by_token

    def digest(self, credentials: Credentials) -> bytes | None:
        """Return a digest of what a client gives to prove it; None if it gives nothing, or there is nothing to give."""
        return None if self._binding is None else self._binding.digest(credentials)

    def bind(self, credentials: Credentials) -> bytes | None:
        """Return a digest of what a new session is to be bound to; None if to nothing.

        Raises:
            ProtocolError: `unauthorized`: its client does not give it; the client's fault.
        """
        binding = self.digest(credentials)
        if self._binding is not None and binding is None:
            raise ProtocolError("unauthorized", self._binding.missing)
        return binding

    def find(self, sid: str, keeper: SessionKeeper | None, given: bytes | None) -> SessionKeeper:
        """Return the session of a request (rule 1).

        Args:
            sid: the session's id, as the client gives it.
            keeper: the session, if it lives here.
            given: a digest of what the client gives.

        Raises:
            ElsewhereError: another node has it.
            ProtocolError: `unknown-session`, or `session-ended` to a client that proves it was in it; the client's
                fault.
        """
        if self._binding is None:
            return keeper or here(self._locator.find(sid))
        if keeper is None:
            place = self._locator.find(sid)
            if isinstance(place, Elsewhere) or (isinstance(place, Gone) and fits(given, place.binding)):
                return here(place)
        elif fits(given, kept_of(keeper)):
            return keeper
        elif self.by_token and given is not None and self._judging is not None:
            return keeper  # another token: whether it is as good is to be judged
        raise unknown_session()

    def needs_judgement(self, keeper: SessionKeeper, given: bytes | None, credentials: Credentials) -> bool:
        """Whether the token that came with a request is still to be judged."""
        if self._judging is None or credentials.token is NO_TOKEN:
            return False
        return not (self.by_token and fits(given, kept_of(keeper)))

    def judge(
        self, keeper: SessionKeeper, credentials: Credentials, asker: Asker, go_on: Callable[[Verdict], None]
    ) -> None:
        """Have a token judged that needs it, and call `go_on` with the verdict, now or later.

        Raises:
            ProtocolError: too many of its address were judged lately, or what `Judging.ask` raises.
            ActorEndedError: what that raises, too.
        """
        self._limiter.check(credentials.peer)
        if self._judging is not None:
            who = applicant(credentials, keeper.machine.policy, keeper.handshake)
            self._judging.ask(who, asker, go_on)

    def find_judged(self, sid: str) -> SessionKeeper:
        """Return a session again after its client's token was judged: it may have ended meanwhile.

        Raises:
            ElsewhereError: another node has it.
            ProtocolError: `unknown-session`, or `session-ended`, of which nobody is told by a token that has yet to
                prove to be the session's (rule 1).
        """
        if not self.by_token:
            return here(self._locator.find(sid))
        keeper = self._locator.living.get(sid)
        if keeper is None:
            raise unknown_session()
        return keeper

    def renew(self, keeper: SessionKeeper, given: bytes | None, verdict: Verdict) -> SessionKeeper:
        """Let a session go by the verdict on another token from now on; returns the session.

        Raises:
            ProtocolError: the token is not good, or another user's; the client's fault.
        """
        before = NO_GRANTS if keeper.lease is None else keeper.lease.paths
        try:
            renew(keeper, admission_of(verdict), self._manager.settings.notice, given)
        except ProtocolError:
            if self.by_token:
                raise unknown_session() from None
            raise
        if before:
            narrow(keeper, before, self._manager)
        return keeper


def kept_of(keeper: SessionKeeper) -> bytes | None:
    """Return the digest of what a session is bound to; None if to nothing."""
    return None if keeper.lease is None else keeper.lease.binding
