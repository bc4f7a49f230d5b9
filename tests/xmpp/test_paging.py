"""What is long is told by the page (XEP-0059)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary import App
from cometary.errors import StanzaError
from cometary.xmpp import Component, paging
from cometary.xmpp.names import DISCO_ITEMS, PUBSUB, PUBSUB_OWNER, RSM
from cometary.xmpp.paging import A_PAGE, Page, Wanted, page_of, read_set
from cometary.xmpp.pubsub import PathNodes, PubSubRequest, PubSubService, Subscription
from cometary.xmpp.pubsub.kept_items import KeptItems
from cometary.xmpp.pubsub.values import Item
from cometary.xmpp.xml import make, parse
from tests.protocol.client import serving
from tests.xmpp.peer import DOMAIN, SECRET, Peer, Server, condition, listening

MANY = 10_000


def page(every: int, wanted: Wanted | None = None, room: int = 1 << 20) -> Page:
    return page_of(range(every), wanted, str, lambda number: make("x", "n", {"of": str(number)}), room)


def numbers(told: Page) -> list[int]:
    return [int(member.get("of", "")) for member in told.members]


def said(tells: Element | None) -> dict[str, str | None]:
    assert tells is not None
    return {each.tag.partition("}")[2]: each.text for each in tells}


def test_what_is_short_is_told_as_it_always_was() -> None:
    told = page(3)
    assert (numbers(told), told.tells) == ([0, 1, 2], None)


def test_what_is_long_is_told_in_part_though_nobody_has_asked_for_that() -> None:
    told = page(MANY)
    assert numbers(told) == list(range(A_PAGE))
    assert said(told.tells) == {"first": "0", "last": str(A_PAGE - 1), "count": str(MANY)}


@given(st.integers(0, 30), st.integers(1, 9), st.booleans(), st.integers(60, 400))
def test_page_by_page_all_is_told_once_in_either_direction(
    every: int, most: int, backwards: bool, room: int
) -> None:
    seen: list[int] = []
    wanted = Wanted(most, before="") if backwards else Wanted(most)
    while True:
        told = page(every, wanted, room)
        if not told.members:
            break
        seen = numbers(told) + seen if backwards else seen + numbers(told)
        end = said(told.tells)["first" if backwards else "last"]
        wanted = Wanted(most, before=end) if backwards else Wanted(most, after=end)
    assert seen == list(range(every))


def test_a_page_begins_where_it_is_wanted_to_and_may_be_empty() -> None:
    assert numbers(page(9, Wanted(2, index=5))) == [5, 6]
    assert numbers(page(9, Wanted(2, index=50))) == []
    assert said(page(9, Wanted(0)).tells) == {"count": "9"}


def test_what_is_behind_a_member_that_has_gone_is_not_found() -> None:
    for wanted in (Wanted(after="9"), Wanted(before="9")):
        with pytest.raises(StanzaError, match="item-not-found"):
            page(9, wanted)


def test_a_member_that_no_stanza_has_room_for_is_refused() -> None:
    with pytest.raises(StanzaError, match="not-acceptable"):
        page(9, room=10)


@pytest.mark.parametrize(
    "content",
    ["<max>-1</max>", "<max>x</max>", "<max/>", "<max>9999999999</max>", "<after>1</after><before/>"],
)
def test_a_wish_that_makes_no_sense_is_refused(content: str) -> None:
    with pytest.raises(StanzaError, match="bad-request"):
        read_set(parse(f"<set xmlns='{RSM}'>{content}</set>".encode()))


def anything(_: PubSubRequest) -> bool:
    return True


@asynccontextmanager
async def peer_of(server: Server, component: Component, app: App) -> AsyncGenerator[Peer]:
    """Run an application with a component that connects to a server."""
    component._address = ("127.0.0.1", server.port)
    async with serving(app):
        yield await server.accept()


def rsm(content: str) -> str:
    return f"<set xmlns='{RSM}'>{content}</set>"


async def test_nodes_and_subscriptions_are_told_by_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    app, component = App(), Component(DOMAIN, SECRET)
    nodes = PathNodes(app, "polls/**", allow=anything, most_subscriptions=2 * MANY)
    written: list[Element] = []

    def note(element: Element) -> bytes:
        written.append(element)
        return b""

    monkeypatch.setattr(paging, "write", note)
    for number in range(MANY):
        nodes._subscribers.add(Subscription(f"polls/{number % 5000}", f"u{number}@localhost"))
    for number in range(100):
        nodes._subscribers.add(Subscription("polls/0", f"alice@localhost/{number}"))
    component.add(PubSubService(nodes))
    app.child(component.child())
    async with listening() as server, peer_of(server, component, app) as peer:
        answer = await peer.ask(f"<query xmlns='{DISCO_ITEMS}'>{rsm('<max>2</max>')}</query>")
        *items, tells = answer[0]
        assert [each.get("node") for each in items] == ["polls/0", "polls/1"]
        assert said(tells) == {"first": "polls/0", "last": "polls/1", "count": "5000"}
        after = rsm("<max>1</max><after>polls/1</after>")
        assert (await peer.ask(f"<query xmlns='{DISCO_ITEMS}'>{after}</query>"))[0][0].get(
            "node"
        ) == "polls/10"
        unasked = await peer.ask(f"<query xmlns='{DISCO_ITEMS}'/>")
        assert len(unasked[0]) == A_PAGE + 1
        everybody = f"<subscriptions node='polls/0'/>{rsm('<max>3</max><before/>')}"
        answer = await peer.ask(f"<pubsub xmlns='{PUBSUB_OWNER}'>{everybody}</pubsub>")
        listed, tells = answer[0]
        assert [each.get("jid") for each in listed] == [f"alice@localhost/{n}" for n in (97, 98, 99)]
        assert said(tells)["count"] == "102"
        mine = f"<subscriptions/>{rsm('<max>1</max>')}"
        listed, tells = (await peer.ask(f"<pubsub xmlns='{PUBSUB}'>{mine}</pubsub>"))[0]
        assert (len(listed), said(tells)["count"]) == (1, "100")
        asked = f"<publish node='polls/0'/>{rsm('')}"
        refused = await peer.ask(f"<pubsub xmlns='{PUBSUB}'>{asked}</pubsub>", kind="set")
        assert condition(refused) == ("feature-not-implemented",)
    assert len(written) <= 2 + 1 + A_PAGE + 3 + 1


def test_of_nodes_that_are_kept_there_is_a_bound() -> None:
    kept = KeptItems(2, 1 << 20, nodes=3)
    for number in range(5):
        kept.add(f"n{number}", Item("1"))
        kept.add(f"n{number}", Item("2"))
    assert kept.nodes == ["n2", "n3", "n4"]
