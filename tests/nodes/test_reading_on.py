"""Sessions that go on at another node, and lose nothing of paths with a history: real processes, and real deaths."""

from __future__ import annotations

import time
from collections.abc import Generator
from threading import Event, Thread

import pytest

from tests.doors.webhooks.receiver import SECRET
from tests.nodes.back_end import BackEnd, back_end
from tests.nodes.house import House, Node, running_house, wait_until
from tests.nodes.resuming_page import ResumingPage

APP = "tests/nodes/resuming_kept_application.py:app"
SEVERAL = [f"kept/of{number}" for number in range(10)]
"""More than a client's position has room for before it is recorded where its client is."""


@pytest.fixture(scope="module")
def told() -> Generator[BackEnd]:
    """A back-end that is told of all sessions."""
    with back_end() as one:
        yield one


@pytest.fixture(scope="module")
def house(told: BackEnd) -> Generator[House]:
    """Three nodes, of which two die."""
    options = ("--sessions", "resume", "--lease", "1", "--webhook-url", told.url)
    with running_house("a", "b", "c", app=APP, options=options, COMETARY_WEBHOOK_SECRET=SECRET) as running:
        yield running


def publish(node: Node, path: str, *messages: object) -> None:
    for message in messages:
        assert node.control.post("/update", json={"path": path, "message": message}).status_code == 200


def kill(node: Node) -> None:
    node.server.process.kill()
    node.server.process.wait()


class Publisher:
    """Publishes numbers to a path at a node, until it is told to stop."""

    def __init__(self, node: Node, path: str) -> None:
        self._node, self._path = node, path
        self._enough = Event()
        self.count = 0
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._enough.is_set():
            self.count += 1
            publish(self._node, self._path, self.count)
            time.sleep(0.003)

    def stop(self) -> int:
        """Have it stop; returns the last number."""
        self._enough.set()
        self._thread.join()
        return self.count


def test_all_that_is_published_comes_once_and_in_order_whichever_nodes_are_killed(
    house: House, told: BackEnd
) -> None:
    """One path is published to all the time, others before a death, after it, or never; one has lost what is missed.

    The back-end takes nothing before both nodes are dead, and is told of all of the session all the same.
    """
    first, second, third = house.nodes
    told.takes = False
    page = ResumingPage(first)
    page.ask(("hear", ["kept/stream", "kept/never", "kept/left", "few/one", "live", *SEVERAL]))
    publisher = Publisher(third, "kept/stream")
    page.hears("kept/stream", 10)
    for path in SEVERAL:
        publish(third, path, 0)
    publish(third, "few/one", 0)
    page.ask(("echo", 0), ("leave", "kept/left"))
    for path in [*SEVERAL, "few/one"]:
        assert page.hears(path, 0) == [0]
    page.ask()
    # Before the death: the session may go on at once, and hear what comes then.
    publish(third, "few/one", 1, 2, 3, 4)
    kill(first)
    for path in [*SEVERAL, "kept/never", "kept/left"]:
        publish(third, path, 1)
    page.node = second
    for path in SEVERAL:
        assert page.hears(path, 1) == [0, 1]
    page.hears("kept/stream", publisher.count + 10)
    page.ask(("echo", 1))
    kill(second)
    told.takes = True
    for path in [*SEVERAL, "few/one"]:
        publish(third, path, 5)
    page.node = third
    page.hears("kept/stream", publisher.count + 10)
    last = publisher.stop()
    assert page.hears("kept/stream", last) == [*range(1, last + 1)]
    for path in SEVERAL:
        assert page.hears(path, 5) == [0, 1, 5]
    assert page.hears("few/one", 5) == [0, 5]
    assert (page.heard("echo"), page.heard("kept/never"), page.heard("kept/left")) == ([0, 1], [1], [])
    assert sorted(page.gaps) == ["few/one", "live", "live"]
    page.close()
    [name] = {event["session"] for event, _ in told.told}
    wait_until(lambda: len(told.taken(name)) == 2)
    assert [(event["type"], event["sequence"]) for event in told.taken(name)] == [
        ("signon", 1),
        ("signoff", 2),
    ]
    assert len({event["id"] for event, _ in told.told}) == 2, "the same each time"
    assert {event["sequence"] for event, taken in told.told if not taken} == {1}
