"""The engine does what a naive model of gen_statem does, on its short path and on its full one."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

import pytest
from hypothesis import reject, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cometary.errors import EventOverflowError, NotRunningError, UnhandledEventError
from cometary.fsm import (
    Cancel,
    CancelTimer,
    EventTimeout,
    NextEvent,
    Postpone,
    StartTimer,
    State,
    StateTimeout,
    Step,
    Stopped,
    TimedOut,
    Timeout,
    Update,
    goto,
    repeat,
    stay,
    stop,
)
from tests.fsm.reference_model import MAX_CHAIN, EndlessError, Model, Timer
from tests.fsm.scripted import A, B, C, Do, Out, Scripted, Scripts

outs = st.builds(Out, st.sampled_from("123"))
contents = st.sampled_from(["old", "new"])
timers = st.sampled_from(["t", "u", "state", "event"])
seconds = st.sampled_from([0, 1, 2, math.inf])
for_entering = st.one_of(
    outs,
    st.builds(StateTimeout, seconds, contents),
    st.builds(EventTimeout, seconds, contents),
    st.builds(Timeout, st.sampled_from(["t", "u"]), seconds, contents),
    st.builds(Cancel, timers),
    st.builds(Update, timers, contents),
)
for_handling = st.one_of(for_entering, st.builds(Postpone, st.booleans()))


@st.composite
def steps(draw: st.DrawFn, actions: st.SearchStrategy[object]) -> Step:
    target = draw(st.sampled_from([A, B, C, None, "repeat"]))
    chosen = draw(st.lists(actions, max_size=4))
    if isinstance(target, State):
        return goto(target, *chosen)
    return repeat(*chosen) if target else stay(*chosen)


@st.composite
def events(draw: st.DrawFn, *, insert: bool = True) -> Do:
    """An event; what its answers insert does not insert again."""
    actions = st.one_of(for_handling, st.builds(NextEvent, events(insert=False))) if insert else for_handling
    return Do(draw(st.sampled_from("xyz")), *[draw(st.none() | steps(actions)) for _ in "abc"])


@st.composite
def scripts(draw: st.DrawFn) -> Scripts:
    entering = st.lists(for_entering, max_size=2).map(tuple)
    return Scripts(
        timed_out=draw(st.dictionaries(timers, steps(for_handling), max_size=2)),
        entering=draw(st.dictionaries(st.sampled_from("abc"), entering, max_size=3)),
    )


class Bounded(Scripted):
    max_chain = MAX_CHAIN


class Shell:
    """A machine, and the timers that a shell has running for it."""

    def __init__(self, machine: Scripted) -> None:
        self.machine = machine
        self.timers: dict[Hashable, StartTimer] = {}
        self.stale: list[StartTimer] = []

    def ran_out(self, event: object) -> None:
        """Take note that a timer has run out, if that is the event."""
        if isinstance(event, TimedOut):
            self._retire(event.name)

    def perform(self, actions: Sequence[object]) -> list[object]:
        """Start and cancel timers, and return the other actions."""
        others: list[object] = []
        for action in actions:
            if isinstance(action, StartTimer):
                self._retire(action.name)
                self.timers[action.name] = action
            elif isinstance(action, CancelTimer):
                assert action.name in self.timers, "only a running timer is cancelled"
                self._retire(action.name)
            else:
                others.append(action)
        return others

    def _retire(self, name: Hashable) -> None:
        if name in self.timers:
            self.stale.append(self.timers.pop(name))


class EngineAgainstModel(RuleBasedStateMachine):
    @initialize(scripts=scripts())
    def begin(self, scripts: Scripts) -> None:
        self.model = Model(scripts)
        # An observed machine never takes the short path.
        self.shells = [Shell(Bounded(scripts)), Shell(Bounded(scripts))]
        self.shells[1].machine.observer = ignore
        try:
            self.model.start()
        except EndlessError:
            reject()
        for shell in self.shells:
            assert shell.perform(shell.machine.start()) == self.model.outputs

    @precondition(lambda self: not self.model.stopped)
    @rule(event=events())
    def handle(self, event: Do) -> None:
        self._expect(lambda: self.model.step(event), lambda _shell: event)

    @precondition(lambda self: bool(self.model.timers))
    @rule(data=st.data())
    def time_out(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.model.timers, key=str)))
        self._expect(lambda: self.model.time_out(name), lambda shell: shell.timers[name].timed_out())

    def _expect(self, model: Callable[[], list[object]], event_for: Callable[[Shell], object]) -> None:
        """The machines do with their event what the model does."""
        try:
            expected = model()
        except EndlessError:
            expected = None
        for shell in self.shells:
            log = list(shell.machine.log)
            event = event_for(shell)
            if expected is None:
                with pytest.raises(EventOverflowError):
                    shell.machine.step(event)
                shell.machine.log[:] = log
            else:
                shell.ran_out(event)
                assert shell.perform(shell.machine.step(event)) == expected

    @precondition(lambda self: not self.model.stopped and bool(self.shells[0].stale))
    @rule(data=st.data())
    def time_out_late(self, data: st.DataObject) -> None:
        for shell in self.shells:
            timer = data.draw(st.sampled_from(shell.stale))
            assert list(shell.machine.step(timer.timed_out())) == []

    @precondition(lambda self: not self.model.stopped)
    @rule()
    def fork(self) -> None:
        for shell in self.shells:
            observer = shell.machine.observer
            shell.machine = shell.machine.snapshot()
            shell.machine.observer = observer

    @precondition(lambda self: not self.model.stopped)
    @rule()
    def fail(self) -> None:
        """A step that fails after it has done everything else leaves no trace, but in the log."""
        everything = (Out("lost"), StateTimeout(3), EventTimeout(3), Timeout("t", 3), Cancel("u"), Postpone())
        event = Do("fails", *[goto(target, *everything, NextEvent(object())) for target in (B, C, A)])
        for shell in self.shells:
            log = list(shell.machine.log)
            with pytest.raises(UnhandledEventError):
                shell.machine.step(event)
            shell.machine.log[:] = log

    @precondition(lambda self: not self.model.stopped)
    @rule()
    def end(self) -> None:
        event = Do("end", *[stop("done", Out("bye"))] * 3)
        self.model.step(event)
        for shell in self.shells:
            assert shell.perform(shell.machine.step(event)) == [Out("bye"), Stopped("done")]
            assert shell.timers == {}

    @precondition(lambda self: self.model.stopped)
    @rule(event=events())
    def handle_after_the_end(self, event: Do) -> None:
        for shell in self.shells:
            with pytest.raises(NotRunningError):
                shell.machine.step(event)

    @invariant()
    def machines_are_where_the_model_is(self) -> None:
        for shell in self.shells:
            machine = shell.machine
            assert machine.state.name == self.model.state
            assert machine.log == self.model.log
            assert [without_token(event) for event in machine.postponed] == self.model.postponed
            assert (machine.stage == "stopped") == self.model.stopped
            running = {timer.name: timer for timer in machine.running_timers}
            assert {
                name: Timer(timer.seconds, timer.content) for name, timer in running.items()
            } == self.model.timers
            assert {name: timer.token for name, timer in running.items()} == {
                name: timer.token for name, timer in shell.timers.items()
            }


def ignore(*_: object) -> None:
    """An observer."""


def without_token(event: object) -> object:
    """The event as the model has it, which knows its timers by name alone."""
    return replace(event, token=0) if isinstance(event, TimedOut) else event


TestEngineAgainstModel = EngineAgainstModel.TestCase
TestEngineAgainstModel.settings = settings(max_examples=75, stateful_step_count=20, deadline=None)
