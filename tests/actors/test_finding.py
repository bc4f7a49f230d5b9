"""Finding actors by name, class and URN, over our actors and Pykka's threads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pykka
import pytest
import trio

from cometary.actors import (
    Actor,
    ActorDeadError,
    ActorRegistry,
    ThreadingActor,
    finding,
    register,
    system,
    system_in_thread,
    unregister,
    whereis,
)
from cometary.actors.future import Future
from cometary.errors import BlockingCallError, NameTakenError, UsageError


class Plain(Actor):
    def __init__(self, log: list[object] | None = None, name: object = None) -> None:
        super().__init__()
        self.log = log if log is not None else []
        self.name = name

    def on_receive(self, message: Any) -> Any:
        self.log.append(message)

    def on_stop(self) -> None:
        self.log.append(self.name)


class Special(Plain):
    async def on_receive(self, message: Any) -> Any:
        self.log.append(message)


class Thread(ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        return message


@pytest.fixture
def thread_ref() -> Iterator[pykka.ActorRef[Thread]]:
    ref = Thread.start()
    yield ref
    ref.stop()


async def test_lookups_find_our_actors_and_pykkas(thread_ref: pykka.ActorRef[Thread]) -> None:
    async with system():
        plain, special = Plain.start(), Special.start()
        assert ActorRegistry.get_all() == [thread_ref, plain, special]
        assert ActorRegistry.get_by_class(Plain) == [plain, special]
        assert ActorRegistry.get_by_class(Special) == [special]
        assert ActorRegistry.get_by_class(Thread) == [thread_ref]
        assert ActorRegistry.get_by_class_name("Plain") == [plain]
        for ref in (plain, special, thread_ref):
            assert ActorRegistry.get_by_urn(ref.actor_urn) is ref
        assert ActorRegistry.get_by_urn("urn:uuid:none") is None
        await plain.stop()
        assert ActorRegistry.get_all() == [thread_ref, special]
        assert ActorRegistry.get_by_urn(plain.actor_urn) is None


def test_without_a_system_there_are_only_pykkas(thread_ref: pykka.ActorRef[Thread]) -> None:
    assert ActorRegistry.get_all() == [thread_ref]
    assert ActorRegistry.get_by_urn(thread_ref.actor_urn) is thread_ref


async def test_broadcast_reaches_all_or_a_class() -> None:
    log: list[object] = []
    async with system():
        plain, special = Plain.start(log), Special.start(log)
        ActorRegistry.broadcast("all")
        ActorRegistry.broadcast("by class", Special)
        ActorRegistry.broadcast("by name", "Plain")
        await plain.ask("x")
        await special.ask("x")
    assert sorted(str(each) for each in log if each) == ["all", "all", "by class", "by name", "x", "x"]


async def test_stop_all_on_the_loop_is_awaited_and_stops_the_youngest_first(
    thread_ref: pykka.ActorRef[Thread],
) -> None:
    log: list[object] = []
    async with system():
        for number, kind in enumerate((Plain, Special, Special, Plain)):
            kind.start(log, number)
        assert await ActorRegistry.stop_all() == [True] * 5
        assert log == [3, 2, 1, 0]
        assert ActorRegistry.get_all() == []
        Plain.start()
        with pytest.raises(BlockingCallError):
            ActorRegistry.stop_all(block=True)


async def test_stop_all_without_waiting_returns_futures() -> None:
    async with system():
        Plain.start()
        Special.start()
        assert [await each for each in ActorRegistry.stop_all(block=False)] == [True, True]


async def test_stop_all_times_out() -> None:
    class Stubborn(Special):
        async def on_stop(self) -> None:  # type: ignore[override]
            await trio.sleep_forever()

    async with system(stop_timeout=0):
        Stubborn.start()
        with pytest.raises(pykka.Timeout):
            await ActorRegistry.stop_all(timeout=0.001)


async def test_a_stop_of_all_in_a_system_that_is_cancelled_is_answered() -> None:
    class Never:
        def stop(self, *, block: bool) -> Future[bool]:
            assert not block
            return Future()

    done, never = Future[list[bool]](), Never()
    everyone: Any = [never]
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(finding._stop_in_order, everyone, None, done)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    with pytest.raises(ActorDeadError, match="the actor system has ended"):
        done.get(timeout=0)


def test_stop_all_from_a_thread_blocks() -> None:
    log: list[object] = []
    with system_in_thread():
        for number in range(3):
            Plain.start(log, number)
        assert ActorRegistry.stop_all() == [True, True, True]
    assert log == [2, 1, 0]


# -- names --------------------------------------------------------------------------------


async def test_an_actor_has_its_name_until_it_ends() -> None:
    async with system() as actors:
        ref = Plain.start()
        register("one", ref)
        register("two", ref)
        assert whereis("one") is whereis("two") is ref
        unregister("two")
        unregister("two")
        assert whereis("two") is None
        await ref.stop()
        assert whereis("one") is None
        assert len(actors.names) == 0
        register("one", Plain.start())


async def test_a_name_belongs_to_one_living_actor_of_the_system() -> None:
    async with system():
        ref = Plain.start()
        register("taken", ref)
        with pytest.raises(NameTakenError, match="taken"):
            register("taken", Plain.start())
        dead = Plain.start()
        await dead.stop()
        with pytest.raises(ActorDeadError):
            register("dead", dead)
        async with system():
            assert whereis("taken") is None
            with pytest.raises(UsageError, match="another actor system"):
                register("foreign", ref)


def test_names_are_for_any_thread() -> None:
    with system_in_thread():
        ref = Plain.start()
        register("one", ref)
        assert whereis("one") is ref
        ref.stop()
        assert whereis("one") is None


# -- cost ---------------------------------------------------------------------------------


async def test_starting_and_stopping_costs_the_same_however_many_there_are() -> None:
    """The cost of a batch with few others and with twenty thousand: they differ by little."""

    async def batch() -> float:
        best = float("inf")
        for _ in range(5):
            began = time.process_time()
            refs = [Plain.start() for _ in range(300)]
            for ref in refs:
                await ref.stop()
            best = min(best, time.process_time() - began)
        return best

    async with system(stop_timeout=0):
        alone = await batch()
        for _ in range(20_000):
            Plain.start()
        among_many = await batch()
    assert among_many < 4 * alone  # O(n) would make it a hundred times as much
