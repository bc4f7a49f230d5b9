"""The door lock of the documentation does what the documentation says."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from cometary.fsm import Call, CancelTimer, Reply, StartTimer
from examples.door_lock import Bolt, Button, CodeLength, DoorLock

EXAMPLES = Path(__file__).parents[2] / "examples"


def door() -> DoorLock:
    lock = DoorLock("42")
    lock.start()
    return lock


def test_it_starts_locked() -> None:
    lock = DoorLock("42")
    assert list(lock.start()) == [Bolt(locked=True)]
    assert lock.state is DoorLock.locked


def test_the_code_opens_it_for_ten_seconds() -> None:
    lock = door()
    lock.step(Button("4"))
    actions = list(lock.step(Button("2")))
    assert actions == [Bolt(locked=False), CancelTimer("event"), StartTimer("state", 10.0, None, None, 2)]
    assert lock.state is DoorLock.unlocked


def test_it_locks_itself_again() -> None:
    lock = door()
    for digit in "42":
        lock.step(Button(digit))
    (timer,) = lock.running_timers
    assert list(lock.step(timer.timed_out())) == [Bolt(locked=True)]
    assert lock.state is DoorLock.locked


def test_a_button_holds_it_open() -> None:
    lock = door()
    for digit in "42":
        lock.step(Button(digit))
    (first,) = lock.running_timers
    lock.step(Button("1"))
    assert list(lock.step(first.timed_out())) == [], "the first ten seconds are void"
    assert lock.state is DoorLock.unlocked


def test_half_a_code_is_forgotten() -> None:
    lock = door()
    lock.step(Button("4"))
    (timer,) = lock.running_timers
    lock.step(timer.timed_out())
    lock.step(Button("2"))
    assert lock.state is DoorLock.locked


def test_a_wrong_digit_does_not_hinder_the_right_ones() -> None:
    lock = door()
    for digit in "4142":
        lock.step(Button(digit))
    assert lock.state is DoorLock.unlocked


def test_it_tells_the_length_of_the_code_in_every_state() -> None:
    lock = door()
    question = Call(CodeLength(), "caller")
    assert list(lock.step(question)) == [Reply("caller", 2)]
    for digit in "42":
        lock.step(Button(digit))
    assert list(lock.step(question)) == [Reply("caller", 2)]


def test_the_program_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["door_lock.py"])
    runpy.run_path(str(EXAMPLES / "door_lock.py"), run_name="__main__")
    assert "locked --> unlocked : Button" in capsys.readouterr().out


def test_the_documentation_shows_this_table_and_diagram() -> None:
    page = (EXAMPLES.parent / "docs" / "reference" / "fsm.md").read_text()
    assert DoorLock.table() in page
    assert DoorLock.mermaid() in page
