"""Monitors: one `Down` for each, and nothing left behind."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import wait_all_tasks_blocked

from cometary.actors import KILLED, NORMAL, Actor, ActorDeadError, ActorRef, Down, system


class Watched(Actor):
    def on_receive(self, message: Any) -> Any:
        return message


class AsyncWatched(Actor):
    async def on_receive(self, message: Any) -> Any:
        return message


class Watcher(Actor):
    def __init__(self) -> None:
        super().__init__()
        self.downs: list[Down] = []

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Down):
            self.downs.append(message)

    def look_away_while_it_ends(self, ref: ActorRef[Any]) -> None:
        self.monitor(ref)
        ref.kill()  # the Down is in the mailbox now
        self.demonitor(ref)


KINDS = pytest.mark.parametrize("kind", [Watched, AsyncWatched], ids=["def", "async def"])


@KINDS
async def test_a_watcher_gets_one_down_however_often_it_asked(kind: type[Actor]) -> None:
    async with system():
        ref, proxy = kind.start(), Watcher.start().proxy()
        for _ in range(3):
            await proxy.monitor(ref)
        await ref.stop()
        await wait_all_tasks_blocked()
        assert await proxy.downs == [Down(ref, NORMAL)]


@KINDS
async def test_a_watcher_of_the_dead_is_told_at_once(kind: type[Actor]) -> None:
    async with system():
        ref, proxy = kind.start(), Watcher.start().proxy()
        ref.kill()
        await ref.stopped()
        await proxy.monitor(ref)
        await wait_all_tasks_blocked()
        assert await proxy.downs == [Down(ref, KILLED)]


async def test_after_demonitor_there_is_no_down() -> None:
    async with system():
        ref, proxy = Watched.start(), Watcher.start().proxy()
        await proxy.demonitor(ref)  # harmless
        await proxy.monitor(ref)
        await proxy.demonitor(ref)
        await ref.stop()
        assert await proxy.downs == []


async def test_who_looked_away_may_look_again() -> None:
    async with system():
        ref, proxy = Watched.start(), Watcher.start().proxy()
        await proxy.monitor(ref)
        await proxy.demonitor(ref)
        await proxy.monitor(ref)
        await ref.stop()
        await wait_all_tasks_blocked()
        assert await proxy.downs == [Down(ref, NORMAL)]


async def test_who_was_told_of_an_end_is_told_again_when_it_asks_again() -> None:
    async with system():
        ref, proxy = Watched.start(), Watcher.start().proxy()
        await proxy.monitor(ref)
        await ref.stop()
        await wait_all_tasks_blocked()
        await proxy.monitor(ref)
        await wait_all_tasks_blocked()
        assert [down.ref for down in await proxy.downs] == [ref, ref]


async def test_a_down_that_is_in_the_mailbox_already_is_delivered() -> None:
    async with system():
        ref, proxy = Watched.start(), Watcher.start().proxy()
        await proxy.look_away_while_it_ends(ref)
        assert await proxy.downs == [Down(ref, KILLED)]


async def test_the_dead_are_on_nobodys_list() -> None:
    async with system():
        hub = await Watched.start_async()
        for _ in range(20):
            watcher = Watcher.start()
            await watcher.proxy().monitor(hub)
            await watcher.stop()
        assert not hub.actor_inbox._watchers


async def test_an_actor_may_monitor_from_its_constructor() -> None:
    class Eager(Watcher):
        def __init__(self, ref: ActorRef[Any]) -> None:
            super().__init__()
            self.monitor(ref)

    async with system():
        ref = Watched.start()
        proxy = Eager.start(ref).proxy()
        await ref.stop()
        await wait_all_tasks_blocked()
        assert await proxy.downs == [Down(ref, NORMAL)]


async def test_an_incarnation_that_has_ended_monitors_nobody() -> None:
    async with system():
        ref = await Watcher.start_async()
        actor: Any = ref.actor_inbox.actor
        await ref.stop()
        with pytest.raises(ActorDeadError):
            actor.monitor(Watched.start())
        actor.demonitor(ref)
