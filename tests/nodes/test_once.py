"""Updates with an idempotency key: one, whichever nodes they are sent to, and whichever dies."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio

from cometary.actors import Future
from cometary.cluster.local import LocalEngine, SharedState
from cometary.dispatch.idempotency import SECONDS
from cometary.errors import KeyReusedError, MailboxFullError
from cometary.nodes.once import LATE, KeyedUpdates
from cometary.packets.packet import Packet
from tests.cluster.conformance.engines import running

LEASE = 0.5


class Node:
    """One that publishes."""

    def __init__(self, shared: SharedState, name: str) -> None:
        self.cluster = LocalEngine(shared, name, lease=LEASE)
        self.sent: list[tuple[object, str]] = []
        self.under: list[str] = []
        self.routed: list[object] = []
        self.once = KeyedUpdates(self.cluster, self.send)

    def send(self, packet: Packet, named: str) -> None:
        self.under.append(named)
        self.sent.append((packet.message, named.rpartition(" ")[2]))
        if not named or self.once.is_new(named):
            self.routed.append(packet.message)

    def publish(self, message: object, key: str, path: str = "p") -> Future[None]:
        taken, ask = self.once.publish(Packet(path, message), key)
        ask()
        return taken


@pytest.fixture
def new_node() -> Callable[[str], Node]:
    shared = SharedState()
    return lambda name: Node(shared, name)


async def test_what_is_repeated_is_published_again_under_its_key_by_another_node_only(
    new_node: Callable[[str], Node], autojump_clock: object
) -> None:
    first, second = new_node("a"), new_node("b")
    async with running(first.cluster), running(second.cluster):
        for node in (first, first, second):
            await node.publish(1, "k")
        await second.publish(1, "other")
        with pytest.raises(KeyReusedError):
            await second.publish(2, "k")
    assert (first.sent, second.sent) == ([(1, "k")], [(1, "k"), (1, "other")])


async def test_what_comes_a_second_time_under_a_key_is_let_go_of(
    new_node: Callable[[str], Node], autojump_clock: object
) -> None:
    node = new_node("a")
    assert [node.once.is_new(named) for named in ("x.1 k", "x.2 l", "x.1 k")] == [True, True, False]
    assert not node.once.is_new("y.1 k"), "an engine that has lost all gives the key to another one"
    await trio.sleep(SECONDS)
    assert not node.once.is_new("x.1 k"), "it has come late, and is the same"


async def test_a_key_is_good_for_another_update_when_its_time_is_over(
    new_node: Callable[[str], Node], autojump_clock: object
) -> None:
    first, second = new_node("a"), new_node("b")
    async with running(first.cluster), running(second.cluster):
        for turn in range(3):
            await first.publish(turn, "hourly")
            assert second.once.is_new(first.under[-1]), "it comes by the link"
            await second.publish(turn, "hourly")
            await trio.sleep(SECONDS + 0.001)
    assert (first.routed, second.routed) == ([0, 1, 2], []), "the other node has had each by the link"
    assert first.under == second.under


async def test_what_is_published_to_the_path_meanwhile_keeps_its_place(
    new_node: Callable[[str], Node], autojump_clock: object
) -> None:
    node = new_node("a")
    assert node.once.behind(Packet("p", 0)) is None
    taken = [node.publish(1, "k")]
    for message in (2, 3):
        waits = node.once.behind(Packet("p", message))
        assert waits is not None
        taken.append(waits)
    taken.append(node.publish(4, "l"))
    assert node.once.behind(Packet("q", 0)) is None
    async with running(node.cluster):
        for each in taken:
            await each
    assert node.sent == [(1, "k"), (2, ""), (3, ""), (4, "l")]
    assert node.once.behind(Packet("p", 5)) is None


async def test_a_key_that_the_engine_cannot_be_asked_for_holds_up_nothing(
    new_node: Callable[[str], Node], autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = new_node("a")
    taken, ask = node.once.publish(Packet("p", 1), "k")
    behind = node.once.behind(Packet("p", 2))
    with monkeypatch.context() as patched:
        patched.setattr(node.cluster, "claim", _fails)
        ask()
    with pytest.raises(ValueError, match="no such key"):
        await taken
    assert behind is not None
    await behind
    assert node.sent == [(2, "")]
    assert node.once.behind(Packet("p", 3)) is None


def _fails(*_: object) -> None:
    raise ValueError("no such key")


def test_no_more_wait_than_there_is_room_for(
    new_node: Callable[[str], Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cometary.nodes.once.MOST_PENDING", 2)
    node = new_node("a")
    node.publish(1, "k")
    node.publish(2, "l")
    with pytest.raises(MailboxFullError):
        node.once.behind(Packet("p", 3))
    with pytest.raises(MailboxFullError):
        node.once.check_room()


async def test_there_is_room_again_once_what_waited_is_published(
    new_node: Callable[[str], Node], autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cometary.nodes.once.MOST_PENDING", 3)
    node = new_node("a")
    taken = [node.publish(1, "k"), node.once.behind(Packet("p", 2)), node.publish(3, "l")]
    with pytest.raises(MailboxFullError):
        node.once.check_room()
    async with running(node.cluster):
        for each in taken:
            assert each is not None
            await each
    node.publish(4, "m", "q")
    node.once.behind(Packet("q", 5))
    node.once.check_room()
    node.once.behind(Packet("q", 6))
    with pytest.raises(MailboxFullError):
        node.once.check_room()


async def test_a_repeat_of_what_could_not_be_published_is_published_by_the_node_that_has_the_key(
    new_node: Callable[[str], Node], autojump_clock: object
) -> None:
    node, refuses = new_node("a"), True
    tried = list[str]()

    def send(_: Packet, named: str) -> None:
        tried.append(named)
        if refuses:
            raise MailboxFullError("not now")

    once = KeyedUpdates(node.cluster, send)

    async def publish() -> None:
        taken, ask = once.publish(Packet("p", 1), "k")
        ask()
        await taken

    async with running(node.cluster):
        for _ in range(2):
            with pytest.raises(MailboxFullError):
                await publish()
        refuses = False
        for _ in range(2):
            await publish()
    assert len(tried) == 3, "once it is published, a repeat is answered like the first"
    assert len(set(tried)) == 1, "and all under the name of the first claim"


async def test_no_more_is_remembered_of_what_could_not_be_published_than_there_is_room_for(
    new_node: Callable[[str], Node], autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cometary.nodes.once.MOST", 2)
    node, tried = new_node("a"), list[str]()

    def refuse(_: Packet, named: str) -> None:
        tried.append(named.rpartition(" ")[2])
        raise MailboxFullError("not now")

    once = KeyedUpdates(node.cluster, refuse)

    async def publish(key: str) -> None:
        taken, ask = once.publish(Packet("p", key), key)
        ask()
        await taken

    async with running(node.cluster):
        for key in ("j", "k", "l"):
            with pytest.raises(MailboxFullError):
                await publish(key)
        await publish("j")
        for key in ("k", "l"):
            with pytest.raises(MailboxFullError):
                await publish(key)
    assert tried == ["j", "k", "l", "k", "l"]


def test_of_the_keys_that_came_the_latest_are_known(
    new_node: Callable[[str], Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cometary.nodes.once.MOST", 2)
    now = 0.0
    node = new_node("a")
    once = KeyedUpdates(node.cluster, node.send, lambda: now)
    assert [once.is_new(named) for named in ("x.1 j", "x.2 k")] == [True, True]
    assert not once.is_new("x.1 j")
    now = SECONDS
    assert once.is_new("x.3 j"), "another claim, when the time of the first is over"
    assert once.is_new("x.4 l")
    assert [once.is_new(named) for named in ("x.4 l", "x.3 j", "x.2 k")] == [False, False, True]


def test_a_key_is_known_for_as_long_as_the_engine_knows_it_less_what_comes_late(
    new_node: Callable[[str], Node],
) -> None:
    now = 5.0
    node = new_node("a")
    once = KeyedUpdates(node.cluster, node.send, lambda: now)
    assert once.is_new("x.1 k")
    now = 5.0 + SECONDS - LATE - 0.5
    assert not once.is_new("x.2 k")
    now = 5.0 + SECONDS - LATE
    assert once.is_new("x.2 k")


def test_what_could_not_be_routed_is_new_when_it_comes_again(new_node: Callable[[str], Node]) -> None:
    node = new_node("a")
    once = KeyedUpdates(node.cluster, node.send, lambda: 0.0)
    assert once.is_new("x.1 a key")
    once.forget("x.1 a key")
    assert once.is_new("x.1 a key")
    once.forget("x.1 another")
    assert not once.is_new("x.1 a key")


async def test_the_same_claim_of_a_process_that_went_before_is_another_one(
    new_node: Callable[[str], Node], autojump_clock: object
) -> None:
    """A node that has died may have told nobody: the next one of its name publishes again, under the first claim."""
    first = new_node("a")
    async with running(first.cluster):
        await first.publish(1, "k")
    await trio.sleep(2 * LEASE)
    again = new_node("a")
    async with running(again.cluster):
        await again.publish(1, "k")
    assert again.under == first.under
