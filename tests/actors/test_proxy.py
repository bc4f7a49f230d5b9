"""Proxies: to whichever incarnation lives."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import Actor, system, traversable
from cometary.errors import ActorEndedError
from cometary.supervision import Backoff, ChildSpec, supervise


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


class Player:
    def __init__(self, title: str) -> None:
        self.title = title


class Jukebox(Actor):
    """Each of its lives has one attribute that the others do not have."""

    lives = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).lives += 1
        setattr(self, f"life{self.lives}", self.lives)
        self.player = traversable(Player(f"song {self.lives}"))

    def on_receive(self, message: Any) -> Any:
        if message == "crash":
            raise LookupError(message)

    def add(self, one: int, other: int) -> int:
        return one + other


@pytest.mark.parametrize("backoff", [None, Backoff(5, 5, jitter=0)])
async def test_a_proxy_is_for_every_incarnation(autojump_clock: MockClock, backoff: Any) -> None:
    class Box(Jukebox):
        pass

    async with system(), supervise([ChildSpec("box", Box)], intensity=9, backoff=backoff) as root:
        supervisor: Any = root.actor_inbox.actor
        ref: Any = supervisor.children[0].ref
        proxy: Any = ref.proxy()
        inner = proxy.player
        assert await proxy.life1 == 1
        assert await inner.title == "song 1"
        first = weakref.ref(ref.actor_inbox.actor)
        ref.tell("crash")
        while ref.actor_inbox.actor is first():
            await trio.lowlevel.checkpoint()
        assert ref.is_alive()
        meanwhile = ref.proxy()  # also while there is none: its mail waits
        assert await meanwhile.add(1, 2) == 3
        assert await proxy.life2 == 2
        assert await meanwhile.life2 == 2
        assert await inner.title == "song 2"
        assert proxy == meanwhile
        assert hash(proxy) == hash(meanwhile)
        with pytest.raises(AttributeError, match="life1"):
            _ = proxy.life1
        await wait_all_tasks_blocked()
        gc.collect()
        assert first() is None
    with pytest.raises(ActorEndedError):
        ref.proxy()


async def test_a_proxy_knows_what_the_actor_has_now_and_no_more(autojump_clock: MockClock) -> None:
    class Box(Jukebox):
        shelf = "oak"

        def put(self, name: str) -> None:
            setattr(self, name, name)

    backoff = Backoff(5, 5, jitter=0)
    async with system(), supervise([ChildSpec("box", Box)], intensity=9, backoff=backoff) as root:
        supervisor: Any = root.actor_inbox.actor
        ref: Any = supervisor.children[0].ref
        proxy: Any = ref.proxy()
        assert {"life1", "put"} <= set(dir(proxy))
        assert await proxy.life1 == 1
        await proxy.put("new")
        assert await proxy.new == "new"
        ref.tell("crash")
        await wait_all_tasks_blocked()
        assert ref.actor_inbox.actor is None
        shelves = proxy.shelf, ref.proxy().shelf  # answered by the next one
        assert [await shelf for shelf in shelves] == ["oak", "oak"]
        with pytest.raises(AttributeError, match="life1"):
            _ = proxy.life1
        assert "life2" in dir(proxy)
        ref.tell("crash")
        await trio.sleep(6)
        with pytest.raises(AttributeError, match="life2"):
            _ = proxy.life2
