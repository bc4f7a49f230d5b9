"""Streams at the gate: which are let in, what comes on them, and what they are told."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary import App, Session
from cometary.gate.opening import NO_TOKEN
from cometary.sessions import Admission, Packet, SessionKeeper
from cometary.sessions.locator import Place
from tests.gate.test_gate import for_users
from tests.gate.wire import Asks, Carries, Says, Shown, house
from tests.sessions.house import echoing

COOKIE: dict[str, Any] = {"headers": {b"cookie": b"user=me"}}


class Sends(Says):
    """A request that comes on a stream: it is not to be held."""

    holds = False


async def test_a_stream_carries_what_is_sent_and_what_comes_on_it_is_the_sessions() -> None:
    async with house(echoing()) as behind:
        sid = (await behind.open()).sid
        stream = await behind.attach(sid)
        assert stream.sid == sid
        request = Sends(2, Packet("echo", "a"))
        assert await behind.say_on(stream, request) == [[]]
        behind.gate.hear(stream, 1)
        await wait_all_tasks_blocked()
        assert stream.told == ["admitted", ["a"]]
        assert behind.manager.find(sid).machine.outbox.acknowledged == 1


async def test_a_stream_that_comes_with_an_opening_is_attached_to_what_was_opened() -> None:
    sessions: list[Session] = []
    async with house(App()) as behind:
        behind.manager.application.signed_on = sessions.append  # type: ignore[method-assign]
        opening, stream = Asks(Shown()), Carries()
        opening.stream = stream
        behind.gate.open(opening)
        await wait_all_tasks_blocked()
        sessions[0].send("news", 1)
        await wait_all_tasks_blocked()
        assert stream.sid == opening.told[0].sid
        assert stream.told == ["admitted", [1]]


@pytest.mark.parametrize("sid", ["", "nobody"])
async def test_there_is_nothing_to_attach_a_stream_to(sid: str) -> None:
    async with house() as behind:
        assert (await behind.attach(sid)).told == ["unknown-session"]


async def test_a_stream_that_comes_to_a_session_that_has_ended_is_told_so() -> None:
    async with house() as behind:
        sid = (await behind.open()).sid
        first = await behind.attach(sid)
        behind.manager.find(sid).end("kicked")
        stream = await behind.attach(sid)
        assert first.told == ["admitted", "session-ended"]
        assert stream.told[-1] == "session-ended"
        assert await behind.say_on(first, Sends(2)) == ["session-ended"]


@pytest.mark.parametrize(
    ("bind", "opening", "right", "wrong"),
    [
        ("cookie:user", COOKIE, COOKIE, {"headers": {b"cookie": b"user=you"}}),
        ("cookie:user", COOKIE, COOKIE, {}),
        ("token", {"token": "me"}, {"token": "me"}, {"token": "you"}),
        ("token", {"token": "me"}, {"token": "me"}, {}),
    ],
)
async def test_what_a_session_is_bound_to_is_proved_when_a_stream_comes_and_not_on_it(
    bind: str, opening: dict[str, Any], right: dict[str, Any], wrong: dict[str, Any]
) -> None:
    async with house(bind=bind) as behind:
        sid = (await behind.open(**opening)).sid
        assert (await behind.attach(sid, **wrong)).told == ["unknown-session"]
        stream = await behind.attach(sid, **right)
        assert stream.told == ["admitted"]
        assert await behind.say_on(stream, Sends(2)) == [[]]


async def test_without_credentials_nothing_is_proved() -> None:
    async with house(bind="cookie:user") as behind:
        sid = (await behind.open(**COOKIE)).sid
        stream = Carries()
        behind.gate.attach(sid, stream, 0)
        assert stream.told == ["unknown-session"]


async def test_a_token_renews_the_session_whether_it_comes_with_the_stream_or_on_it(
    mock_clock: trio.testing.MockClock,
) -> None:
    async with house(for_users()) as behind:
        sid = (await behind.open(["me", 60])).sid
        lease = behind.manager.find(sid).lease
        assert lease is not None
        stream = await behind.attach(sid, ["me", 70])
        assert lease.expires == trio.current_time() + 70
        assert await behind.say_on(stream, Sends(2), ["me", 80]) == [[]]
        assert lease.expires == trio.current_time() + 80
        assert await behind.say_on(stream, Sends(3), ["you", 90]) == ["unauthorized"]
        assert (await behind.attach(sid, ["you", 90])).told == ["unauthorized"]
        assert lease.expires == trio.current_time() + 80


async def test_the_cookie_goes_on_counting_when_a_token_was_renewed_on_a_stream() -> None:
    async with house(for_users(), bind="cookie:user") as behind:
        sid = (await behind.open(["me", 60], **COOKIE)).sid
        stream = await behind.attach(sid, **COOKIE)
        assert await behind.say_on(stream, Sends(2), ["me", 80]) == [[]]
        assert await behind.say(sid, Sends(3), **COOKIE) == [[]]
        assert await behind.say(sid, Sends(4)) == ["unknown-session"]


async def test_a_token_that_binds_is_judged_only_if_it_is_another_one() -> None:
    judged: list[object] = []

    def judge(token: object) -> Admission:
        judged.append(token)
        return Admission({"user": "me"}, 60 + len(judged))

    async with house(App(authenticate=judge), bind="token") as behind:
        sid = (await behind.open("a")).sid
        stream = await behind.attach(sid, "a")
        assert await behind.say_on(stream, Sends(2), "a") == [[]]
        assert judged == ["a"]
        assert await behind.say_on(stream, Sends(3), "b") == [[]]
        assert judged == ["a", "b"]
        assert (await behind.attach(sid, "b")).told == ["admitted"]
        assert judged == ["a", "b"]


async def test_a_token_that_is_no_text_does_not_take_away_what_a_session_is_bound_to() -> None:
    async with house(App(authenticate=lambda _: Admission({"user": "me"}, 60)), bind="token") as behind:
        sid = (await behind.open("a")).sid
        stream = await behind.attach(sid, "a")
        assert await behind.say_on(stream, Sends(2), 7) == ["unknown-session"]
        assert (await behind.attach(sid, "a")).told == ["admitted"]


async def slow_judge(_: object) -> Admission:
    await trio.sleep(1)
    return Admission()


async def test_what_its_client_leaves_while_it_is_judged_is_never_attached(
    mock_clock: trio.testing.MockClock,
) -> None:
    mock_clock.autojump_threshold = 0.01
    async with house(App(authenticate=slow_judge)) as behind:
        opening = Asks(Shown("a"))
        behind.gate.open(opening)
        await trio.sleep(2)
        sid = opening.told[0].sid
        stays, leaves = Carries(), Carries()
        for stream in (stays, leaves):
            behind.gate.attach(sid, stream, 0, Shown("a"))
        behind.gate.leave(leaves)
        assert stays.told == []
        await trio.sleep(2)
        assert (stays.told, leaves.told) == (["admitted"], [])
        behind.gate.leave(stays)
        await wait_all_tasks_blocked()
        assert behind.manager.find(sid).machine.stream is None


async def test_judgements_at_an_attach_count_against_the_openings_of_the_address() -> None:
    async with house(for_users(), opens_per_minute=2) as behind:
        sid = (await behind.open("for ever")).sid
        assert (await behind.attach(sid, NO_TOKEN)).told == ["admitted"]
        assert (await behind.attach(sid, "wrong")).told == ["unauthorized"]
        assert (await behind.attach(sid, "for ever")).told == ["too-many-requests"]


async def test_signs_that_bring_nothing_and_come_too_fast_cost_the_stream() -> None:
    async with house(max_releases_per_second=4) as behind:  # of which the stream itself is one
        sid = (await behind.open()).sid
        stream = await behind.attach(sid)
        for _ in range(5):
            behind.gate.hear(stream)
        await wait_all_tasks_blocked()
        assert stream.told == ["admitted", "too-many-requests", "too-many-requests"]
        assert behind.manager.find(sid).machine.stream is None


async def test_a_stream_that_is_full_gets_no_more_until_it_takes_more(
    mock_clock: trio.testing.MockClock,
) -> None:
    async with house(echoing()) as behind:
        sid = (await behind.open()).sid
        stream = await behind.attach(sid)
        stream.full = True
        for rid in (2, 3, 4):
            await behind.say_on(stream, Sends(rid, Packet("echo", rid)))
        stream.full = False
        behind.gate.writable(stream)
        await wait_all_tasks_blocked()
        assert stream.told == ["admitted", [2], [3, 4]]


async def test_packets_on_a_stream_are_checked_as_all_others() -> None:
    async with house(max_request_packets=2) as behind:
        sid = (await behind.open()).sid
        stream = await behind.attach(sid)
        assert await behind.say_on(stream, Sends(2, Packet("nowhere"))) == ["forbidden"]
        assert await behind.say_on(stream, Sends(2, *[Packet("nowhere")] * 3)) == ["too-large"]


async def test_what_is_said_of_a_stream_whose_session_is_no_more_is_nothing() -> None:
    async with house() as behind:
        stream = Carries()
        behind.gate.hear(stream)
        behind.gate.writable(stream)
        behind.gate.leave(stream)
        assert stream.told == []


async def test_a_stream_that_comes_to_a_session_whose_actor_has_ended_is_told_so() -> None:
    async with house() as behind:
        sid = (await behind.open()).sid
        behind.manager.find(sid).ref.stop(block=False)
        await wait_all_tasks_blocked()
        assert (await behind.attach(sid)).told == ["session-ended"]


async def test_without_an_authenticator_a_token_on_a_stream_means_nothing() -> None:
    async with house() as behind:
        stream = await behind.attach((await behind.open()).sid)
        assert await behind.say_on(stream, Sends(2), "a token") == [[]]


async def test_what_comes_without_a_token_needs_no_judgement() -> None:
    judged: list[object] = []

    def judge(token: object) -> bool:
        judged.append(token)
        return True

    async with house(App(authenticate=judge)) as behind:
        stream = await behind.attach((await behind.open("a")).sid)
        assert await behind.say_on(stream, Sends(2)) == [[]]
        without_any = Sends(3)
        behind.gate.submit_further(stream.sid, without_any)
        await wait_all_tasks_blocked()
        assert without_any.told == [[]]
        assert judged == ["a"]


async def test_judgements_on_a_stream_count_against_the_openings_of_the_address() -> None:
    async with house(for_users(), opens_per_minute=2) as behind:
        stream = await behind.attach((await behind.open("for ever")).sid)
        assert await behind.say_on(stream, Sends(2), "for ever") == [[]]
        assert await behind.say_on(stream, Sends(3), "for ever") == ["too-many-requests"]


class Failing:
    """A locator that does what none may."""

    def __init__(self) -> None:
        self.living: dict[str, SessionKeeper] = {}

    def find(self, sid: str) -> Place:
        raise ZeroDivisionError(sid)


async def test_nothing_of_ours_is_raised_to_the_wire_of_a_stream(caplog: pytest.LogCaptureFixture) -> None:
    async with house(locator=Failing()) as behind:
        stream = await behind.attach((await behind.open()).sid)
        assert stream.told == ["internal-error"]
        assert await behind.say_on(stream, Sends(2)) == ["internal-error"]
        assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"] * 2
