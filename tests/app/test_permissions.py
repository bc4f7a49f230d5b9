"""Who may hear what: a client connects itself where a rule or its token says so, and is told where not."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from cometary import App, Session
from cometary.errors import PatternError, UsageError
from cometary.packets.question import Question
from cometary.sessions.admission import Admission
from cometary.sessions.lease import admit, narrow, renew
from tests.dispatch.house import Guest, House, at_home


def yes(_session: Session, _path: str) -> bool:
    return True


async def ask(guest: Guest, path: str, message: object) -> Any:
    """Ask, and return the answer, but for the sentence in it."""
    [answer] = [told for name, told in await guest.hear(Question(path, message, "1")) if name == "::answer"]
    answer.pop("detail", None)
    return answer


async def connect(guest: Guest, *paths: str, **wish: object) -> Any:
    return await ask(guest, "::connect", {"paths": [*paths], **wish})


def granted(*paths: str) -> dict[str, object]:
    return {"ask": "1", "value": {"paths": [*paths]}}


def refused(*paths: str) -> dict[str, object]:
    return {"ask": "1", "error": "forbidden", "paths": [*paths]}


BAD = {"ask": "1", "error": "bad-request"}


async def test_by_default_a_client_connects_itself_to_nothing() -> None:
    async with at_home(App()) as house:
        guest = await house.visit()
        assert await connect(guest, "news") == refused("news")
        assert guest.session.paths == []


async def test_who_waits_for_no_answer_is_told_of_a_refusal_all_the_same() -> None:
    async with at_home(App()) as house:
        guest = await house.visit()
        [(path, told)] = await guest.hear(Question("::connect", {"paths": ["news"]}, None))
        assert path == "::refused"
        assert (told["path"], told["error"], told["paths"]) == ("::connect", "forbidden", ["news"])


async def test_the_first_rule_that_covers_a_path_says_whether() -> None:
    app = App()

    @app.authorize("room/secret")
    def nobody(_session: Session, _path: str) -> bool:
        return False

    @app.authorize("room/*")
    def whoever_is_in_it(session: Session, path: str) -> bool:
        return path in session.data["rooms"]

    @app.authorize("slow/*")
    async def later(session: Session, path: str) -> bool:
        await trio.lowlevel.checkpoint()
        return whoever_is_in_it(session, path)

    async with at_home(app) as house:
        guest = await house.visit()
        guest.session.data["rooms"] = ["room/1", "room/secret", "slow/1"]
        assert await connect(guest, "room/1") == granted("room/1")
        assert await connect(guest, "room/2") == refused("room/2")
        assert await connect(guest, "room/secret") == refused("room/secret")
        assert await connect(guest, "slow/1", "slow/2", "room/1", "room/2") == refused("slow/2", "room/2")
        assert await connect(guest, "room/1", "slow/1") == granted("room/1", "slow/1")
        assert guest.session.paths == ["room/1", "slow/1"]
        assert await ask(guest, "::disconnect", {"paths": ["slow/1"]}) == granted("slow/1")
        assert await ask(guest, "::disconnect", {"paths": ["room/2"]}) == refused("room/2")
        assert guest.session.paths == ["room/1"]


async def test_a_pattern_is_a_wish_that_a_rule_has_to_be_declared_for() -> None:
    app = App()
    app.authorize("room/*")(yes)

    @app.authorize("open/**", stars=True)
    def but_not_all(_session: Session, path: str) -> bool:
        return path != "open/**"

    async with at_home(app) as house:
        guest = await house.visit()
        for wish in ("room/*", "room/**", "*/1", "**", "open/**", "*"):
            assert await connect(guest, wish) == refused(wish)
        assert await connect(guest, "open/1/*", "open/*") == granted("open/1/*", "open/*")


async def test_a_token_names_paths_and_a_later_one_takes_them_back() -> None:
    async with at_home(App()) as house:
        guest = await house.visit()
        admit(guest.keeper, Admission(expires=10.0, paths=["news", "room/*"]), 1.0)
        assert await connect(guest, "news", "room/1") == granted("news", "room/1")
        assert await connect(guest, "sport", "room/*", "room/**") == refused("sport", "room/**")
        guest.session.connect("sport")
        before = guest.session.granted
        renew(guest.keeper, Admission(expires=20.0, paths=["news"]), 1.0)
        narrow(guest.keeper, before, house.manager)
        [(path, told)] = await guest.hear()
        assert (path, told["error"], told["paths"]) == ("::refused", "forbidden", ["room/1"])
        assert guest.session.paths == ["news", "sport"]


async def test_an_older_token_changes_nothing() -> None:
    async with at_home(App()) as house:
        guest = await house.visit()
        admit(guest.keeper, Admission(expires=10.0, paths=["news"]), 1.0)
        renew(guest.keeper, Admission(expires=5.0, paths=[]), 1.0)
        assert guest.session.granted.texts == ["news"]


@pytest.mark.parametrize("paths", ["news", ["a**"], [""], [1], None, ["a"] * 1001, ["a/*"] * 101])
def test_an_admission_with_what_are_no_paths_is_refused(paths: Any) -> None:
    with pytest.raises(UsageError):
        Admission(paths=paths)


async def test_the_application_asks_again_when_it_says_so() -> None:
    app = App()

    @app.authorize("room/*")
    async def may(session: Session, path: str) -> bool:
        return path in session.data["rooms"]

    async with at_home(app) as house:
        guest = await house.visit()
        guest.session.data["rooms"] = ["room/1", "room/2"]
        await connect(guest, "room/1", "room/2")
        guest.session.connect("news")
        assert await app.reauthorize(guest.session) == []
        guest.session.data["rooms"] = ["room/2"]
        assert await app.reauthorize(guest.session) == ["room/1"]
        assert guest.session.paths == ["room/2", "news"]
        [(path, told)] = await guest.hear()
        assert (path, told["paths"]) == ("::refused", ["room/1"])


@pytest.mark.parametrize("verdict", [1, "yes", None, object()])
async def test_what_happens_to_be_true_is_no_yes(verdict: Any) -> None:
    app = App()

    @app.authorize("a")
    def whatever(_session: Session, _path: str) -> bool:
        return verdict  # type: ignore[no-any-return]

    async with at_home(app) as house:
        guest = await house.visit()
        assert await connect(guest, "a") == {"ask": "1", "error": "internal-error"}
        assert guest.session.paths == []


@pytest.mark.parametrize(
    "message",
    [
        None,
        {},
        {"paths": "a"},
        {"paths": [1]},
        {"paths": ["a**"]},
        {"paths": [""]},
        {"paths": ["a"] * 501},
        {"paths": ["a/*"] * 21},
        {"paths": ["a"], "since": {f"a/{number}": "e-1" for number in range(501)}},
        {"paths": ["a"], "last": -1},
        {"paths": ["a"], "since": {"a": "seven"}},
        {"paths": [f"a/{number}" for number in range(9)]},
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused_and_changes_nothing(message: object) -> None:
    app = App()
    app.authorize("**", stars=True)(yes)
    async with at_home(app, max_paths=8) as house:
        guest = await house.visit()
        assert await ask(guest, "::connect", message) == BAD
        assert guest.session.paths == []


async def test_a_client_that_connects_itself_gets_what_is_kept() -> None:
    app = App()
    app.path("chat/*", history=9)
    app.authorize("chat/*")(yes)
    async with at_home(app) as house:
        app.update("chat/a", 1)
        guest = await house.visit()
        packets = await guest.hear(Question("::connect", {"paths": ["chat/a"], "last": 5}, "1"))
        assert [path for path, _ in packets] == ["::answer", "::at", "chat/a"]


# -- what is kept, of paths that somebody else has connected a client to --------------------------


async def test_whoever_is_connected_may_have_what_was_missed(house: House) -> None:
    guest = await house.visit()
    guest.session.connect("chat/*")
    at = str((await house.app.history("chat/a")).at)
    house.app.update("chat/a", 1)
    await guest.hear()
    packets = await guest.hear(Question("::replay", {"since": {"chat/a": at}}, "1"))
    assert packets[0] == ("::answer", {"ask": "1", "value": {"paths": ["chat/a"]}})
    assert packets[1:] == [("::at", {"path": "chat/a", "at": at}), ("chat/a", 1)]


@pytest.mark.parametrize("since", [{"chat/b": "e-1"}, {"chat/a": "seven"}, {"": "e-1"}, {"chat/*": "e-1"}, 7])
async def test_and_nobody_else(house: House, since: object) -> None:
    guest = await house.visit()
    guest.session.connect("chat/a")
    await guest.hear()
    assert await ask(guest, "::replay", {"since": since}) == BAD


@pytest.fixture
async def house() -> Any:
    app = App()
    app.path("chat/*", history=9)
    async with at_home(app) as house:
        yield house


# -- declarations ---------------------------------------------------------------------------------


def nothing() -> bool:
    return True


def test_wrong_declarations_are_refused_where_they_are_made() -> None:
    app = App()
    wrong: Any = nothing
    with pytest.raises(PatternError):
        app.authorize("a**")
    with pytest.raises(UsageError, match="authorize"):
        app.authorize("a")(wrong)
    with pytest.raises(UsageError, match="authorize"):
        app.authorize(wrong)
