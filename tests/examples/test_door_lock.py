"""The door lock of the documentation does what the documentation says."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from cometary.testing import MachineDriver, MachineModel, check_model
from examples.door_lock import Bolt, Button, CodeLength, DoorLock

EXAMPLES = Path(__file__).parents[2] / "examples"


def door() -> MachineDriver[DoorLock]:
    return MachineDriver(DoorLock("42"))


def open_door() -> MachineDriver[DoorLock]:
    lock = door()
    lock.send(Button("4"), Button("2"))
    return lock


def test_it_starts_locked() -> None:
    lock = door()
    assert lock.actions == [Bolt(locked=True)]
    assert lock.state is DoorLock.locked


def test_the_code_opens_it_for_ten_seconds() -> None:
    lock = door()
    assert lock.send(Button("4")) == []
    assert lock.send(Button("2")) == [Bolt(locked=False)]
    assert lock.state is DoorLock.unlocked
    assert lock.timers == {"state": 10.0}


def test_it_locks_itself_again() -> None:
    lock = open_door()
    assert lock.advance(9.9) == []
    assert lock.advance(0.1) == [Bolt(locked=True)]
    assert lock.state is DoorLock.locked


def test_a_button_holds_it_open() -> None:
    lock = open_door()
    lock.advance(9)
    lock.send(Button("1"))
    assert lock.advance(9) == [], "the first ten seconds are void"
    assert lock.advance(1) == [Bolt(locked=True)]


def test_half_a_code_is_forgotten() -> None:
    lock = door()
    lock.send(Button("4"))
    lock.advance(30)
    lock.send(Button("2"))
    assert lock.state is DoorLock.locked


def test_a_wrong_digit_does_not_hinder_the_right_ones() -> None:
    lock = door()
    lock.send(*map(Button, "4142"))
    assert lock.state is DoorLock.unlocked


def test_whoever_presses_what_the_door_locks_itself_in_the_end() -> None:
    def bolted_when_locked(lock: DoorLock, actions: Sequence[object]) -> None:
        assert Bolt(locked=True) not in actions or lock.state is DoorLock.locked, (
            "the bolt is out, and the door open"
        )

    model = MachineModel(lambda: DoorLock("42"), [Button("4"), Button("2"), Button("7")], bolted_when_locked)
    locked = model.goal("the door is locked", lambda lock: lock.state is DoorLock.locked, by_time_alone=True)
    exploration = check_model(model, goals=[locked])
    assert exploration.complete, exploration


@pytest.mark.parametrize("lock", [door(), open_door()], ids=lambda lock: lock.state.name)
def test_it_tells_the_length_of_the_code_in_every_state(lock: MachineDriver[DoorLock]) -> None:
    assert lock.call(CodeLength()) == 2


def test_the_program_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["door_lock.py"])
    runpy.run_path(str(EXAMPLES / "door_lock.py"), run_name="__main__")
    assert "locked --> unlocked : Button" in capsys.readouterr().out


def test_the_documentation_shows_this_table_and_diagram() -> None:
    page = (EXAMPLES.parent / "docs" / "reference" / "fsm.md").read_text()
    assert DoorLock.table() in page
    assert DoorLock.mermaid() in page
