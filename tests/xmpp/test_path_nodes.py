"""Paths as nodes: a page hears what an XMPP client publishes, and the other way round."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from xml.etree.ElementTree import Element

import trio

from cometary import App
from cometary.packets.packet import Packet
from cometary.xmpp import Component
from cometary.xmpp.connection import AT_ONCE
from cometary.xmpp.names import COMPONENT, DISCO_INFO, DISCO_ITEMS, JSON, PUBSUB, PUBSUB_EVENT
from cometary.xmpp.pubsub import PathNodes, PubSubRequest, PubSubService, Subscription
from cometary.xmpp.sender import MOST_STANZA
from cometary.xmpp.xml import make
from tests.protocol.client import World, serving
from tests.xmpp.peer import ALICE, DOMAIN, SECRET, Peer, condition, listening

ACCOUNT = "alice@localhost"
OWNER = f"{PUBSUB}#owner"


async def anybody(request: PubSubRequest) -> bool:
    return request.verb != "affiliations" and not request.sender.startswith("mallory")


@asynccontextmanager
async def bridged(
    most_stanza: int = MOST_STANZA, settings: dict[str, Any] | None = None, **options: Any
) -> AsyncGenerator[tuple[World, Peer, App]]:
    """Have a server with a page that hears `polls/1`, and an XMPP server that has the paths as nodes."""
    app = App()

    @app.signon
    def hear(session: Any) -> None:
        session.connect("polls/1")

    async with listening() as server:
        component = Component(DOMAIN, SECRET, port=server.port, most_stanza=most_stanza)
        component.add(PubSubService(PathNodes(app, "polls/**", allow=anybody, **options)))
        app.child(component.child())
        async with serving(app, **settings or {}) as world:
            yield world, await server.accept(), app


def pubsub(content: str, namespace: str = PUBSUB) -> str:
    return f"<pubsub xmlns='{namespace}'>{content}</pubsub>"


def publish(payload: str, node: str = "polls/1", item: str = "") -> str:
    return pubsub(f"<publish node='{node}'><item {item}>{payload}</item></publish>")


def json(text: str) -> str:
    return f"<json xmlns='{JSON}'>{text}</json>"


async def subscribed(peer: Peer, node: str = "polls/1", jid: str = ACCOUNT) -> Element:
    return await peer.ask(pubsub(f"<subscribe node='{node}' jid='{jid}'/>"), kind="set")


def items_of(told: Element) -> list[tuple[str | None, str | None]]:
    """Return the ids and the JSON of what is told."""
    return [
        (each.get("id"), each.findtext(f"{{{JSON}}}json"))
        for name in (PUBSUB_EVENT, PUBSUB)
        for each in told.iter(f"{{{name}}}item")
    ]


async def test_a_page_hears_what_an_xmpp_client_publishes() -> None:
    async with bridged() as (world, peer, _):
        page = await world.open()
        answer = await peer.ask(publish(json('{"votes": 7}'), item="id='i1'"), kind="set")
        assert [each.get("id") for each in answer.iter(f"{{{PUBSUB}}}item")] == ["i1"]
        assert await page.poll() == [{"votes": 7}]
        await peer.ask(
            publish("<entry xmlns='http://www.w3.org/2005/Atom'><title>é</title></entry>"), kind="set"
        )
        assert await page.poll() == ["<entry xmlns='http://www.w3.org/2005/Atom'><title>é</title></entry>"]
        await peer.ask(pubsub("<publish node='polls/1'/>"), kind="set")
        assert await page.poll() == [None]


async def test_an_xmpp_client_hears_what_the_application_sends() -> None:
    async with bridged() as (_, peer, app):
        assert (await subscribed(peer)).get("type") == "result"
        app.update("polls/1", {"votes": 8, "who": "<é\x01>"})
        app.update("polls/2", "not for it")
        app.update("polls/1", 9)
        first, second = await peer.heard(), await peer.heard()
        assert first.get("to") == ACCOUNT
        assert [text for _, text in items_of(first)] == ['{"votes":8,"who":"<é\\u0001>"}']
        assert [text for _, text in items_of(second)] == ["9"]


async def test_what_is_published_by_xmpp_comes_once_and_as_it_was() -> None:
    async with bridged() as (_, peer, _):
        await subscribed(peer)
        event = await ask_and_hear(peer, publish("<x xmlns='y'/>", item="id='i'"))
        [item] = event.iter(f"{{{PUBSUB_EVENT}}}item")
        assert (item.get("id"), item[0].tag) == ("i", "{y}x")
        assert (await peer.ask("<ping xmlns='urn:xmpp:ping'/>")).get(
            "type"
        ) == "result"  # and nothing else came


async def test_a_subscription_begins_with_the_latest_item() -> None:
    async with bridged(kept=2) as (_, peer, app):
        for number in range(3):
            app.update("polls/1", number)
        await trio.testing.wait_all_tasks_blocked()
        assert (await subscribed(peer)).get("type") == "result"
        assert [text for _, text in items_of(await peer.heard())] == ["2"]
        kept = await peer.ask(pubsub("<items node='polls/1'/>"))
        assert [text for _, text in items_of(kept)] == ["1", "2"]
        latest = await peer.ask(pubsub("<items node='polls/1' max_items='1'/>"))
        assert items_of(latest) == items_of(kept)[1:]
        one = await peer.ask(pubsub(f"<items node='polls/1'><item id='{items_of(kept)[0][0]}'/></items>"))
        assert items_of(one) == items_of(kept)[:1]


async def test_items_are_retracted_purged_and_nodes_deleted() -> None:
    async with bridged() as (_, peer, _):
        await subscribed(peer)
        for name in ("a", "b"):
            await ask_and_hear(peer, publish(json("1"), item=f"id='{name}'"))
        retract = pubsub("<retract node='polls/1' notify='1'><item id='a'/></retract>")
        told = [await ask_and_hear(peer, retract)]
        assert condition(await peer.ask(retract, kind="set")) == ("item-not-found",)
        told += [
            await ask_and_hear(peer, pubsub(f"<{name} node='polls/1'/>", OWNER))
            for name in ("purge", "delete")
        ]
        assert [next(iter(each[0][0]), each[0][0]).tag.partition("}")[2] for each in told] == [
            "retract",
            "purge",
            "delete",
        ]
        assert items_of(await peer.ask(pubsub("<items node='polls/1'/>"))) == []
        assert len(list((await peer.ask(pubsub("<subscriptions/>"))).iter(f"{{{PUBSUB}}}subscription"))) == 0


async def ask_and_hear(peer: Peer, asked: str) -> Element:
    """Make a request that is answered by two stanzas, in any order; return the message."""
    await peer.say(f"<iq type='set' id='1' from='{ALICE}' to='{DOMAIN}'>{asked}</iq>")
    [message] = [each for each in [await peer.heard(), await peer.heard()] if each.tag.endswith("message")]
    return message


async def test_who_may_what_is_the_applications_rule() -> None:
    async with bridged() as (world, peer, _):
        page = await world.open()
        refused = await peer.ask(publish(json("1")), kind="set", sender="mallory@localhost/x")
        assert condition(refused) == ("forbidden",)
        assert condition(await peer.ask(pubsub("<affiliations/>"))) == ("forbidden",)
        await peer.ask(publish(json("2")), kind="set")
        assert await page.poll() == [2]


async def test_what_is_not_a_path_of_the_pattern_is_not_found() -> None:
    async with bridged() as (_, peer, _):
        for node in ("other/1", "::connect", "polls"):
            assert condition(await peer.ask(publish(json("1"), node), kind="set")) == ("item-not-found",)
        assert condition(await subscribed(peer, "")) == ("bad-request", "nodeid-required")
        assert condition(await peer.ask(publish(json("{")), kind="set")) == ("bad-request", "invalid-payload")
        info = "<query xmlns='{0}' node='{1}'/>"
        assert condition(await peer.ask(info.format(DISCO_INFO, "other"))) == ("item-not-found",)
        assert (await peer.ask(info.format(DISCO_INFO, "polls/1"))).get("type") == "result"


async def test_subscriptions_have_a_bound_and_end() -> None:
    async with bridged(most_of_one=2, most_subscriptions=3) as (_, peer, _):
        for node in ("polls/1", "polls/2", "polls/1"):
            assert (await subscribed(peer, node)).get("type") == "result"
        assert condition(await subscribed(peer, "polls/3")) == ("policy-violation", "too-many-subscriptions")
        subscribe = pubsub("<subscribe node='polls/1' jid='{}'/>")
        for name, outcome in (("bob", "result"), ("carol", "error")):
            jid = f"{name}@localhost"
            assert (await peer.ask(subscribe.format(jid), kind="set", sender=jid)).get("type") == outcome
        nodes = await peer.ask(f"<query xmlns='{DISCO_ITEMS}'/>")
        assert [each.get("node") for each in nodes[0]] == ["polls/1", "polls/2"]
        mine = await peer.ask(pubsub("<subscriptions node='polls/1'/>"))
        assert [each.get("jid") for each in mine.iter(f"{{{PUBSUB}}}subscription")] == [ACCOUNT]
        everybody = await peer.ask(pubsub("<subscriptions node='polls/1'/>", OWNER))
        assert [each.get("jid") for each in everybody.iter(f"{{{OWNER}}}subscription")] == [
            ACCOUNT,
            "bob@localhost",
        ]
        end = pubsub(f"<unsubscribe node='polls/1' jid='{ACCOUNT}'/>")
        assert (await peer.ask(end, kind="set")).get("type") == "result"
        assert condition(await peer.ask(end, kind="set")) == ("unexpected-request", "not-subscribed")


async def test_an_account_is_one_however_its_letters_are_written() -> None:
    async with bridged(most_of_one=2) as (_, peer, _):
        answers = [await subscribed(peer, jid=jid) for jid in ("Alice@localhost", "ALICE@LOCALHOST/Home")]
        told = [next(each.iter(f"{{{PUBSUB}}}subscription")).get("jid") for each in answers]
        assert told == [ACCOUNT, f"{ACCOUNT}/Home"]
        assert (await subscribed(peer, jid="aLiCe@localhost")).get("type") == "result"  # the first one again
        more = await subscribed(peer, jid="AliCe@localhost/other")
        assert condition(more) == ("policy-violation", "too-many-subscriptions")
        end = pubsub("<unsubscribe node='polls/1' jid='alicE@localhost'/>")
        assert (await peer.ask(end, kind="set")).get("type") == "result"


async def test_accounts_that_only_look_alike_are_two() -> None:
    async with bridged() as (_, peer, _):
        subscribe = pubsub("<subscribe node='polls/1' jid='groß@localhost'/>")
        refused = await peer.ask(subscribe, kind="set", sender="gross@localhost/x")
        assert condition(refused) == ("bad-request", "invalid-jid")


async def test_what_could_not_be_told_is_not_published() -> None:
    async with bridged(most_stanza=10_000) as (world, peer, _):
        page = await world.open()
        await subscribed(peer)
        for payload in (json("<![CDATA[" + "&" * 2000 + "]]>"), f"<x xmlns='y'>{'.' * 2000}</x>"):
            refused = await peer.ask(publish(payload), kind="set")
            assert condition(refused) == ("not-acceptable", "payload-too-big")
        assert items_of(await ask_and_hear(peer, publish(json("1"), item="id='i'"))) == [("i", "1")]
        assert await page.poll() == [1]


async def test_items_are_answered_as_far_as_one_stanza_holds_them() -> None:
    async with bridged(most_stanza=10_000) as (_, peer, app):
        for number in range(4):
            app.update("polls/1", str(number) * 700)
        app.update("polls/1", "too much" * 700)
        await trio.testing.wait_all_tasks_blocked()
        answer = await peer.ask(pubsub("<items node='polls/1'/>"))
        texts = [str(text)[1:2] for _, text in items_of(answer)]
        assert texts == ["2", "3"]
        ids = [name for name, _ in items_of(answer)]
        asked = "".join(f"<item id='{name}'/>" for name in [*ids, *ids])
        answer = await peer.ask(pubsub(f"<items node='polls/1'>{asked}</items>"))
        assert [name for name, _ in items_of(answer)] == ids


async def test_of_several_items_all_are_published_or_none() -> None:
    async with bridged(settings={"queue_bytes": 5000}) as (world, peer, _):
        page = await world.open()
        several = "".join(f"<item>{json(text)}</item>" for text in ("1", "2", '"' + "3" * 6000 + '"'))
        refused = await peer.ask(pubsub(f"<publish node='polls/1'>{several}</publish>"), kind="set")
        assert condition(refused) == ("not-acceptable",)
        await peer.ask(publish(json("4")), kind="set")
        assert await page.poll() == [4]


def test_what_many_are_told_is_written_once_and_drops_nothing() -> None:
    app = App()
    nodes = PathNodes(app, "polls/**", allow=anybody)
    component = Component(DOMAIN, SECRET)
    component.add(PubSubService(nodes))
    for number in range(5_000):
        nodes._subscribers.add(Subscription("polls/1", f"u{number}@localhost"))
    for text in ("&" * 50_000, "second", "third"):
        nodes.heard(Packet("polls/1", text))
    component.send(make(COMPONENT, "iq", {"type": "result", "to": ALICE}))
    assert component.statistics() == {"xmpp_waiting": 15_001, "xmpp_dropped": 0}
    assert component._outbox.size < 1_000_000
    portion = component._outbox.begin(AT_ONCE)
    assert portion.startswith(f"<iq type='result' to='{ALICE}'".encode())
    assert AT_ONCE < len(portion) < AT_ONCE + 300_000
