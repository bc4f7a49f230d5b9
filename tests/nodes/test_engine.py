"""What a node's hub sees of the engine: what becomes of an update whose way is barred, here or at the engine."""

from __future__ import annotations

from collections.abc import Callable, Sized
from threading import Lock
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio

from cometary.cluster.local import LocalEngine, SharedState
from cometary.cluster.path_logs import Addition, Appended, LogShelf
from cometary.dispatch.members import Member
from cometary.errors import EngineError, MailboxFullError, ProtocolError
from cometary.nodes.engine import PATIENCE, NodesEngine
from cometary.nodes.messages import Came, Told
from cometary.nodes.publications import Others, Outgoing
from cometary.packets.contract import make_contract
from cometary.packets.contract_table import Contracts
from cometary.packets.packet import Packet
from cometary.packets.patterns import Pattern
from cometary.packets.published import as_published
from cometary.sessions.flow import Flow
from tests.cluster.conformance.engines import running


def ignore(_: object) -> None:
    """Take what is told, and do nothing."""


class Server:
    """One node, and what was routed there."""

    def __init__(self, cluster: LocalEngine | None = None, contracts: Contracts | None = None) -> None:
        self.cluster = cluster or LocalEngine(SharedState(), "a", lease=1.0)
        self.routed: list[object] = []
        self.full = False
        self.flow = Flow()
        local: Any = SimpleNamespace(attach=ignore, publish=self._route, members=None)
        self.engine = NodesEngine(
            local, contracts or Contracts(), self.flow, Others(list, list), self.cluster
        )
        dispatcher: Any = SimpleNamespace()
        self.engine.attach(dispatcher)

    def _route(self, packet: Packet) -> None:
        if self.full:
            raise MailboxFullError("no room")
        self.routed.append(packet.message)


async def test_what_could_not_be_published_under_its_key_is_published_when_it_is_repeated(
    autojump_clock: object,
) -> None:
    server = Server()
    async with running(server.cluster):
        server.full = True
        with pytest.raises(MailboxFullError):
            await server.engine.publish_once(Packet("p", 1), "k")
        server.full = False
        for _ in range(2):
            await server.engine.publish_once(Packet("p", 1), "k")
    assert server.routed == [1]


async def test_what_another_node_publishes_under_a_key_is_routed_as_soon_as_there_is_room() -> None:
    server = Server()
    told = Told(1, as_published(Packet("p", 1)), key="x.1 k")
    server.full = True
    with pytest.raises(MailboxFullError):
        server.engine.route(told, 0.0)
    server.full = False
    for _ in range(2):
        server.engine.route(told, 0.0)
    assert server.routed == [1]


async def test_whoever_waits_behind_an_update_with_a_key_is_told_when_the_engine_is_away_too_long(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cometary.nodes.engine.monotonic", trio.current_time)
    server = Server()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.engine.run)
        for taken in (server.engine.publish_once(Packet("p", 1), "k"), server.engine.publish(Packet("p", 2))):
            assert taken is not None
            with trio.fail_after(PATIENCE + 1), pytest.raises(ProtocolError, match="the engine is away"):
                await taken
        async with running(server.cluster):
            await trio.sleep(1)
            assert server.engine.publish(Packet("p", 3)) is None
        nursery.cancel_scope.cancel()
    assert server.routed == [1, 2, 3]


class RefusingEngine(LocalEngine):
    """Takes no update."""

    def append(self, shelf: LogShelf, new: Addition, appended: Callable[[Appended], object]) -> None:
        self._call(lambda: appended(Appended("refused", "")))


async def test_whoever_publishes_what_the_engine_refuses_for_good_is_told_and_nothing_of_it_is_kept(
    autojump_clock: object,
) -> None:
    contracts = Contracts([(Pattern.compile("p"), make_contract(history=5))])
    server = Server(RefusingEngine(SharedState(), "a", lease=1.0), contracts)
    before = sizes(server.engine)
    async with running(server.cluster):
        for _ in range(2):
            taken = server.engine.publish(contracts.packet("p", 1))
            assert taken is not None
            with pytest.raises(EngineError, match="refuses to keep"):
                await taken
    assert (sizes(server.engine), server.routed) == (before, [])


async def test_nothing_is_remembered_of_a_node_that_is_forgotten() -> None:
    server = Server()
    before = sizes(server.engine)
    for number in range(5):
        peer: Any = SimpleNamespace(
            node=f"n{number}", incarnation="1", outgoing=Outgoing("n", Lock()), knows_of=0
        )
        link: Any = SimpleNamespace(send=ignore, put=ignore)
        server.engine.linked(peer, link)
        assert peer.outgoing.process == "1"
        server.engine.lost(peer)
        server.engine.members.end(peer.node)
    assert sizes(server.engine) == before


async def test_members_of_a_node_that_has_gone_are_let_go_of_again_until_it_is_settled(
    autojump_clock: object,
) -> None:
    engine, settled = Server().engine, False
    peer: Any = SimpleNamespace(node="b", outgoing=Outgoing("b", Lock()))
    engine.settled = lambda node: settled and node == "b"
    engine.members.hear("b", Came("p", (("x", None, 1), ("y", None, 0))))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.run)
        engine.lost(peer)
        await trio.sleep(10)
        assert engine.members.present("p", 9).members == [Member("x")]
        settled = True
        await trio.sleep(1)
        assert engine.members.present("p", 9).members == []
        nursery.cancel_scope.cancel()


def sizes(engine: NodesEngine) -> dict[str, int]:
    kept = {**vars(engine), "orphaned": engine.members.orphaned}
    sized = [(name, cast("Sized", held)) for name, held in kept.items() if isinstance(held, (dict, set))]
    return {name: len(held) for name, held in sized}
