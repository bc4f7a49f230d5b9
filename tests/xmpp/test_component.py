"""A component: its stream, its requests, and what becomes of both when something breaks."""

from __future__ import annotations

import logging
from typing import NoReturn
from xml.etree.ElementTree import Element

import pytest
import trio
import trio.testing

from cometary.errors import StanzaError, UsageError
from cometary.supervision import Backoff, ChildSpec
from cometary.xmpp import Component, Stanza
from cometary.xmpp.lines import PATIENCE, Lines
from cometary.xmpp.names import COMPONENT, DISCO_INFO, PING
from cometary.xmpp.xml import make
from tests.xmpp.peer import ALICE, DOMAIN, SECRET, condition, connected, listening, running

SOON = Backoff(min=0.01, max=0.02)
PINGED = "<ping xmlns='urn:xmpp:ping'/>"


def message(body: str) -> str:
    return f"<message from='{ALICE}' to='{DOMAIN}'><body>{body}</body></message>"


async def test_w10_a_ping_is_answered_and_discovered() -> None:
    async with connected() as (_, peer):
        answer = await peer.ask(PINGED)
        assert (answer.get("type"), len(answer)) == ("result", 0)
        info = await peer.ask(f"<query xmlns='{DISCO_INFO}'/>")
        features = [each.get("var") for each in info.iter(f"{{{DISCO_INFO}}}feature")]
        assert PING in features
        [identity] = info.iter(f"{{{DISCO_INFO}}}identity")
        assert (identity.get("category"), identity.get("type")) == ("component", "generic")


@pytest.mark.parametrize(
    ("reply", "alive"),
    [
        ("type='result'/>", True),
        ("type='error'><error type='cancel'><service-unavailable xmlns='{0}'/></error></iq>", True),
        (None, False),
    ],
)
async def test_w10_whoever_answers_a_ping_is_alive(reply: str | None, alive: bool) -> None:
    async with connected() as (component, peer), trio.open_nursery() as nursery:

        async def answer() -> None:
            asked = await peer.heard()
            assert asked[0].tag == f"{{{PING}}}ping"
            if reply is not None:
                said = reply.format("urn:ietf:params:xml:ns:xmpp-stanzas")
                await peer.say(f"<iq id='{asked.get('id')}' from='{ALICE}' to='{DOMAIN}' {said}")

        nursery.start_soon(answer)
        assert await component.ping(ALICE, timeout=0.05 if reply is None else 5) is alive


async def test_w10_other_errors_of_a_ping_are_told() -> None:
    async with connected() as (component, peer), trio.open_nursery() as nursery:

        async def refuse() -> None:
            id_ = (await peer.heard()).get("id")
            error = (
                "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
            )
            await peer.say(f"<iq id='{id_}' from='{ALICE}' to='{DOMAIN}' type='error'>{error}</iq>")

        nursery.start_soon(refuse)
        with pytest.raises(StanzaError, match="item-not-found"):
            await component.ping(ALICE)


async def test_an_answer_counts_from_whoever_was_asked_alone() -> None:
    async with connected() as (component, peer), trio.open_nursery() as nursery:

        async def lie() -> None:
            id_ = (await peer.heard()).get("id")
            await peer.say(f"<iq id='{id_}' from='mallory@localhost' to='{DOMAIN}' type='result'/>")

        nursery.start_soon(lie)
        assert not await component.ping(ALICE, timeout=0.05)


async def test_requests_fail_when_the_connection_is_lost() -> None:
    async with connected() as (component, peer), trio.open_nursery() as nursery:

        async def go() -> None:
            await peer.heard()
            await peer.stream.aclose()

        nursery.start_soon(go)
        with pytest.raises(StanzaError, match="remote-server-timeout"):
            await component.ping(ALICE)


async def test_what_nobody_answers_is_refused() -> None:
    async with connected() as (_, peer):
        assert condition(await peer.ask("<query xmlns='jabber:iq:last'/>")) == ("service-unavailable",)
        assert condition(await peer.ask("")) == ("bad-request",)


class Fragile:
    """Has handlers that fail."""

    def join(self, component: Component) -> None:
        component.on_iq("get", "{x}fail", self.fail)
        component.on_iq("get", "{x}refuse", self.refuse)
        component.on_message(self.fail)
        component.on_presence(self.fail)

    def fail(self, _: Stanza) -> NoReturn:
        raise ZeroDivisionError

    async def refuse(self, _: Stanza) -> NoReturn:
        raise StanzaError("forbidden", "not <you>")


async def test_w4_a_handler_that_fails_answers_internal_server_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with connected(Fragile()) as (component, peer):
        assert condition(await peer.ask("<fail xmlns='x'/>")) == ("internal-server-error",)
        await peer.say(message("hello"))
        assert condition(await peer.heard()) == ("internal-server-error",)
        await peer.say(f"<presence from='{ALICE}' to='{DOMAIN}'/>")  # of which nobody is told
        await peer.say(
            f"<message type='error' from='{ALICE}' to='{DOMAIN}'/>"
        )  # which is not answered by another
        refused = await peer.ask("<refuse xmlns='x'/>")
        assert condition(refused) == ("forbidden",)
        assert refused.find(".//{urn:ietf:params:xml:ns:xmpp-stanzas}text").text == "not <you>"  # type: ignore[union-attr]
        assert component.connected
        failed = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert len(failed) == 4


async def test_one_stanza_that_is_too_deep_is_refused_and_the_stream_goes_on() -> None:
    async with connected() as (_, peer):
        assert condition(await peer.ask("<a xmlns='x'>" * 2000 + "</a>" * 2000)) == ("bad-request",)
        assert (await peer.ask(PINGED)).get("type") == "result"


async def test_one_stanza_that_takes_long_to_read_is_refused_and_the_stream_goes_on() -> None:
    async with connected() as (_, peer):
        payload = f"<x xmlns='{'u' * 100_000}'>{'<a/>' * 25_000}</x>"
        assert condition(await peer.ask(payload)) == ("bad-request",)
        await peer.say(
            f"<iq type='get' id='1' from='{ALICE}' to='{DOMAIN}' a='{'u' * 100_000}'>{PINGED}</iq>"
        )
        assert (await peer.ask(PINGED)).get("type") == "result", "of the other one it is not known who asks"


@pytest.mark.parametrize(
    "broken", ["<!DOCTYPE a [<!ENTITY b 'c'>]>", "<!-- a -->", "<a></b>", "</stream:stream>", "text"]
)
async def test_a_stream_that_is_not_xmpp_ends_and_the_component_comes_back(broken: str) -> None:
    async with listening() as server:
        component = Component(DOMAIN, SECRET, port=server.port, backoff=SOON)
        async with running(component):
            peer = await server.accept()
            await peer.ask(PINGED)
            await peer.say(broken)
            assert await peer.closed()
            again = await server.accept()
            assert (await again.ask(PINGED)).get("type") == "result"


async def test_what_is_sent_while_it_is_away_waits_and_the_oldest_makes_room() -> None:
    async with listening() as server:
        component = Component(DOMAIN, SECRET, port=server.port, backoff=SOON, most_waiting=3)
        for number in range(5):
            component.send(make(COMPONENT, "message", {"to": ALICE, "id": str(number)}))
        assert component.statistics() == {"xmpp_waiting": 3, "xmpp_dropped": 2}
        async with running(component):
            refused = await server.accept(lets_in=False)
            await refused.stream.aclose()
            peer = await server.accept()
            assert [(await peer.heard()).get("id") for _ in range(3)] == ["2", "3", "4"]
            await peer.ask(PINGED)
            await trio.testing.wait_all_tasks_blocked()
            assert component.statistics() == {"xmpp_waiting": 0, "xmpp_dropped": 2}


async def test_a_secret_that_is_wrong_is_tried_again_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    error = "<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
    opening = f"<stream:stream xmlns='{COMPONENT}' xmlns:stream='http://etherx.jabber.org/streams' id='i'>"
    async with listening() as server, running(Component(DOMAIN, SECRET, port=server.port, backoff=SOON)):
        peer = await server.accept(lets_in=False)
        await peer.say(opening + error)
        assert (await (await server.accept()).ask(PINGED)).get("type") == "result"
    assert "not-authorized" in caplog.text


async def test_what_was_to_be_sent_is_sent_before_it_ends() -> None:
    async with listening() as server:
        component = Component(DOMAIN, SECRET, port=server.port)
        async with running(component):
            peer = await server.accept()
            await peer.ask(PINGED)
            component.send(make(COMPONENT, "message", {"to": ALICE, "id": "last"}))
        assert (await peer.heard()).get("id") == "last"
        assert await peer.closed()


class Crashing:
    """Runs something that crashes."""

    def __init__(self) -> None:
        self.crashed = 0
        self.often_enough = trio.Event()

    def join(self, component: Component) -> None:
        component.run_too(ChildSpec("crashing", self.run))

    async def run(self) -> None:
        self.crashed += 1
        if self.crashed == 3:
            self.often_enough.set()
            await trio.sleep_forever()
        raise ZeroDivisionError


async def test_a_crash_of_one_child_is_no_affair_of_the_others() -> None:
    crashing = Crashing()
    async with connected(crashing) as (component, peer):
        with trio.fail_after(60):
            await crashing.often_enough.wait()
        assert (await peer.ask(PINGED)).get("type") == "result"  # by the same connection
        assert component.connected


class Slow:
    """Waits before it answers."""

    def __init__(self) -> None:
        self.go_on = trio.Event()

    def join(self, component: Component) -> None:
        component.on_iq("get", "{x}wait", self.wait)

    async def wait(self, _: Stanza) -> None:
        await self.go_on.wait()


async def test_a_slow_handler_holds_up_its_own_sender_alone() -> None:
    slow = Slow()
    async with connected(slow) as (_, peer):
        await peer.say(f"<iq type='get' id='1' from='{ALICE}' to='{DOMAIN}'><wait xmlns='x'/></iq>")
        await peer.say(f"<iq type='get' id='2' from='{ALICE}' to='{DOMAIN}'>{PINGED}</iq>")
        assert (await peer.ask(PINGED, sender="bob@localhost/x")).get("type") == "result"
        slow.go_on.set()
        assert [(await peer.heard()).get("id") for _ in range(2)] == ["1", "2"]


async def test_one_sender_cannot_take_all_the_room() -> None:
    slow = Slow()
    async with connected(slow) as (_, peer):
        for number in range(110):
            await peer.say(
                f"<iq type='get' id='{number}' from='{ALICE}' to='{DOMAIN}'><wait xmlns='x'/></iq>"
            )
        refused = [await peer.heard() for _ in range(9)]
        assert [each.get("id") for each in refused] == [str(number) for number in range(101, 110)]
        assert {condition(each) for each in refused} == {("resource-constraint",)}
        slow.go_on.set()
        assert [(await peer.heard()).get("id") for _ in range(101)] == [str(number) for number in range(101)]


class Asking:
    """Asks whoever asks it, before it answers."""

    def __init__(self) -> None:
        self.answered = 0

    def join(self, component: Component) -> None:
        self.component = component
        component._waiting = Lines(component._handle, most=3, patience=0.01)
        component.on_message(self.ask)

    async def ask(self, stanza: Stanza) -> None:
        await self.component.request(stanza.sender, make(PING, "ping"), timeout=3)
        self.answered += 1


async def test_answers_are_taken_while_all_lines_are_full() -> None:
    asking = Asking()
    async with connected(asking) as (_, peer):
        for number in range(8):
            await peer.say(f"<message from='u{number}@x' to='{DOMAIN}'><body/></message>")
        refused, asked = list[Element](), list[Element]()
        for _ in range(8):
            heard = await peer.heard()
            (asked if heard.tag.endswith("iq") else refused).append(heard)
        assert [condition(each) for each in refused] == [("resource-constraint",)] * 2
        await peer.ask(PINGED)
        for each in asked:
            await peer.say(f"<iq type='result' id='{each.get('id')}' from='{each.get('to')}' to='{DOMAIN}'/>")
        await peer.ask(PINGED)
        await trio.testing.wait_all_tasks_blocked()
        assert asking.answered == 6


async def nothing(_: Stanza) -> None:
    """Is not called: nobody serves these lines."""


async def test_reading_pauses_while_all_lines_are_full_but_not_for_ever(
    autojump_clock: trio.testing.MockClock,
) -> None:
    lines = Lines(nothing, most=1)
    lines.add(Stanza(make(COMPONENT, "message", {"from": "a@x"})))
    for seconds in (PATIENCE, 0):
        began = trio.current_time()
        await lines.room()
        assert trio.current_time() - began == seconds
    lines.add(Stanza(make(COMPONENT, "message", {"from": "b@x"})))
    with pytest.raises(StanzaError, match="resource-constraint"):
        lines.add(Stanza(make(COMPONENT, "message", {"from": "c@x"})))


class Long:
    """Says more than fits."""

    def join(self, component: Component) -> None:
        component.on_iq("get", "{x}long", lambda _: make("x", "long", text="." * 10_000))


async def test_what_is_longer_than_the_server_takes_is_never_sent(caplog: pytest.LogCaptureFixture) -> None:
    async with connected(Long(), most_stanza=10_000) as (component, peer):
        long = make("x", "long", text="." * 10_000)
        assert condition(await peer.ask("<long xmlns='x'/>")) == ("not-acceptable",)
        component.send(make(COMPONENT, "message", {"to": ALICE}, long))
        component.send_to_each(make(COMPONENT, "message", None, long), [ALICE])
        assert caplog.text.count("more than the XMPP server takes") == 2
        with pytest.raises(StanzaError, match="not-acceptable"):
            await component.request(ALICE, long)
        assert (await peer.ask(PINGED)).get("type") == "result"
        await peer.say(f"<iq type='get' id='{'.' * 10_000}' from='{ALICE}' to='{DOMAIN}'/>")
        assert (await peer.ask(PINGED)).get("type") == "result"


async def test_a_stanza_that_ends_each_stream_is_written_twice_and_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with listening() as server:
        component = Component(
            DOMAIN, SECRET, port=server.port, backoff=SOON, most_bytes=1 << 26, most_stanza=1 << 26
        )
        # Large, so that the kernel does not take all of it, and its writing breaks.
        component.send(make(COMPONENT, "message", {"to": ALICE, "id": "poison"}, text="." * (16 << 20)))
        component.send(make(COMPONENT, "message", {"to": ALICE, "id": "next"}))
        async with running(component):
            for _ in range(2):
                peer = await server.accept()
                await peer.stream.receive_some(1)  # it is being written
                await peer.say("<stream:error><policy-violation xmlns='x'/></stream:error>")
                await peer.stream.aclose()
            assert (await (await server.accept()).heard()).get("id") == "next"
    assert component.statistics() == {"xmpp_waiting": 0, "xmpp_dropped": 1}
    assert "broke twice" in caplog.text


@pytest.mark.parametrize(
    "end", ["</stream:stream>", "<stream:error><system-shutdown xmlns='x'/></stream:error>"]
)
async def test_what_waits_when_the_server_ends_the_stream_is_for_the_next_one(end: str) -> None:
    async with listening() as server:
        component = Component(DOMAIN, SECRET, port=server.port, backoff=SOON)
        async with running(component):
            peer = await server.accept()
            await peer.ask(PINGED)

            def send(*, connected: bool) -> None:
                if not connected:
                    component.send(make(COMPONENT, "message", {"to": ALICE, "id": "late"}))

            component._connection._changed = send  # type: ignore[union-attr]
            await peer.say(end)
            assert await peer.closed()
            assert peer._elements == []
            assert (await (await server.accept()).heard()).get("id") == "late"


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match="trusted_network"):
        Component(DOMAIN, SECRET, host="192.0.2.1")
    Component(DOMAIN, SECRET, host="192.0.2.1", trusted_network=True)
    with pytest.raises(UsageError, match="at least one"):
        Component(DOMAIN, SECRET, most_waiting=0)
    with pytest.raises(UsageError, match="most_stanza"):
        Component(DOMAIN, SECRET, most_stanza=9_999)
    component = Component(DOMAIN, SECRET)
    with pytest.raises(UsageError, match="already"):
        component.on_iq("get", f"{{{PING}}}ping", lambda _: None)
    with pytest.raises(UsageError, match="no condition"):
        StanzaError("nonsense")
