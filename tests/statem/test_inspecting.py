"""`cometary.actors.sys` on an actor that runs a machine: state and data, transitions, another machine's class."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import wait_all_tasks_blocked

from cometary.actors import sys, system
from cometary.actors.sys import TraceEvent
from cometary.errors import UsageError
from cometary.fsm import ANY, Call, Reply, State, StateMachine, StateTimeout, Step, goto, on, stay
from cometary.statem import MachineActor, MachineState
from tests.statem.locks import OPEN, Ask, Beep, Do, Lock, LoudLock


class NewLock(Lock):
    """A newer version of the machine, with another attribute."""

    version = 2

    @staticmethod
    def code_change(old_version: object, state: MachineState) -> MachineState:
        name, data = state
        return MachineState(name, {"codes": [data["code"]], "at_start": (), "was": old_version})

    @on(ANY, Call[Ask])
    def ask(self, event: Call[Ask]) -> Step:
        return stay(Reply(event.reply_to, vars(self)["codes"]))


class Foreign(StateMachine):
    """Has no such states."""

    elsewhere = State(initial=True)


class Unwilling(Lock):
    @staticmethod
    def code_change(old_version: object, state: MachineState) -> MachineState:
        return MachineState("elsewhere", {})


async def test_the_state_is_that_of_the_machine() -> None:
    async with system():
        ref = LoudLock.start([], "1234")
        assert await sys.get_state(ref) == ("shut", {"code": "1234", "at_start": ()})
        ref.tell(Do(OPEN))
        state = await sys.get_state(ref)
        assert state.state == "opened"


async def test_another_state_is_no_transition() -> None:
    beeps: list[str] = []
    async with system():
        ref = LoudLock.start(beeps)
        ref.tell(Do(stay(StateTimeout(60))))
        new = await sys.replace_state(
            ref, lambda old: old._replace(state="opened", data={**old.data, "code": "1"})
        )
        assert await sys.get_state(ref) == new == ("opened", {"code": "1", "at_start": ()})
        assert [timer.name for timer in ref.actor_inbox.actor.machine.running_timers] == ["state"]  # type: ignore[union-attr]
        assert beeps == []


@pytest.mark.parametrize("new", [("elsewhere", {}), "opened", ("opened",), ("opened", 5)])
async def test_a_state_that_it_cannot_have_is_refused(new: Any) -> None:
    async with system():
        ref = MachineActor.start(Lock)
        with pytest.raises((UsageError, TypeError)):
            await sys.replace_state(ref, lambda _: new)
        assert await sys.get_state(ref) == ("shut", {"code": "42", "at_start": ()})


async def test_a_trace_tells_of_transitions() -> None:
    events: list[TraceEvent] = []
    async with system():
        ref = LoudLock.start([])
        await sys.trace(ref, events.append)
        ref.tell(Do(OPEN))
        assert await ref.ask(Ask(5)) == 5
        await sys.no_trace(ref)
        ref.tell(Do(goto(Lock.shut)))
        await wait_all_tasks_blocked()
    assert [event.kind for event in events] == ["in", "transition", "in", "transition", "out"]
    assert events[1].content == (Lock.shut, Do(OPEN), Lock.opened, (Beep("open"),))
    assert "<Lock.shut> -> <Lock.opened> on Do: " in str(events[1])
    assert str(events[1]).endswith(": Beep: Beep(note='open')")


async def test_a_trace_leaves_another_observer_alone() -> None:
    seen: list[object] = []

    def observe(_before: State, event: object, _after: State, _actions: object) -> None:
        seen.append(event)

    events: list[TraceEvent] = []
    async with system():
        ref = LoudLock.start([])
        machine = ref.actor_inbox.actor.machine  # type: ignore[union-attr]
        machine.observer = observe
        await sys.trace(ref, events.append)
        ref.tell(Do(OPEN))
        await wait_all_tasks_blocked()
        await sys.no_trace(ref)
        assert machine.observer is observe
    assert seen == [Do(OPEN)]
    assert len(events) == 2


async def test_another_class_of_machine_goes_on_in_the_same_state() -> None:
    async with system():
        ref = LoudLock.start([])
        ref.tell(Do(OPEN))
        await sys.change_code(ref, NewLock)
        assert await ref.ask(Ask()) == ["42"]
        assert await sys.get_state(ref) == ("opened", {"codes": ["42"], "at_start": (), "was": None})


async def test_another_class_of_actor_goes_on_with_the_same_machine() -> None:
    class Louder(LoudLock):
        def perform(self, action: Any) -> None:
            self.beeps.append(action.note.upper())

    beeps: list[str] = []
    async with system():
        ref = LoudLock.start(beeps)
        await sys.change_code(ref, Louder)
        ref.tell(Do(OPEN))
        await wait_all_tasks_blocked()
    assert beeps == ["OPEN"]


@pytest.mark.parametrize("new", [Foreign, Unwilling])
async def test_a_change_that_fails_leaves_the_old_machine_running(new: type) -> None:
    async with system():
        ref = MachineActor.start(Lock)
        with pytest.raises(UsageError):
            await sys.change_code(ref, new)
        assert await ref.ask(Ask(5)) == 5
        assert await sys.get_state(ref) == ("shut", {"code": "42", "at_start": ()})
        assert type(ref.actor_inbox.actor.machine) is Lock  # type: ignore[union-attr]


async def test_the_status_shows_the_state_shortened_or_what_the_machine_wants_shown() -> None:
    class Secretive(Lock):
        def format_status(self) -> str:
            return f"{self.state.name}, with a code of {len(self.code)} digits"

    async with system():
        status = await sys.get_status(MachineActor.start(Lock, "1" * 1000))
        assert status.shown.startswith("MachineState(state='shut'")
        assert len(status.shown) < 300
        assert (await sys.get_status(MachineActor.start(Secretive))).shown == "shut, with a code of 2 digits"


async def test_a_suspended_machine_waits() -> None:
    async with system():
        ref = MachineActor.start(Lock)
        await sys.suspend(ref)
        answer = ref.ask(Ask(5))
        await wait_all_tasks_blocked()
        assert not answer.done()
        await sys.resume(ref)
        assert await answer == 5
