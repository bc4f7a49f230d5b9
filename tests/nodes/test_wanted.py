"""Updates go where they are heard, and nobody who was connected misses one; real processes, and a real Redis."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import suppress
from threading import Timer

import httpx
import pytest

from tests.nodes.house import House, Node, running_house, wait_until
from tests.nodes.test_histories import APP, Listener, publish


@pytest.fixture(scope="module")
def house() -> Generator[House]:
    """Three nodes, the same for all tests."""
    with running_house("a", "b", "c", app=APP, cuttable=True) as running:
        yield running


def sent(node: Node) -> dict[str, int]:
    """Return how many updates it has sent to each other one."""
    nodes = node.control.get("/nodes").json()["nodes"]
    return {each["node"]: each["updates"] for each in nodes[1:]}


def calls(house: House) -> int:
    """Return how many calls of functions the engine has answered, but for those that renew leases."""
    text = house.engine.say("INFO", "commandstats")
    assert isinstance(text, bytes)
    [line] = [line for line in text.decode().splitlines() if line.startswith("cmdstat_fcall:")]
    return int(line.partition("calls=")[2].partition(",")[0])


def test_an_update_goes_to_the_nodes_at_which_somebody_hears_it(house: House) -> None:
    first, second, third = house.nodes
    Listener(second).connect("live/1")
    Listener(third).connect("live/**")
    begun = sent(first)
    publish(first, "live/1", ["to be sure that they are known"])
    wait_until(lambda: all(sent(first)[node] > begun[node] for node in ("b", "c")))
    before = sent(first)
    publish(first, "live/1", range(3))
    publish(first, "live/2", range(5))
    publish(first, "nobody", range(7))
    after = sent(first)
    assert {node: after[node] - before[node] for node in after} == {"b": 3, "c": 8}


def test_whoever_was_connected_before_something_was_published_gets_it(house: House) -> None:
    """Each path is new to the node of the session; the update is published right behind the answer."""
    first, second, _ = house.nodes
    listener = Listener(second)
    for number in range(60):
        for kind in ("live/new", "kept/new"):
            listener.connect(f"{kind}{number}")
            publish(first, f"{kind}{number}", [number])
    for number in range(60):
        for kind in ("live/new", "kept/new"):
            assert listener.hears(f"{kind}{number}", number) == [number]


def test_whoever_connects_while_links_are_broken_gets_all_that_is_published_meanwhile(house: House) -> None:
    first, second, _ = house.nodes
    listener = Listener(second)
    for number in range(5):
        for cut in house.cuts:
            cut.cut()
        listener.connect(f"live/cut{number}")
        publish(first, f"live/cut{number}", range(3))
    for number in range(5):
        assert listener.hears(f"live/cut{number}", 2) == [0, 1, 2]
    wait_until(lambda: second.others() == {"a": "there", "c": "there"})


def test_a_broadcast_costs_one_operation_of_the_engine_however_many_hear_it(house: House) -> None:
    first, second, third = house.nodes
    listeners = [Listener(node) for node in (second, third) for _ in range(5)]
    for listener in listeners:
        listener.connect("kept/broadcast")
    publish(first, "kept/broadcast", ["begin"])
    for listener in listeners:
        listener.hears("kept/broadcast", "begin")
    before, began = calls(house), time.monotonic()
    publish(first, "kept/broadcast", range(100))
    publish(first, "live/broadcast", range(100))
    for listener in listeners:
        listener.hears("kept/broadcast", 99)
    renewed = 3 * (1 + 2 * int(time.monotonic() - began + 1))  # leases: each node, some times a second
    assert 100 <= calls(house) - before <= 100 + renewed


@pytest.mark.parametrize("path", ["live/once", "kept/once"])
def test_an_update_with_a_key_is_one_whichever_nodes_it_is_sent_to(house: House, path: str) -> None:
    listeners = [Listener(node) for node in house.nodes]
    for listener in listeners:
        listener.connect(path)
    for number in range(10):
        update = {"path": path, "message": number, "idempotency_key": f"{path} {number}"}
        for node in house.nodes[number % 3 :] + house.nodes[: number % 3]:
            assert node.control.post("/update", json=update).status_code == 200
        reused = {**update, "message": "another"}
        assert house.nodes[(number + 1) % 3].control.post("/update", json=reused).status_code == 422
        publish(house.nodes[number % 3], path, [f"behind {number}"])
    expected = [message for number in range(10) for message in (number, f"behind {number}")]
    for listener in listeners:
        # The last one of each node: without a history there is no order between these.
        heard = [listener.hears(path, f"behind {number}") for number in (7, 8, 9)][-1]
        assert sorted(map(str, heard)) == sorted(map(str, expected))
        assert path == "live/once" or heard == expected, "where there is a history, there is one order"


def test_an_update_that_is_sent_again_after_the_death_of_its_node_is_one(house: House) -> None:
    """The node is killed in the middle of it; whoever has sent it does not know whether it was taken."""
    first, second, third = house.nodes
    listeners = [Listener(node) for node in (first, second)]
    paths = ("live/death", "kept/death")
    for listener in listeners:
        for path in paths:
            listener.connect(path)
    updates = [
        {"path": path, "message": number, "idempotency_key": f"{path} {number}"}
        for number in range(200)
        for path in paths
    ]
    killing = Timer(0.15, third.server.process.kill)
    killing.start()
    place = 0
    with suppress(httpx.HTTPError):
        for place, update in enumerate(updates):  # noqa: B007 - where it broke off
            assert third.control.post("/update", json=update).status_code == 200
    killing.join()
    assert 0 < place < len(updates) - 1
    for update in updates[max(place - 20, 0) : place + 20]:
        assert second.control.post("/update", json=update).status_code == 200
    last = updates[place + 19]["message"]
    for listener in listeners:
        for path in paths:
            assert listener.hears(
                path, last if (place + 19) % 2 == paths.index(path) else updates[place + 18]["message"]
            )
            heard = listener.heard(path)
            assert heard == [*range(len(heard))]
