"""BOSH over real sockets, with a real Prosody behind it. B and a number is a rule to be kept to."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest
import trio
import trio.testing
import trustme

from cometary import server
from cometary.config import Address, Settings
from cometary.doors.bosh.door import BoshDoor
from cometary.doors.bosh.session import BoshSession
from cometary.errors import ConfigError
from cometary.server import Running
from tests.doors.bosh.prosody import prosody
from tests.doors.bosh.wire import Answer, BoshClient
from tests.servers import free_port

LOOPBACK: Final = "127.0.0.1"
HOSTS: Final = ("localhost", "anon.localhost")
MESSAGE: Final = "<message to='{to}' type='chat' xmlns='jabber:client'><body>{text}</body></message>"


@pytest.fixture(scope="module")
def xmpp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Prosody; where it is."""
    with prosody(tmp_path_factory.mktemp("prosody")) as running:
        yield running.port


@asynccontextmanager
async def serving(xmpp: int, **more: Any) -> AsyncGenerator[Running]:
    said: dict[str, Any] = {
        "xmpp_hosts": HOSTS,
        "xmpp": Address(LOOPBACK, xmpp),
        "bosh": "/http-bind",
        **more,
    }
    settings = Settings(port=0, control=Address(LOOPBACK, 0), **said)
    async with trio.open_nursery() as nursery:
        running = await nursery.start(server.serve, settings, None)
        yield running
        running.stop()


@pytest.fixture
async def running(xmpp: int) -> AsyncIterator[Running]:
    async with serving(xmpp) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # to make a usual one takes longer than the tests
    async with httpx.AsyncClient(trust_env=False, timeout=60, verify=no_tls) as http:
        yield http


def url_of(running: Running) -> str:
    return running.comet.replace("/comet", "/http-bind")


@pytest.fixture
def client(running: Running, http: httpx.AsyncClient) -> BoshClient:
    return BoshClient(http, url_of(running))


@pytest.fixture
def other(running: Running, http: httpx.AsyncClient) -> BoshClient:
    return BoshClient(http, url_of(running))


def message(to: str, text: str) -> str:
    return MESSAGE.format(to=to, text=text)


def texts(answer: Answer) -> list[str | None]:
    return [
        element.findtext("{jabber:client}body")
        for element in answer.elements
        if element.tag.endswith("}message")
    ]


# -- a session ---------------------------------------------------------------------------------------


async def test_b1_b22_a_client_logs_in_as_xep_0206_says_and_talks_with_another_one(
    client: BoshClient, other: BoshClient
) -> None:
    assert (await client.log_in("alice")).startswith("alice@localhost/")
    there = await other.log_in("bob")
    answer = await client.say(message(there, "one") + message(there, "two &lt;&amp;"))
    assert answer.content_type == "text/xml; charset=utf-8"
    heard = texts(await other.ask())
    while len(heard) < 2:
        heard += texts(await other.ask())
    assert heard == ["one", "two <&"]


async def test_b2_b13_what_comes_meets_a_request_that_is_held_and_an_end_is_passed_on(
    client: BoshClient, other: BoshClient
) -> None:
    there = await other.log_in("bob")
    await client.log_in("alice")
    answers: list[Answer] = []

    async def poll() -> None:
        answers.append(await other.ask())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(poll)
        last = await client.ask(message(there, "bye"), type="terminate")
    assert last.condition == ""
    assert texts(answers[0]) == ["bye"]
    assert (await client.ask()).condition == "item-not-found"


async def test_b6_a_request_that_comes_again_is_answered_alike_and_passed_on_once(
    client: BoshClient, other: BoshClient
) -> None:
    there = await other.log_in("bob")
    await client.log_in("alice")
    first = await client.say(message(there, "once"))
    again = await client.ask(message(there, "once"), rid=client.rid)
    assert again.content == first.content
    await client.say(message(there, "end"))
    heard: list[str | None] = []
    while "end" not in heard:
        heard += texts(await other.ask())
    assert heard == ["once", "end"]


async def test_b19_a_connection_that_is_cut_loses_nothing(
    running: Running, other: BoshClient, client: BoshClient
) -> None:
    there = await other.log_in("bob")
    await client.log_in("alice")
    host, port = running.comet.removeprefix("http://").removesuffix("/comet").split(":")
    lost = await trio.open_tcp_stream(host, int(port))
    other.rid += 1
    body = f"<body xmlns='http://jabber.org/protocol/httpbind' rid='{other.rid}' sid='{other.sid}'/>"
    head = f"POST /http-bind HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n\r\n"
    await lost.send_all((head + body).encode())
    await trio.testing.wait_all_tasks_blocked(0.01)
    await lost.aclose()
    await client.say(message(there, "after"))
    answer = await other.ask(rid=other.rid)
    assert texts(answer) == ["after"]


async def test_b10_who_has_sent_what_a_client_that_went_away_never_fetched_is_told(
    xmpp: int, http: httpx.AsyncClient
) -> None:
    async with serving(xmpp, bosh_inactivity=1) as running:
        client, gone = BoshClient(http, url_of(running)), BoshClient(http, url_of(running))
        there = await gone.log_in("bob")
        await client.log_in("alice")
        await client.say(message(there, "hello?"))
        bounced = await client.until("message")
        assert bounced.get("type") == "error"
        assert bounced.find(".//{urn:ietf:params:xml:ns:xmpp-stanzas}recipient-unavailable") is not None
        assert (await gone.ask()).condition == "item-not-found"


async def test_a_domain_that_was_not_named_a_missing_one_and_an_unknown_session(client: BoshClient) -> None:
    assert (await client.begin("example.org")).condition == "host-unknown"
    assert (await client.begin("")).condition == "improper-addressing"
    client.sid = "nobody"
    assert (await client.ask()).condition == "item-not-found"
    assert (await client.post(b"<!DOCTYPE a><a/>")).condition == "bad-request"
    assert (await client.begin(ver="x")).condition == "bad-request"


async def test_b14_clients_that_do_not_say_their_version_are_told_by_the_status(client: BoshClient) -> None:
    assert (await client.begin(ver="", wait="99999")).condition == "bad-request", "who it is was not read yet"
    first = await client.begin(ver="")
    assert first.said["sid"]
    assert "ver" not in first.said
    assert (await client.ask(rid=client.rid + 9)).status == 404


async def test_b18_ids_of_sessions_cannot_be_guessed(client: BoshClient) -> None:
    sids = {(await client.begin()).said["sid"] for _ in range(5)}
    assert len(sids) == 5
    assert all(len(sid) >= 24 for sid in sids)


async def test_b1_answers_have_the_media_type_that_was_asked_for(client: BoshClient) -> None:
    first = await client.begin(content="application/xml")
    assert first.content_type == "application/xml"
    again = await client.ask(type="terminate")
    assert again.content_type == "application/xml"


async def test_a_client_that_polls_is_told_what_comes_when_it_asks(client: BoshClient) -> None:
    first = await client.begin("anon.localhost", hold="0")
    assert not first.elements
    assert (first.said["hold"], first.said["requests"]) == ("0", "1")


async def test_b23_a_script_asks_and_is_answered_where_that_is_wanted(
    xmpp: int, http: httpx.AsyncClient
) -> None:
    space = "http://jabber.org/protocol/httpbind"
    body = f"<body xmlns='{space}' rid='1' to='localhost' ver='1.6' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'/>"
    async with serving(xmpp, bosh_script="on") as running:
        answer = await http.get(f"{url_of(running)}?{quote(body)}")
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.text.startswith(f"_BOSH_(\"<body xmlns='{space}' sid='")
        assert (
            "item-not-found"
            in (await http.get(f"{url_of(running)}?{quote(body.replace('ver', 'sid'))}")).text
        )
        assert "bad-request" in (await http.get(url_of(running))).text
    async with serving(xmpp) as running:
        assert (await http.get(f"{url_of(running)}?{quote(body)}")).status_code == 405


# -- the XMPP server -------------------------------------------------------------------------------------


async def test_a_server_that_is_not_there(http: httpx.AsyncClient) -> None:
    async with serving(free_port()) as running:
        assert (await BoshClient(http, url_of(running)).begin()).condition == "remote-connection-failed"


async def test_a_server_that_ends_the_stream_with_an_error_has_it_passed_on(client: BoshClient) -> None:
    await client.log_in()
    answer = await client.ask("<nonsense xmlns='urn:nonsense'/>")
    while answer.condition is None:
        answer = await client.ask()
    assert answer.condition == "remote-stream-error"
    assert answer.names[-1] == "error"
    assert answer.elements[-1].tag == "{http://etherx.jabber.org/streams}error"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Iterator[int]:
    """A Prosody that demands TLS; where it is."""
    folder = tmp_path_factory.mktemp("secured")
    certificate = authority.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(folder / "localhost.crt")
    certificate.private_key_pem.write_to_path(folder / "localhost.key")
    with prosody(folder, certificate=(folder / "localhost.crt", folder / "localhost.key")) as running:
        yield running.port


async def test_where_the_server_demands_tls_it_is_spoken(
    secured: int, authority: trustme.CA, tmp_path: Path, http: httpx.AsyncClient
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with serving(secured, xmpp_ca=str(tmp_path / "ca.pem")) as running:
        there = await BoshClient(http, url_of(running)).log_in()
        assert there.startswith("alice@localhost/")


async def test_and_its_certificate_has_to_be_valid(secured: int, http: httpx.AsyncClient) -> None:
    async with serving(secured) as running:
        assert (await BoshClient(http, url_of(running)).begin()).condition == "remote-connection-failed"


async def test_where_tls_is_wanted_always_none_is_a_failure(xmpp: int, http: httpx.AsyncClient) -> None:
    async with serving(xmpp, xmpp_tls="always") as running:
        client = BoshClient(http, url_of(running))
        assert (await client.begin()).condition == "remote-connection-failed"
        assert (await client.begin(xmpp_version="")).condition == "remote-connection-failed"


# -- the server --------------------------------------------------------------------------------------------


async def test_b20_when_the_server_stops_every_client_is_told(xmpp: int, http: httpx.AsyncClient) -> None:
    answers: list[Answer] = []

    async def poll(client: BoshClient) -> None:
        answers.append(await client.ask())

    async with trio.open_nursery() as nursery, serving(xmpp) as running:
        for _ in range(3):
            client = BoshClient(http, url_of(running))
            await client.begin()
            nursery.start_soon(poll, client)
        await trio.testing.wait_all_tasks_blocked(0.02)
        assert running.statistics()["bosh_sessions"] == 3
    assert [answer.condition for answer in answers] == ["system-shutdown"] * 3


async def test_a_session_that_crashes_ends_alone_and_its_client_is_told(
    running: Running, client: BoshClient, other: BoshClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = await other.log_in("bob")
    await client.log_in("alice")

    perform = BoshSession.perform

    def crashing(self: BoshSession, action: Any) -> None:
        if b"crash" in getattr(action, "elements", [b""])[0]:
            raise RuntimeError("a bug")
        perform(self, action)

    monkeypatch.setattr(BoshSession, "perform", crashing)
    answers: list[Answer] = []

    async def poll() -> None:
        answers.append(await client.ask())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(poll)
        await trio.testing.wait_all_tasks_blocked(0.01)
        answers.append(await client.ask("<crash/>"))
    assert [answer.condition for answer in answers] == ["internal-server-error"] * 2
    assert (await client.ask()).condition == "item-not-found"
    assert texts(await other.ask(message(there, "to myself"))) == ["to myself"]
    assert running.statistics()["bosh_sessions"] == 1


async def test_there_are_no_more_sessions_than_there_may_be(xmpp: int, http: httpx.AsyncClient) -> None:
    async with serving(xmpp, bosh_sessions=1) as running:
        client, other = BoshClient(http, url_of(running)), BoshClient(http, url_of(running))
        await client.begin()
        assert (await other.begin()).condition == "internal-server-error"
        await client.ask(type="terminate")
        assert (await other.begin()).condition is None


async def test_pages_of_other_origins_are_let_in_by_name_and_no_browser_shows_answers_as_pages(
    xmpp: int, http: httpx.AsyncClient
) -> None:
    async with serving(xmpp, origins=("https://good.example",)) as running:
        url = url_of(running)
        told = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
        good = await http.options(url, headers={"origin": "https://good.example", **told})
        assert good.status_code == 204
        assert "content-type" in good.headers["access-control-allow-headers"].lower()
        body = b"<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='localhost'/>"
        assert (
            await http.post(url, content=body, headers={"origin": "https://evil.example"})
        ).status_code == 403
        assert (await http.post(url, content=body, headers={"sec-fetch-mode": "navigate"})).status_code == 403


def test_it_has_to_be_said_for_which_domains_it_is_and_no_password_leaves_the_machine_in_the_clear() -> None:
    with pytest.raises(ConfigError, match="xmpp-hosts"):
        Settings(bosh="/http-bind")
    with pytest.raises(ConfigError, match="xmpp-tls"):
        Settings(bosh="/http-bind", xmpp_hosts=("a.example",), xmpp=Address("192.0.2.1", 5222))
    with pytest.raises(ConfigError, match="domains"):
        Settings(bosh="/http-bind", xmpp_hosts=("a b",))
    Settings(bosh="/http-bind", xmpp_hosts=("a.example",), xmpp=Address("192.0.2.1", 5222), xmpp_tls="always")


def test_a_file_of_authorities_has_some(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    settings = Settings(bosh="/http-bind", xmpp_hosts=("a.example",), xmpp_ca=str(tmp_path / "ca.pem"))
    with pytest.raises(ConfigError, match="xmpp-ca"):
        BoshDoor(settings)
