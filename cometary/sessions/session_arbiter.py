"""What the machine of a session that runs in an actor is told: by the turnstile, and by `flow`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mypy_extensions import mypyc_attr

from cometary.sessions.allowance import Allowance
from cometary.sessions.arbiter import Arbiter
from cometary.sessions.flow import PATIENCE
from cometary.sessions.keeper import BEHIND, TOO_SLOW, UP_TO_DATE

if TYPE_CHECKING:
    from cometary.errors import ProtocolError
    from cometary.sessions.events import Request
    from cometary.sessions.flow import Flow
    from cometary.sessions.keeper import SessionKeeper

LAG: Final = "lag"
"""The timer of a session that is behind."""


class BehindTooLong(NamedTuple):
    """To a session's actor, from a timer: its client has been behind for as long as anybody waits."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Turnstile:
    """Who lets requests in, in the turn in which each is processed; this one lets in all. See `cometary.gate`."""

    __slots__ = ()

    def refusal(self, keeper: SessionKeeper, request: Request) -> ProtocolError | None:  # noqa: ARG002 - see above
        """Count the packets of a request; returns the error if they are too many, and nothing was counted."""
        return None

    def idle_refusal(self, keeper: SessionKeeper) -> ProtocolError | None:  # noqa: ARG002 - see above
        """Count a request that brings nothing, but is answered, or releases another; returns the error if too many."""
        return None


class SessionArbiter(Arbiter):
    """Answers for one session.

    Args:
        keeper: the session.
        turnstile: lets requests in.
        flow: who is behind.
    """

    __slots__ = ("_flow", "_keeper", "_turnstile")

    def __init__(self, keeper: SessionKeeper, turnstile: Turnstile, flow: Flow) -> None:
        self._keeper = keeper
        self._turnstile = turnstile
        self._flow = flow

    def refusal(self, request: Request) -> ProtocolError | None:
        """See `Arbiter.refusal`."""
        return self._turnstile.refusal(self._keeper, request)

    def idle_refusal(self) -> ProtocolError | None:
        """See `Arbiter.idle_refusal`."""
        return self._turnstile.idle_refusal(self._keeper)

    def may_fall_behind(self) -> bool:
        """See `Arbiter.may_fall_behind`."""
        keeper = self._keeper
        if keeper.lag == TOO_SLOW or not self._reads():
            return False
        now = keeper.now()
        allowance = keeper.allowance
        if allowance is None:
            allowance = keeper.allowance = Allowance(now)
        seconds = allowance.begin(now)
        if not seconds:
            return False
        keeper.lag = BEHIND
        self._flow.fall_behind(keeper.ref)
        timer = keeper.timer(LAG)
        if timer is None:
            timer = keeper.new_timer(LAG, BehindTooLong())
        timer.start(min(PATIENCE, seconds))
        return True

    def _reads(self) -> bool:
        machine = self._keeper.machine
        if machine.has_carrier:
            return True
        # While there is none the machine's timer runs, from the last answer or broken connection on.
        timer = self._keeper.hold_or_die
        if timer is None:
            return False
        return self._keeper.now() - (timer.deadline - machine.policy.die) <= PATIENCE


def look_whether_caught_up(keeper: SessionKeeper, flow: Flow) -> None:
    """Let a session that is behind, or too slow, be so no more if its queue is down to half its limit."""
    if keeper.machine.outbox.half_empty:
        no_longer_behind(keeper, flow, UP_TO_DATE)


def no_longer_behind(keeper: SessionKeeper, flow: Flow, lag: int) -> None:
    """Take note that nobody waits for a session that was behind any more."""
    if keeper.lag == BEHIND and keeper.allowance is not None:
        keeper.allowance.end(keeper.now(), len(flow.behind))
    keeper.lag = lag
    keeper.machine.outbox.relax()
    timer = keeper.timer(LAG)
    if timer is not None:
        timer.cancel()
    flow.catch_up(keeper.ref)
