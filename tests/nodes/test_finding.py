"""Who has a session that is not where its id says: what is asked, and where requests go then; without processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from cometary.cluster.recording import Recording
from cometary.errors import ProtocolError
from cometary.nodes import finding as module
from cometary.nodes.answering import Answering, AnswerToNode
from cometary.nodes.finding import MOST_MOVES, Finding
from cometary.nodes.link import Flushing, Link
from cometary.nodes.messages import Answered, Forwarded, Leaving, Moved
from cometary.nodes.peer import Peer
from cometary.nodes.peers import Peers
from cometary.nodes.publications import Others
from cometary.sessions.directory import Directory
from cometary.sessions.ids import tag_of_node
from cometary.sessions.locator import Elsewhere, unknown_session
from cometary.transport.http.exchange import NO_HEADERS, Exchange
from tests.nodes.wires import ClientWire, LinkWire, asked

SID = "x" * 24 + tag_of_node("b")
"""A session that was opened at node b."""


class Known:
    """Nodes, each with a link to it (in the place of `Peers`).

    Args:
        names: theirs.
    """

    def __init__(self, *names: str) -> None:
        self.peers = {
            name: Peer(name, Flushing(), Others(list, list), "/comet", lambda: None) for name in names
        }
        self.links = {name: LinkWire() for name in names}
        for name, peer in self.peers.items():
            peer.forwarding.linked(cast("Link", self.links[name]))
            peer._dialed = cast("Link", self.links[name])

    def __iter__(self) -> Any:
        return iter(self.peers.values())

    def named(self, node: str) -> Peer | None:
        return self.peers.get(node)

    def with_tag(self, tag: str) -> Peer | None:
        return next((peer for peer in self if peer.tag == tag), None)

    def sent(self, name: str) -> list[Any]:
        """Return what was sent to a node since it was asked last."""
        sent, self.links[name].sent = self.links[name].sent, []
        return sent


class Engine:
    """Who is asked, and answers when the test says so (in the place of `Recording`)."""

    has_gone: Callable[[str], bool]
    reaches: Callable[[str], bool]
    move: Callable[[str, Exchange], None]

    def __init__(self) -> None:
        self.sought: list[tuple[str, Any, Any, Any]] = []

    def seek(self, sid: str, go_on: Any, refuse: Any, elsewhere: Any) -> bool:
        self.sought.append((sid, go_on, refuse, elsewhere))
        return len(sid) > 20

    def here(self) -> None:
        self.sought.pop()[1]()

    def refuses(self, error: ProtocolError) -> None:
        self.sought.pop()[2](error)

    def says(self, node: str) -> None:
        self.sought.pop()[3](node)


class World:
    """Node a, which is asked for sessions, and two others."""

    def __init__(self) -> None:
        self.nodes, self.engine, self.served = Known("b", "c"), Engine(), list[Exchange]()
        self.finding = Finding(
            cast("Peers", self.nodes), Directory(60), cast("Recording", self.engine), self.served.append
        )

    def ask(self, sid: str = SID, exchange: Exchange | None = None) -> ClientWire:
        client = ClientWire()
        exchange = asked(client) if exchange is None else exchange
        forward = self.finding.forward_of(sid)
        assert forward is not None
        forward(exchange)
        exchange.release_request()  # as whoever has read it does
        return client

    def back(self, node: str, says: str) -> None:
        """Have a node give back the last request that was sent there."""
        self.nodes.peers[node].forwarding.moved(Moved(self.number(node), says))

    def number(self, node: str) -> int:
        [*_, last] = [each for each in self.nodes.sent(node) if isinstance(each, Forwarded)]
        assert last.body == b"body"
        return last.number


@pytest.fixture
async def world() -> World:
    return World()


async def test_a_node_that_is_there_is_asked_for_the_sessions_that_were_opened_there(world: World) -> None:
    world.ask()
    assert [each.body for each in world.nodes.sent("b")] == [b"body"]
    assert not world.engine.sought


async def test_what_a_node_has_not_got_goes_to_the_one_it_names_and_the_next_request_there_at_once(
    world: World,
) -> None:
    world.ask()
    world.back("b", "c")
    assert [each.body for each in world.nodes.sent("c")] == [b"body"]
    world.ask()
    assert world.nodes.sent("b") == []
    assert len(world.nodes.sent("c")) == 1


async def test_of_a_node_that_has_gone_the_engine_is_asked_and_the_session_adopted(world: World) -> None:
    world.nodes.peers["b"].gone = True
    client = world.ask()
    world.engine.here()
    assert [each.body for each in world.served] == [b"body"]
    assert client.answers == []


async def test_what_waits_for_a_node_that_goes_is_looked_for(world: World) -> None:
    client = world.ask()
    world.nodes.peers["b"].has_gone()
    assert client.answers == []
    world.engine.says("c")
    assert [each.body for each in world.nodes.sent("c")] == [b"body"]


async def test_what_nobody_has_is_unknown_and_while_nobody_can_know_its_client_is_to_come_back(
    world: World,
) -> None:
    world.nodes.peers["b"].gone = True
    client = world.ask()
    world.engine.refuses(unknown_session())
    assert client.answers[0][0] == 404
    client = world.ask()
    world.engine.refuses(ProtocolError("shutting-down", "the engine is away", retry_after=1))
    assert client.answers[0][0] == 503


async def test_a_node_that_stops_leaves_its_sessions_to_whoever_is_asked(world: World) -> None:
    world.ask()
    world.back("b", "")
    assert world.engine.has_gone("b")
    assert not world.engine.has_gone("c")
    world.engine.here()
    assert len(world.served) == 1


async def test_a_node_that_stops_itself_has_another_one_adopt_what_its_clients_ask_for(world: World) -> None:
    client = world.ask("x" * 24 + tag_of_node("a"))
    world.nodes.peers["b"].leaving = True
    world.engine.says("")
    leaving, forwarded = world.nodes.sent("c")
    assert isinstance(leaving, Leaving)
    assert forwarded.body == b"body"
    world.nodes.peers["c"].forwarding.moved(Moved(forwarded.number, ""))
    world.engine.says("")
    assert client.answers[0][0] == 503  # it does not go round for ever


async def test_a_request_is_not_sent_on_for_ever_whatever_nodes_say(world: World) -> None:
    client = world.ask()
    for move in range(MOST_MOVES + 1):
        assert client.answers == []
        world.back("bc"[move % 2], "cb"[move % 2])
    assert client.answers[0][0] == 503
    assert world.nodes.sent("b") == world.nodes.sent("c") == []


async def test_a_request_that_was_forwarded_is_given_back_and_never_forwarded(world: World) -> None:
    link = LinkWire()
    answering = Answering(cast("Link", link), cast("Any", None), None, cast("Any", None))
    exchange = Exchange("POST", "/comet", b"", {}, body=b"body")
    wire = answering.under_way[7] = AnswerToNode(answering, 7, exchange)
    exchange.arrive(wire, "192.0.2.7")
    world.ask(exchange=exchange)
    world.engine.says("c")
    assert link.sent == [Moved(7, "c")]
    assert world.nodes.sent("b") == world.nodes.sent("c") == []
    assert not answering.under_way


async def test_whose_client_goes_while_it_is_looked_for_is_answered_by_nobody(world: World) -> None:
    world.nodes.peers["b"].gone = True
    for happens in (
        world.engine.here,
        lambda: world.engine.says("c"),
        lambda: world.engine.refuses(unknown_session()),
    ):
        exchange = asked(ClientWire())
        world.ask(exchange=exchange)
        exchange.drop()
        happens()
    assert world.served == world.nodes.sent("c") == []


async def test_a_session_that_ended_here_is_looked_for_nowhere(world: World) -> None:
    directory = Directory(60)
    world.finding._directory = directory
    keeper = cast("Any", type("Keeper", (), {"sid": SID, "lease": None, "retry_after": None, "last_rid": 1}))
    directory.living[SID] = keeper
    directory.end(keeper, "closed", 0)
    assert world.finding.forward_of(SID) is None


async def test_no_more_is_remembered_than_there_is_room_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_KNOWN", 2)
    sids = [letter * 24 + tag_of_node("b") for letter in "xyz"]
    for sid in sids:
        world.ask(sid)
        world.back("b", "c")
    nodes = [cast("Elsewhere", world.finding.find(sid)).node for sid in sids]
    assert nodes == ["b", "c", "c"]


async def test_a_node_where_a_session_was_found_is_forgotten_when_it_has_gone(world: World) -> None:
    world.ask()
    world.back("b", "c")
    world.nodes.peers["c"].gone = True
    world.ask()
    assert len(world.engine.sought) == 1


async def test_an_event_source_of_a_session_that_nobody_has_is_answered_here(world: World) -> None:
    world.nodes.peers["b"].gone = True
    exchange = Exchange("GET", "/comet", b"", {b"accept": b"text/event-stream"})
    exchange.arrive(ClientWire(), "192.0.2.7")
    found = list[Any]()

    def serve(exchange: Exchange) -> None:
        del exchange
        found.append(world.finding.forward_of(SID))

    world.finding.serve = serve
    world.ask(exchange=exchange)
    world.engine.refuses(unknown_session())
    assert found == [None]
    assert exchange.headers is not NO_HEADERS


@pytest.mark.parametrize("link_ends_first", [True, False])
async def test_what_a_node_has_not_answered_that_stops_another_one_adopts_at_once(
    world: World, link_ends_first: bool
) -> None:
    client, peer = world.ask(), world.nodes.peers["b"]
    ways = [peer._undialed, peer.leaves]
    for happens in ways if link_ends_first else ways[::-1]:
        assert not world.engine.sought
        happens()
    world.engine.here()
    [exchange] = world.served
    assert (exchange.body, client.answers) == (b"body", [])


async def test_a_node_that_stops_is_asked_for_nothing_any_more(world: World) -> None:
    world.nodes.peers["b"].leaves()
    world.ask()
    assert not world.nodes.sent("b")
    world.engine.here()
    assert len(world.served) == 1


async def test_what_a_node_still_answers_before_it_ends_its_link_is_its_answer(world: World) -> None:
    client, peer = world.ask(), world.nodes.peers["b"]
    peer.leaves()
    peer.forwarding.answered(Answered(world.number("b"), 200, b"{}", b"application/json", ()))
    peer._undialed()
    assert (client.answers, world.engine.sought) == ([(200, b"{}")], [])


async def test_of_a_node_that_has_come_back_it_is_asked_once_for_each_session_whether_that_is_there(
    world: World,
) -> None:
    peer = world.nodes.peers["b"]
    peer.has_gone()
    peer.dialed("2", None)
    peer.forwarding.linked(cast("Link", world.nodes.links["b"]))
    world.nodes.sent("b")
    world.ask()
    assert not world.nodes.sent("b"), "it may not take requests yet, and has lost its sessions to others"
    world.engine.says("b")
    assert world.number("b")
    world.ask()
    assert world.number("b")
    assert not world.engine.sought


async def test_of_a_node_that_has_come_back_sessions_that_are_not_recorded_are_found(world: World) -> None:
    peer = world.nodes.peers["b"]
    peer.has_gone()
    peer.dialed("2", None)
    peer.forwarding.linked(cast("Link", world.nodes.links["b"]))
    client = world.ask()
    world.engine.refuses(unknown_session())
    peer.forwarding.answered(Answered(world.number("b"), 200, b"{}", b"application/json", ()))
    assert client.answers == [(200, b"{}")]
    client = world.ask()
    world.back("b", "")  # it has stopped once more
    world.engine.refuses(unknown_session())
    assert client.answers[0][0] == 404
