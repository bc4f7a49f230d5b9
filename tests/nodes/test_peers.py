"""Whom a node takes for gone, and whom for another one's process."""

from __future__ import annotations

from typing import cast

import msgspec
import pytest
import trio
import trio.lowlevel
from trio.testing import MockClock

from cometary.cluster.engine import Engine
from cometary.errors import NodeRefusedError
from cometary.nodes.handshake import Hello, Identity
from cometary.nodes.link import Flushing, Link
from cometary.nodes.messages import Leaving, Ping, Pong, Told, decode_of_dialer, encode
from cometary.nodes.peer import ANSWER, NAMED, Peer
from cometary.nodes.peers import Peers
from cometary.nodes.publications import Others
from tests.nodes.wires import LinkWire

OWN = Identity("a", "1", "10.0.0.1:7000", b"a secret")


class EngineThatNames:
    """In the place of the engine: it names a process of each node, and another one when it is asked."""

    state = "up"

    def __init__(self, named: str, after_look: str) -> None:
        self._named = named
        self._after_look = after_look

    def incarnation_of(self, _node: str) -> str:
        return self._named

    def alive(self, _node: str) -> bool:
        return True

    async def look(self) -> None:
        await trio.lowlevel.checkpoint()
        self._named = self._after_look


class EngineThatForgets(EngineThatNames):
    """It counts nobody as there."""

    def alive(self, _node: str) -> bool:
        return False


def hello(incarnation: str) -> Hello:
    return Hello(1, "1", "b", incarnation, "10.0.0.2:7000", 0.0, b"n" * 32)


def route_nothing(_told: Told, _until: float) -> None:
    """In the place of what routes: nothing is published here."""


def peer() -> Peer:
    return Peer("b", Flushing(), Others(list, list), "/comet", lambda: None)


async def test_a_node_has_gone_whose_address_refuses_connections_before_the_end_of_its_link_is_noticed() -> (
    None
):
    peers = Peers(OWN, cast("Engine", EngineThatNames("1", "1")), "/comet")
    other = peers.peer("b")
    link = other.accepted("1", lambda: pytest.fail("nothing is asked"), route_nothing)
    peers.refused(other)
    assert not other.gone
    link.close()
    peers._look_at(other, trio.current_time())
    assert other.gone


@pytest.mark.parametrize(("named", "after_look"), [("new", "new"), ("", ""), ("old", "new")])
async def test_the_process_that_the_engine_names_is_the_node(named: str, after_look: str) -> None:
    peers = Peers(OWN, cast("Engine", EngineThatNames(named, after_look)), "/comet")
    assert (await peers.welcome(hello("new"))).heard is None


async def test_a_process_whose_name_another_one_has_is_refused() -> None:
    peers = Peers(OWN, cast("Engine", EngineThatNames("new", "new")), "/comet")
    for ask in (peers.welcome, peers.check):
        with pytest.raises(NodeRefusedError, match="another process is now the node 'b'"):
            await ask(hello("old"))


async def test_a_node_that_has_stopped_hangs_up_on_those_that_dial_and_takes_nobody_for_gone() -> None:
    peers = Peers(OWN, cast("Engine", EngineThatForgets("1", "1")), "/comet")
    other = peers.peer("b")
    await peers.leave()
    with pytest.raises(ConnectionAbortedError):
        await peers.welcome(hello("1"))
    peers._look_at(other, trio.current_time())
    assert not other.gone


async def test_a_node_that_stops_tells_all_others_that_it_leaves() -> None:
    peers, links = Peers(OWN, cast("Engine", EngineThatNames("1", "1")), "/comet"), list[LinkWire]()
    for name in ("b", "c"):
        links.append(LinkWire())
        peers.peer(name)._dialed = cast("Link", links[-1])
    await peers.leave()
    assert [link.sent for link in links] == [[Leaving(last=True)], [Leaving(last=True)]]


class LeavingBefore(msgspec.Struct, array_like=True, tag="v"):
    """What nodes of the version before say and understand."""


def test_that_a_node_leaves_is_understood_by_those_of_the_version_before_and_the_other_way_round() -> None:
    assert msgspec.msgpack.decode(encode(Leaving(last=True)), type=LeavingBefore) == LeavingBefore()
    assert decode_of_dialer(msgspec.msgpack.encode(LeavingBefore())) == Leaving()


async def test_each_process_of_a_name_has_its_own_packets() -> None:
    other = peer()
    first = other.incoming_of("1", route_nothing)
    assert other.incoming_of("2", route_nothing) is not first
    assert other.incoming_of("1", route_nothing) is first


async def test_another_process_of_the_same_name_ends_the_links_of_the_one_before() -> None:
    other = peer()
    link = other.dialed("1", None)
    assert other.dialed("2", None) is not link
    assert link.ended
    assert other.is_dialed
    assert not other.gone


async def test_a_node_whose_lease_has_run_out_is_there_as_long_as_it_answers(
    autojump_clock: MockClock,
) -> None:
    other = peer()
    link = other.dialed("1", None)
    for _ in range(5):
        assert not other.is_silent(trio.current_time())
        await trio.sleep(1)
        link.read(encode(Pong()))
        await trio.lowlevel.checkpoint()
    assert not other.is_silent(trio.current_time())
    await trio.sleep(ANSWER)
    assert not other.is_silent(trio.current_time())
    await trio.sleep(0.1)
    assert other.is_silent(trio.current_time())


async def test_a_node_that_has_not_answered_before_its_lease_runs_out_has_gone_when_that_does(
    autojump_clock: MockClock,
) -> None:
    other, wire = peer(), LinkWire()
    other.dialed("1", None)
    other._dialed = cast("Link", wire)
    for _ in range(5):
        await trio.sleep(1)
        other.look(trio.current_time())
    assert wire.sent == [Ping()], "one question at a time"
    assert other.is_silent(trio.current_time())


async def test_a_node_that_says_anything_is_asked_nothing(autojump_clock: MockClock) -> None:
    other, wire = peer(), LinkWire()
    link = other.dialed("1", None)
    other._dialed = cast("Link", wire)
    for _ in range(4):
        await trio.sleep(1)
        link.read(encode(Pong()))
        other.look(trio.current_time())
    assert not wire.sent
    assert not other.is_silent(trio.current_time())


async def test_without_a_link_it_has_gone_unless_another_node_has_just_named_it(
    autojump_clock: MockClock,
) -> None:
    other = peer()
    assert other.is_silent(trio.current_time())
    other.named_at = trio.current_time()
    assert not other.is_silent(trio.current_time() + NAMED)
    assert other.is_silent(trio.current_time() + NAMED + 1)
