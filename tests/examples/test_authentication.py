"""The two ways of the documentation to authenticate clients, against the real server."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from examples import signed_tokens
from tests.clients.website import running_site
from tests.examples.sessions import ClientSession
from tests.servers import running_server

SECRET = "known to the back-end and to the push server"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_SECRET", SECRET)


def test_a_signed_token_tells_its_user() -> None:
    assert signed_tokens.user_of(signed_tokens.make_token("ada")) == "ada"
    assert signed_tokens.user_of(signed_tokens.make_token("a:d:a")) == "a:d:a"


@pytest.mark.parametrize("token", [None, 7, "", "ada", "::", "ada:99999999999:", "ä:9:ö"])
def test_what_was_not_signed_is_no_token(token: object) -> None:
    assert signed_tokens.user_of(token) is None


def test_a_token_for_one_user_is_none_for_another() -> None:
    assert signed_tokens.user_of(signed_tokens.make_token("ada").replace("ada", "grace")) is None


def test_a_token_is_good_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    token = signed_tokens.make_token("ada")
    later = time.time() + signed_tokens.LIFETIME
    monkeypatch.setattr(time, "time", lambda: later)
    assert signed_tokens.user_of(token) is None


def test_the_server_opens_sessions_for_signed_tokens_only() -> None:
    with running_server("examples.signed_tokens:app", TOKEN_SECRET=SECRET) as server:
        with ClientSession(server.comet, signed_tokens.make_token("ada")) as session:
            assert "sid" in session.opened
        with ClientSession(server.comet, "forged") as session:
            assert session.opened["error"] == "unauthorized"


def test_the_server_asks_the_back_end() -> None:
    def back_end(path: str, body: Any) -> int:
        return {"good": 200, "bad": 403, "unlucky": 500}[body["token"]] if path == "/token" else 404

    with running_site(back_end) as site, running_server("examples.asked_tokens:app", BACKEND=site) as server:
        answers = {}
        for token in ("good", "bad", "unlucky", "good"):
            with ClientSession(server.comet, token) as session:
                answers[token] = session.opened.get("error")
    assert answers == {"good": None, "bad": "unauthorized", "unlucky": "internal-error"}, json.dumps(answers)
