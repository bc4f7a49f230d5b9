"""Which paths with a history a node follows, for whom; and what it reads of the engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary.cluster.engine import PIECE, Logs
from cometary.cluster.path_logs import Addition, ChangedPaths, LogShelf, PathLog, SharedLogs
from cometary.errors import EngineError
from cometary.nodes.histories import NodeHistories
from cometary.nodes.path_order import Numbered
from cometary.nodes.wishes import LINGER, Wishes
from cometary.packets.contract import Contract
from cometary.packets.contract_table import Contracts
from cometary.packets.keeping import Keeping
from cometary.packets.packet import Packet
from cometary.packets.patterns import Pattern
from cometary.packets.published import as_published, encoded

CONTRACTS = Contracts([(Pattern.compile("news/**"), Contract(history=Keeping(10)))])

WAIT = 10.0
"""Seconds after which a call of an engine that is away is given up."""


class Engine:
    """Logs of an engine that can be away, and what was asked of it."""

    def __init__(self) -> None:
        self.logs = SharedLogs()
        self.back = trio.Event()
        self.back.set()
        self.looked_behind: list[int] = []

    def append(self, shelf: LogShelf, path: str, message: object) -> None:
        payload = encoded(as_published(Packet(path, message)))
        self.logs.append(shelf, Addition(path, payload, 1), trio.current_time())

    async def read_log(self, shelf: LogShelf, path: str, behind: int) -> PathLog:
        await self._wait()
        return self.logs.read(shelf, path, behind, trio.current_time())

    async def changed_logs(self, shelf: LogShelf, behind: int) -> ChangedPaths:
        self.looked_behind.append(behind)
        await self._wait()
        return self.logs.changed(shelf, behind, PIECE)

    async def _wait(self) -> None:
        with trio.move_on_after(WAIT):
            await self.back.wait()
            return
        raise EngineError("it is away")


class Node:
    """One that follows paths."""

    def __init__(self, wishes: Wishes | None = None) -> None:
        self.engine = Engine()
        self.wishes = Wishes() if wishes is None else wishes
        self.routed: list[object] = []
        self.histories = NodeHistories(
            CONTRACTS, cast("Logs", self.engine), self.wishes, self._route, lambda _: None
        )
        shelf = self.histories.shelf_of("news/a")
        assert shelf is not None
        self.shelf = shelf

    def _route(self, packet: Packet) -> None:
        self.routed.append(self.histories.record(packet).message)

    def hear(self, pattern: str, *, wanted: bool = True) -> None:
        if self.wishes.note(pattern, trio.current_time(), wanted=wanted):
            self.histories.want(pattern)

    def come(self, path: str) -> None:
        self.histories.take(path, Numbered("x.1", 1, 0, Packet(path, 1)))

    def followed(self) -> set[str]:
        return {*self.histories._followed}

    def lapse(self) -> None:
        self.histories.drop(self.wishes.take_lapsed(trio.current_time()))

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.histories.run)
            await wait_all_tasks_blocked()
            yield
            nursery.cancel_scope.cancel()


async def test_whoever_reads_while_the_engine_is_away_is_told_so(autojump_clock: object) -> None:
    node = Node()
    async with node.running():
        node.engine.back = trio.Event()
        node.hear("news/a")
        with trio.fail_after(WAIT + 1), pytest.raises(EngineError):
            await node.histories.read("news/a", None, 10)


async def test_whoever_reads_a_path_that_is_forgotten_meanwhile_is_answered(autojump_clock: object) -> None:
    node = Node()
    async with node.running():
        node.engine.append(node.shelf, "news/a", 1)
        node.engine.back = trio.Event()
        node.hear("news/a")
        node.hear("news/a", wanted=False)
        await trio.sleep(LINGER)
        answer = node.histories.read("news/a", None, 10)
        node.lapse()
        node.engine.back.set()
        with trio.fail_after(WAIT):
            assert [packet.message for packet in (await answer).packets] == [1]


async def test_when_a_node_has_gone_what_an_engine_that_has_lost_all_has_since_is_read(
    autojump_clock: object,
) -> None:
    node = Node()
    async with node.running():
        for path in ("news/a", "news/b"):
            node.hear(path)
        await trio.sleep(1)
        for number in range(5):
            node.engine.append(node.shelf, "news/b", number)
        node.histories.catch_up()
        await trio.sleep(1)
        node.engine.logs = SharedLogs()
        for number in range(3):
            node.engine.append(node.shelf, "news/a", f"a{number}")
            node.engine.append(node.shelf, "news/b", f"b{number}")
        node.histories.catch_up()
        await trio.sleep(1)
    assert node.routed[:5] == [0, 1, 2, 3, 4]
    assert sorted(map(str, node.routed[5:])) == ["a0", "a1", "a2", "b0", "b1", "b2"]


async def test_while_the_engine_is_away_a_shelf_is_looked_through_by_one_however_many_nodes_have_gone(
    autojump_clock: object,
) -> None:
    node = Node()
    async with node.running():
        node.engine.back = trio.Event()
        for _ in range(50):
            node.histories.catch_up()
            await wait_all_tasks_blocked()
        assert node.engine.looked_behind == [0]
        node.engine.back.set()
        await wait_all_tasks_blocked()
    assert node.engine.looked_behind == [0, 0], "one has gone since the first was asked"


class CountedWishes(Wishes):
    """Wishes that count how often it is asked of a path whether it is wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def __contains__(self, pattern: str) -> bool:
        self.asked += 1
        return super().__contains__(pattern)

    def since(self, path: str) -> float | None:
        self.asked += 1
        return super().since(path)


async def test_a_path_that_lapses_costs_as_much_however_many_are_followed(autojump_clock: object) -> None:
    wishes = CountedWishes()
    node = Node(wishes)
    for number in range(200):
        node.hear(f"news/{number}")
    node.hear("news/7", wanted=False)
    await trio.sleep(LINGER)
    wishes.asked = 0
    node.lapse()
    assert wishes.asked <= 2
    assert node.followed() == {f"news/{number}" for number in range(200)} - {"news/7"}


async def test_a_new_path_costs_as_much_however_many_are_followed(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cometary.nodes.histories.MOST_FOLLOWED", 3)
    wishes = CountedWishes()
    node = Node(wishes)
    for number in range(200):
        node.hear(f"news/{number}")
    wishes.asked = 0
    node.hear("news/new")
    assert wishes.asked <= 2
    assert len(node.followed()) == 201, "they are heard by their names"


async def test_of_paths_that_are_heard_by_stars_those_heard_of_last_are_followed(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cometary.nodes.histories.MOST_FOLLOWED", 2)
    node = Node()
    node.hear("news/**")
    node.hear("news/named")
    for path in ("news/a", "news/b", "news/a", "news/c"):
        node.come(path)
    assert node.followed() == {"news/named", "news/a", "news/c"}
    node.hear("news/c")
    node.come("news/d")
    assert node.followed() == {"news/named", "news/a", "news/c", "news/d"}
    node.hear("news/named", wanted=False)
    await trio.sleep(LINGER)
    node.lapse()
    assert node.followed() == {"news/named", "news/d", "news/c"}, "it is heard by stars, and so one too many"
    node.hear("news/**", wanted=False)
    await trio.sleep(LINGER)
    node.lapse()
    assert node.followed() == {"news/c"}
