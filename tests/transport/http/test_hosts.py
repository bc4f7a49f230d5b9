"""Under which names a listener is reached: a browser cannot be led to it under a stranger's."""

from __future__ import annotations

import logging

import pytest
import trio

from cometary.transport.http.cors import CorsPolicy
from cometary.transport.http.hosts import MOST, HostRule
from cometary.transport.http.protocol import Http
from cometary.transport.http.refusal_log import MOST as MOST_LOGGED
from cometary.transport.http.refusal_log import WINDOW, RefusalLog
from cometary.transport.http.service import Service
from cometary.transport.net.switchboard import Listen, Switchboard
from tests.protocol.client import Recorder, World, serving
from tests.transport.wire import Client, echo, post

LOOPBACK = [("127.0.0.1", 8080)]
EVERYWHERE = [("0.0.0.0", 8080)]


def rule(addresses: list[tuple[str, int]], *names: str) -> HostRule:
    rule = HostRule(names)
    rule.listening_at(addresses)
    return rule


ALWAYS = [
    b"",
    b"localhost",
    b"LocalHost:8080",
    b"app.localhost:8080",
    b"127.0.0.1:8080",
    b"[::1]:8080",
    b"10.0.0.5",
]
THROUGH_A_PROXY = [b"www.example.org", b"www.example.org:443", b"cometary", b"cometary:8000", b"\xff"]
LED_HERE = [
    b"evil.example:8080",
    b"EVIL.example.:8080",
    b"127.0.0.1.evil.example:8080",
    b"localhost.evil.example:8080",
]


@pytest.mark.parametrize("host", ALWAYS)
@pytest.mark.parametrize("names", [(), ("www.example.org",)])
def test_addresses_and_localhost_are_always_right(host: bytes, names: tuple[str, ...]) -> None:
    assert rule(LOOPBACK, *names).allows(host)
    assert rule(EVERYWHERE, *names).allows(host)


@pytest.mark.parametrize("host", THROUGH_A_PROXY)
def test_on_loopback_what_a_proxy_passes_on_is_right(host: bytes) -> None:
    assert rule(LOOPBACK).allows(host)


@pytest.mark.parametrize("host", LED_HERE)
def test_on_loopback_a_name_with_the_listeners_own_port_is_not(host: bytes) -> None:
    assert not rule(LOOPBACK).allows(host)
    assert rule(EVERYWHERE).allows(host)


def test_at_port_80_browsers_leave_the_port_out() -> None:
    assert not rule([("127.0.0.1", 80), ("::1", 80)]).allows(b"evil.example")
    assert rule([("127.0.0.1", 80)]).allows(b"www.example.org:443")


@pytest.mark.parametrize("addresses", [LOOPBACK, EVERYWHERE])
def test_names_that_are_configured_are_right_and_no_others(addresses: list[tuple[str, int]]) -> None:
    configured = rule(addresses, "www.example.org", "Push.example.org")
    for host in (b"www.example.org", b"WWW.example.org:8080", b"push.example.org.:1"):
        assert configured.allows(host)
    for host in (b"evil.example", b"evil.example:8080", b"example.org", b"a.www.example.org"):
        assert not configured.allows(host)


def test_any_name_may_be_right() -> None:
    assert rule(LOOPBACK, "*").allows(b"evil.example:8080")


def test_a_rule_remembers_few_hosts() -> None:
    one = rule(EVERYWHERE)
    for number in range(10 * MOST):
        assert one.allows(b"host-%d" % number)
    assert len(one._right) <= MOST


async def answer_to(service: Service, *headers: bytes) -> int:
    switchboard = Switchboard([Listen(Http(service))])
    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(switchboard.serve)
        client = Client(await trio.open_tcp_stream(*address))
        response = await client.ask(post(b"x", *headers))
        await client.stream.aclose()
        await switchboard.aclose(0)
    return response.status


async def test_what_is_refused_is_logged_with_the_option_that_would_allow_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "cometary.transport")
    named = HostRule(["www.example.org"])
    assert await answer_to(Service(echo, hosts=named)) == 403  # its requests are for `test`
    assert "host 'test'" in caplog.text
    assert "`hosts`" in caplog.text
    caplog.clear()
    origin = b"Origin: https://stranger.example"
    assert await answer_to(Service(echo, CorsPolicy()), origin, b"Authorization: Bearer x7x") == 403
    assert "origin 'https://stranger.example'" in caplog.text
    assert "`origins`" in caplog.text
    assert "x7x" not in caplog.text


def test_a_flood_of_refusals_is_a_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cometary.transport")
    now = 0.0
    log = RefusalLog(lambda: now)
    for number in range(1000):
        log.note("origin", b"https://%d.example" % number, "origins")
        log.note("origin", b"https://same.example", "origins")
    assert len(caplog.records) == MOST_LOGGED
    caplog.clear()
    now = WINDOW
    log.note("host", b"x" * 10_000 + b"\xff\x1b[2J", "hosts")
    assert f"{2000 - MOST_LOGGED} more" in caplog.records[0].getMessage()
    assert len(caplog.records[1].getMessage()) < 400
    caplog.clear()
    log.note("host", b"\xff\x1b[2J", "hosts")
    assert r"\xff\x1b[2J" in caplog.records[0].getMessage()


async def statuses(world: World, request: bytes) -> list[int]:
    """The answers at both interfaces, where `PORT` is the port of each."""
    found: list[int] = []
    for control in (False, True):
        connection = await world.connect(control=control)
        port = connection.wire.stream.socket.getpeername()[1]
        await connection.wire.send(request.replace(b"PORT", b"%d" % port))
        found.append((await connection.answer()).status)
    return found


@pytest.mark.parametrize("secret", [None, "a-secret"])
async def test_a_page_that_has_a_server_by_its_own_name_gets_nowhere(secret: str | None) -> None:
    """Of its own origin, to the browser: its name leads to this machine."""
    body = b'{"rid":1}'
    request = post(
        body, b"Origin: http://evil.example:PORT", b"Authorization: Bearer a-secret", path=b"/comet"
    )
    recorder = Recorder()
    async with serving(recorder.app, secret=secret) as world:
        assert await statuses(world, request.replace(b"Host: test", b"Host: evil.example:PORT")) == [403, 403]
        assert recorder.sessions == []


async def test_a_server_behind_a_proxy_on_the_same_machine_needs_no_option() -> None:
    async with serving() as world:
        connection = await world.connect()
        for host in (b"www.example.org", b"www.example.org:443", b"cometary", b"localhost"):
            request = post(b'{"rid":1}', b"Origin: https://" + host, path=b"/comet")
            await connection.wire.send(request.replace(b"Host: test", b"Host: " + host))
            assert (await connection.answer()).status == 200


async def test_with_names_no_other_is_served() -> None:
    async with serving(hosts=("www.example.org",)) as world:
        connection = await world.connect()
        for host, status in ((b"www.example.org", 200), (b"other.example", 403)):
            request = post(b'{"rid":1}', path=b"/comet")
            await connection.wire.send(request.replace(b"Host: test", b"Host: " + host))
            assert (await connection.answer()).status == status
