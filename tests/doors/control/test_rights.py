"""What a back-end may do with lesser secrets: those calls, and those paths."""

from __future__ import annotations

import hmac
from typing import Any

import pytest

from cometary.app import App
from cometary.doors.control.rights import ALL, CALLS, EVERYTHING, Secrets, read_rights
from cometary.errors import UsageError
from tests.protocol.client import Answer, World, serving

SHOP = "shop update=orders/** connect=orders/* connect=news send=orders/**"
READER = "reader read"
BOUNCER = "bouncer kick"


async def call(world: World, secret: str, method: str, path: str, body: Any = None) -> Answer:
    connection = await world.connect(control=True)
    header = f"Authorization: Bearer {secret}".encode()
    if method == "GET":
        return await connection.get(path, header)
    return await connection.ask(body, header, path=path)


def bodies(sid: str) -> dict[str, Any]:
    """A body for each call that has one, which asks for nothing that exists."""
    return {
        "/update": {"path": "else/where"},
        "/batch": [{"path": "else/where"}],
        "/connect": {"sid": sid, "paths": ["else/where"]},
        "/disconnect": {"sid": sid, "paths": ["else/where"]},
        "/send": {"sid": sid, "packets": [{"path": "else/where"}]},
        "/ask": {"sid": "unknown", "path": "else/where"},
        "/kick": {"sid": "unknown"},
        "/history": {"path": "else/where"},
        "/presence": {"path": "else/where"},
        "/crash": {"count": 1},
        "/reload": {},
        "/drain": {},
    }


@pytest.mark.parametrize("right", CALLS)
async def test_a_right_is_for_its_calls_and_for_no_others(right: str) -> None:
    async with serving(secret="master", secrets=[f"one {right}"], crash_calls="on") as world:
        client = await world.open()
        given = bodies(client.sid)
        for calls in CALLS.values():
            for each in calls:
                method, path = each.split()
                if path == "/metrics":
                    continue  # it is no JSON; see the test of metrics
                status = (await call(world, "one", method, path, given.get(path))).status
                assert (status == 403) == (each not in CALLS[right]), each


def test_every_call_needs_one_right() -> None:
    calls = [each for listed in CALLS.values() for each in listed]
    assert len(calls) == len(set(calls))


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/update", {"path": "orders/1"}, 200),
        ("/update", {"path": "orders"}, 403),
        ("/update", [{"path": "orders/1"}, {"path": "news"}], 403),
        ("/batch", [{"path": "orders/1"}, {"path": "orders/2"}], 200),
        ("/batch", [{"path": "orders/1"}, {"path": 2}], 403),
        ("/batch", [{"path": "orders/1"}, 7], 403),
        ("/connect", {"sid": "", "paths": ["orders/1", "news"]}, 200),
        ("/connect", {"sid": "", "paths": ["orders/*"]}, 200),
        ("/connect", {"sid": "", "paths": ["orders/**"]}, 403),
        ("/connect", {"sid": "", "paths": ["**"]}, 403),
        ("/connect", {"sid": "", "paths": ["a**"]}, 403),
        ("/disconnect", {"sid": "", "paths": ["orders/1"]}, 200),
        ("/disconnect", {"sid": "", "paths": ["else"]}, 403),
        ("/send", {"sid": "", "packets": [{"path": "orders/1"}, {"path": "orders/1/2"}]}, 200),
        ("/send", {"sid": "", "packets": [{"path": "orders/1"}, {"path": "else"}]}, 403),
        ("/ask", {"sid": "", "path": "else"}, 403),
    ],
)
async def test_paths_that_a_secret_is_not_for_are_forbidden(path: str, body: Any, status: int) -> None:
    app = App()
    async with serving(app, secrets=[SHOP]) as world:
        client = await world.open()
        if isinstance(body, dict) and "sid" in body:
            body["sid"] = client.sid
        answer = await call(world, "shop", "POST", path, body)
        assert answer.status == status, answer.body
        if status == 403:
            assert answer.error == (403, "forbidden")
            assert await client.ask(hold=False) is not None


async def test_what_is_forbidden_has_not_happened() -> None:
    async with serving(secrets=[SHOP]) as world:
        client = await world.open()
        connect = {"sid": client.sid, "paths": ["orders/1"]}
        await call(world, "shop", "POST", "/connect", connect)
        refused = await call(world, "shop", "POST", "/update", [{"path": "orders/1"}, {"path": "else"}])
        assert refused.status == 403
        await call(world, "shop", "POST", "/update", {"path": "orders/1", "message": "hello"})
        assert await client.poll() == ["hello"]


async def test_who_has_no_secret_that_there_is_is_let_in_nowhere() -> None:
    async with serving(secret="master", secrets=[SHOP, READER]) as world:
        for secret in ("", "unknown", "shop update", "maste"):
            answer = await call(world, secret, "POST", "/update", {"path": "orders/1"})
            assert answer.error == (401, "unauthorized")
        for secret in ("master",):
            assert (await call(world, secret, "GET", "/tree")).status == 200
        connection = await world.connect(control=True)
        assert (await connection.get("/tree", b"Authorization: Basic master")).status == 401
        assert (await connection.get("/healthz")).status == 200


async def test_the_same_head_with_another_secret_has_other_rights() -> None:
    """Heads are remembered, with what they may: by all of it."""
    async with serving(secrets=[SHOP, READER]) as world:
        for _ in range(3):
            assert (await call(world, "reader", "GET", "/tree")).status == 200
            assert (await call(world, "shop", "GET", "/tree")).status == 403


def test_every_secret_is_compared_whatever_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(given: bytes, secret: bytes) -> bool:
        compared.append(secret)
        return given == secret

    secrets = Secrets("master", [SHOP, READER, BOUNCER])
    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert secrets.rights_of(b"master") is EVERYTHING
    assert compared == [b"master", b"shop", b"reader", b"bouncer"]


def test_secrets_are_replaced_whole_or_not_at_all() -> None:
    secrets = Secrets("old", [READER])
    secrets.replace("new", [SHOP])
    assert [secrets.rights_of(one) is None for one in (b"old", b"reader", b"new", b"shop")] == [
        True,
        True,
        False,
        False,
    ]
    with pytest.raises(UsageError):
        secrets.replace("newer", ["shop nothing"])
    assert secrets.rights_of(b"new") is EVERYTHING


@pytest.mark.parametrize("words", [[], ["all things"], ["update="], ["read=a"], ["update=a/**/b"], ["Read"]])
def test_rights_that_there_are_not_are_refused(words: list[str]) -> None:
    with pytest.raises(UsageError):
        read_rights(words)


def test_all_is_everything() -> None:
    assert read_rights([ALL]) is EVERYTHING
    assert read_rights(["read", ALL]) is EVERYTHING
    assert {call for calls in CALLS.values() for call in calls} == EVERYTHING.calls


def test_only_a_secret_for_everything_opens_the_other_doors() -> None:
    secrets = Secrets(None, [SHOP, "old all"])
    assert secrets.allow_everything("old")
    assert not secrets.allow_everything("shop")
    assert not secrets.allow_everything("é")
    assert Secrets().allow_everything("")
