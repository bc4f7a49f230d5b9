"""The gate by itself, with a wire that is a list: whom it lets in, what it looks at first, and what it says."""

from __future__ import annotations

import logging
import signal
from typing import Any

import pytest
import trio

from cometary import App
from cometary.gate.judging import judge_by_namespace
from cometary.gate.opening import NO_TOKEN, Credentials, Welcome
from cometary.packets.notices import ANSWER_PATH
from cometary.sessions import Admission, Applicant, Authenticator, Packet, SessionKeeper, SessionSettings
from cometary.sessions.locator import Elsewhere, Place
from cometary.sessions.policy import Policy
from tests.gate.wire import FAR, Asks, House, Says, Shown, house
from tests.sessions.house import echoing


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
        assert welcome == Welcome(welcome.sid, 7, 45, 2, 256, name=welcome.name)
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
        assert welcome == Welcome(welcome.sid, 7, 120, 4, 256, name=welcome.name)
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


async def test_what_is_hurried_is_answered_with_nothing_if_it_is_held_and_what_is_not_held_is_left_alone() -> (
    None
):
    async with house() as behind:
        sid = (await behind.open()).sid
        held, answered = Says(2), Says(3)
        await behind.say(sid, held)
        behind.gate.hurry(sid, held)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert held.told == [[]]
        await behind.say(sid, answered)
        for other in (sid, "nobody"):
            behind.gate.hurry(other, held)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert answered.told == []


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


@pytest.mark.parametrize("bind", ["off", "cookie:login"])
async def test_a_request_of_a_wire_that_shows_nothing_of_its_client_proves_nothing(bind: str) -> None:
    async with house(for_users(), bind=bind) as behind:
        sid = (await behind.open("for ever", headers=LOGIN)).sid
        request = Says(2)
        behind.gate.submit(sid, request)
        assert request.told == ["unknown-session"]


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


async def test_where_there_is_no_room_for_a_session_no_token_is_used_up_by_being_judged() -> None:
    judge = Judge()
    async with house(App(authenticate=judge), max_sessions=1) as behind:
        await behind.open("ada 1")
        assert await behind.open("eve 1") == "too-many-sessions"
        assert judge.asked == ["ada 1"]


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
        given = one.gate._proving.digest(shown)
        assert given == House(App(), bind="token").gate._proving.digest(shown)


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


@pytest.mark.parametrize(
    ("bind", "told"),
    [("token", "unknown-session"), ("cookie:login", "session-ended"), ("off", "session-ended")],
)
async def test_how_a_session_ended_while_a_token_was_judged_is_told_to_those_alone_who_had_proved_that_it_was_theirs(
    bind: str, told: str
) -> None:
    slow = Slow()
    cookie: Any = {"headers": {b"cookie": b"login=ada"}}
    async with house(App(authenticate=slow), bind=bind) as behind:
        slow.now.set()
        sid = (await behind.open("first", **cookie)).sid
        on_stream = await behind.attach(sid, "first", **cookie)
        slow.now = trio.Event()
        request, attaching = Says(2), await behind.attach(sid, "second", **cookie)
        await behind.say(sid, request, "second", **cookie)
        proved = Says(3)
        await behind.say_on(on_stream, proved, "third")
        behind.manager.find(sid).end("kicked")
        await trio.testing.wait_all_tasks_blocked()
        slow.now.set()
        await trio.testing.wait_all_tasks_blocked()
        assert (request.told, attaching.told, proved.told) == ([told], [told], ["session-ended"])


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
        monkeypatch.setattr(behind.gate, "accepts", fail)
        assert await behind.open() == "internal-error"
        assert await behind.say(sid, Says(2, Packet("a"))) == ["internal-error"]
        assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"] * 2


async def test_who_asks_learns_of_an_id_whether_there_was_a_session_a_moment_ago() -> None:
    async with house() as behind:
        sid = (await behind.open()).sid
        assert behind.gate.knows(sid)
        await behind.say(sid, Says(2, close=True))
        assert behind.gate.knows(sid)
        assert not behind.gate.knows("nobody")


class RecordsNone:
    """A recording to which no session comes."""

    mirrors = False

    def open(self, *_: object, mirrored: bool = False) -> None:
        raise NotImplementedError

    def seek(self, *_: object) -> bool:
        raise NotImplementedError


async def test_a_session_that_may_be_elsewhere_is_none_that_is_known_here() -> None:
    """Else the wires that remember sessions until the gate knows them no more would never forget any."""
    async with house(recording=RecordsNone()) as behind:
        assert (behind.gate.knows("nobody"), behind.gate.may_find("nobody")) == (False, True)
    async with house() as behind:
        assert not behind.gate.may_find("nobody")
        assert behind.gate.may_find((await behind.open()).sid)


async def test_each_opening_is_told_of_with_its_wire_and_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cometary.sessions")
    async with house() as behind:
        await behind.open()
    [opened] = [vars(record)["structured"] for record in caplog.records if "opened" in record.getMessage()]
    assert (opened["wire"], opened["address"]) == ("list", FAR)


async def test_when_a_token_expires_is_told_in_milliseconds() -> None:
    async with house(App(authenticate=lambda _: Admission({"user": "ada"}, 12.34567))) as behind:
        assert (await behind.open("x")).expires == 12.346


async def test_a_request_knows_the_session_that_it_was_submitted_to() -> None:
    async with house() as behind:
        sid = (await behind.open()).sid
        request = Says(2)
        await behind.say(sid, request)
        assert request.sid == sid


async def test_a_request_may_go_straight_to_the_session_that_was_found() -> None:
    async with house() as behind:
        keeper = behind.manager.find((await behind.open()).sid)
        request, last = Says(2), Says(3, close=True)
        for each in (request, last):
            behind.gate.submit(keeper.sid, each, keeper=keeper)
        await trio.testing.wait_all_tasks_blocked()
        assert (request.sid, request.told, last.told) == (keeper.sid, ["session-ended"], [[]])
        late = Says(4)
        behind.gate.submit(keeper.sid, late, keeper=keeper)
        assert late.told == ["session-ended"]


async def test_one_request_may_have_just_as_many_packets_as_the_client_was_told() -> None:
    async with house(echoing(), max_request_packets=3) as behind:
        sid = (await behind.open()).sid
        three = [Packet("echo", number) for number in range(3)]
        assert await behind.say(sid, Says(2, *three)) == [[0, 1, 2]]
        assert await behind.say(sid, Says(3, *three, Packet("echo", 3))) == ["too-large"]


LOGIN = {b"cookie": b"login=ada"}


class Judge:
    """Takes tokens of a user and a number; remembers which it was asked about."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def __call__(self, token: object) -> Admission | bool:
        self.asked.append(token)
        user, _, number = str(token).partition(" ")
        return Admission({"user": user}, 100) if number.isdecimal() else False


@pytest.mark.parametrize(
    ("bind", "token", "headers", "told"),
    [
        ("token", "ada 1", {}, [["said"]]),
        ("token", "ada 2", {}, [["said"]]),
        ("token", "eve 1", {}, ["unknown-session"]),
        ("token", "ada", {}, ["unknown-session"]),
        ("token", NO_TOKEN, {}, ["unknown-session"]),
        ("cookie:login", NO_TOKEN, LOGIN, [["said"]]),
        ("cookie:login", "ada 2", LOGIN, [["said"]]),
        ("cookie:login", "eve 1", LOGIN, ["unauthorized"]),
        ("cookie:login", "ada 1", {}, ["unknown-session"]),
        ("cookie:login", "ada 1", {b"cookie": b"login=eve"}, ["unknown-session"]),
        ("off", "ada 2", {}, [["said"]]),
        ("off", "eve 1", {}, ["unauthorized"]),
    ],
)
async def test_a_request_is_the_sessions_if_it_proves_what_that_is_bound_to_and_its_token_is_good(
    bind: str, token: object, headers: dict[bytes, bytes], told: list[object]
) -> None:
    app = echoing()
    app.authenticate(Judge())
    async with house(app, bind=bind) as behind:
        sid = (await behind.open("ada 1", headers=LOGIN)).sid
        said = Says(2, Packet("echo", "said"))
        assert await behind.say(sid, said, token, headers=headers) == told


@pytest.mark.parametrize(("bind", "asked"), [("token", []), ("cookie:login", ["ada 1"]), ("off", ["ada 1"])])
async def test_only_the_token_that_a_session_is_bound_to_needs_no_judgement(
    bind: str, asked: list[object]
) -> None:
    judge = Judge()
    async with house(App(authenticate=judge), bind=bind) as behind:
        sid = (await behind.open("ada 1", headers=LOGIN)).sid
        judge.asked.clear()
        assert await behind.say(sid, Says(2), "ada 1", headers=LOGIN) == []
        assert judge.asked == asked


@pytest.mark.parametrize(
    ("bind", "token", "told"),
    [("token", "another", ["unknown-session"]), ("token", "ada 1", []), ("cookie:login", "another", [])],
)
async def test_without_an_authenticator_no_other_token_is_as_good_and_none_is_needed(
    bind: str, token: str, told: list[object]
) -> None:
    async with house(bind=bind) as behind:
        sid = (await behind.open("ada 1", headers=LOGIN)).sid
        assert await behind.say(sid, Says(2), token, headers=LOGIN) == told


async def test_an_address_has_only_so_many_tokens_judged() -> None:
    judge = Judge()
    async with house(App(authenticate=judge), opens_per_minute=3) as behind:
        sid = (await behind.open("ada 1")).sid
        for rid in (2, 3):
            request = Says(rid, close=False)
            await behind.say(sid, request, "ada 2")
        assert await behind.say(sid, Says(4), "ada 2") == ["too-many-requests"]
        assert judge.asked == ["ada 1", "ada 2", "ada 2"]


async def failing_later(_: object) -> bool:
    raise ZeroDivisionError


async def test_of_a_question_that_failed_nothing_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    async with house(App(authenticate=failing_later)) as behind:
        assert await behind.open("x") == "internal-error"
        assert behind.gate._judging is not None
        assert not behind.gate._judging._waiting


def interrupted(_: object) -> bool:
    signal.raise_signal(signal.SIGINT)
    return True


async def interrupted_later(_: object) -> bool:
    return interrupted(_)


@pytest.mark.parametrize("authenticator", [interrupted, interrupted_later])
async def test_an_exit_that_a_signal_asks_for_is_no_failure_of_an_authenticator(authenticator: Any) -> None:
    async def run() -> None:
        async with house(App(authenticate=authenticator)) as behind:
            await behind.open("x")

    with pytest.RaisesGroup(KeyboardInterrupt, flatten_subgroups=True, allow_unwrapped=True):
        await run()


async def test_limits_that_change_hold_from_then_on() -> None:
    async with house(echoing(), opens_per_minute=1, packets_per_second=1, packet_burst=1) as behind:
        sid = (await behind.open()).sid
        assert await behind.open() == "too-many-requests"
        assert await behind.say(sid, Says(2, Packet("quiet"))) == []
        assert await behind.say(sid, Says(3, Packet("quiet"))) == ["too-many-requests"]
        behind.gate.change(SessionSettings(packets_per_second=0), 2)
        assert isinstance(await behind.open(), Welcome)
        assert await behind.say(sid, Says(3, Packet("quiet"))) == []


async def test_a_later_token_takes_back_what_it_does_not_name() -> None:
    def judge(token: Any) -> Admission:
        seconds, *paths = token
        return Admission({"user": "ada"}, seconds, paths)

    async with house(App(authenticate=judge)) as behind:
        sid = (await behind.open([10, "news", "sport"])).sid
        keeper = behind.manager.find(sid)
        behind.manager.hub.subscribe(keeper, ["news", "sport", "own"]).get()
        await behind.say(sid, Says(2), [20, "news"])
        assert behind.manager.hub.paths(keeper).listed == ["news", "own"]


async def test_what_a_client_answers_is_taken_as_its_request_comes() -> None:
    async with house(echoing()) as behind:
        sid = (await behind.open()).sid
        with behind.manager.hub.asking(behind.manager.find(sid)) as asked:
            answer = Packet(ANSWER_PATH, {"ask": asked.ask, "value": 7})
            behind.gate.submit(sid, Says(2, Packet("quiet"), answer), Shown())
            assert asked.answer.get(timeout=0) == 7


async def test_a_token_that_is_not_good_answers_nothing_in_a_session_that_is_bound_to_another() -> None:
    app = echoing()
    app.authenticate(Judge())
    async with house(app, bind="token") as behind:
        sid = (await behind.open("ada 1")).sid
        with behind.manager.hub.asking(behind.manager.find(sid)) as asked:
            forged, answer = (Packet(ANSWER_PATH, {"ask": asked.ask, "value": value}) for value in (6, 7))
            assert await behind.say(sid, Says(2, forged), "eve 1") == ["unknown-session"]
            assert await behind.say(sid, Says(2, answer, Packet("echo", "said")), "ada 2") == [["said"]]
            assert asked.answer.get(timeout=0) == 7


@pytest.mark.parametrize(("packets", "condition"), [(1, "forbidden"), (9, "too-large")])
async def test_what_is_wrong_with_packets_is_told_to_those_alone_who_prove_the_session_to_be_theirs(
    packets: int, condition: str
) -> None:
    async with house(App(authenticate=Judge()), bind="token", max_request_packets=8) as behind:
        sid = (await behind.open("ada 1")).sid
        refused = [Packet("nowhere")] * packets
        assert await behind.say(sid, Says(2, *refused), "eve 1") == ["unknown-session"]
        assert await behind.say(sid, Says(2, *refused), "ada 2") == [condition]
        assert await behind.say(sid, Says(2, *refused), "ada 2") == [condition]
        assert await behind.say(sid, Says(2)) == ["unknown-session"]


async def test_a_wire_whose_clients_count_no_requests_is_told_the_next_id() -> None:
    async with house() as behind:
        sid = (await behind.open()).sid
        stream = await behind.attach(sid)
        assert behind.gate.next_rid(stream) == 2
        await behind.say_on(stream, Says(2, close=True))
        assert behind.gate.next_rid(stream) == 0


@pytest.mark.parametrize(("namespace", "verdict"), [(None, "any"), ("/news", "any"), ("/chat", "chat")])
async def test_a_namespace_may_have_a_judge_of_its_own(namespace: str | None, verdict: str) -> None:
    def judge(_: Applicant) -> Any:
        return {"judge": "any"}

    def judge_of_chat(_: Applicant) -> Any:
        return {"judge": "chat"}

    assert judge_by_namespace(judge, {}) is judge
    who = Applicant(NO_TOKEN, namespace=namespace)
    by_namespace = judge_by_namespace(judge, {"/chat": judge_of_chat})
    assert by_namespace is not None
    assert by_namespace(who) == {"judge": verdict}
    for_chat_alone = judge_by_namespace(None, {"/chat": judge_of_chat})
    assert for_chat_alone is not None
    assert for_chat_alone(who) == ({"judge": "chat"} if verdict == "chat" else True)
