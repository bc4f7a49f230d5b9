"""What becomes of a dynamic supervisor's children that end.

1.  A child that crashed is restarted at once, in the call by which its cell tells of its end,
    or after its back-off; the mail in its cell is then handled by the next incarnation.
2.  If its constructor fails at a restart, that counts as another crash. The next attempt comes
    by a message to the supervisor itself, not in a loop.
3.  A child that waits for either is PARKED: there is nothing of it but its mail.
4.  One restart too many is the LAST STRAW: the supervisor stops all children and ends; or, if
    each child has a count of its own, the end of that child alone.
5.  Nobody is restarted by a supervisor that is about to end.

Source: OTP, `supervisor`, `restart_child` and `do_restart`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import trio

from cometary.actors import ActorRef, Exit
from cometary.actors.exits import crashed
from cometary.errors import StartIgnoredError
from cometary.escapes import exit_in, really
from cometary.supervision.accounts import Accounts
from cometary.supervision.backoff import Delays
from cometary.supervision.dynamic_messages import GiveUp, RestartNow, TryAgain
from cometary.supervision.family import logger
from cometary.supervision.rules import must_restart

if TYPE_CHECKING:
    from cometary.supervision.dynamic import DynamicSupervisor

AnyRef = ActorRef[Any]


class Succession:
    """Restarts children, and gives them up.

    Args:
        supervisor: whose children they are.
        accounts: counts restarts.
        delays: knows how long a child waits before a restart.
        give_up_one: called when a child alone is given up; None: all are.

    Attributes:
        last_straw: the message that tells the supervisor to give up, once it has been sent.
    """

    def __init__(
        self,
        supervisor: DynamicSupervisor,
        accounts: Accounts,
        delays: Delays,
        give_up_one: GiveUpOne | None,
    ) -> None:
        self._supervisor = supervisor
        self._offspring = supervisor.offspring
        self._accounts = accounts
        self._delays = delays
        self._give_up_one = give_up_one
        self.last_straw: GiveUp | None = None

    def child_exited(self, ref: AnyRef, exit: Exit) -> None:  # noqa: A002 - OTP's word
        """Restart the child that has ended, or forget it."""
        leaving = self._offspring.leaving.pop(ref, None)
        if ref not in self._offspring:
            ref.actor_inbox.bury()  # its own constructor has killed it, or the system is at its end
        elif not self._supervisor.open or leaving is not None:
            if self._ended_unlike_told(ref, exit, alone=leaving is not None):
                self._supervisor.report(self._offspring.offender(ref), exit, "nothing")
            self._supervisor.forget(ref)
            if leaving is not None:
                leaving.set()
        elif really(exit.error, StartIgnoredError):
            self._supervisor.forget(ref)
        elif must_restart(self._offspring.restart_of(ref), exit):
            self._restart(ref, exit)
        else:
            if exit.abnormal:
                self._supervisor.report(self._offspring.offender(ref), exit, "nothing")
            self._supervisor.forget(ref)

    def _ended_unlike_told(self, ref: AnyRef, exit: Exit, *, alone: bool) -> bool:  # noqa: A002
        if exit.reason == "killed":  # if all have to stop, one line tells how many were killed
            return alone and self._offspring.patience_of(ref) > 0
        return exit.abnormal

    # -- restart --------------------------------------------------------------------------

    def try_again(self, ref: AnyRef) -> None:
        """Restart a child whose constructor has failed, unless that is one too many."""
        if self._supervisor.open and ref in self._offspring.parked:
            self._restart(ref, self._offspring.parked.pop(ref))

    def restart_now(self, ref: AnyRef) -> None:
        """Restart a child whose back-off is over."""
        if self._supervisor.open and self._offspring.parked.pop(ref, None) is not None:
            self._revive(ref)

    def _restart(self, ref: AnyRef, exit: Exit) -> None:  # noqa: A002 - OTP's word
        offender, now = self._offspring.offender(ref), trio.current_time()
        if not self._accounts.allows(ref, now):
            self._supervisor.report(offender, exit, "give_up")
            self._give_up(ref, exit)
            return
        self._supervisor.report(offender, exit, "restart")
        if (delay := self._delays.before_restart(ref, now)) > 0:
            self._offspring.parked[ref] = exit
            self._supervisor.timer(RestartNow(ref)).start(delay)
        else:
            self._revive(ref)

    def _revive(self, ref: AnyRef) -> None:
        self._supervisor.tally.restarts += 1
        try:
            self._offspring.revive(ref)
            self._supervisor.progress(lambda: self._offspring.offender(ref))
        except StartIgnoredError:
            self._supervisor.forget(ref)
        except BaseException as error:  # whatever the constructor raises
            if exit_in(error) is not None:
                raise
            self._offspring.parked[ref] = crashed(error)
            self._supervisor.actor_inbox.put_if_open(TryAgain(ref))

    # -- the end --------------------------------------------------------------------------

    def _give_up(self, ref: AnyRef, exit: Exit) -> None:  # noqa: A002 - OTP's word
        self._supervisor.forget(ref)
        if self._give_up_one is not None:
            self._give_up_one(ref, exit)
        else:
            self.last_straw = GiveUp(exit)
            self._supervisor.actor_inbox.put_if_open(self.last_straw)


class GiveUpOne:
    """Tells the program that a child has been given up.

    Args:
        supervisor: whose child it was.
        tell: what the program wants to be called; None: nothing.
    """

    def __init__(self, supervisor: DynamicSupervisor, tell: Callable[[AnyRef, Exit], None] | None) -> None:
        self._supervisor = supervisor
        self._tell = tell

    def __call__(self, ref: AnyRef, exit: Exit) -> None:  # noqa: A002 - OTP's word
        """Tell it."""
        if self._tell is None:
            return
        try:
            self._tell(ref, exit)
        except BaseException as error:  # it is logged, and the supervisor must not fail with it
            if exit_in(error) is not None:
                raise
            path = self._supervisor.path
            text = f"on_give_up of {path} failed for {ref}"
            logger.exception("on_give_up failed", text=text, supervisor=path)
