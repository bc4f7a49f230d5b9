"""What is kept, with several nodes: one order everywhere, and all of it after a death; real processes, real Redis."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from contextlib import suppress
from threading import Thread
from typing import Any

import httpx
import pytest

from tests.nodes.house import House, Node, running_house, wait_until
from tests.workers.house import Page

APP = "tests/nodes/kept_application.py:app"


@pytest.fixture(scope="module")
def house() -> Generator[House]:
    """Three nodes, the same for all tests."""
    with running_house("a", "b", "c", app=APP) as running:
        yield running


class Listener:
    """A session at a node that notes all that it is sent.

    Args:
        node: the node.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.page: Page = node.open()
        self.come: list[dict[str, Any]] = []

    def connect(self, path: str, **how: Any) -> None:
        """Have it connected, by a back-end."""
        call = {"sid": self.page.sid, "paths": [path], **how}
        assert self.node.control.post("/connect", json=call).status_code == 200

    def take(self) -> None:
        """Take what there is."""
        answer = self.node.ask(self.page.request())
        assert "error" not in answer, answer
        self.come += answer.get("packets", [])
        self.page.take(answer)

    def hears(self, path: str, last: object, seconds: float = 60) -> list[Any]:
        """Wait until it has got a message of a path; returns all of that."""
        until = time.monotonic() + seconds
        while last not in (heard := self.heard(path)):
            assert time.monotonic() < until, heard[-5:]
            self.take()
        return heard

    def heard(self, path: str) -> list[Any]:
        """Return the messages of a path."""
        return [packet["message"] for packet in self.come if packet["path"] == path]

    def at(self, path: str) -> str:
        """Return its position in a path."""
        notices = [packet["message"]["at"] for packet in self.come if packet["path"] == "::at"]
        return str([*notices, *(packet["at"] for packet in self.come if packet["path"] == path)][-1])


def publish(node: Node, path: str, messages: Iterable[object]) -> None:
    for message in messages:
        assert node.control.post("/update", json={"path": path, "message": message}).status_code == 200


def history(node: Node, path: str) -> list[Any]:
    kept = node.control.post("/history", json={"path": path, "last": 1_000}).json()
    return [packet["message"] for packet in kept["packets"]]


def test_whoever_comes_later_is_given_what_is_kept_whichever_node_is_asked(house: House) -> None:
    there = [Listener(node) for node in house.nodes]
    for listener in there:
        listener.connect("kept/behind")
    publish(house.nodes[0], "kept/later", range(5))
    publish(house.nodes[0], "kept/behind", ["it"])
    for listener in there:  # else they may come as if they were published when it has connected
        listener.hears("kept/behind", "it")
    for node in house.nodes:
        assert history(node, "kept/later") == [*range(5)]
        listener = Listener(node)
        listener.connect("kept/later", last=3)
        assert listener.hears("kept/later", 4) == [2, 3, 4]


def test_one_order_holds_for_all_whoever_publishes(house: House) -> None:
    listeners = [Listener(node) for node in house.nodes]
    for listener in listeners:
        listener.connect("kept/order")
    several = [
        Thread(target=publish, args=(node, "kept/order", [f"{node.name}{number}" for number in range(60)]))
        for node in house.nodes
    ]
    for thread in several:
        thread.start()
    for thread in several:
        thread.join()
    heard = list[list[Any]]()
    for listener in listeners:
        for node in house.nodes:
            listener.hears("kept/order", f"{node.name}59")
        heard.append(listener.heard("kept/order"))
    assert heard[0] == heard[1] == heard[2] == history(house.nodes[0], "kept/order")
    for node in house.nodes:
        assert [each for each in heard[0] if each[0] == node.name] == [f"{node.name}{n}" for n in range(60)]
    patterned = Listener(house.nodes[1])
    patterned.connect("kept/*")
    publish(house.nodes[2], "kept/order", ["end"])
    assert patterned.hears("kept/order", "end") == ["end"]


def test_a_position_of_one_node_is_good_at_another_or_there_is_a_gap(house: House) -> None:
    first, second, third = house.nodes
    here = Listener(first)
    here.connect("few/back")
    publish(second, "few/back", range(3))
    here.hears("few/back", 2)
    at = here.at("few/back")
    publish(third, "few/back", range(3, 6))
    backs = [Listener(node) for node in (second, third)]
    for back in backs:
        back.connect("few/back", since={"few/back": at})
        assert back.hears("few/back", 5) == [3, 4, 5]
    publish(third, "few/back", ["one too many"])
    for back in backs:  # until then their nodes give what they have, and the last when it comes
        back.hears("few/back", "one too many")
    for node in (second, third):
        late = Listener(node)
        late.connect("few/back", since={"few/back": at})
        while not late.come:
            late.take()
        assert [packet["path"] for packet in late.come] == ["::gap"]


def test_whoever_connects_while_it_is_published_gets_each_once(house: House) -> None:
    """Sessions that are the first of their node to hear a path, at whatever moment."""
    first, second, _ = house.nodes
    for turn in range(8):
        path = f"kept/begin{turn}"
        telling = Thread(target=publish, args=(first, path, range(40)))
        telling.start()
        late = Listener(second)
        late.connect(path)
        telling.join()
        publish(first, path, ["end"])
        heard = late.hears(path, "end")[:-1]
        assert heard == [*range(40)][40 - len(heard) :]


def test_what_a_node_has_taken_is_everywhere_after_it_was_killed(house: House) -> None:
    """It is killed while it publishes: what a back-end was told to be taken is neither lost nor doubled."""
    first, second, third = house.nodes
    listeners = [Listener(node) for node in (first, second)]
    for listener in listeners:
        listener.connect("kept/death")
    taken: list[int] = []

    def tell() -> None:
        with suppress(httpx.HTTPError):
            for number in range(1_000_000):
                update = {"path": "kept/death", "message": number}
                assert third.control.post("/update", json=update).status_code == 200
                taken.append(number)

    telling = Thread(target=tell)
    telling.start()
    wait_until(lambda: len(taken) > 20)
    third.server.process.kill()
    telling.join()
    assert taken
    publish(second, "kept/death", ["end"])
    heard = [listener.hears("kept/death", "end") for listener in listeners]
    assert heard[0] == heard[1] == history(first, "kept/death")
    assert heard[0][:-1] in ([*taken], [*taken, len(taken)]), (
        "the last may have been taken, and not said to be"
    )
