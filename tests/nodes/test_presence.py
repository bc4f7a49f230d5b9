"""Presence with several nodes: the same at each, and right after a death; real processes, and a real Redis."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator

import pytest

from tests.nodes.house import LEASE, House, Node, running_house, wait_until
from tests.nodes.test_histories import APP, Listener


@pytest.fixture(scope="module")
def house() -> Generator[House]:
    """Three nodes, the same for all tests."""
    with running_house("a", "b", "c", app=APP, options=("--sessions", "resume"), cuttable=True) as running:
        yield running


def count(node: Node, path: str) -> int:
    return int(node.control.post("/presence", json={"path": path}).json()["count"])


def told(listener: Listener, path: str) -> list[tuple[int, int, int]]:
    """Return how many were there, had joined and had left, each time that it was told."""
    notices = [packet["message"] for packet in listener.come if packet["path"] == "::presence"]
    return [
        (each["count"], len(each["joined"]), len(each["left"])) for each in notices if each["path"] == path
    ]


def test_who_is_at_any_node_is_seen_at_all(house: House) -> None:
    first, second, third = house.nodes
    here, there = Listener(first), Listener(second)
    here.connect("room/1")
    there.connect("room/1")
    wait_until(lambda: [count(node, "room/1") for node in house.nodes] == [2, 2, 2])
    while not (seen := told(here, "room/1")) or seen[-1][0] < 2:
        here.take()
    assert third.control.post("/kick", json={"sid": there.page.sid}).status_code == 200
    wait_until(lambda: [count(node, "room/1") for node in house.nodes] == [1, 1, 1])
    while told(here, "room/1")[-1] != (1, 0, 1):
        here.take()


def test_those_of_a_node_that_was_killed_leave_once_when_its_lease_has_run_out(house: House) -> None:
    first, second, third = house.nodes
    watchers = [Listener(node) for node in (first, second)]
    for watcher in watchers:
        watcher.connect("room/2")
    for _ in range(3):
        Listener(third).connect("room/2")
    outliving = third.ask(b'{"rid": 1, "resume": true}')["sid"]
    third.control.post("/connect", json={"sid": outliving, "paths": ["room/3"]})
    watchers[0].connect("room/3")
    wait_until(lambda: [count(node, "room/2") for node in (first, second)] == [5, 5])
    wait_until(lambda: [count(node, "room/3") for node in (first, second)] == [2, 2])
    for watcher in watchers:
        while 5 not in [count for count, _, _ in told(watcher, "room/2")]:
            watcher.take()
    for cut in house.cuts:  # by new links the others learn of each other, and wait for each other longer
        cut.cut()
    wait_until(lambda: all({*node.others().values()} == {"there"} for node in house.nodes))
    killed = time.monotonic()
    os.kill(third.server.process.pid, signal.SIGKILL)
    for watcher in watchers:
        while not told(watcher, "room/2")[-1][2]:
            watcher.take()
        assert told(watcher, "room/2")[-1] == (2, 0, 3)
    assert LEASE - 1 < time.monotonic() - killed < LEASE + 4
    assert [count(node, "room/2") for node in (first, second)] == [2, 2]
    second.control.post("/update", json={"path": "room/2", "message": "end"})
    for watcher in watchers:
        watcher.hears("room/2", "end")
        assert sum(left > 0 for _, _, left in told(watcher, "room/2")) == 1
    assert [count(node, "room/3") for node in (first, second)] == [2, 2], "another node has adopted it"
    assert not any(left for _, _, left in told(watchers[0], "room/3"))
