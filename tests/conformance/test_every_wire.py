"""What is asked of every wire, and of every door by which others are spoken with: the same tests for all of them."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import pytest
import trio
from trio.testing import MockClock

from cometary.config import Address
from tests.conformance.bosh_speaker import Bosh, XmppServer
from tests.conformance.speakers import (
    CspPolling,
    CspStreaming,
    EngineIoPolling,
    EngineIoSocket,
    House,
    LongPolling,
    ServerSentEvents,
    Speaker,
    WebSockets,
)
from tests.conformance.stomp_speaker import Stomp, may_speak
from tests.protocol.client import serving

SPEAKERS: Final = (
    LongPolling, ServerSentEvents, WebSockets, EngineIoPolling, EngineIoSocket, CspPolling, CspStreaming, Bosh, Stomp,
)  # fmt: skip

TEXTS: Final = ["one", "</script>&amp;", "ü\u2028", '"\\', "last"]


@pytest.fixture(params=SPEAKERS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> type[Speaker]:
    kind: type[Speaker] = request.param
    return kind


@pytest.fixture(autouse=True)
def nothing_fails(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever is said, the server's own code does not fail."""
    yield
    assert [one.getMessage() for one in caplog.get_records("call") if one.levelno >= logging.ERROR] == []


@asynccontextmanager
async def house_of(kind: type[Speaker], clock: MockClock, **settings: Any) -> AsyncGenerator[House]:
    """Run a server that speaks a wire."""
    house = House(clock)
    async with trio.open_nursery() as nursery:
        if kind is Bosh:
            Bosh.xmpp = XmppServer()
            [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(partial(trio.serve_listeners, Bosh.xmpp.serve, [listener]))
            port = listener.socket.getsockname()[1]
            settings |= {
                "bosh": "/http-bind",
                "xmpp": Address("127.0.0.1", port),
                "xmpp_hosts": ("localhost",),
            }
        if kind is Stomp:
            house.app.login(may_speak)
        async with serving(house.app, **{**kind.settings, **settings}) as house.world:
            yield house
        nursery.cancel_scope.cancel()


async def begun(kind: type[Speaker], house: House) -> Speaker:
    """Return one who has opened."""
    speaker = kind(house)
    await speaker.begin()
    return speaker


async def test_both_hear_all_that_the_other_says_in_order(kind: type[Speaker], mock_clock: MockClock) -> None:
    async with house_of(kind, mock_clock) as house:
        speaker = await begun(kind, house)
        for text in TEXTS:
            await speaker.say(text)
            await speaker.push(text)
            assert await speaker.hear(1) == [text]
        await speaker.push(*TEXTS)
        assert await speaker.hear(len(TEXTS)) == TEXTS
        assert speaker.said == TEXTS
        assert not speaker.is_over


async def test_nothing_is_lost_or_doubled_when_the_connection_breaks(
    kind: type[Speaker], mock_clock: MockClock
) -> None:
    async with house_of(kind, mock_clock) as house:
        speaker = await begun(kind, house)
        await speaker.say("before")
        await speaker.push("read")
        assert await speaker.hear(1) == ["read"]
        for text in ("lost", "lost again"):
            await speaker.listen()
            await speaker.push(text)
            await speaker.cut()
            await speaker.come_back()
        assert await speaker.hear(2) == ["lost", "lost again"]
        await speaker.say("behind")
        assert speaker.said == ["before", "behind"]
        assert not speaker.is_over


async def test_what_is_nothing_is_refused_and_others_do_not_notice(
    kind: type[Speaker], mock_clock: MockClock
) -> None:
    async with house_of(kind, mock_clock) as house:
        speaker, other = await begun(kind, house), await begun(kind, house)
        await speaker.say_nonsense()
        await other.say("hello")
        await other.push("hello")
        assert await other.hear(1) == ["hello"]
        assert (speaker.said, other.said) == ([], ["hello"])


async def test_two_do_not_mix(kind: type[Speaker], mock_clock: MockClock) -> None:
    async with house_of(kind, mock_clock) as house:
        one, other = await begun(kind, house), await begun(kind, house)
        for number in range(3):
            await one.say(f"one {number}")
            await other.say(f"other {number}")
            await one.push(f"to one {number}")
            await other.push(f"to other {number}")
        assert await other.hear(3) == ["to other 0", "to other 1", "to other 2"]
        assert await one.hear(3) == ["to one 0", "to one 1", "to one 2"]
        assert one.said == ["one 0", "one 1", "one 2"]
        assert other.said == ["other 0", "other 1", "other 2"]


async def test_an_end_is_told(kind: type[Speaker], mock_clock: MockClock) -> None:
    async with house_of(kind, mock_clock) as house:
        speaker, other = await begun(kind, house), await begun(kind, house)
        await speaker.push("last words")
        assert await speaker.hear(1) == ["last words"]
        await speaker.end()
        assert await speaker.end_is_told()
        await other.push("on")
        assert await other.hear(1) == ["on"]


async def test_when_the_server_stops_that_is_told(kind: type[Speaker], mock_clock: MockClock) -> None:
    async with house_of(kind, mock_clock) as house:
        speaker = await begun(kind, house)
        await speaker.listen()
        house.world.running.stop()
        await house.pass_time(10)
        assert await speaker.end_is_told()
        await house.world.settle()
        assert speaker.is_over


async def test_what_is_too_long_is_not_taken(kind: type[Speaker], mock_clock: MockClock) -> None:
    async with house_of(kind, mock_clock, body_bytes=2048) as house:
        speaker, other = await begun(kind, house), await begun(kind, house)
        await speaker.say_too_much()
        await other.say("hello")
        assert (speaker.said, other.said) == ([], ["hello"])


async def test_who_says_too_much_at_once_is_slowed_down_and_nothing_of_it_is_lost(
    kind: type[Speaker], mock_clock: MockClock
) -> None:
    async with house_of(kind, mock_clock, packet_burst=5, packets_per_second=1) as house:
        speaker, other = await begun(kind, house), await begun(kind, house)
        texts = [str(number) for number in range(12)]
        began = mock_clock.current_time()
        await speaker.hurry(texts)
        assert speaker.said == texts
        if kind.is_limited:  # whoever is behind BOSH limits by itself
            assert mock_clock.current_time() >= began + len(texts) - 5 - 1
        await other.say("hello")
        assert other.said == ["hello"]


async def test_who_vanishes_without_a_word_is_gone_after_a_while(
    kind: type[Speaker], mock_clock: MockClock
) -> None:
    async with house_of(kind, mock_clock) as house:
        speaker = await begun(kind, house)
        await speaker.listen()
        for _ in range(30):
            await house.pass_time(5)
        assert speaker.is_over
