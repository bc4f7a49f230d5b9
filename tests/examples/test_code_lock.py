"""The lock of the tutorial, tested as the tutorial says: as a machine by hand, as an actor in virtual time."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from cometary.actors import Actor, ActorRef, ActorSystem, Future
from cometary.fsm import Reply
from cometary.testing import MachineDriver, Probe, explore_orders
from examples.code_lock import door as program
from examples.code_lock.door import Door, SlowMotor, Turn
from examples.code_lock.lock import Alarm, CodeLock, Drawn, LetIn, Motor
from examples.code_lock.two_states import Button, Lock, Pulled

EXAMPLES = Path(__file__).parents[2] / "examples/code_lock"


def digits(code: str) -> list[Button]:
    """One button for each digit."""
    return [Button(digit) for digit in code]


def new_lock() -> MachineDriver[CodeLock]:
    return MachineDriver(CodeLock("4711"))


# -- two states ---------------------------------------------------------------------------


def test_the_code_opens_it_and_pulling_shuts_it() -> None:
    lock = MachineDriver(Lock("42"))
    lock.send(*digits("4142"))
    assert lock.state is Lock.unlocked
    lock.send(Button("4"), Pulled())
    assert lock.state is Lock.locked


# -- the code -----------------------------------------------------------------------------


def test_the_right_code_draws_the_bolt() -> None:
    lock = new_lock()
    assert lock.send(*digits("4711")) == [Motor(draw=True)]
    assert lock.state is CodeLock.unlocking


def test_a_wrong_code_does_nothing() -> None:
    lock = new_lock()
    assert lock.send(*digits("4712")) == []
    assert lock.send(*digits("4711")) == [Motor(draw=True)]


def test_half_a_code_is_forgotten_after_five_seconds() -> None:
    lock = new_lock()
    lock.send(*digits("47"))
    lock.advance(4.9)
    lock.send(Button("1"))
    lock.advance(5)
    assert lock.send(*digits("4711")) == [Motor(draw=True)]


def test_half_a_code_is_forgotten_whatever_comes_in_between() -> None:
    lock = new_lock()
    lock.send(*digits("47"))
    lock.advance(3)
    lock.send(Drawn())
    lock.advance(2)
    assert lock.send(*digits("4711")) == [Motor(draw=True)]


def test_three_wrong_codes_make_it_refuse_for_a_minute() -> None:
    lock = new_lock()
    assert lock.send(*digits("1111" * 3)) == [Alarm("someone tries codes")]
    assert lock.send(*digits("4711")) == []
    lock.advance(59)
    assert lock.state is CodeLock.refusing
    lock.advance(1)
    assert lock.send(*digits("4711")) == [Motor(draw=True)]


def test_only_mistakes_in_a_row_count() -> None:
    lock = new_lock()
    lock.send(*digits("1111" * 2 + "4711"), Drawn())
    lock.advance(10)
    assert lock.send(*digits("1111" * 2)) == []


# -- the bolt -----------------------------------------------------------------------------


def test_it_is_open_for_ten_seconds_once_the_bolt_is_drawn() -> None:
    lock = new_lock()
    lock.send(*digits("4711"), Drawn())
    assert lock.state is CodeLock.unlocked
    assert lock.timers["state"] == 10
    assert lock.advance(10) == [Motor(draw=False)]
    assert lock.state is CodeLock.locked


def test_a_bolt_that_is_stuck_is_given_up() -> None:
    lock = new_lock()
    lock.send(*digits("4711"))
    assert lock.advance(3) == [Motor(draw=False), Alarm("the bolt is stuck")]
    assert lock.send(Drawn()) == [], "too late"
    assert lock.state is CodeLock.refusing


# -- what comes at another time -----------------------------------------------------------


def test_a_button_while_the_bolt_moves_counts_when_it_has_moved() -> None:
    lock = new_lock()
    lock.send(*digits("4711"), Button("9"))
    assert len(lock.machine.postponed) == 1
    lock.advance(2)
    lock.send(Drawn())
    assert lock.machine.postponed == ()
    assert lock.timers["state"] == 10, "it held the door open, and was no digit of a code"


# -- the porter ---------------------------------------------------------------------------


def test_the_porter_is_answered_when_the_door_is_open() -> None:
    lock = new_lock()
    with pytest.raises(AssertionError, match="did not reply"):
        lock.call(LetIn())
    assert lock.state is CodeLock.unlocking
    (reply,) = lock.send(Drawn())
    assert isinstance(reply, Reply)
    assert reply.value is True
    assert lock.call(LetIn()) is True


def test_the_porter_is_told_when_the_bolt_is_stuck() -> None:
    lock = new_lock()
    with pytest.raises(AssertionError, match="did not reply"):
        lock.call(LetIn())
    *_, reply = lock.advance(3)
    assert isinstance(reply, Reply)
    assert reply.value is False


# -- the door, in virtual time ------------------------------------------------------------


async def test_who_is_let_in_waits_for_the_bolt(actor_system: ActorSystem) -> None:
    motor, porter = Probe.start("motor"), Probe.start("porter")
    door = Door.start("4711", motor, porter)
    answer: Future[bool] = door.ask(LetIn())
    await motor.expect(Turn(draw=True, door=door))
    await porter.expect_nothing(for_=2)
    assert not answer.done()
    door.tell(Drawn())
    assert await answer is True
    await motor.expect_nothing(for_=9.9)
    await motor.expect(Turn(draw=False, door=door), within=0.2)


async def test_a_motor_that_does_not_answer_is_an_alarm(actor_system: ActorSystem) -> None:
    motor, porter = Probe.start("motor"), Probe.start("porter")
    door = Door.start("4711", motor, porter)
    assert await door.ask(LetIn()) is False
    assert trio.current_time() == pytest.approx(3)
    await porter.expect(Alarm("the bolt is stuck"))


@explore_orders()
async def test_two_who_press_at_the_same_time_may_annoy_but_not_break_it(actor_system: ActorSystem) -> None:
    porter = Probe.start("porter")
    door = Door.start("4711", SlowMotor.start(), porter)
    hands = [Hand.start(door) for _ in range(2)]
    for digit in "4711":
        for hand in hands:
            hand.tell(Button(digit))
    await trio.sleep(120)
    assert await door.ask(LetIn()) is True


class Hand(Actor):
    """Presses what it is told to."""

    def __init__(self, door: ActorRef[Door]) -> None:
        super().__init__()
        self.door = door

    def on_receive(self, message: Button) -> None:
        """Press."""
        self.door.tell(message)


# -- the programs -------------------------------------------------------------------------


def test_the_first_step_prints_what_happens_and_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "two_states.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert printed.startswith("Button(digit='4') → locked\n")
    assert "Button(digit='2') → unlocked\nPulled() → locked\n" in printed
    assert Lock.table() in printed
    assert Lock.table() in (EXAMPLES.parents[1] / "docs/tutorial/door-lock.md").read_text()


def test_the_second_step_prints_its_diagram(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "lock.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert printed.strip() == CodeLock.mermaid().strip()
    assert CodeLock.mermaid() in (EXAMPLES.parents[1] / "docs/tutorial/door-lock.md").read_text()


def test_the_last_step_runs_a_door(capsys: pytest.CaptureFixture[str]) -> None:
    clock = MockClock(autojump_threshold=0)
    clock.jump(4711)  # Trio's clock begins anywhere
    trio.run(program.main, clock=clock)
    assert capsys.readouterr().out.splitlines() == [
        "open: True after 1 s",
        "alarm: someone tries codes",
        "open: False",
    ]
