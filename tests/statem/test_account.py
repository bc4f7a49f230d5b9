"""An actor that runs a machine is called by it, and its crash report tells what the machine was doing."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import sys, system, whereis
from cometary.fsm import ANY, Postpone, State, StateMachine, Step, Timeout, on, stay
from cometary.statem import MachineActor
from cometary.supervision import (
    ChildSpec,
    DynamicSupervisor,
    latest_reports,
    start_child,
    supervise,
    tree,
)


@dataclass(frozen=True)
class Later:
    """To be postponed."""

    secret: str = "hunter2"


@dataclass(frozen=True)
class Wait:
    """Start a timer."""

    name: str
    seconds: float


class Crash:
    """Raise."""


class Door(StateMachine):
    shut = State(initial=True)

    def __init__(self, code: str = "42") -> None:
        super().__init__()
        self.code = code

    @on(shut, Later)
    def later(self, event: Later) -> Step:
        return stay(Postpone())

    @on(shut, Wait)
    def wait(self, event: Wait) -> Step:
        return stay(Timeout(event.name, event.seconds))

    @on(ANY, Crash)
    def crash(self, event: Crash) -> Step:
        raise LookupError("jammed")


class Discreet(Door):
    def format_status(self) -> object:
        return f"a code of {len(self.code)} digits"


class Doorman(MachineActor):
    """A class of the program's own, whose events are secret."""

    @staticmethod
    def format_message(message: object) -> str:
        return f"a {type(message).__name__}"


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


async def test_it_is_called_by_its_machine() -> None:
    async with system(), supervise([ChildSpec("crowd", DynamicSupervisor, name="crowd")]) as root:
        door = MachineActor.with_name("door").start(Door)
        assert str(door) == f"Door 'door' ({door.actor_urn})"
        assert (await sys.get_status(door)).actor == "Door"
        assert (await sys.process_info(door)).actor == "Door"
        assert (await sys.process_info(door)).state == "shut"
        assert str(Doorman.start(Door)).startswith("Doorman[Door] (")
        assert str(MachineActor.start(lambda: Door("1"))).startswith("Door (")
        await start_child("crowd", MachineActor, Door)
        spec = ChildSpec("front", MachineActor, (Door, "42"), restart="temporary")
        await start_child("crowd", spec)
        await start_child(root, spec)
        crowd, front = tree(root).children
        assert front.actor == "Door"
        assert [child.actor for child in crowd.children] == ["Door", "Door"]


async def test_a_change_of_code_changes_what_it_is_called() -> None:
    async with system():
        door = MachineActor.start(Door)
        await sys.change_code(door, Discreet)
        assert str(door).startswith("Discreet (")


async def test_it_is_called_by_its_machine_while_that_is_made() -> None:
    called: list[str] = []

    class Slow(Door):
        def __init__(self) -> None:
            super().__init__("1")
            called.append(str(whereis("door")))

    async with system():
        MachineActor.with_name("door").start(Slow)
        assert called[0].startswith("Slow 'door' (")


async def test_its_timers_are_told_by_their_names(autojump_clock: trio.testing.MockClock) -> None:
    del autojump_clock
    async with system():
        door = MachineActor.start(Door)
        door.tell(Wait("knock", 30))
        door.tell(Wait("ring", 10))
        await trio.sleep(4)
        timers = (await sys.process_info(door)).timers
        assert [(timer.about, round(timer.seconds)) for timer in timers] == [("ring", 6), ("knock", 26)]


async def test_a_crash_report_tells_what_the_machine_was_doing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    spec = ChildSpec("front", MachineActor, (Door, "1234"), name="front")
    async with system(), supervise([spec]) as root:
        door = await sys.process_info("front")
        for event in (Wait("knock", 30), Wait("ring", 10), Later(), Later("x"), Crash()):
            door.ref.tell(event)
        await trio.testing.wait_all_tasks_blocked()
        (report,) = latest_reports(root)
    assert (report.actor, report.names, report.action) == ("Door", ("front",), "restart")
    assert report.state == {
        "machine": "Door",
        "state": "shut",
        "data": {"code": "'1234'"},
        "postponed": ["Later: Later(secret='hunter2')", "Later: Later(secret='x')"],
        "postponed_events": 2,
        "timers": ["ring in 10 s", "knock in 30 s"],
    }
    assert json.loads(json.dumps(report.as_dict()))["state"] == report.state


async def test_what_is_secret_is_not_in_it() -> None:
    spec = ChildSpec("front", Doorman, (Discreet, "1234"))
    async with system(), supervise([spec]) as root:
        (node,) = tree(root).children
        assert node.actor == "Doorman[Discreet]"
        ref: Any = next(each for each in root.actor_inbox.system.actors if each.actor_class is Doorman)
        for event in (Later(), Crash()):
            ref.tell(event)
        await trio.testing.wait_all_tasks_blocked()
        (report,) = latest_reports(root)
    assert report.state["data"] == "a code of 4 digits"  # type: ignore[index]
    assert report.state["postponed"] == ["a Later"]  # type: ignore[index]
    assert "hunter2" not in str(report.as_dict())


async def test_however_much_there_is_a_report_stays_short() -> None:
    class Full(Door):
        def __init__(self) -> None:
            super().__init__("1" * 100_000)
            for number in range(100):
                setattr(self, f"attribute_{number}", "2" * 100_000)

    async with system(), supervise([ChildSpec("front", MachineActor, (Full,), name="front")]) as root:
        door = (await sys.process_info("front")).ref
        for number in range(100):
            door.tell(Later("3" * 100_000))
            door.tell(Wait(f"timer {number}", 60))
        door.tell(Crash())
        await trio.testing.wait_all_tasks_blocked()
        (report,) = latest_reports(root)
    state: Any = report.state
    assert [len(state[what]) for what in ("data", "postponed", "timers")] == [20, 20, 20]
    assert state["postponed_events"] == 100
    assert len(str(state)) < 20_000


async def test_what_cannot_be_shown_ends_nothing_else() -> None:
    class Shy(Door):
        def format_status(self) -> object:
            raise LookupError("no")

    async with system(), supervise([ChildSpec("front", MachineActor, (Shy,), name="front")]) as root:
        ref = (await sys.process_info("front")).ref
        ref.tell(Crash())
        await trio.testing.wait_all_tasks_blocked()
        (report,) = latest_reports(root)
        assert report.state == "crash_state raised LookupError('no')"
        assert (await sys.process_info("front")).restarts == 1
