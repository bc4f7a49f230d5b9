"""State machines as values: events in, actions out.

A machine does no I/O, reads no clock and starts no timer: it returns actions, and whoever steps it acts on them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self, get_args

from cometary.errors import InvalidMachineError
from cometary.fsm.definition import read_table
from cometary.fsm.diagram import Transition, markdown, mermaid, transitions
from cometary.fsm.engine import ENGINE_ATTRIBUTES, NOTHING_EXTRA, Engine, Observer, Stage, UnhandledPolicy
from cometary.fsm.shell import StartTimer
from cometary.fsm.state import State


class StateMachine(Engine):
    """A state machine; a subclass declares its states and handlers and holds its data as attributes.

    Names of attributes that begin with `_fsm` are the engine's. A subclass may have `__slots__`.

    Attributes:
        state: The state it is in; only the engine sets it.
        unhandled: What becomes of an event without a handler: `"raise"` refuses it with `UnhandledEventError`,
            `"ignore"` drops it, `"postpone"` keeps it until the state changes.
        max_postponed: The most postponed events it may hold; one more is refused with `EventOverflowError`.
        max_chain: The most events that one event may set off within its step (inserted, retried and due at
            once); more is taken for an endless loop and refused with `EventOverflowError`.
    """

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.unhandled not in get_args(UnhandledPolicy):
            raise InvalidMachineError(f"{cls.__name__}.unhandled cannot be {cls.unhandled!r}")
        cls._fsm_table = read_table(cls)
        cls._fsm_rows = cls._fsm_table.rows

    def __init__(self, state: State | None = None) -> None:
        """Make a machine that is not started.

        Args:
            state: The state to start in, if not the initial one.

        Raises:
            InvalidMachineError: The class declares no states, or not this one: the fault of whoever wrote it.
        """
        initial = self._fsm_table.initial
        if initial is None:
            raise InvalidMachineError(f"{type(self).__name__} declares no states")
        if state is not None and self._fsm_table.states.get(state.name) is not state:
            raise InvalidMachineError(f"{type(self).__name__} has no state {state!r}")
        super().__init__(state or initial)

    @property
    def stage(self) -> Stage:
        """`"not started"`, `"running"` or `"stopped"`."""
        return (self._fsm_extra or NOTHING_EXTRA).stage

    @property
    def running_timers(self) -> Sequence[StartTimer]:
        """The timers that the shell should have running, with their latest content."""
        return list(self._timers_by_name().values())

    @property
    def postponed(self) -> Sequence[object]:
        """The postponed events, oldest first."""
        return (self._fsm_extra or NOTHING_EXTRA).postponed

    @property
    def below(self) -> Sequence[type]:
        """The classes that `PushMachine` has left and `PopMachine` goes back to, the latest last."""
        return (self._fsm_extra or NOTHING_EXTRA).below

    @property
    def observer(self) -> Observer | None:
        """Told `(state before, event, state after, actions)` of every event that a step handles, when the step is done.

        For debugging and display: it must not raise and must not step the machine. It costs nothing when None.
        """
        return (self._fsm_extra or NOTHING_EXTRA).observer

    @observer.setter
    def observer(self, observer: Observer | None) -> None:
        extra = replace(self._fsm_extra or NOTHING_EXTRA, observer=observer)
        self._fsm_extra = None if extra == NOTHING_EXTRA else extra

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Have `observer` told as well as the machine's `observer`, if it has one; returns what ends that."""
        told = self.observer
        if not isinstance(told, Observers):
            self.observer = told = Observers(told)
        end_one = told.add(observer)

        def end() -> None:
            end_one()
            if self.observer is told and not told.added:
                self.observer = told.first

        return end

    def snapshot(self) -> Self:
        """An independent copy: the machine as it is now, with deep copies of its attributes.

        Events and the content of timers are values and are shared, and so are references to actors and futures, such as
        those of callers. The observer is not copied.
        """
        return copy.deepcopy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        new: Callable[..., Self] = type(self).__new__
        twin = new(type(self), self.state)  # compiled, it calls the engine's constructor
        memo[id(self)] = twin
        for name in ENGINE_ATTRIBUTES:
            setattr(twin, name, getattr(self, name))
        for name, value in _own_attributes(self).items():
            setattr(twin, name, copy.deepcopy(value, memo))
        twin.observer = None
        return twin

    def __repr__(self) -> str:
        running = [f"{timer.name} timer" for timer in self.running_timers]
        postponed = [f"{len(self.postponed)} postponed"] if self.postponed else []
        stage = [] if self.stage == "running" else [self.stage]
        return f"<{type(self).__name__} {', '.join([self.state.name, *stage, *running, *postponed])}>"

    @classmethod
    def transitions(cls) -> Sequence[Transition]:
        """The transition table as data, in order of declaration."""
        return transitions(cls._fsm_table)

    @classmethod
    def table(cls) -> str:
        """The transition table as Markdown."""
        return markdown(cls._fsm_table)

    @classmethod
    def mermaid(cls) -> str:
        """The machine as a Mermaid `stateDiagram-v2`."""
        return mermaid(cls._fsm_table)


class Observers:
    """Several observers as one: the latest is told first. Those that were added may end in any order.

    Args:
        first: the one that was there before all others; None for none.

    Attributes:
        first: the same.
        added: the others, the latest first.
    """

    __slots__ = ("added", "first")

    def __init__(self, first: Observer | None) -> None:
        self.first = first
        self.added: tuple[Observer, ...] = ()

    def add(self, observer: Observer) -> Callable[[], None]:
        """Have one more told; returns what ends that, and may be called again."""

        def one(state: State, event: object, after: State, actions: Sequence[object]) -> None:
            observer(state, event, after, actions)

        self.added = (one, *self.added)

        def end() -> None:
            self.added = tuple(each for each in self.added if each is not one)

        return end

    def __call__(self, state: State, event: object, after: State, actions: Sequence[object]) -> None:
        """Tell all."""
        for observer in self.added:
            observer(state, event, after, actions)
        if self.first is not None:
            self.first(state, event, after, actions)


def _own_attributes(machine: StateMachine) -> dict[str, Any]:
    """What a machine's own class, and not the engine, has given it; in slots or in its `__dict__`."""
    slots = [name for kind in type(machine).__mro__ for name in _slots(kind) if name not in ENGINE_ATTRIBUTES]
    named = {name: getattr(machine, name) for name in slots if hasattr(machine, name)}
    return named | getattr(machine, "__dict__", {})


def _slots(kind: type) -> Sequence[str]:
    slots: Any = vars(kind).get("__slots__", vars(kind).get("__mypyc_attrs__", ()))
    return (slots,) if isinstance(slots, str) else slots
