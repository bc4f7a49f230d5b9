"""The actor that runs a machine: gen_statem's process, and the shell that most machines need.

1.  What is told is an event; what is asked is a `Call` of it. The caller is answered by a
    `Reply`, whenever the machine comes to that; if the actor ends first, by `ActorDeadError`.
2.  Timers are the actor's. The message of one that runs out says whose incarnation it was
    started for, because timers outlive a crash; within one, the machine knows late ones.
3.  All other actions go to `perform`, in order and before the next message.
4.  When the machine stops, the actor ends at once, mail or not, with the reason that the machine gave: an
    `Exit` or a word, as when an actor stops. An exception is a crash with it, and so is whatever else.
5.  A machine's step that raises has not happened. If somebody asked, they get the exception
    and the actor goes on (Pykka's rule); else the actor crashes.

Source: OTP, `gen_statem`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from types import CoroutineType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard, cast

from cometary.actors import Actor, Exit, Future, Timer
from cometary.actors.exits import as_exit, call_on_stop
from cometary.actors.scheduled_cell import refuse_coroutine
from cometary.actors.sys.changing_code import change_class, converted
from cometary.actors.sys.state import read_attributes, write_attributes
from cometary.errors import InvalidStepError, MachineStoppedError, UsageError
from cometary.escapes import class_name, exit_in, really
from cometary.fsm import Call, CancelTimer, Reply, StartTimer, StateMachine, Stopped
from cometary.fsm.actions import RESERVED_NAMES
from cometary.fsm.engine import Observer
from cometary.fsm.switch import become
from cometary.log import show
from cometary.statem.account import account_of, of_the_engine
from cometary.statem.reference import MachineRef

if TYPE_CHECKING:
    from cometary.actors import ActorSystem, Bounded
    from cometary.actors.cell import Cell


def _is_caller(to: object) -> TypeGuard[Future[Any]]:
    return isinstance(to, Future)


class MachineState(NamedTuple):
    """What `sys.get_state` returns for an actor that runs a machine.

    Attributes:
        state: the name of the state that the machine is in.
        data: its attributes, in a new dictionary; the values are the machine's own.
    """

    state: str
    data: dict[str, Any]


class TimerRanOut(NamedTuple):
    """To itself: a timer of the incarnation `life` has run out."""

    life: object
    timer: StartTimer


class MachineActor(Actor):
    """Runs a machine. Start it as it is, or subclass it for a `perform` of your own.

    Args:
        machine: the machine's class, or whatever else makes a new machine for each incarnation.
        *args: its positional arguments.
        **kwargs: its keyword arguments.

    Raises:
        UsageError: if `machine` cannot be called, like a machine itself, or makes none; the caller's fault.

    Attributes:
        machine: the machine; look at it, and leave stepping it to the actor.
    """

    @classmethod
    def new_cell(cls, system: ActorSystem, mailbox: Bounded | None = None) -> Cell:
        """See `Actor.new_cell`."""
        cell = super().new_cell(system, mailbox)
        cell.ref = ref = MachineRef(cls, cell)
        ref.machine, ref.alone = "", cls is MachineActor
        return cell

    def __init__(self, machine: Callable[..., StateMachine], *args: Any, **kwargs: Any) -> None:
        super().__init__()
        if not callable(machine):
            raise UsageError(f"a machine's class is wanted, and its arguments, not {show(machine)}")
        self._be_called_by(machine)
        self.machine = machine(*args, **kwargs)
        if not really(self.machine, StateMachine):
            raise UsageError(f"{show(machine)} has made no machine, but {show(self.machine)}")
        self._be_called_by(type(self.machine))
        self._life = object()
        self._timers: dict[Hashable, Timer] = {}
        self._timers_left: list[tuple[str, float]] = []

    def _be_called_by(self, machine: object) -> None:
        ref: object = self._cell.ref
        if isinstance(ref, MachineRef) and isinstance(machine, type):
            ref.machine = class_name(machine)

    def perform(self, action: Any) -> None:
        """Do what the machine returns and neither it nor this actor knows; a subclass has its own.

        It must not wait: what has to, runs as a task of this actor (`start_task`), which tells this
        actor of the outcome. If it raises, the actor crashes, asked or not: the machine has moved on.

        Raises:
            UsageError: here always: the machine's author's fault.
        """
        raise UsageError(f"{type(self).__name__} has no perform() for {show(action)}")

    # -- the actor's side -------------------------------------------------------------------

    def on_start(self) -> None:
        """Start the machine."""
        self._perform_all(self.machine.start(), None)

    def on_receive(self, message: Any) -> Any:
        """Step the machine; what is asked is answered when the machine says so."""
        if type(message) is TimerRanOut:
            if message.life is self._life:  # else of the incarnation before
                self._step(message.timer.timed_out(), message)
                self._forget_timer(message.timer.name)
        elif self._cell.replying is not None:
            return self._call(message)
        else:
            self._step(message, message)
        return None

    def on_stop(self) -> None:
        """Cancel the timers. A subclass that has its own calls this one too."""
        self._close_timers()

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:  # noqa: ARG002 - Pykka's
        """Cancel the timers. A subclass that has its own calls this one too."""
        self._timers_left = self.system_timers()
        self._close_timers()

    def crash_state(self) -> object:
        """What a crash report tells: the machine's state, data, postponed events and timers; see `account_of`."""
        return account_of(self.machine, type(self), self._timers_left)

    # -- the machine's side -----------------------------------------------------------------

    def _call(self, message: Any) -> Any:
        reply = self._cell.replying
        actions = self.machine.step(Call(message, reply))
        self.reply_later()  # only now: a step that raises is answered by the runtime
        self._perform_all(actions, message)
        return None

    def _step(self, event: object, message: object) -> None:
        self._perform_all(self.machine.step(event), message)

    def _perform_all(self, actions: Iterable[Any], message: object) -> None:
        try:
            for action in actions:
                self._perform(action, message)
        except BaseException as error:  # not to the caller alone: what the machine wanted is half done
            if exit_in(error) is not None:
                raise
            self._cell.fail(error, message)

    def _perform(self, action: Any, message: object) -> None:
        if isinstance(action, StartTimer):
            self._start_timer(action)
        elif isinstance(action, CancelTimer):
            self._timers[action.name].cancel()
            self._forget_timer(action.name)
        elif isinstance(action, Reply) and _is_caller(action.to):
            action.to.offer(action.value)  # the first answer counts
        elif isinstance(action, Stopped):
            self._end(action.reason, message)
        else:
            outcome: Any = self.perform(action)  # type: ignore[func-returns-value]  # a plain `def` returns none
            if type(outcome) is CoroutineType:
                refuse_coroutine(self, outcome, "perform")  # pyright: ignore[reportUnknownArgumentType]

    def _start_timer(self, action: StartTimer) -> None:
        timer = self._timers.get(action.name)
        if timer is None:
            self._timers[action.name] = timer = self.timer(None)
        timer.message = TimerRanOut(self._life, action)
        if action.at is None:
            timer.start(action.seconds or 0.0)
        else:
            timer.start_at(action.at)

    def _forget_timer(self, name: Hashable) -> None:
        # There may be no end of names. The timers of the state and of events are soon started again.
        timer = self._timers.get(name)
        if timer is not None and not timer.running and name not in RESERVED_NAMES:
            del self._timers[name]
            timer.close()

    def _end(self, reason: object, message: object) -> None:
        if (really(reason, Exit) or type(reason) is str) and reason:
            exit_ = as_exit(reason)
            call_on_stop(self, exit_)
            self._cell.log_stop(exit_)
            self._cell.end(exit_)
        else:
            strange = MachineStoppedError(f"{self.machine!r}: {show(reason)}")
            self._cell.fail(reason if really(reason, Exception) else strange, message)

    def _close_timers(self) -> None:
        for timer in self._timers.values():
            timer.close()

    # -- what cometary.actors.sys asks ------------------------------------------------------

    def system_machine(self) -> StateMachine:
        """What operators are shown: the machine."""
        return self.machine

    def system_machine_state(self) -> str:
        """See `sys.process_info`: the name of the machine's state."""
        return self.machine.state.name

    def system_timers(self) -> list[tuple[str, float]]:
        """See `sys.process_info`: the names of the timers that run and the seconds that they have left, by these."""
        now = self.system.scheduler.now()
        running = [(name, timer) for name, timer in self._timers.items() if timer.running]
        return sorted(
            ((_shown_name(name), timer.deadline - now) for name, timer in running), key=lambda each: each[1]
        )

    def system_get_state(self) -> MachineState:
        """See `sys.get_state`."""
        return _read(self.machine)

    def format_status(self) -> object:
        """See `sys.get_status`: what the machine's own `format_status()` says, or its state, shortened."""
        own = getattr(self.machine, "format_status", None)
        return show(self.system_get_state()) if own is None else own()

    def system_replace_state(self, state: object) -> None:
        """See `sys.replace_state`."""
        _write(self.machine, state)

    def system_code_change(self, new: type[Any]) -> None:
        """See `sys.change_code`: to another class of machine, or to another class of actor."""
        if not issubclass(new, StateMachine):
            change_class(self, new)
            return
        old, before = type(self.machine), _read(self.machine)
        name, data = converted(old, new, before)
        try:
            become(self.machine, new)
            _write(self.machine, (name, data))
            self._be_called_by(new)
        except InvalidStepError as error:
            raise UsageError(str(error)) from None
        except BaseException:
            become(self.machine, old)
            raise

    def system_observe(self, observer: Observer) -> Callable[[], None]:
        """See `sys.trace`: tell `observer` of the machine's transitions; returns what ends that."""
        return self.machine.observe(observer)


def _read(machine: StateMachine) -> MachineState:
    """Return state and data of a machine."""
    return MachineState(machine.state.name, read_attributes(machine, of_the_engine))


def _write(machine: StateMachine, new: object) -> None:
    """Give a machine another state and other data: no transition, so no enter action, and no timer changes.

    Raises:
        UsageError: if `new` is no pair of a state's name and a dictionary, or the machine has no such
            state; nothing has changed.
    """
    if not isinstance(new, tuple) or len(cast("Any", new)) != len(MachineState._fields):
        raise UsageError(f"the state of a machine is the pair (name of the state, data), not {new!r}")
    name, data = cast("tuple[Any, Any]", new)
    state = machine._fsm_table.states.get(name)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - sys reaches inside
    if state is None:
        raise UsageError(f"{type(machine).__name__} has no state {name!r}")
    write_attributes(machine, data, of_the_engine)
    machine.state = state


def _shown_name(name: Hashable) -> str:
    return name if type(name) is str else show(name)
