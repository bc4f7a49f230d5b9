"""The actor that runs a machine: calls, casts, replies, timers, its end and its restarts."""

from __future__ import annotations

import signal
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import NORMAL, ActorDeadError, ActorRef, Down, Exit, Timeout, system, system_in_thread
from cometary.errors import MachineStoppedError, UnhandledEventError, UsageError
from cometary.fsm import (
    END,
    Call,
    Cancel,
    EventTimeout,
    Reply,
    State,
    StateMachine,
    StateTimeout,
    Step,
    TimedOut,
    Update,
    enter,
    on,
    stay,
    stop,
)
from cometary.fsm import Timeout as Timer
from cometary.statem import MachineActor
from cometary.supervision import ChildSpec
from cometary.testing.machines import MachineDriver
from tests.statem.locks import OPEN, Ask, Beep, Do, Lock, LoudLock, Unknown, WhenOpen
from tests.supervision.company import child, company


def state_of(ref: Any) -> str:
    machine: StateMachine = ref.actor_inbox.actor.machine
    return machine.state.name


async def test_it_is_started_with_a_class_and_not_with_a_machine() -> None:
    wrong: list[tuple[Any, str]] = [
        (Lock("1"), "a machine's class is wanted, and its arguments, not <Lock"),
        (None, "a machine's class is wanted"),
        (dict, "<class 'dict'> has made no machine, but {}"),
    ]
    async with system():
        for machine, text in wrong:
            with pytest.raises(UsageError, match=text):
                MachineActor.start(machine)


# -- events ---------------------------------------------------------------------------------


async def test_what_is_told_is_an_event() -> None:
    beeps: list[str] = []
    async with system():
        ref = LoudLock.start(beeps)
        ref.tell(Do(OPEN))
        await wait_all_tasks_blocked()
        assert state_of(ref) == "opened"
    assert beeps == ["open"]


async def test_what_is_asked_is_a_call_and_the_first_reply_counts() -> None:
    async with system():
        assert await MachineActor.start(Lock).ask(Ask(5)) == 5


def test_from_another_thread() -> None:
    with system_in_thread():
        assert MachineActor.start(Lock).ask(Ask(5)) == 5


async def test_a_call_that_is_postponed_is_answered_later() -> None:
    beeps: list[str] = []
    async with system():
        ref = LoudLock.start(beeps)
        answer = ref.ask(WhenOpen())
        await wait_all_tasks_blocked()
        assert not answer.done()
        ref.tell(Do(OPEN))
        assert await answer == "open"


async def test_a_caller_who_gives_up_harms_nobody(autojump_clock: MockClock) -> None:
    beeps: list[str] = []
    async with system():
        ref = LoudLock.start(beeps)
        with pytest.raises(Timeout):
            await ref.ask(WhenOpen(), timeout=1)
        ref.tell(Do(OPEN))
        assert await ref.ask(Ask(5)) == 5


async def test_a_call_that_is_never_answered_fails_when_the_actor_ends() -> None:
    async with system():
        ref = MachineActor.start(Lock)
        answer = ref.ask(WhenOpen())
        await ref.stop()
        with pytest.raises(ActorDeadError):
            await answer


@pytest.mark.parametrize(
    ("message", "error"),
    [(Ask(LookupError("no")), LookupError), (Unknown(), UnhandledEventError), (3, ArithmeticError)],
)
async def test_whoever_asks_gets_what_the_step_raised_and_the_actor_goes_on(
    message: object, error: type[Exception]
) -> None:
    async with system():
        ref = MachineActor.start(Lock)
        with pytest.raises(error):
            await ref.ask(message)
        assert await ref.ask(Ask(5)) == 5


@pytest.mark.parametrize(("message", "error"), [(Unknown(), UnhandledEventError), (3, ArithmeticError)])
async def test_a_step_that_raises_on_what_was_told_crashes_the_actor(
    message: object, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    async with system():
        ref = MachineActor.start(Lock)
        ref.tell(message)
        exit_ = await ref.stopped()
    assert exit_.reason == "crashed"
    assert isinstance(exit_.error, error)


async def test_messages_of_the_runtime_are_events() -> None:
    class Watching(StateMachine):
        only = State(initial=True)

        @on(only, Down)
        def down(self, event: Down) -> Step:
            return stay(Beep(event.exit.reason))

    class Watcher(MachineActor):
        def __init__(self, beeps: list[str], ref: Any) -> None:
            super().__init__(Watching)
            self.beeps = beeps
            self.monitor(ref)

        def perform(self, action: Any) -> None:
            self.beeps.append(action.note)

    beeps: list[str] = []
    async with system():
        ref = MachineActor.start(Lock)
        Watcher.start(beeps, ref)
        await ref.stop()
        await wait_all_tasks_blocked()
    assert beeps == ["normal"]


# -- timers ---------------------------------------------------------------------------------


async def test_relative_and_absolute_time_outs_run_out(autojump_clock: MockClock) -> None:
    beeps: list[str] = []
    async with system():
        ref = LoudLock.start(beeps)
        now = trio.current_time()
        ref.tell(
            Do(stay(StateTimeout(2, "s"), Timer("t", at=now + 1, content="t"), Timer("past", at=now - 5)))
        )
        await trio.sleep(0.5)
        assert beeps == ["past: None"]
        await trio.sleep(1)
        assert beeps[1:] == ["t: t"]
        await trio.sleep(1)
        assert beeps[2:] == ["state: s"]


async def test_a_time_out_is_cancelled_updated_and_started_anew(autojump_clock: MockClock) -> None:
    beeps: list[str] = []
    async with system():
        ref = LoudLock.start(beeps)
        ref.tell(Do(stay(Timer("a", 1), Timer("b", 1, "old"), Timer("c", 1))))
        ref.tell(Do(stay(Cancel("a"), Update("b", "new"), Timer("c", 3))))
        await wait_all_tasks_blocked()
        actor = ref.actor_inbox.actor
        assert isinstance(actor, MachineActor)
        assert set(actor._timers) == {"b", "c"}
        await trio.sleep(2)
        assert beeps == ["b: new"]
        await trio.sleep(2)
        assert beeps == ["b: new", "c: None"]


async def test_an_event_cancels_the_event_time_out_and_a_state_change_that_of_the_state(
    autojump_clock: MockClock,
) -> None:
    beeps: list[str] = []
    async with system():
        ref = LoudLock.start(beeps)
        ref.tell(Do(stay(EventTimeout(1), StateTimeout(1))))
        await ref.ask(Ask())
        ref.tell(Do(OPEN))
        await trio.sleep(2)
    assert beeps == ["open"]


async def test_a_time_out_that_ran_out_just_before_it_was_cancelled_is_dropped(
    autojump_clock: MockClock,
) -> None:
    beeps: list[str] = []
    async with system():
        ref = LoudLock.start(beeps)
        ref.tell(Do(stay(Timer("t", 1))))
        await wait_all_tasks_blocked()
        actor = ref.actor_inbox.actor
        assert isinstance(actor, MachineActor)
        late = actor._timers["t"].message
        ref.tell(Do(stay(Cancel("t"))))
        ref.tell(late)
        await wait_all_tasks_blocked()
    assert beeps == []


@pytest.mark.parametrize("seed", range(20))
async def test_time_outs_of_the_same_moment_come_in_the_order_that_the_driver_has(
    autojump_clock: MockClock, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - for a test
    steps: list[Step] = []
    for _ in range(12):
        names = random.sample("abcd", random.randint(1, 3))
        steps.append(stay(*[Timer(name, random.choice([0.5, 1.5, 2.5])) for name in names]))
    beeps: list[str] = []
    driver = MachineDriver(Lock())
    async with system():
        ref = LoudLock.start(beeps)
        for step in steps:
            ref.tell(Do(step))
            driver.send(Do(step))
            await trio.sleep(1)
            driver.advance(1)
        await trio.sleep(5)
        driver.advance(5)
        assert beeps == [action.note for action in driver.actions if isinstance(action, Beep)]
        actor = ref.actor_inbox.actor
        assert isinstance(actor, MachineActor)
        assert not actor._timers


class Ticking(StateMachine):
    """Starts its timer anew each time that it runs out."""

    only = State(initial=True)

    def init(self) -> tuple[object, ...]:
        return (Timer("tick", 1),)

    @on(only, TimedOut)
    def tick(self, _event: TimedOut) -> Step:
        return stay(Beep("tick"), Timer("tick", 1))


class LoudTicking(LoudLock):
    """Writes its ticks down."""

    def __init__(self, beeps: list[str]) -> None:
        MachineActor.__init__(self, Ticking)
        self.beeps = beeps


async def test_a_timer_that_its_own_time_out_starts_anew_goes_on(autojump_clock: MockClock) -> None:
    beeps: list[str] = []
    async with system():
        LoudTicking.start(beeps)
        await trio.sleep(3.5)
    assert beeps == ["tick"] * 3


async def test_timers_that_were_cancelled_leave_nothing_behind_whatever_their_names() -> None:
    async with system() as actors:
        ref = LoudLock.start([])
        for number in range(1000):
            ref.tell(Do(stay(Timer(number, 3600))))
            ref.tell(Do(stay(Cancel(number))))
        await wait_all_tasks_blocked()
        assert len(actors.scheduler.timers) < 200


def stop_it(ref: ActorRef[Any]) -> None:
    ref.stop(block=False)


def stop_its_machine(ref: ActorRef[Any]) -> None:
    ref.tell(Do(stop("normal")))


def crash_it(ref: ActorRef[Any]) -> None:
    ref.tell(Unknown())


@pytest.mark.parametrize("end", [stop_it, stop_its_machine, crash_it])
async def test_of_an_actor_that_has_ended_no_timer_runs(
    end: Callable[[ActorRef[Any]], None], caplog: pytest.LogCaptureFixture
) -> None:
    async with system():
        ref = LoudLock.start([])
        actor = ref.actor_inbox.actor
        assert isinstance(actor, MachineActor)
        ref.tell(Do(stay(Timer("t", 5), StateTimeout(5))))
        await wait_all_tasks_blocked()
        timers = list(actor._timers.values())
        assert [timer.running for timer in timers] == [True, True]
        end(ref)
        await wait_all_tasks_blocked()
        assert [timer.running for timer in timers] == [False, False]


@pytest.mark.parametrize("killed", [False, True])
async def test_timers_end_with_the_incarnation(
    killed: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    beeps: list[str] = []
    async with company(ChildSpec("lock", LoudLock, (beeps,))) as root:
        ref = await child(root, "lock")
        ref.tell(Do(stay(Timer("t", 1))))
        await wait_all_tasks_blocked()
        if killed:
            ref.kill()
        else:
            ref.tell(Unknown())
        await wait_all_tasks_blocked()
        ref.tell(Do(stay(Timer("t", 5))))  # has the same token as the old one
        await trio.sleep(2)
        assert beeps == []
        await trio.sleep(5)
        assert beeps == ["t: None"]


# -- actions --------------------------------------------------------------------------------


async def test_an_action_that_nobody_performs_crashes_the_actor(caplog: pytest.LogCaptureFixture) -> None:
    async with system():
        ref = MachineActor.start(Lock)
        answer = ref.ask(Do(OPEN))
        ref.tell(Do(OPEN))
        exit_ = await ref.stopped()
        with pytest.raises(UnhandledEventError):
            await answer
    assert "has no perform() for Beep(note='open')" in str(exit_.error)


async def test_a_perform_that_raises_crashes_the_actor_asked_or_not(caplog: pytest.LogCaptureFixture) -> None:
    class Asked(StateMachine):
        only = State(initial=True)

        @on(only, Call)
        def ask(self, event: Call[object]) -> Step:
            return stay(Beep("crash"), Reply(event.reply_to, 1))

    class Loud(LoudLock):
        def __init__(self) -> None:
            MachineActor.__init__(self, Asked)

    async with system():
        ref = Loud.start()
        answer = ref.ask("anything")
        assert (await ref.stopped()).reason == "crashed"
        with pytest.raises(ActorDeadError):
            await answer
    assert "no loudspeaker" in caplog.text


async def test_a_perform_that_would_have_to_be_waited_for_crashes_the_actor(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Waiting(LoudLock):
        async def perform(self, action: Any) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
            raise AssertionError

    async with system():
        ref = Waiting.start([])
        ref.tell(Do(stay(Beep("never"))))
        assert (await ref.stopped()).reason == "crashed"
    assert "perform returned a coroutine, so, Waiting" in caplog.text


async def test_an_exit_that_a_signal_asks_for_is_no_crash_of_a_perform() -> None:
    class Interrupted(LoudLock):
        def perform(self, action: Any) -> None:
            signal.raise_signal(signal.SIGINT)

    async def run() -> None:
        async with system():
            Interrupted.start([]).tell(Do(stay(Beep("never"))))
            await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        await run()


async def test_a_reply_to_somebody_else_is_for_perform() -> None:
    beeps: list[Any] = []

    class Other(LoudLock):
        def perform(self, action: Any) -> None:
            self.beeps.append(action)

    async with system():
        ref = Other.start(beeps)
        ref.tell(Do(stay(Reply("by post", 1))))
        await wait_all_tasks_blocked()
    assert beeps == [Reply("by post", 1)]


# -- the end --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("normal", "normal"),
        ("shutdown", "shutdown"),
        (Exit("shutdown"), "shutdown"),
        (Exit("normal"), "normal"),
    ],
)
async def test_a_machine_that_stops_in_good_order_ends_the_actor_at_once(
    reason: object, expected: str
) -> None:
    stopped: list[str] = []

    class Neat(LoudLock):
        def on_stop(self) -> None:
            super().on_stop()
            stopped.append("on_stop")

    async with system():
        ref = Neat.start([])
        ref.tell(Do(stop(reason)))
        answer = ref.ask(Ask(5))
        assert (await ref.stopped()).reason == expected
        with pytest.raises(ActorDeadError):
            await answer
    assert stopped == ["on_stop"]


@pytest.mark.parametrize(
    ("reason", "error"),
    [(("shutdown", 3), MachineStoppedError), (ValueError("broken"), ValueError), (None, MachineStoppedError)],
)
async def test_any_other_reason_is_a_crash(
    reason: object, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    async with system():
        ref = MachineActor.start(Lock)
        ref.tell(Do(stop(reason)))
        exit_ = await ref.stopped()
    assert exit_.reason == "crashed"
    assert isinstance(exit_.error, error)


@pytest.mark.parametrize("reason", ["bye", Exit("bye")])
async def test_a_word_is_the_reason_for_which_the_actor_ends(
    reason: object, caplog: pytest.LogCaptureFixture
) -> None:
    stopped: list[str] = []

    class Told(MachineActor):
        def on_stop(self, exit: Exit = NORMAL) -> None:  # noqa: A002
            super().on_stop()
            stopped.append(exit.reason)

    async with system():
        ref = Told.start(Lock)
        ref.tell(Do(stop(reason)))
        assert await ref.stopped() == Exit("bye")
    assert stopped == ["bye"]
    assert "stopped: bye" in caplog.text  # as nobody supervises it


async def test_stop_and_reply_answers_the_caller() -> None:
    async with system():
        ref = MachineActor.start(Lock)
        assert await ref.ask(Ask("stop")) == "stopping"
        assert (await ref.stopped()).reason == "normal"


async def test_a_machine_that_stops_at_its_start_ends_the_actor() -> None:
    class Short(StateMachine):
        only = State(initial=True)

        @enter(only, to=END)
        def leave(self, _came_from: State) -> Step:
            return stop("shutdown", Beep("bye"))

    class Loud(LoudLock):
        def __init__(self, beeps: list[str]) -> None:
            MachineActor.__init__(self, Short)
            self.beeps = beeps

    beeps: list[str] = []
    async with system():
        exit_ = await Loud.start(beeps).stopped()
    assert exit_.reason == "shutdown"
    assert beeps == ["bye"]


async def test_a_supervisor_restarts_it_with_a_new_machine(caplog: pytest.LogCaptureFixture) -> None:
    beeps: list[str] = []
    async with company(ChildSpec("lock", LoudLock, (beeps,))) as root:
        ref = await child(root, "lock")
        ref.tell(Do(OPEN))
        await wait_all_tasks_blocked()
        ref.tell(Unknown())
        await wait_all_tasks_blocked()
        assert state_of(ref) == "shut"
        assert await ref.ask(Ask(5)) == 5


async def test_a_machine_class_that_cannot_be_built_is_the_starters_to_see() -> None:
    async with system():
        with pytest.raises(TypeError):
            MachineActor.start(Lock, "42", "one too many")
