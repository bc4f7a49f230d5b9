"""A component of a real XMPP server, and Slixmpp, a client that others have written: one server for all of it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
import trio
from slixmpp.exceptions import IqError

from cometary import App, Session
from cometary.supervision import Backoff
from cometary.xmpp import Component
from cometary.xmpp.names import COMPONENT, JSON
from cometary.xmpp.pubsub import PathNodes, PubSubRequest, PubSubService
from cometary.xmpp.xml import make
from examples import xmpp_echo, xmpp_news
from examples.polling_station.ballot import Question
from examples.polling_station.station import Station
from tests.doors.bosh.ejabberd import xmpp_server
from tests.doors.bosh.prosody import PASSWORD, Prosody
from tests.protocol.client import World, serving
from tests.xmpp.relay import relayed
from tests.xmpp.slixmpp_client import SlixmppClient, slixmpp_client

ECHO, NEWS, PATHS = DOMAINS = ("echo.localhost", "news.localhost", "paths.localhost")
PATIENCE = 20.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prosody]:
    with xmpp_server(tmp_path_factory.mktemp("xmpp"), components=DOMAINS) as server:
        yield server


@pytest.fixture(scope="module")
def alice(server: Prosody) -> Iterator[SlixmppClient]:
    with slixmpp_client("alice@localhost/slixmpp", PASSWORD, server.port) as client:
        yield client


async def do(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Wait for a client, while the server goes on."""
    return await trio.to_thread.run_sync(partial(function, *args, **kwargs))


@asynccontextmanager
async def on(server: Prosody, app: App, component: Component, port: int = 0) -> AsyncGenerator[World]:
    """Run an application with a component of the server's."""
    component._address = ("127.0.0.1", port or server.components)
    async with serving(app) as world:
        with trio.fail_after(PATIENCE):
            await component.wait_connected()
        yield world


async def test_w18_the_echo_of_the_seed(server: Prosody, alice: SlixmppClient) -> None:
    async with on(server, xmpp_echo.app, xmpp_echo.component):
        for kind in ("chat", "normal"):
            message = partial(alice.xmpp.send_message, f"bot@{ECHO}", "hello & <goodbye>", mtype=kind)
            alice._loop.call_soon_threadsafe(message)
            heard = await do(alice.told, "message")
            assert (heard["body"], heard["type"], heard["from"].bare) == (
                "hello & <goodbye>",
                kind,
                f"bot@{ECHO}",
            )
        ask = partial(alice.xmpp.send_presence, pto=f"bot@{ECHO}", ptype="subscribe")
        alice._loop.call_soon_threadsafe(ask)
        names = {(await do(alice.events.get, timeout=PATIENCE))[0] for _ in range(2)}
        assert names == {"subscribed", "available"}
        await do(alice.ask, "ping", ECHO, plugin="xep_0199")
        assert await xmpp_echo.component.ping("alice@localhost/slixmpp")
        assert await xmpp_echo.component.ping("alice@localhost/nowhere")  # somebody has answered


async def test_w1_pub_sub_as_code(server: Prosody, alice: SlixmppClient) -> None:
    async with on(server, xmpp_news.app, xmpp_news.component):
        assert (await do(alice.ask, "subscribe", NEWS, "news"))["pubsub"]["subscription"][
            "jid"
        ] == "alice@localhost"
        payload = fromstring("<entry xmlns='http://www.w3.org/2005/Atom'><title>News</title></entry>")  # noqa: S314
        published = await do(alice.ask, "publish", NEWS, "news", id="1", payload=payload)
        assert [item["id"] for item in published["pubsub"]["publish"]] == ["1"]
        told = await do(alice.told, "pubsub_publish")
        [item] = told["pubsub_event"]["items"]
        assert (item["id"], item["payload"].tag) == ("1", "{http://www.w3.org/2005/Atom}entry")
        items = await do(alice.ask, "get_items", NEWS, "news", max_items=1)
        assert [item["id"] for item in items["pubsub"]["items"]] == ["1"]
        with pytest.raises(IqError, match="feature-not-implemented"):
            await do(alice.ask, "purge", NEWS, "news")
        with pytest.raises(IqError, match="item-not-found"):
            await do(alice.ask, "subscribe", NEWS, "other")
        info = await do(alice.ask, "get_info", NEWS, plugin="xep_0030")
        assert "http://jabber.org/protocol/pubsub#publish" in info["disco_info"]["features"]
        xmpp_news.service.notify_delete("news", ["alice@localhost"], f"xmpp:{PATHS}?;node=news")
        gone = await do(alice.told, "pubsub_delete")
        assert gone["pubsub_event"]["delete"]["redirect"] == f"xmpp:{PATHS}?;node=news"
        await do(alice.ask, "unsubscribe", NEWS, "news")


async def test_the_longest_stanza_that_is_sent_is_one_that_the_server_takes(
    server: Prosody, alice: SlixmppClient
) -> None:
    # It takes its time: half a megabyte goes through a server and a client that others have written.
    app, component = App(), Component(PATHS, PASSWORD)
    app.child(component.child())
    async with on(server, app, component):
        for length in (component.most_stanza, 2 * component.most_stanza, 3):
            body = make(COMPONENT, "body", text=">" * (length - 1000 if length > 3 else length))
            component.send(make(COMPONENT, "message", {"to": "alice@localhost", "type": "headline"}, body))
        assert len((await do(alice.told, "message"))["body"]) == component.most_stanza - 1000
        assert (await do(alice.told, "message"))["body"] == ">>>"
        assert component.statistics() == {"xmpp_waiting": 0, "xmpp_dropped": 0}


def everybody(_: PubSubRequest) -> bool:
    return True


async def test_a_page_and_an_xmpp_client_hear_each_other_across_a_lost_connection(
    server: Prosody, alice: SlixmppClient
) -> None:
    app = App()

    @app.signon
    def hear(session: Session) -> None:
        session.connect("polls/1")

    component = Component(PATHS, PASSWORD, backoff=Backoff(min=0.05, max=0.1))
    component.add(PubSubService(PathNodes(app, "polls/**", allow=everybody)))
    app.child(component.child())
    async with relayed(server.components) as relay, on(server, app, component, relay.port) as world:
        page = await world.open()
        await do(alice.ask, "subscribe", PATHS, "polls/1")
        payload = fromstring(f"<json xmlns='{JSON}'>[1, 2]</json>")  # noqa: S314
        await do(alice.ask, "publish", PATHS, "polls/1", payload=payload)
        assert await page.poll() == [[1, 2]]
        assert await heard(alice) == "[1, 2]"
        await relay.cut()
        app.update("polls/1", 3)  # while it is away
        assert await page.poll() == [3]
        assert await heard(alice) == "3"


async def test_p6_the_results_of_the_polling_station(server: Prosody, alice: SlixmppClient) -> None:
    app = App()
    question = Question("where", "Where?", ["Ghent", "Porto"])
    station = Station(app, [question], {"00000001": "alice", "00000002": "bob"})
    component = Component(PATHS, PASSWORD)
    component.add(PubSubService(PathNodes(app, "polls/*", allow=everybody)))
    for child in (component.child(), *station.children()):
        app.child(child)
    async with on(server, app, component):
        await do(alice.ask, "subscribe", PATHS, "polls/where")
        for votes, tag in enumerate(("00000001", "00000002"), 1):
            station.ports["where/Ghent/1"].tag = tag
            while (told := json.loads(await heard(alice)))["total"] < votes:
                pass
            assert told == {"text": "Where?", "total": votes, "answers": [["Ghent", votes], ["Porto", 0]]}


async def heard(client: SlixmppClient) -> str:
    """Return the JSON of the next item that a client is told of."""
    told = await do(client.told, "pubsub_publish")
    [item] = told["pubsub_event"]["items"]
    return str(item["payload"].text)
