"""The key-value server of the tutorial, tested as the tutorial says."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from cometary.actors import ActorSystem, Timeout
from cometary.supervision import ChildSpec, supervise
from cometary.testing import Probe, explore_orders
from examples.key_value import alarm
from examples.key_value.alarm import Alarm
from examples.key_value.client import Add, CountingStore, add, get, put
from examples.key_value.supervised import LastingStore, child
from examples.key_value.watched import Changed, Watch, WatchedStore

# -- the store ----------------------------------------------------------------------------


async def test_what_is_put_can_be_got(actor_system: ActorSystem) -> None:
    store = CountingStore.start()
    put(store, "colour", "blue")
    assert await get(store, "colour") == "blue"
    assert await get(store, "size") is None


async def test_a_mistake_in_a_call_is_the_callers(actor_system: ActorSystem) -> None:
    store = CountingStore.start()
    put(store, "colour", "blue")
    with pytest.raises(TypeError):
        await add(store, "colour", 1)
    with pytest.raises(ValueError, match="does not know 'nonsense'"):
        await store.ask("nonsense")
    assert await get(store, "colour") == "blue"


async def test_a_call_does_not_wait_for_ever(probe: Probe) -> None:
    with pytest.raises(Timeout):
        await get(probe, "colour")
    assert trio.current_time() == pytest.approx(1)


@explore_orders()
async def test_everything_is_still_there_after_a_crash(actor_system: ActorSystem, probe: Probe) -> None:
    table: dict[str, Any] = {}
    async with supervise([ChildSpec("store", LastingStore, (table,))]) as root:
        store = await child(root, "store")
        probe.watch(store)
        put(store, "colour", "blue")
        store.tell(Add("colour", 1))
        await probe.expect_down(store, reason="crashed")
        assert await get(store, "colour") == "blue"


# -- watching -----------------------------------------------------------------------------


async def test_a_watcher_is_told_what_is_there_and_of_every_change(probe: Probe) -> None:
    store = WatchedStore.start({"visits": 1})
    store.tell(Watch("visits", probe))
    await probe.expect(Changed("visits", 1))
    put(store, "colour", "blue")
    store.tell(Add("visits", 1))
    await probe.expect(Changed("visits", 2))
    await probe.expect_nothing()


@explore_orders()
async def test_a_watcher_may_end_at_any_time(actor_system: ActorSystem) -> None:
    store = WatchedStore.start({})
    watcher = Probe.start("watcher")
    store.tell(Watch("colour", watcher))
    watcher.stop(block=False)
    put(store, "colour", "blue")
    assert await get(store, "colour") == "blue"


async def test_a_watcher_that_has_ended_is_forgotten(actor_system: ActorSystem, probe: Probe) -> None:
    store = WatchedStore.start({})
    store.tell(Watch("colour", probe))
    await probe.expect(Changed)
    await probe.stop()
    assert await store.proxy().watchers == {}


# -- the alarm ----------------------------------------------------------------------------


async def test_it_rings_above_the_limit(probe: Probe) -> None:
    rings: list[float] = []
    watcher = Alarm.start(probe, "visits", 2, rings.append)
    await probe.expect(Watch("visits", watcher))
    for value in (None, 1, 2, 3):
        watcher.tell(Changed("visits", value))
    await watcher.stop()
    assert rings == [3]


@explore_orders()
async def test_it_goes_on_watching_after_a_crash_of_the_store(actor_system: ActorSystem) -> None:
    rings: list[float] = []
    async with supervise([ChildSpec("store", WatchedStore, ({"colour": "blue"},))]) as root:
        store = await child(root, "store")
        Alarm.start(store, "visits", 0, rings.append)
        store.tell(Add("colour", 1))
        await trio.sleep(1)
        store.tell(Add("visits", 1))
        await trio.sleep(1)
    assert rings == [1]


async def test_it_ends_when_the_store_has_ended_for_good(probe: Probe) -> None:
    store = WatchedStore.start({})
    watcher = Alarm.start(store, "visits", 0, print)
    probe.watch(watcher)
    await store.stop()
    await probe.expect_down(watcher, reason="normal")


# -- the programs -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "printed"),
    [
        ("store", ["blue"]),
        (
            "client",
            [
                "visits: 1",
                "visits: 2",
                'refused: can only concatenate str (not "int") to str',
                "colour: blue",
                "no answer within a second",
            ],
        ),
        (
            "supervised",
            [
                """crash: TypeError('can only concatenate str (not "int") to str'); restart""",
                "colour: blue",
            ],
        ),
        ("watched", ["colour: None", "colour: blue", "colour: green"]),
    ],
)
def test_each_step_is_a_program(step: str, printed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    program: Any = importlib.import_module(f"examples.key_value.{step}")
    trio.run(program.main, clock=MockClock(autojump_threshold=0))
    assert capsys.readouterr().out.splitlines() == printed


def test_the_last_step_is_the_whole_server(capsys: pytest.CaptureFixture[str]) -> None:
    trio.run(partial(alarm.run, print), clock=MockClock(autojump_threshold=0))
    assert capsys.readouterr().out.splitlines() == ["3", "4", "5"]
