"""A system by itself: when its actors began, what no longer begins at its end, and what a fork leaves behind."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import (
    KILLED,
    Actor,
    ActorDeadError,
    ActorRef,
    Future,
    current_system,
    register,
    system,
)
from cometary.actors.in_process import _in_child
from cometary.actors.system import in_threads
from cometary.errors import ActorEndedError, NoSystemError
from tests.actors.reviver import Reviver


class Quiet(Actor):
    def on_receive(self, message: Any) -> Any:
        return message


class AsyncQuiet(Quiet):
    async def on_receive(self, message: Any) -> Any:
        return message


KINDS = pytest.mark.parametrize("kind", [Quiet, AsyncQuiet], ids=["def", "async def"])


class Clock:
    """What the time is."""

    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_when_an_actor_began_is_known_to_a_hundredth_of_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    start = clock.now
    monkeypatch.setattr(time, "time", clock)
    async with system() as actors:
        began: list[float] = []
        for later in (0.0, 0.005, 0.25, 0.125):  # the clock may be set back
            clock.now = start + later
            began.append(actors.actors[Quiet.start()] - start)
    assert began == [0, 0, 0.25, 0.125]


async def test_each_life_of_an_actor_has_begun_when_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    async with system(stop_timeout=0) as actors:
        ref, started = actors.launch(Quiet, (), {}, Reviver(actors))
        await started
        clock.now += 60
        ref.kill()
        assert await ref.ask("well?") == "well?"
        assert actors.actors[ref] == clock.now


class Unwinding(Actor):
    """Waits for ever, and does something when it is killed."""

    async def on_receive(self, message: Any) -> Any:
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(10, shield=True):
                await message()


async def test_nothing_begins_while_the_rest_is_killed(autojump_clock: MockClock) -> None:
    begun: list[str] = []
    ends: list[object] = []

    class Late(Quiet):
        def on_start(self) -> None:
            begun.append("late")

    async def start_one() -> None:
        ref, started = current_system().launch(Late, (), {})
        with pytest.raises(ActorDeadError):
            await started
        ends.append(await ref.stopped())

    async with system(stop_timeout=1):
        Unwinding.start().tell(start_one)
        await wait_all_tasks_blocked()
    assert (begun, ends) == ([], [KILLED])


@KINDS
async def test_nothing_is_revived_while_the_rest_is_killed(kind: type[Actor]) -> None:
    class Stubborn(Reviver):
        def child_exited(self, ref: ActorRef[Any], exit: Any, /) -> None:  # noqa: A002
            with pytest.raises(NoSystemError):
                self.actors.revive(ref, (), {}, keep_mail=True)
            self.exits.append(exit)

    async with system(stop_timeout=0) as actors:
        parent = Stubborn(actors)
        ref, started = actors.launch(kind, (), {}, parent)
        await started
    assert parent.exits == [KILLED]
    assert not ref.is_alive()


async def test_what_the_system_runs_goes_on_until_its_last_actor_is_gone(autojump_clock: MockClock) -> None:
    helped = trio.Event()

    async def help_later() -> None:
        await trio.sleep(3)
        helped.set()

    async with system(stop_timeout=1) as actors:
        actors.start_soon(help_later)
        Unwinding.start().tell(helped.wait)
        await wait_all_tasks_blocked()
    assert helped.is_set()


class Interrupting(Quiet):
    """Promises replies, and can be interrupted."""

    def on_receive(self, message: Any) -> Any:
        if message == "interrupt":
            signal.raise_signal(signal.SIGINT)
        self.reply_later()


class Waiting(Reviver):
    """A parent that decides nothing."""

    def child_exited(self, ref: ActorRef[Any], exit: Any, /) -> None:  # noqa: A002
        self.exits.append(exit)


def test_whoever_waits_is_told_when_a_ctrl_c_ends_the_system() -> None:
    """For a reply that was promised, or for an actor whose supervisor has not decided whether it lives again."""
    answers: list[Future[Any]] = []

    async def main() -> None:
        async with system() as actors:
            promising = await Interrupting.start_async()
            parked, _ = actors.launch(Quiet, (), {}, Waiting(actors))
            parked.kill()
            answers.extend([promising.ask("x"), parked.ask("x")])
            await wait_all_tasks_blocked()
            assert not any(answer.done() for answer in answers)
            promising.tell("interrupt")
            await trio.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        trio.run(main, clock=MockClock(autojump_threshold=0))
    for answer in answers:
        assert answer.done()
        with pytest.raises(ActorDeadError):
            answer.get()


@KINDS
async def test_a_process_that_is_forked_leaves_a_system_and_its_actors_behind(kind: type[Actor]) -> None:
    """It is done here to a system that goes on, of which a test can see all; what a fork does has a test of its own."""
    calls: list[str] = []
    async with system() as actors:
        ref = await kind.start_async()
        register("quiet", ref)
        actors.groups().join("all", ref)
        in_threads.append(actors)
        _in_child()
        assert (ref.is_alive(), dict(actors.actors), in_threads) == (False, {}, [])
        with pytest.raises(ActorEndedError, match="lives in the process that this one was forked from"):
            ref.tell("x")
        with trio.fail_after(60):
            assert (await ref.stopped()).reason == "forked"
        with pytest.raises(NoSystemError, match="and nowhere else: start one here"):
            current_system()
        with pytest.raises(ActorDeadError):
            actors.call_soon(calls.append, "never")
        assert not actors.on_thread()
        actors.post(calls.append, "at once")
        assert calls == ["at once"]
        with pytest.raises(ActorEndedError):
            actors.names.find("quiet")
        assert actors.groups().which_groups() == []
