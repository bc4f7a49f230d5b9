"""A shortcut handles the commonest messages in the place of an actor, which handles all the others."""

from __future__ import annotations

import inspect
import logging
import signal
from types import FrameType
from typing import Any, cast

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary.actors import Actor, ActorRef, sys, system, watchdog
from cometary.actors.scheduled_cell import ScheduledCell, hand_to_each
from cometary.actors.shortcut import Shortcut
from tests.actors.reviver import Reviver

Trail = list[object]


class Ferry(Shortcut):
    """Takes texts, in the actor's own turn numbers as well, and leaves all else to the actor."""

    def __init__(self, sailor: Sailor) -> None:
        self.sailor = sailor

    def take(self, message: object) -> bool:
        if not isinstance(message, str):
            return False
        ref = self.sailor.actor_ref
        if message == "fail":
            raise LookupError("as told")
        if message == "interrupt":
            signal.raise_signal(signal.SIGINT)
        if message == "kill":
            ref.kill()
            assert ref.is_alive()  # until this has returned
        if message == "more":
            ref.tell("next")
        self.sailor.trail.append(f"short {message}")
        return True

    def take_in_turn(self, message: object) -> bool:
        if not isinstance(message, int):
            return self.take(message)
        self.sailor.trail.append(f"in turn {message}")
        return True


class Sailor(Actor):
    """Has a shortcut in its first life."""

    def __init__(self, trail: Trail) -> None:
        super().__init__()
        self.trail = trail
        cell = cast("ScheduledCell", self.actor_inbox)
        if not cell.life:
            cell.shortcut = Ferry(self)

    def on_start(self) -> None:
        self.trail.append("start")

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            message()
        self.trail.append(message)

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        self.trail.append(exception_type)


async def started(trail: Trail) -> ActorRef[Sailor]:
    """Return one that has started and is idle, with nothing on its trail."""
    ref = await Sailor.start_async(trail)
    await wait_all_tasks_blocked()
    trail.clear()
    return ref


async def test_it_takes_what_comes_alone_in_the_actors_turn() -> None:
    trail: Trail = []
    async with system() as actors:
        ref = await started(trail)
        before = actors.scheduler.statistics()
        for message in ("a", 1, None):
            ref.tell(message)
            assert trail[-1:] != [message]
            await wait_all_tasks_blocked()
        after = actors.scheduler.statistics()
    assert trail == ["short a", "in turn 1", None]
    assert (after.turns - before.turns, after.messages - before.messages) == (3, 3)


async def test_several_messages_are_the_actors_in_their_order() -> None:
    trail: Trail = []
    async with system():
        ref = await started(trail)
        for message in ("a", 1, None):
            ref.tell(message)
        await wait_all_tasks_blocked()
        assert trail == ["a", 1, None]


async def test_an_actor_starts_first() -> None:
    trail: Trail = []
    async with system():
        Sailor.start(trail).tell("a")
        await wait_all_tasks_blocked()
    assert trail == ["start", "short a"]


async def test_it_does_not_overtake_what_was_left_of_a_turn() -> None:
    trail: Trail = []
    async with system() as actors:
        ref = await started(trail)
        actors.scheduler.quota = 2

        def add() -> None:
            ref.tell("added")

        for message in (add, "a", "b"):
            ref.tell(message)
        await wait_all_tasks_blocked()
        assert trail == [add, "a", "b", "short added"]


async def test_what_is_handed_to_an_idle_actor_is_taken_at_once() -> None:
    trail: Trail = []
    async with system():
        ref = await started(trail)
        ref.actor_inbox.hand("a")
        assert trail == ["short a"]
        for message in (1, None):  # not in the middle of whoever sends it
            ref.actor_inbox.hand(message)
            assert trail[-1] == "short a"
        await wait_all_tasks_blocked()
        assert trail == ["short a", 1, None]
        ref.actor_inbox.hand(2)
        await wait_all_tasks_blocked()
        assert trail[-1] == "in turn 2"


async def test_what_is_handed_to_many_is_taken_at_once_by_those_who_can_and_by_the_others_in_their_turn() -> (
    None
):
    trails: list[Trail] = [[], [], [], []]
    async with system(stop_timeout=0):
        quick, busy, other, dead = [await started(trail) for trail in trails]
        cast("ScheduledCell", other.actor_inbox).go_on_in_full()
        busy.tell("before")
        dead.kill()
        await wait_all_tasks_blocked()
        trails[1].clear()
        busy.tell("before")
        hand_to_each([quick, busy, other, dead, quick], "a")
        assert trails == [["short a", "short a"], [], [], []]
        await wait_all_tasks_blocked()
        assert trails == [["short a", "short a"], ["before", "a"], ["a"], []]
        hand_to_each([quick], 1)  # which it takes in its own turn alone
        assert len(trails[0]) == 2
        await wait_all_tasks_blocked()
        assert trails[0][2:] == ["in turn 1"]


def test_whom_something_is_handed_to_behind_a_ctrl_c_has_it_in_the_mailbox() -> None:
    """The system is about to end: whoever answers for what is left of the mail finds it there."""
    mail: list[int] = []

    async def main() -> None:
        async with system(stop_timeout=0):
            refs = [await started([]) for _ in range(3)]
            try:
                hand_to_each(refs, "interrupt")
            finally:
                mail.extend(len(ref.actor_inbox) for ref in refs)

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)
    assert mail == [0, 1, 1]


async def test_what_is_handed_over_behind_mail_waits() -> None:
    trail: Trail = []
    async with system():
        ref = await started(trail)
        ref.tell(None)
        ref.actor_inbox.hand("a")
        assert trail == []
        await wait_all_tasks_blocked()
        assert trail == [None, "a"]


async def test_without_one_what_is_handed_over_is_the_actors() -> None:
    trail: Trail = []
    async with system() as actors:
        ref, _ = actors.launch(Sailor, (trail,), {}, Reviver(actors, trail, ends=2))
        ref.kill()
        await wait_all_tasks_blocked()
        ref.actor_inbox.hand("a")
        await wait_all_tasks_blocked()
        ref.kill()
    assert trail == ["start", "a"]


@pytest.mark.parametrize("handed", [False, True])
async def test_mail_that_comes_while_it_runs_is_handled_after(handed: bool) -> None:
    trail: Trail = []
    async with system():
        ref = await started(trail)
        ref.actor_inbox.hand("more") if handed else ref.tell("more")
        await wait_all_tasks_blocked()
        assert trail == ["short more", "short next"]


@pytest.mark.parametrize("handed", [False, True])
async def test_what_it_raises_ends_the_actor(handed: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    trail: Trail = []
    async with system() as actors:
        parent = Reviver(actors, trail, ends=1)
        ref, started = actors.launch(Sailor, (trail,), {}, parent)
        await started
        await wait_all_tasks_blocked()
        ref.actor_inbox.hand("fail") if handed else ref.tell("fail")
        await wait_all_tasks_blocked()
        assert (trail, ref.is_alive()) == (["start", LookupError], False)
    assert [(exit_.reason, exit_.last_message) for exit_ in parent.exits] == [("crashed", "fail")]


@pytest.mark.parametrize("handed", [False, True])
async def test_an_actor_that_it_kills_ends_when_it_has_returned(handed: bool) -> None:
    trail: Trail = []
    async with system():
        ref = await started(trail)
        ref.actor_inbox.hand("kill") if handed else ref.tell("kill")
        await wait_all_tasks_blocked()
        assert (trail, ref.is_alive()) == (["short kill"], False)


@pytest.mark.parametrize("end", ["kill", "kill in a turn", "crash"])
async def test_it_is_gone_with_the_incarnation(end: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    trail: Trail = []
    async with system(stop_timeout=0) as actors:
        ref, started = actors.launch(Sailor, (trail,), {}, Reviver(actors, trail))
        await started
        if end == "kill":
            ref.kill()
        else:
            ref.tell("kill" if end == "kill in a turn" else "fail")
        await wait_all_tasks_blocked()
        ref.tell("a")
        await wait_all_tasks_blocked()
        assert trail[-2:] == ["start", "a"]


async def test_an_actor_that_is_traced_goes_on_without() -> None:
    trail: Trail = []
    async with system():
        ref = await started(trail)
        await sys.trace(ref, lambda _: None)
        ref.tell("a")
        await wait_all_tasks_blocked()
        assert trail == ["a"]


def test_a_ctrl_c_while_it_runs_ends_the_system() -> None:
    refs: list[ActorRef[Any]] = []

    async def main() -> None:
        async with system():
            refs.append(await Sailor.start_async([]))
            refs[0].tell("interrupt")
            await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)
    assert not refs[0].is_alive()


class Watched(Shortcut):
    """Says what is seen of it while it takes a message."""

    def take_in_turn(self, message: object) -> Any:
        return watchdog.whose(watchdog.LoopCall((frame_of_caller(),)))

    def look(self, message: object) -> Any:
        return watchdog.whose(watchdog.LoopCall((frame_of_caller(),)))


def frame_of_caller() -> FrameType:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back


def test_of_what_is_in_an_actors_place_the_message_is_known_and_not_whose_it_is() -> None:
    watched = Watched()
    assert watched.take_in_turn("message") == (None, "str")
    assert watched.take_in_turn(None) == (None, None)
    assert watched.look("message") == (None, None)
