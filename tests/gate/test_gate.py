"""The gate by itself, with a wire that is a list: whom it lets in, what it looks at first, and what it says."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio

from cometary import App, Session
from cometary.gate.opening import NO_TOKEN, Credentials, Welcome
from cometary.sessions import Admission, Applicant, Authenticator, Packet, SessionKeeper
from cometary.sessions.locator import Elsewhere, Place
from cometary.sessions.policy import Policy
from tests.gate.wire import FAR, Asks, House, Says, Shown, house


def echoing() -> App:
    app = App()

    @app.packet("echo")
    def echo(session: Session, path: str, message: object) -> None:
        session.send(path, message)

    return app


def for_users() -> App:
    """Lets in whoever gives a pair of a name and a lease in seconds."""

    def judge(token: object) -> Admission | bool:
        match token:
            case [str(user), int(seconds)]:
                return Admission({"user": user}, seconds)
            case _:
                return token == "for ever"

    return App(authenticate=judge)


async def test_a_wire_opens_sends_receives_and_closes() -> None:
    async with house(echoing(), wait=7) as behind:
        welcome = await behind.open()
        assert welcome == Welcome(welcome.sid, 7, 45, 2, 256)
        assert await behind.say(welcome.sid, Says(2, Packet("echo", "a"))) == [["a"]]
        held = Says(3, ack=1)
        assert await behind.say(welcome.sid, held) == []
        assert await behind.say(welcome.sid, Says(4, ack=1, close=True)) == [[]]
        assert held.told == ["session-ended"]
        assert await behind.say(welcome.sid, Says(5)) == ["session-ended"]


class AtAnotherNode:
    """A locator that has every session at another node."""

    def __init__(self) -> None:
        self.living: dict[str, SessionKeeper] = {}

    def find(self, sid: str) -> Place:
        return Elsewhere("another")


@pytest.mark.parametrize("bind", ["off", "cookie:user"])
async def test_the_gate_goes_by_its_locator(bind: str) -> None:
    """What passes requests on to another node has it asked first; the gate by itself has nothing to give them to."""
    async with house(bind=bind, locator=AtAnotherNode()) as behind:
        assert behind.gate.knows("anything")
        shown = {"headers": {b"cookie": b"user=me"}}
        welcome = await behind.open(**shown)
        assert await behind.say(welcome.sid, Says(2), **shown) == ["unknown-session"]


async def test_a_wait_that_the_wire_asks_for_holds() -> None:
    async with house() as behind:
        opening = Asks(Shown(), wait=3)
        behind.gate.open(opening)
        assert opening.told[0].wait == 3


async def test_a_wire_chooses_what_its_sessions_are_like_and_its_client_is_told_the_times_of_that() -> None:
    async with house(wait=60, die=45, requests=2) as behind:
        opening = Asks(Shown(), policy=Policy(wait=7, die=120, requests=4, second_request="ends"))
        behind.gate.open(opening)
        (welcome,) = opening.told
        assert welcome == Welcome(welcome.sid, 7, 120, 4, 256)
        held = Says(2)
        assert await behind.say(welcome.sid, held) == []
        assert await behind.say(welcome.sid, Says(3)) == ["session-ended"]
        assert held.told == ["session-ended"]


async def test_the_drop_of_the_held_request_frees_its_place_and_no_answer_comes() -> None:
    async with house() as behind:
        sid = (await behind.open()).sid
        request = Says(2)
        await behind.say(sid, request)
        keeper = behind.manager.find(sid)
        assert behind.gate.drop(sid, request) is True
        await trio.testing.wait_all_tasks_blocked()
        assert keeper.machine.held is None
        assert behind.gate.drop(sid, request) is False
        assert behind.gate.drop("nobody", request) is False
        assert request.told == []


@pytest.mark.parametrize(
    ("sid", "packets", "token", "condition"),
    [
        ("nobody", 9, "wrong", "unknown-session"),
        (None, 9, "wrong", "too-large"),
        (None, 1, "wrong", "forbidden"),
        (None, 0, "wrong", "unauthorized"),
    ],
)
async def test_what_is_looked_at_first_is_what_the_client_is_told(
    sid: str | None, packets: int, token: str, condition: str
) -> None:
    async with house(for_users(), max_request_packets=8) as behind:
        opened = await behind.open("for ever")
        request = Says(2, *[Packet("nowhere")] * packets)
        assert await behind.say(sid or opened.sid, request, token) == [condition]


async def test_an_address_is_limited_before_anything_else_is_looked_at() -> None:
    asked: list[object] = []

    def judge(token: object) -> bool:
        asked.append(token)
        return False

    async with house(App(authenticate=judge), bind="token", opens_per_minute=2) as behind:
        told = [await behind.open(token) for token in (NO_TOKEN, "x", "y")]
        assert told == ["unauthorized", "unauthorized", "too-many-requests"]
        assert asked == ["x"]
        assert await behind.open("z", peer="192.0.2.2") == "unauthorized"


async def test_who_knows_the_id_alone_learns_nothing_of_a_bound_session() -> None:
    cookie = {b"cookie": b"login=ada"}
    async with house(bind="cookie:login") as behind:
        assert await behind.open() == "unauthorized"
        welcome = await behind.open(headers=cookie)
        assert welcome.bind == "cookie"
        assert await behind.say(welcome.sid, Says(2)) == ["unknown-session"]
        assert await behind.say(welcome.sid, Says(2), headers={b"cookie": b"login=eve"}) == [
            "unknown-session"
        ]
        assert await behind.say(welcome.sid, Says(2, close=True), headers=cookie) == [[]]
        assert await behind.say(welcome.sid, Says(3)) == ["unknown-session"]
        assert await behind.say(welcome.sid, Says(3), headers=cookie) == ["session-ended"]


@pytest.mark.parametrize("bind", ["token", "cookie:login"])
async def test_a_wire_without_credentials_proves_nothing(bind: str) -> None:
    async with house(bind=bind) as behind:
        sid = (await behind.open("x", headers={b"cookie": b"login=ada"})).sid
        request = Says(2)
        behind.gate.submit(sid, request)
        assert request.told == ["unknown-session"]


async def test_a_session_can_be_taken_up_by_whoever_has_the_key() -> None:
    shown: Credentials = Shown("secret")
    async with house(bind="token") as one:
        given = one.gate._digest(shown)
        assert given == House(App(), bind="token").gate._digest(shown)


async def test_a_token_renews_the_lease_of_its_own_user_only() -> None:
    async with house(for_users()) as behind:
        welcome = await behind.open(["ada", 60])
        assert welcome.expires == 60
        lease = behind.manager.find(welcome.sid).lease
        assert lease is not None
        assert await behind.say(welcome.sid, Says(2), ["eve", 600]) == ["unauthorized"]
        assert lease.expires - trio.current_time() < 61
        assert await behind.say(welcome.sid, Says(2), ["ada", 600]) == []
        assert lease.expires - trio.current_time() > 500


class Slow(Authenticator):
    """Judges when it is told to."""

    def __init__(self) -> None:
        self.now = trio.Event()
        self.asked: list[Applicant] = []

    async def judge(self, applicant: Applicant) -> bool:
        self.asked.append(applicant)
        await self.now.wait()
        return applicant.token != "wrong"


async def test_nothing_comes_of_what_is_judged_when_its_client_has_gone() -> None:
    slow = Slow()
    async with house(App(authenticate=slow)) as behind:
        opening, kept = Asks(Shown("x")), Asks(Shown("y", origin="https://www.example.org"))
        for each in (opening, kept):
            behind.gate.open(each)
        behind.gate.withdraw(opening)
        slow.now.set()
        await trio.testing.wait_all_tasks_blocked()
        assert Applicant("y", FAR, "https://www.example.org") in slow.asked
        assert opening.told == []
        (welcome,) = kept.told
        assert len(behind.manager.directory) == 1

        slow.now = trio.Event()
        request = Says(2)
        await behind.say(welcome.sid, request, "z")
        assert behind.gate.drop(welcome.sid, request) is False
        slow.now.set()
        await trio.testing.wait_all_tasks_blocked()
        assert behind.manager.find(welcome.sid).machine.held is None
        assert request.told == []


async def test_a_session_that_ends_while_its_token_is_judged_is_not_found_again() -> None:
    slow = Slow()
    async with house(App(authenticate=slow)) as behind:
        slow.now.set()
        sid = (await behind.open()).sid
        slow.now = trio.Event()
        request = Says(2)
        await behind.say(sid, request, "x")
        behind.manager.find(sid).end("kicked")
        await trio.testing.wait_all_tasks_blocked()
        slow.now.set()
        await trio.testing.wait_all_tasks_blocked()
        assert request.told == ["session-ended"]
        assert behind.gate._judging is not None
        assert not behind.gate._judging._waiting


async def raising_later(_: object) -> bool:
    raise SystemExit("a parser of arguments said so")


def raising(_: object) -> bool:
    raise SystemExit("a parser of arguments said so")


def nonsense(_: object) -> Any:
    return object()


@pytest.mark.parametrize("authenticator", [raising, raising_later, nonsense])
async def test_what_an_authenticator_raises_is_told_to_the_one_client_and_the_log(
    authenticator: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "cometary.transport")
    async with house(App(authenticate=authenticator)) as behind:
        assert await behind.open("x") == "internal-error"
        (record,) = caplog.records
        assert record.getMessage() == "the authenticator failed"
        assert record.exc_info is not None


async def test_nothing_of_ours_is_raised_to_a_wire_either(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Any:
        raise ZeroDivisionError

    async with house() as behind:
        sid = (await behind.open()).sid
        monkeypatch.setattr(behind.manager, "open", fail)
        monkeypatch.setattr(behind.gate, "_accepts", fail)
        assert await behind.open() == "internal-error"
        assert await behind.say(sid, Says(2, Packet("a"))) == ["internal-error"]
        assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"] * 2
