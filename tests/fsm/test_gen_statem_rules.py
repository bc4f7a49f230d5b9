"""The rules of OTP's gen_statem manual (`transition_option()`, `action()`, `state_enter()`), one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest

from cometary.errors import (
    EventOverflowError,
    InvalidStepError,
    NotRunningError,
    UndeclaredTransitionError,
    UnhandledEventError,
)
from cometary.fsm import (
    Call,
    Cancel,
    CancelTimer,
    EventTimeout,
    NextEvent,
    Postpone,
    Reply,
    StartTimer,
    State,
    StateMachine,
    StateTimeout,
    Step,
    Stopped,
    TimedOut,
    Timeout,
    Update,
    goto,
    on,
    repeat,
    stay,
    stop,
)
from tests.fsm.scripted import A, B, C, Do, Out, Scripted, Scripts, Unknown, started


def fire(machine: StateMachine, name: str) -> list[object]:
    """Let the running timer of this name run out."""
    (timer,) = [timer for timer in machine.running_timers if timer.name == name]
    return list(machine.step(timer.timed_out()))


def ignore(*_: object) -> None:
    """An observer."""


def running(machine: StateMachine) -> dict[object, object]:
    return {timer.name: timer.seconds for timer in machine.running_timers}


class TestStateChange:
    def test_next_state_changes_the_state(self) -> None:
        machine = started()
        assert machine.state is A
        machine.step(Do("go", a=goto(B)))
        assert machine.state is B

    def test_actions_for_the_shell_come_out_in_order(self) -> None:
        machine = started()
        assert list(machine.step(Do("go", a=goto(B, Out("1"), Out("2"))))) == [Out("1"), Out("2")]

    def test_no_answer_keeps_state_and_does_nothing(self) -> None:
        machine = started()
        assert list(machine.step(Do("nothing"))) == []
        assert machine.state is A

    def test_going_to_the_same_state_is_staying(self) -> None:
        machine = started()
        machine.step(Do("timer", a=stay(StateTimeout(5))))
        machine.step(Do("same", a=goto(A)))
        assert running(machine) == {"state": 5}
        assert machine.log == ["timer in a", "same in a"]


class TestEnterActions:
    def test_start_enters_the_initial_state_from_itself(self) -> None:
        machine = Scripted(Scripts(entering={"a": (Out("hello"), StateTimeout(3))}))
        assert list(machine.start()) == [Out("hello"), StartTimer("state", 3, None, None, 1)]
        assert machine.log == ["enter a from a"]

    def test_a_state_change_enters_the_new_state_after_the_handler(self) -> None:
        machine = started(Scripts(entering={"b": (Out("entered"),)}))
        assert list(machine.step(Do("go", a=goto(B, Out("left"))))) == [Out("left"), Out("entered")]
        assert machine.log == ["go in a", "enter b from a"]

    def test_staying_enters_nothing(self) -> None:
        machine = started(Scripts(entering={"a": (Out("entered"),)}))
        assert list(machine.step(Do("stay", a=stay(Out("1"))))) == [Out("1")]

    def test_repeat_state_enters_the_same_state_again(self) -> None:
        machine = started(Scripts(entering={"a": (Out("entered"),)}))
        assert list(machine.step(Do("again", a=repeat(Out("1"))))) == [Out("1"), Out("entered")]
        assert machine.log == ["again in a", "enter a from a"]

    def test_repeat_state_is_otherwise_keep_state(self) -> None:
        machine = started()
        machine.step(Do("timer", a=stay(StateTimeout(5))))
        machine.step(Do("later", a=stay(Postpone())))
        machine.step(Do("again", a=repeat()))
        assert running(machine) == {"state": 5}
        assert len(machine.postponed) == 1

    def test_an_enter_action_may_reply_and_set_time_outs(self) -> None:
        actions = (Reply("caller", 1), StateTimeout(1), EventTimeout(2), Timeout("t", 3))
        machine = started(Scripts(entering={"b": actions}))
        assert machine.step(Do("go", a=goto(B)))[0] == Reply("caller", 1)
        assert running(machine) == {"state": 1, "event": 2, "t": 3}

    def test_an_enter_actions_time_out_replaces_the_handlers(self) -> None:
        machine = started(Scripts(entering={"b": (StateTimeout(2),)}))
        assert list(machine.step(Do("go", a=goto(B, StateTimeout(1))))) == [
            StartTimer("state", 2, None, None, 1)
        ]

    @pytest.mark.parametrize("action", [Postpone(), NextEvent(Do("x")), goto(C), repeat(), stop("x")])
    def test_an_enter_action_may_not_postpone_insert_or_change_state(self, action: object) -> None:
        machine = started(Scripts(entering={"b": (action,)}))
        with pytest.raises(InvalidStepError, match=r"an enter action may not do that|is not an action"):
            machine.step(Do("go", a=goto(B)))
        assert machine.state is A

    def test_an_enter_action_returns_a_tuple(self) -> None:
        machine = started()
        machine.scripts.entering["b"] = Out("no tuple")  # type: ignore[assignment]  # pyright: ignore[reportArgumentType]
        with pytest.raises(InvalidStepError, match="a tuple of actions or None"):
            machine.step(Do("go", a=goto(B)))
        assert machine.state is A


class TestPostpone:
    def test_a_postponed_event_waits_for_a_state_change(self) -> None:
        machine = started()
        late = Do("late", a=stay(Postpone()))
        machine.step(late)
        machine.step(Do("stay"))
        assert list(machine.postponed) == [late]
        machine.step(Do("go", a=goto(B)))
        assert list(machine.postponed) == []
        assert machine.log == ["late in a", "stay in a", "go in a", "enter b from a", "late in b"]

    def test_postponed_events_are_retried_oldest_first(self) -> None:
        machine = started()
        for name in "123":
            machine.step(Do(name, a=stay(Postpone())))
        machine.log.clear()
        machine.step(Do("go", a=goto(B)))
        assert machine.log == ["go in a", "enter b from a", "1 in b", "2 in b", "3 in b"]

    def test_postponed_events_come_before_newer_ones(self) -> None:
        machine = started()
        machine.step(Do("old", a=stay(Postpone())))
        machine.step(Do("x", a=stay(NextEvent(Do("go", a=goto(B))), NextEvent(Do("new")))))
        assert machine.log[-3:] == ["enter b from a", "old in b", "new in b"]

    def test_an_event_may_be_postponed_again(self) -> None:
        machine = started()
        late = Do("late", a=stay(Postpone()), b=stay(Postpone()))
        machine.step(late)
        machine.step(Do("go", a=goto(B)))
        assert machine.postponed == (late,)
        machine.step(Do("go", b=goto(C)))
        assert machine.log[-1] == "late in c"

    def test_postponing_while_changing_state_retries_at_once_and_last(self) -> None:
        machine = started()
        machine.step(Do("old", a=stay(Postpone())))
        machine.step(Do("go", a=goto(B, Postpone())))
        assert machine.log[-3:] == ["enter b from a", "old in b", "go in b"]

    def test_the_last_postpone_of_a_list_wins(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(Postpone(), Postpone(postpone=False))))
        assert machine.postponed == ()
        machine.step(Do("y", a=stay(Postpone(postpone=False), Postpone())))
        assert len(machine.postponed) == 1

    def test_one_more_than_max_postponed_is_refused(self) -> None:
        class Small(Scripted):
            max_postponed = 2

        machine = Small()
        machine.start()
        late = Do("late", a=stay(Postpone()))
        machine.step(late)
        machine.step(late)
        with pytest.raises(EventOverflowError, match="cannot postpone"):
            machine.step(late)
        assert machine.postponed == (late, late)


class TestNextEvent:
    def test_inserted_events_are_handled_in_the_order_given(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(NextEvent(Do("1")), NextEvent(Do("2")))))
        assert machine.log == ["x in a", "1 in a", "2 in a"]

    def test_inserted_events_come_before_inserted_ones_that_still_wait(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(NextEvent(Do("1", a=stay(NextEvent(Do("1.1"))))), NextEvent(Do("2")))))
        assert machine.log == ["x in a", "1 in a", "1.1 in a", "2 in a"]

    def test_inserted_events_come_before_postponed_ones(self) -> None:
        machine = started()
        machine.step(Do("old", a=stay(Postpone())))
        machine.step(Do("go", a=goto(B, NextEvent(Do("first")))))
        assert machine.log[-2:] == ["first in b", "old in b"]

    def test_actions_of_all_events_come_out_together(self) -> None:
        machine = started()
        event = Do("x", a=stay(Out("1"), NextEvent(Do("y", a=goto(B, Out("2"))))))
        assert list(machine.step(event)) == [Out("1"), Out("2")]

    def test_an_endless_chain_is_refused(self) -> None:
        class Endless(Scripted):
            max_chain = 10

        machine = Endless()
        machine.start()
        event = Do("x", a=None)
        object.__setattr__(event, "a", stay(NextEvent(event)))
        with pytest.raises(EventOverflowError, match="more than 10 events"):
            machine.step(event)

    def test_a_chain_of_exactly_the_limit_is_not(self) -> None:
        class Three(Scripted):
            max_chain = 3

        machine = Three()
        machine.start()
        machine.step(Do("x", a=stay(*[NextEvent(Do(str(n))) for n in range(3)])))
        assert machine.log[-1] == "2 in a"


class TestStateTimeout:
    def test_a_state_change_cancels_it(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(StateTimeout(5))))
        assert list(machine.step(Do("go", a=goto(B)))) == [CancelTimer("state")]
        assert running(machine) == {}

    def test_an_event_without_state_change_does_not(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(StateTimeout(5))))
        assert list(machine.step(Do("y", a=stay(Out("1"))))) == [Out("1")]
        assert running(machine) == {"state": 5}

    def test_one_set_with_a_state_change_belongs_to_the_new_state(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(StateTimeout(5))))
        assert list(machine.step(Do("go", a=goto(B, StateTimeout(7))))) == [
            StartTimer("state", 7, None, None, 2)
        ]
        fire(machine, "state")
        assert machine.log[-1] == "state time-out in b: None"

    def test_setting_it_again_restarts_it(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(StateTimeout(5))))
        machine.step(Do("y", a=stay(StateTimeout(6))))
        assert running(machine) == {"state": 6}

    def test_its_content_comes_back(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(StateTimeout(5, "why"))))
        fire(machine, "state")
        assert machine.log[-1] == "state time-out in a: why"
        assert running(machine) == {}


class TestEventTimeout:
    def test_any_event_cancels_it(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(EventTimeout(5))))
        assert list(machine.step(Do("y"))) == [CancelTimer("event")]

    def test_another_time_out_is_an_event_too(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(EventTimeout(5), StateTimeout(4))))
        assert fire(machine, "state") == [CancelTimer("event")]

    def test_a_late_time_out_is_no_event(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(EventTimeout(5))))
        assert list(machine.step(TimedOut("state", None, 99))) == []
        assert running(machine) == {"event": 5}

    def test_an_inserted_event_cancels_it(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(EventTimeout(5), NextEvent(Do("y")))))
        assert running(machine) == {}

    def test_setting_it_again_restarts_it(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(EventTimeout(5))))
        assert list(machine.step(Do("y", a=stay(EventTimeout(6))))) == [StartTimer("event", 6, None, None, 2)]
        fire(machine, "event")
        assert machine.log[-1] == "event time-out in a: None"


class TestGenericTimeout:
    def test_it_survives_events_and_state_changes(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(Timeout("t", 5))))
        machine.step(Do("y"))
        machine.step(Do("go", a=goto(B)))
        fire(machine, "t")
        assert machine.log[-1] == "t time-out in b: None"

    def test_there_may_be_any_number_of_names(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(Timeout("t", 5), Timeout(("rid", 7), 6))))
        assert running(machine) == {"t": 5, ("rid", 7): 6}

    def test_cancel_cancels_one_name(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(Timeout("t", 5), Timeout("u", 6))))
        assert list(machine.step(Do("y", a=stay(Cancel("t"))))) == [CancelTimer("t")]
        assert running(machine) == {"u": 6}

    def test_cancelling_what_does_not_run_does_nothing(self) -> None:
        machine = started()
        assert list(machine.step(Do("y", a=stay(Cancel("t"), Cancel("state"), Cancel("event"))))) == []

    @pytest.mark.parametrize("action", [StateTimeout(5), EventTimeout(5)])
    def test_cancel_cancels_the_time_outs_of_the_state_and_of_events_as_well(
        self, action: StateTimeout | EventTimeout
    ) -> None:
        machine = started()
        machine.step(Do("x", a=stay(action)))
        assert list(machine.step(Do("y", a=stay(Cancel(action.name))))) == [CancelTimer(action.name)]
        assert running(machine) == {}

    @pytest.mark.parametrize("name", ["state", "event"])
    def test_the_other_two_names_are_reserved(self, name: str) -> None:
        with pytest.raises(ValueError, match="reserved"):
            Timeout(name, 1)


class TestTimes:
    def test_an_infinite_time_out_is_not_started_and_cancels_a_running_one(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(StateTimeout(5), Timeout("t", 5))))
        actions = machine.step(Do("y", a=stay(StateTimeout(math.inf), Timeout("t", math.inf))))
        assert list(actions) == [CancelTimer("state"), CancelTimer("t")]

    def test_an_absolute_time_is_handed_on(self) -> None:
        machine = started()
        assert list(machine.step(Do("x", a=stay(StateTimeout(at=99.5))))) == [
            StartTimer("state", None, 99.5, None, 1)
        ]

    @pytest.mark.parametrize("kind", [StateTimeout, EventTimeout])
    @pytest.mark.parametrize("seconds", [-1, -0.001, math.nan, -math.inf])
    def test_a_negative_time_is_refused(self, kind: type[StateTimeout], seconds: float) -> None:
        with pytest.raises(ValueError, match="a time-out cannot be"):
            kind(seconds)

    def test_a_time_out_takes_one_time(self) -> None:
        with pytest.raises(ValueError, match="either seconds or at="):
            StateTimeout()
        with pytest.raises(ValueError, match="either seconds or at="):
            Timeout("t", 1, at=2)

    def test_the_last_time_out_of_a_name_wins(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(StateTimeout(1), Timeout("t", 2), StateTimeout(3), Cancel("t"))))
        assert running(machine) == {"state": 3}

    def test_a_cancel_is_outdone_by_a_later_time_out(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(Timeout("t", 2))))
        actions = machine.step(Do("y", a=stay(Cancel("t"), Timeout("t", 4))))
        assert list(actions) == [StartTimer("t", 4, None, None, 2)]


class TestZeroTimeouts:
    def test_one_is_not_started_but_handled_in_the_same_step(self) -> None:
        machine = started()
        assert list(machine.step(Do("x", a=stay(StateTimeout(0, "now"))))) == []
        assert machine.log == ["x in a", "state time-out in a: now"]

    def test_one_comes_after_events_that_are_queued(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(Timeout("t", 0), NextEvent(Do("y")))))
        assert machine.log == ["x in a", "y in a", "t time-out in a: None"]

    def test_one_comes_after_events_that_are_inserted_later(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(Timeout("t", 0), NextEvent(Do("y", a=stay(NextEvent(Do("z"))))))))
        assert machine.log == ["x in a", "y in a", "z in a", "t time-out in a: None"]

    def test_a_zero_event_time_out_is_dropped_if_other_events_are_queued(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(EventTimeout(0), NextEvent(Do("y")))))
        assert machine.log == ["x in a", "y in a"]

    def test_a_zero_event_time_out_is_handled_if_none_is(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(EventTimeout(0))))
        assert machine.log == ["x in a", "event time-out in a: None"]

    def test_a_zero_state_time_out_is_cancelled_by_a_state_change(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(StateTimeout(0), NextEvent(Do("go", a=goto(B))))))
        assert machine.log == ["x in a", "go in a", "enter b from a"]

    def test_several_come_in_order_of_their_last_setting(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(Timeout("t", 0, 1), Timeout("u", 0), Timeout("t", 0, 2))))
        assert machine.log == ["x in a", "u time-out in a: None", "t time-out in a: 2"]

    def test_one_cancels_the_running_timer_of_its_name(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(Timeout("t", 5))))
        assert list(machine.step(Do("y", a=stay(Timeout("t", 0))))) == [CancelTimer("t")]
        assert running(machine) == {}

    def test_one_that_is_due_is_replaced_by_a_timer(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(Timeout("t", 0), NextEvent(Do("y", a=stay(Timeout("t", 5)))))))
        assert machine.log == ["x in a", "y in a"]
        assert running(machine) == {"t": 5}

    def test_one_set_by_the_first_enter_action_is_handled_by_start(self) -> None:
        machine = Scripted(Scripts(entering={"a": (Timeout("t", 0),)}))
        machine.start()
        assert machine.log == ["enter a from a", "t time-out in a: None"]

    def test_a_past_absolute_time_is_the_shells_to_notice(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(StateTimeout(at=0))))
        assert machine.log == ["x in a"]


class TestUpdate:
    def test_it_changes_the_content_and_not_the_timer(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(Timeout("t", 5, "old"))))
        assert list(machine.step(Do("y", a=stay(Update("t", "new"))))) == []
        assert running(machine) == {"t": 5}
        fire(machine, "t")
        assert machine.log[-1] == "t time-out in a: new"

    def test_the_shells_event_may_still_have_the_old_content(self) -> None:
        machine = started()
        (timer,) = machine.step(Do("x", a=stay(Timeout("t", 5, "old"))))
        machine.step(Do("y", a=stay(Update("t", "new"))))
        assert isinstance(timer, StartTimer)
        machine.step(timer.timed_out())
        assert machine.log[-1] == "t time-out in a: new"

    def test_one_that_does_not_run_is_due_at_once(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(Update("t", "new"))))
        assert machine.log == ["x in a", "t time-out in a: new"]

    def test_one_that_is_due_gets_the_new_content(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(Timeout("t", 0, "old"), NextEvent(Do("y", a=stay(Update("t", "new")))))))
        assert machine.log == ["x in a", "y in a", "t time-out in a: new"]

    def test_a_state_change_has_cancelled_the_old_state_time_out_before(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(StateTimeout(5))))
        assert list(machine.step(Do("go", a=goto(B, Update("state", "new"))))) == [CancelTimer("state")]
        assert machine.log[-1] == "state time-out in b: new"


class TestLateTimeouts:
    def test_one_whose_timer_was_cancelled_is_dropped(self) -> None:
        machine = started()
        (timer,) = machine.step(Do("x", a=stay(StateTimeout(5))))
        assert isinstance(timer, StartTimer)
        machine.step(Do("go", a=goto(B)))
        assert list(machine.step(timer.timed_out())) == []
        assert machine.log == ["x in a", "go in a", "enter b from a"]

    def test_one_whose_timer_was_started_again_is_dropped(self) -> None:
        machine = started()
        (old,) = machine.step(Do("x", a=stay(Timeout("t", 5))))
        (new,) = machine.step(Do("y", a=stay(Timeout("t", 5))))
        assert isinstance(old, StartTimer)
        assert isinstance(new, StartTimer)
        machine.step(old.timed_out())
        assert running(machine) == {"t": 5}
        machine.step(new.timed_out())
        assert machine.log == ["x in a", "y in a", "t time-out in a: None"]

    def test_one_that_is_made_by_hand_is_dropped(self) -> None:
        """It has no token, and is told from the machine's first timer all the same."""
        machine = started()
        machine.step(Do("x", a=stay(Timeout("t", 5))))
        assert list(machine.step(TimedOut("t", None))) == []
        assert running(machine) == {"t": 5}

    def test_one_that_comes_twice_is_dropped(self) -> None:
        machine = started()
        (timer,) = machine.step(Do("x", a=stay(Timeout("t", 5))))
        assert isinstance(timer, StartTimer)
        machine.step(timer.timed_out())
        machine.step(timer.timed_out())
        assert machine.log.count("t time-out in a: None") == 1

    def test_a_time_out_may_be_postponed(self) -> None:
        machine = started(Scripts(timed_out={"t": stay(Postpone())}))
        machine.step(Do("x", a=stay(Timeout("t", 5))))
        fire(machine, "t")
        machine.scripts.timed_out.clear()
        machine.step(Do("go", a=goto(B)))
        assert machine.log[-1] == "t time-out in b: None"


@dataclass(frozen=True)
class Read:
    """A question."""


class Store(StateMachine):
    only = State(initial=True)

    @on(only, Call[Read])
    def read(self, event: Call[Read]) -> Step:
        return stay(Reply(event.reply_to, 42), Reply("auditor", "read"))


class TestReplies:
    def test_several_replies_come_out_in_order(self) -> None:
        machine = Store()
        machine.start()
        assert list(machine.step(Call(Read(), "me"))) == [Reply("me", 42), Reply("auditor", "read")]


class TestStop:
    def test_it_hands_out_its_actions_cancels_all_timers_and_ends(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(StateTimeout(1), EventTimeout(2), Timeout("t", 3))))
        actions = list(machine.step(Do("end", a=stop("done", Reply("caller", 1)))))
        assert actions[0] == Reply("caller", 1)
        assert {action.name for action in actions if isinstance(action, CancelTimer)} == {
            "state",
            "event",
            "t",
        }
        assert actions[-1] == Stopped("done")
        assert len(actions) == 5
        assert machine.stage == "stopped"
        assert running(machine) == {}

    def test_events_that_wait_are_forgotten(self) -> None:
        machine = started()
        machine.step(Do("late", a=stay(Postpone())))
        machine.step(Do("x", a=stay(Timeout("t", 0), NextEvent(Do("end", a=stop())), NextEvent(Do("never")))))
        assert machine.log == ["late in a", "x in a", "end in a"]
        assert machine.postponed == ()

    def test_the_reason_is_normal_by_default(self) -> None:
        assert list(started().step(Do("end", a=stop()))) == [Stopped("normal")]

    def test_a_stopped_machine_takes_no_event(self) -> None:
        machine = started()
        machine.step(Do("end", a=stop("done")))
        with pytest.raises(NotRunningError, match="stopped"):
            machine.step(Do("x"))
        with pytest.raises(NotRunningError):
            machine.start()

    def test_a_stopped_machine_does_nothing_for_the_engine(self) -> None:
        with pytest.raises(ValueError, match="a stopped machine cannot do"):
            stop("done", StateTimeout(1))


class TestStart:
    def test_a_machine_takes_no_event_before_its_start(self) -> None:
        with pytest.raises(NotRunningError, match="not started"):
            Scripted().step(Do("x"))

    def test_it_starts_once(self) -> None:
        with pytest.raises(NotRunningError, match="started before"):
            started().start()


class TestUnhandled:
    def test_raise_is_the_default_and_changes_nothing(self) -> None:
        machine = started()
        machine.step(Do("x", a=stay(EventTimeout(5))))
        with pytest.raises(UnhandledEventError, match="Unknown"):
            machine.step(Unknown())
        assert running(machine) == {"event": 5}

    def test_ignore_drops_it_but_it_is_an_event(self) -> None:
        class Ignoring(Scripted):
            unhandled = "ignore"

        machine = Ignoring()
        machine.start()
        machine.step(Do("x", a=stay(EventTimeout(5))))
        assert list(machine.step(Unknown())) == [CancelTimer("event")]

    def test_postpone_keeps_it_for_the_next_state(self) -> None:
        class Postponing(Scripted):
            unhandled = "postpone"

        machine = Postponing()
        machine.start()
        machine.step(Unknown())
        machine.step(Do("go", a=goto(B)))
        assert machine.postponed == (Unknown(),)


class Narrow(StateMachine):
    a = State(initial=True)
    b = State()
    c = State()

    @on(a, Do, to=b)
    def do(self, event: Do) -> Step | None:
        return event.a

    @on(b, Unknown)
    def wrong(self, _event: Unknown) -> Step:
        return "b"  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


class Look:
    """Has what a step has, and is none."""

    target = Narrow.b
    actions = ()


class TestFailedSteps:
    @pytest.mark.parametrize("step", [goto(Narrow.c), stop("x"), goto(Narrow.c, Out("1"), Timeout("t", 0))])
    def test_an_undeclared_target_is_refused_and_nothing_changes(self, step: Step) -> None:
        machine = Narrow()
        machine.start()
        machine.step(Do("x", a=stay(StateTimeout(5))))
        with pytest.raises(UndeclaredTransitionError, match=r"do (went to|stopped).*its to= names b"):
            machine.step(Do("x", a=step))
        assert machine.state is Narrow.a
        assert running(machine) == {"state": 5}

    @pytest.mark.parametrize(
        ("step", "went"),
        [(goto(Narrow.c), "went to <Narrow.c>"), (stop("x"), "stopped")],
    )
    def test_the_refusal_says_which_machine_does_what_on_which_event(self, step: Step, went: str) -> None:
        machine = Narrow()
        machine.start()
        event = Do("x", a=step)
        with pytest.raises(UndeclaredTransitionError, match=r"^<Narrow a>: do ") as refused:
            machine.step(event)
        assert f"do {went} on {event!r}, but its to= names b" in str(refused.value)

    def test_a_step_is_a_step(self) -> None:
        machine = Narrow()
        machine.start()
        machine.step(Do("x", a=goto(Narrow.b)))
        with pytest.raises(InvalidStepError, match=r"Narrow\.wrong returned 'b'"):
            machine.step(Unknown())

    @pytest.mark.parametrize(
        "wrong",
        ["b", "", 0, False, (), (Out("1"),), [StateTimeout(5)], Narrow.b, StateTimeout(5), Out("1"), Look()],
    )
    def test_whatever_else_a_handler_returns_is_refused_each_time(self, wrong: Any) -> None:
        machine = Narrow()
        machine.start()
        for event in (
            Do("x", a=wrong),
            Do("y", a=wrong),
            Do("z", a=wrong),
        ):  # the first one takes the full path
            with pytest.raises(InvalidStepError, match=r"^Narrow\.do returned .*: a handler returns goto"):
                machine.step(event)
        assert machine.state is Narrow.a

    @pytest.mark.parametrize("wrong", ["b", "", 0, False, [], Narrow])
    def test_what_is_no_state_is_no_target(self, wrong: Any) -> None:
        machine = Narrow()
        machine.start()
        for event in (Do("x", a=Step(wrong, ())), Do("y", a=Step(wrong, ()))):
            with pytest.raises(InvalidStepError, match=r"^Narrow\.do went to .*, which is not a state"):
                machine.step(event)
        assert machine.state is Narrow.a

    def test_a_handler_that_forgot_to_be_a_plain_one_is_refused(self) -> None:
        async def late() -> Step:
            return stay()

        machine = Narrow()
        machine.start()
        for _ in range(2):
            with pytest.raises(InvalidStepError, match=r"^Narrow\.do returned a coroutine"):
                machine.step(Do("x", a=late()))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    @pytest.mark.parametrize("action", [Postpone, stay(), goto(B)])
    def test_neither_a_class_nor_a_step_is_an_action(self, action: object) -> None:
        with pytest.raises(InvalidStepError, match="is not an action"):
            started().step(Do("x", a=stay(action)))

    def test_what_an_event_has_set_off_fails_with_it(self) -> None:
        machine = started()
        late = Do("late", a=stay(Postpone()))
        machine.step(late)
        machine.step(Do("timers", a=stay(StateTimeout(5), Timeout("t", 6))))
        before = (machine.state, machine.postponed, machine.running_timers)
        with pytest.raises(UnhandledEventError):
            machine.step(Do("go", a=goto(B, Out("lost"), Cancel("t"), NextEvent(Unknown()))))
        assert (machine.state, machine.postponed, machine.running_timers) == before
        machine.step(Do("go", a=goto(B)))
        assert machine.log[-1] == "late in b"

    @pytest.mark.parametrize("observed", [False, True])
    def test_an_enter_action_that_raises_leaves_the_old_state(self, observed: bool) -> None:
        class Failing(Scripted):
            def entered(self, came_from: State) -> tuple[object, ...] | None:
                assert self.state is came_from, "the new state"
                return None

        machine = Failing()
        machine.start()
        machine.observer = ignore if observed else None
        machine.step(Do("x", a=stay(StateTimeout(5))))
        with pytest.raises(AssertionError, match="the new state"):
            machine.step(Do("go", a=goto(B)))
        assert machine.state is A
        assert running(machine) == {"state": 5}
