"""How an actor runs whose handler is a plain `def`: in turns on the scheduler.

A cell may be in the run queue although its actor has been killed since, or twice because it
was killed and revived while it waited there. Both only cost an empty turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, cast

from mypy_extensions import mypyc_attr

from cometary.actors.cell import Cell
from cometary.actors.exits import KILLED, NORMAL, Exit, call_on_stop, crashed, failed_start
from cometary.actors.mailbox import CLOSED, ENDING, IDLE, READY, RUNNING, SUSPENDED, Receiving
from cometary.actors.messages import SPECIAL, STOPS, ForLife, Question, Stop, SystemMessage, as_received
from cometary.errors import UsageError
from cometary.escapes import class_name, exit_in, traceback_of

if TYPE_CHECKING:
    from cometary.actors.actor import Actor
    from cometary.actors.ref import ActorRef
    from cometary.actors.shortcut import Shortcut
    from cometary.actors.system import ActorSystem


_SPECIAL: Final = SPECIAL  # which compiled code finds without looking for its name


@mypyc_attr(allow_interpreted_subclasses=True)
class ScheduledCell(Cell):
    """The cell of an actor that has turns on the scheduler, and no task of its own."""

    __slots__ = ("shortcut",)

    def __init__(self, system: ActorSystem) -> None:
        super().__init__(system)
        self.shortcut: Shortcut | None = None
        """What handles the commonest messages in place of the actor, if anything does; the incarnation's."""

    def put(self, item: object) -> None:
        """Take a message; see `Receiving.put`."""
        if not self.state:  # IDLE: it has no mail
            self._items = [item]
            self.state = READY
            scheduler = self.system.scheduler
            scheduler.ready.append(self)
            if scheduler.asleep is not None:
                scheduler.wake()
            return
        items = self._items
        if items:
            items.append(item)
        elif self.state != CLOSED:  # when it was closed, its mail was taken out
            self._items = [item]
        else:
            raise self.not_found()

    def offer(self, item: object) -> None:
        """Take a message, or drop it if the actor has ended for good; see `Receiving.offer`."""
        if not self.state:  # as in `put`, without a call: every update, and every question
            self._items = [item]
            self.state = READY
            scheduler = self.system.scheduler
            scheduler.ready.append(self)
            if scheduler.asleep is not None:
                scheduler.wake()
        else:
            super().offer(item)

    def hand(self, item: object) -> None:
        """Take a message, and have it handled at once if it is the only one and the shortcut does; see `put`."""
        if self.state or not self._shorten(item, in_turn=False):
            self.put(item)

    def _shorten(self, item: object, *, in_turn: bool) -> bool:
        """Have the shortcut handle the one message that there is, as a turn; returns whether it did.

        Args:
            item: the message.
            in_turn: whether it is the actor's own turn, and not in the middle of whoever has sent it.
        """
        shortcut = self.shortcut
        if shortcut is None:
            return False
        self.state = RUNNING
        done = True
        try:
            done = shortcut.take_in_turn(item) if in_turn else shortcut.take(item)
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            self.fail(error, item)
        finally:
            if self.state != RUNNING:
                self._leave_turn(iter(()))
            elif self._items:
                self._run()
            else:
                self.state = IDLE
        return done

    def go_on_in_full(self) -> None:
        """See `Cell.go_on_in_full`."""
        self.shortcut = None

    def _run(self) -> None:
        self.state = READY
        self.system.scheduler.enqueue(self)

    # -- a turn -------------------------------------------------------------------------

    def run(self, quota: int) -> int:  # noqa: C901, PLR0912 - in one piece: a call costs as much as a message
        """Have a turn: handle what has arrived, at most `quota` messages.

        Returns:
            What the turn cost, in messages.
        """
        if self.state != READY:  # it was killed or suspended while it waited, or it is in the queue twice
            return 1
        items = self._items
        if self.shortcut is not None and len(items) == 1 and self._backlog is None and self.starting is None:
            self._items = ()
            if self._shorten(items[0], in_turn=True):
                return 1
            self._items = items
        actor: Any = self.actor  # without a call to say what it is
        self.state = RUNNING
        if self.starting is not None:
            self._start(actor)
            return 1
        taken = self.take(quota)
        begun = 0
        message: Any = None
        try:
            for message in taken:
                begun += 1
                if type(message) not in _SPECIAL:
                    if (answer := actor.on_receive(message)) is not None and type(answer) is CoroutineType:
                        refuse_coroutine(actor, answer)  # pyright: ignore[reportUnknownArgumentType]
                elif type(message) is Question:
                    self._answer(actor, message)  # pyright: ignore[reportUnknownArgumentType]
                else:
                    self._handle(actor, message)
                if self.state != RUNNING:
                    break
        except BaseException as error:
            if exit_in(error) is not None:
                self.put_back(iter(taken[begun:]))  # the whole system is about to end, and answers these then
                begun = len(taken)
                raise
            self.fail(error, as_received(message))
        finally:
            if self.state != RUNNING:
                self._leave_turn(iter(taken[begun:]))
            elif self._items or self._backlog:
                self._run()
            else:
                self.state = IDLE
        return len(taken) or 1

    def _start(self, actor: Any) -> None:  # whatever its hooks return is looked at, here and below
        try:
            _no_coroutine(actor, "on_start", actor.on_start())
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            self.log_fatal(error)
            self.end(failed_start(error))
        else:
            if self.state == RUNNING:
                self.started()
                self._continue(actor)
        finally:
            if self.state == RUNNING:
                self._run()  # for the mail that has come before and meanwhile
            else:
                self._leave_turn(iter(()))

    def _continue(self, actor: Any) -> None:
        try:
            _no_coroutine(actor, "on_continue", actor.on_continue())
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            self.fail(error, None)

    def _handle(self, actor: Actor, message: Any) -> None:
        if type(message) is ForLife:
            if not self.is_for_now(message):
                return
            message = message.message
        if type(message) in STOPS:
            self._stop(actor, message)
        elif type(message) is SystemMessage:
            message.serve(self)
            if self.state == RUNNING:  # the next message is for another turn, which looks at the actor anew
                self.state = READY
        else:
            answer = actor._handle_receive(message)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            if type(answer) is CoroutineType:
                refuse_coroutine(actor, answer)  # pyright: ignore[reportUnknownArgumentType]

    def _answer(self, actor: Actor, question: Question[Any]) -> None:
        message = question.message
        if type(message) in STOPS:
            self.settle_when_gone(question)
            self._stop(actor, message)
            return
        self.replying = question
        try:
            answer = actor._handle_receive(message)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            if type(answer) is CoroutineType:
                refuse_coroutine(actor, answer)  # pyright: ignore[reportUnknownArgumentType]
        except Exception as error:  # noqa: BLE001 - Pykka's rule: the caller gets it, the actor lives
            self.log_returned(error)
            question.offer(error=error)
        except BaseException as error:
            # The actor ends of it, or everything does: not for the caller to raise.
            question.offer(error=self.dead(KILLED if exit_in(error) is not None else crashed(error)))
            raise
        else:
            if self.replying is question:  # else the handler has promised it for later
                question.offer(answer)  # pyright: ignore[reportUnknownArgumentType]
        finally:
            self.replying = None

    # -- the end ------------------------------------------------------------------------

    def _stop(self, actor: Actor, message: object) -> None:
        exit_ = message.exit if isinstance(message, Stop) else NORMAL
        try:
            _no_coroutine(actor, "on_stop", call_on_stop(actor, exit_))
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            self.log_fatal(error)
            exit_ = crashed(error, message)
        else:
            self.log_stop(exit_)
        self.end(exit_)

    def fail(self, error: BaseException, message: object) -> None:
        """End the incarnation because of `error`; see `Cell.fail`."""
        actor: Any = self.actor
        if actor is None:
            self.log_crash(error)
            return
        self.log_fatal(error)
        if self.state == ENDING:
            return
        try:
            outcome = actor.on_failure(type(error), error, traceback_of(error))
            _no_coroutine(actor, "on_failure", outcome)
        except BaseException as second:
            if exit_in(second) is not None:
                raise
            self.log_crash(second)  # as Pykka does
        self.end(crashed(error, message))

    def kill(self, exit: Exit = KILLED) -> None:  # noqa: A002 - OTP's word
        """End the incarnation now; see `Cell.kill`."""
        self.end(exit)

    def end(self, exit: Exit) -> None:  # noqa: A002 - OTP's word
        """End the incarnation; if its handler is still on the stack, as soon as that has returned."""
        if self.state == RUNNING:
            self.exit = exit
            self.state = ENDING
        elif self.state != ENDING:
            self.shortcut = None
            super().end(exit)

    def _leave_turn(self, mail: Iterator[object]) -> None:
        self.put_back(mail)  # first: whether it is kept is for the supervisor to say
        if self.state == ENDING:
            self.shortcut = None
            super().end(cast("Exit", self.exit))
        elif self.state == READY:
            self._run()

    # -- suspended ----------------------------------------------------------------------

    def suspend(self) -> None:
        """Handle nothing until `resume`; see `Cell.suspend`."""
        self.state = SUSPENDED

    def resume(self) -> None:
        """Go on; see `Receiving.resume`."""
        if self.state == SUSPENDED:
            self._run()


def run_turns(ready: deque[ScheduledCell], most: int, quota: int) -> tuple[int, int]:
    """Give the actors in the run queue their turns, until they have handled about `most` messages.

    Args:
        ready: the run queue.
        most: messages in all.
        quota: messages in one turn.

    Returns:
        How many turns there were, and messages.
    """
    turns, left = 0, most
    while ready and left > 0:
        left -= ready.popleft().run(quota)
        turns += 1
    return turns, most - left


def offer_to_each(refs: Sequence[ActorRef[Any]], item: object) -> None:
    """Offer one message to many actors, in their order."""
    system: ActorSystem | None = None
    append: Any = None
    for ref in refs:
        cell: Receiving = ref.actor_inbox
        if cell.state or type(cell) is not ScheduledCell:
            cell.offer(item)
            continue
        if cell.system is not system:  # all are of one, whose scheduler is then looked up, and woken, once
            system = cell.system
            append = system.scheduler.ready.append
            system.scheduler.wake()
        cell._items = [item]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - as `put` does
        cell.state = READY
        append(cell)


def hand_to_each(refs: Sequence[ActorRef[Any]], item: object) -> None:
    """Hand one message to many actors, in their order: shortcuts handle it at once, and it is offered to the others."""
    handed = 0
    try:
        for ref in refs:
            handed += 1
            cell: Receiving = ref.actor_inbox
            done = False
            if not cell.state and type(cell) is ScheduledCell:
                done = cell._shorten(item, in_turn=False)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            if not done:
                cell.offer(item)
    except BaseException:  # the whole system is about to end: it is in the mailboxes of the others then
        offer_to_each(refs[handed:], item)
        raise


def refuse_coroutine(actor: object, answer: CoroutineType[Any, Any, Any], hook: str = "on_receive") -> None:
    """Refuse what an async method has returned to a plain actor: nobody would ever run it.

    Raises:
        UsageError: always; the fault of the actor's author.
    """
    answer.close()
    name = class_name(type(actor))
    what = "to have async methods called" if hook == "on_receive" else f"{hook} returned a coroutine, so"
    raise UsageError(f"{what}, {name}.on_receive must be `async def` too")


def _no_coroutine(actor: Actor, hook: str, outcome: object) -> None:
    if type(outcome) is CoroutineType:
        refuse_coroutine(actor, outcome, hook)  # pyright: ignore[reportUnknownArgumentType]
