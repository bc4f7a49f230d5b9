"""The rules of gen_statem on what its callbacks may return: `init`, enter calls, `stop`; and on internal events."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cometary.errors import (
    EventOverflowError,
    InvalidMachineError,
    InvalidStepError,
    UndeclaredTransitionError,
    UnhandledEventError,
)
from cometary.fsm import (
    ANY,
    END,
    EventTimeout,
    Internal,
    NextEvent,
    Postpone,
    Reply,
    StartTimer,
    State,
    StateMachine,
    StateTimeout,
    Step,
    Stopped,
    Timeout,
    enter,
    goto,
    on,
    repeat,
    state_timeout,
    stay,
    stop,
    stop_and_reply,
)
from tests.fsm.scripted import Do, Out, Scripted, started


class Door(StateMachine):
    """Its enter actions answer what the test says."""

    out = State(initial=True)
    inside = State()

    def __init__(
        self, *answers: object, initial: tuple[object, ...] = (), state: State | None = None
    ) -> None:
        super().__init__(state)
        self.answers = list(answers)
        self.initial = initial
        self.log: list[str] = []

    def init(self) -> tuple[object, ...]:
        self.log.append("init")
        return self.initial

    @on(out, Do, to=inside)
    def go(self, event: Do) -> Step:
        self.log.append(event.name)
        return event.a or goto(self.inside)

    @on(inside, Do)
    def be(self, event: Do) -> None:
        self.log.append(f"{event.name} inside")

    @enter((out, inside), to=END)
    def entered(self, came_from: State) -> Step | tuple[object, ...] | None:
        """Does what the test says."""
        self.log.append(f"enter {self.state.name} from {came_from.name}")
        return self.answers.pop(0) if self.answers else None  # type: ignore[return-value]


class Narrow(Door):
    """Its enter actions do not declare that they stop it."""

    @enter((Door.out, Door.inside))
    def entered(self, came_from: State) -> Step | tuple[object, ...] | None:
        return super().entered(came_from)


class TestEnterResults:
    def test_keep_state_is_the_same_as_its_actions(self) -> None:
        door = Door(None, stay(Out("1"), StateTimeout(3)))
        door.start()
        assert list(door.step(Do("go"))) == [Out("1"), StartTimer("state", 3, None, None, 1)]

    def test_next_state_to_the_same_state_is_allowed(self) -> None:
        door = Door(None, goto(Door.inside, Out("1")))
        door.start()
        assert list(door.step(Do("go"))) == [Out("1")]

    def test_next_state_to_another_is_refused(self) -> None:
        door = Door(None, goto(Door.out))
        door.start()
        with pytest.raises(InvalidStepError, match="may not change the state"):
            door.step(Do("go"))
        assert door.state is Door.out

    def test_repeat_state_enters_again_from_the_same_state(self) -> None:
        door = Door(None, repeat(Out("1")), (Out("2"),))
        door.start()
        assert list(door.step(Do("go"))) == [Out("1"), Out("2")]
        assert door.log[-2:] == ["enter inside from out", "enter inside from inside"]

    def test_repeat_state_for_ever_is_refused(self) -> None:
        class Endless(Door):
            max_chain = 5

        door = Endless(None, *[repeat()] * 5)
        door.start()
        with pytest.raises(EventOverflowError, match="more than 5 times"):
            door.step(Do("go"))

    def test_stop_ends_the_machine_in_the_new_state(self) -> None:
        door = Door(None, stop("enough", Out("1")))
        door.start()
        door.step(Do("wait", stay(Timeout("t", 5))))
        *actions, last = door.step(Do("go", goto(Door.inside, NextEvent(Do("never")))))
        assert actions[0] == Out("1")
        assert last == Stopped("enough")
        assert door.stage == "stopped"
        assert door.state is Door.inside
        assert door.log[-1] == "enter inside from out"

    def test_stop_on_entering_the_first_state_ends_the_machine_at_its_start(self) -> None:
        door = Door(stop("enough"), initial=(Timeout("t", 5), NextEvent(Do("never"))))
        assert list(door.start()) == [Stopped("enough")]
        assert door.stage == "stopped"

    def test_stop_and_reply_answers_first(self) -> None:
        door = Door(None, stop_and_reply("enough", Reply("me", 1), Reply("you", 2)))
        door.start()
        assert list(door.step(Do("go"))) == [Reply("me", 1), Reply("you", 2), Stopped("enough")]

    def test_stop_has_to_be_declared(self) -> None:
        door = Narrow(None, stop("enough"))
        door.start()
        with pytest.raises(UndeclaredTransitionError, match="without to=END"):
            door.step(Do("go"))
        assert door.state is Door.out
        assert door.stage == "running"

    def test_only_stop_can_be_declared(self) -> None:
        with pytest.raises(InvalidMachineError, match="may go nowhere but to END"):
            enter(Door.out, to=Door.inside)

    @pytest.mark.parametrize("step", [stay(Postpone()), repeat(NextEvent(Do("x")))])
    def test_the_actions_of_a_step_are_restricted_as_well(self, step: Step) -> None:
        door = Door(None, step)
        door.start()
        with pytest.raises(InvalidStepError, match="an enter action may not do that"):
            door.step(Do("go"))

    def test_the_table_and_the_diagram_show_that_it_may_stop(self) -> None:
        assert "| `inside` | enter | (end) | Does what the test says. |" in Door.table()
        assert "    inside --> [*] : enter" in Door.mermaid()
        assert "enter" not in Narrow.table()


class TestInit:
    def test_its_actions_come_before_the_enter_actions(self) -> None:
        door = Door((Out("2"),), initial=(Out("1"),))
        assert list(door.start()) == [Out("1"), Out("2")]
        assert door.log == ["init", "enter out from out"]

    def test_an_event_that_it_inserts_is_handled_by_start(self) -> None:
        door = Door(initial=(NextEvent(Do("go")), NextEvent(Do("on"))))
        door.start()
        assert door.log == ["init", "enter out from out", "go", "enter inside from out", "on inside"]

    def test_its_time_outs_are_set_and_an_enter_action_outdoes_them(self) -> None:
        door = Door((StateTimeout(2),), initial=(StateTimeout(1), EventTimeout(3)))
        door.start()
        assert {timer.name: timer.seconds for timer in door.running_timers} == {"state": 2, "event": 3}

    def test_to_postpone_there_means_nothing(self) -> None:
        door = Door(initial=(Postpone(),))
        door.start()
        assert door.postponed == ()

    def test_a_machine_may_start_in_another_state(self) -> None:
        door = Door(state=Door.inside)
        door.start()
        assert door.log == ["init", "enter inside from inside"]

    def test_but_not_in_the_state_of_another(self) -> None:
        with pytest.raises(InvalidMachineError, match="has no state"):
            Door(state=Scripted.a)


class TestStopAndReply:
    def test_it_takes_replies_alone(self) -> None:
        with pytest.raises(TypeError, match="Reply"):
            stop_and_reply("normal", Out("1"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    def test_replies_come_before_the_end(self) -> None:
        actions = list(started().step(Do("end", a=stop_and_reply("normal", Reply("me", 1)))))
        assert actions == [Reply("me", 1), Stopped("normal")]


@dataclass(frozen=True)
class Tick:
    """What the machine says to itself."""


class Clock(StateMachine):
    only = State(initial=True)

    def __init__(self) -> None:
        super().__init__()
        self.log: list[str] = []

    @on(only, Do)
    def do(self, _event: Do) -> Step:
        return stay(NextEvent(Internal(Tick())), NextEvent(Internal(3)), NextEvent(Tick()))

    @on(only, Internal[Tick])
    def tick(self, event: Internal[Tick]) -> None:
        self.log.append(f"internal {event.message!r}")

    @on(only, Internal)
    def other(self, event: Internal[object]) -> None:
        self.log.append(f"other {event.message!r}")

    @on(ANY, (Tick, state_timeout))
    def plain(self, event: object) -> None:
        self.log.append(f"plain {event!r}")


class TestInternal:
    def test_one_is_told_from_the_same_event_from_outside(self) -> None:
        clock = Clock()
        clock.start()
        clock.step(Do("x"))
        clock.step(Tick())
        assert clock.log == ["internal Tick()", "other 3", "plain Tick()", "plain Tick()"]

    def test_one_from_outside_is_refused(self) -> None:
        clock = Clock()
        clock.start()
        with pytest.raises(UnhandledEventError, match="from nobody but itself"):
            clock.step(Internal(Tick()))
        assert clock.log == []

    def test_the_table_shows_it(self) -> None:
        assert "| `only` | internal Tick | stays |" in Clock.table()
