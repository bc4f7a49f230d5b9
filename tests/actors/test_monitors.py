"""Several monitors of one actor, told apart by their tags, and those that are called back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import KILLED, NORMAL, Actor, ActorRef, Bounded, Down, system, system_in_thread
from cometary.actors.monitors import Monitors
from tests.actors.reviver import Reviver


class Watched(Actor):
    def on_receive(self, message: Any) -> Any:
        return message


class Watcher(Actor):
    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        self.got.append(message)
        return self.got


class AsyncWatcher(Watcher):
    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


Do = Callable[[Watcher], object]
KINDS = pytest.mark.parametrize("kind", [Watcher, AsyncWatcher], ids=["def", "async def"])


async def ended(ref: ActorRef[Any]) -> None:
    ref.kill()
    await ref.stopped()
    await wait_all_tasks_blocked()


@KINDS
async def test_each_tag_gets_a_down_of_its_own(kind: type[Watcher]) -> None:
    async with system():
        watcher, ref = kind.start().proxy(), Watched.start()
        for tag in (None, "a", "b", "a", None):
            await watcher.monitor(ref, tag)
        await ended(ref)
        assert await watcher.got == [Down(ref, KILLED), Down(ref, KILLED, "a"), Down(ref, KILLED, "b")]
        assert [down.tag for down in await watcher.got] == [None, "a", "b"]


@KINDS
@pytest.mark.parametrize("gone", [None, "a", "b"])
async def test_one_ends_and_the_others_stay(kind: type[Watcher], gone: Any) -> None:
    async with system():
        watcher, ref = kind.start().proxy(), Watched.start()
        for tag in ("a", "b", None):
            await watcher.monitor(ref, tag)
        await watcher.demonitor(ref, gone)
        await watcher.demonitor(ref, gone)
        await watcher.demonitor(ref, "never there")
        await ended(ref)
        assert [down.tag for down in await watcher.got] == [tag for tag in ("a", "b", None) if tag != gone]


async def test_one_with_a_tag_alone_ends_by_its_tag() -> None:
    async with system():
        watcher, ref = Watcher.start().proxy(), Watched.start()
        await watcher.monitor(ref, "a")
        await watcher.demonitor(ref)  # another one
        assert ref.actor_inbox._watchers
        await watcher.demonitor(ref, "a")
        assert not ref.actor_inbox._watchers
        await ended(ref)
        assert await watcher.got == []


async def test_the_dead_send_a_down_for_each_tag_too() -> None:
    async with system():
        watcher, ref = Watcher.start().proxy(), Watched.start()
        await ref.stop()
        for tag in ("a", "b"):
            await watcher.monitor(ref, tag)
        await wait_all_tasks_blocked()
        assert [(down.exit, down.tag) for down in await watcher.got] == [(NORMAL, "a"), (NORMAL, "b")]


async def test_a_tag_that_cannot_be_compared_any_more_still_gets_its_down() -> None:
    class Moody:
        broken = False

        def __hash__(self) -> int:
            if self.broken:
                raise LookupError("no")
            return 1

    tag: Any = Moody()
    async with system():
        watcher, ref = Watcher.start().proxy(), Watched.start()
        await watcher.monitor(ref, tag)
        Moody.broken = True
        await ended(ref)
        (down,) = await watcher.got
        assert down.tag is tag


async def test_what_is_no_key_is_no_tag() -> None:
    async with system():
        watcher, ref = Watcher.start().proxy(), Watched.start()
        with pytest.raises(TypeError, match="unhashable"):
            await watcher.monitor(ref, [])
        await watcher.monitor(ref)
        await ended(ref)
        assert await watcher.got == [Down(ref, KILLED)]


# -- flush ------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("bound", [None, Bounded(1, "drop_oldest")])
async def test_a_down_that_is_in_the_mailbox_is_called_back(
    kind: type[Watcher], bound: Bounded | None
) -> None:
    def look_away(self: Watcher) -> None:
        for tag in (None, "a"):
            self.monitor(ref, tag)
        ref.kill()  # the Downs are in the mailbox now
        self.demonitor(ref, flush=True)

    async with system():
        watcher, ref = (kind if bound is None else kind.with_mailbox(bound)).start(), Watched.start()
        await watcher.ask(look_away)
        await wait_all_tasks_blocked()
        assert await watcher.ask("last") == [Down(ref, KILLED, "a"), "last"]
        cell: Any = watcher.actor_inbox
        assert not cell._monitors._unhandled
        assert not cell._monitors._watched


async def test_a_down_that_a_turn_has_taken_out_already_is_called_back_too() -> None:
    def look_away(self: Watcher) -> None:
        self.demonitor(ref, flush=True)

    async with system():
        watcher, ref = await Watcher.start_async(), await Watched.start_async()
        await watcher.proxy().monitor(ref)
        watcher.tell(look_away)
        ref.kill()  # so all of this is one turn of the watcher's: the order, and the Down behind it
        watcher.tell("last")
        await wait_all_tasks_blocked()
        assert await watcher.proxy().got == ["last"]


async def test_what_is_not_flushed_is_delivered() -> None:
    def look_away(self: Watcher) -> None:
        self.monitor(ref)
        ref.kill()
        self.demonitor(ref)

    async with system():
        watcher, ref = Watcher.start(), Watched.start()
        await watcher.ask(look_away)
        assert await watcher.proxy().got == [Down(ref, KILLED)]


@KINDS
async def test_who_flushed_may_monitor_again_and_is_told(kind: type[Watcher]) -> None:
    def look_away_and_back(self: Watcher) -> None:
        self.monitor(ref)
        ref.kill()
        self.demonitor(ref, flush=True)
        self.monitor(ref)

    async with system():
        watcher, ref = kind.start(), Watched.start()
        await watcher.ask(look_away_and_back)
        await wait_all_tasks_blocked()
        assert [down.ref for down in await watcher.proxy().got] == [ref]


async def test_flushing_what_was_never_sent_is_harmless() -> None:
    async with system():
        watcher, ref = Watcher.start().proxy(), Watched.start()
        await watcher.demonitor(ref, flush=True)
        await watcher.monitor(ref)
        await watcher.demonitor(ref, flush=True)
        await watcher.demonitor("nobody", flush=True)
        await ended(ref)
        assert await watcher.got == []


async def test_downs_that_were_handled_are_not_remembered(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    caplog.set_level(logging.CRITICAL)
    async with system() as actors:
        watcher, _ = actors.launch(Watcher, (), {}, Reviver(actors))
        await wait_all_tasks_blocked()
        for _ in range(3):
            ref = Watched.start()
            await watcher.proxy().monitor(ref, "a")
            await ended(ref)
        cell: Any = watcher.actor_inbox
        assert not cell._monitors._unhandled
        assert len(await watcher.proxy().got) == 3


def test_an_actor_of_another_system_is_watched_with_tags_too() -> None:
    with system_in_thread():
        watcher = Watcher.start()
        with system_in_thread():
            ref = Watched.start()
            for tag in ("a", "b"):
                watcher.proxy().monitor(ref, tag).get()
        assert [down.tag for down in watcher.ask("last")[:-1]] == ["a", "b"]


async def test_to_end_a_monitor_costs_the_same_however_many_others_there_are() -> None:
    """The cost of a batch beside few monitors of the same actor and beside ten thousand: they differ by little."""
    async with system(stop_timeout=0):
        hub = Watched.start()
        look: Do = lambda actor: actor.monitor(hub)  # noqa: E731 - a message

        async def watchers(number: int) -> list[ActorRef[Any]]:
            refs: list[ActorRef[Any]] = [Watcher.start() for _ in range(number)]
            for ref in refs:
                ref.tell(look)
            await wait_all_tasks_blocked()
            return refs

        async def batch() -> float:
            best = float("inf")
            for _ in range(5):
                refs = await watchers(200)
                began = time.process_time()
                for ref in refs:
                    await ref.stop()
                best = min(best, time.process_time() - began)
            return best

        alone = await batch()
        await watchers(10_000)
        among_many = await batch()
    assert among_many < 4 * alone  # to look through all of them would make it many times as much


async def test_a_tag_that_one_has_added_is_nobody_elses() -> None:
    async with system():
        watched = await Watched.start_async()
        one, other = Monitors(watched.actor_inbox), Monitors(watched.actor_inbox)
        one.add(watched)
        one.add(watched, "tag")
        other.add(watched)
        assert list(one._watched[watched]) == [None, "tag"]
        assert list(other._watched[watched]) == [None]
        one.clear()
        other.clear()
