"""The ways of the documentation to authenticate clients, against the real server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import httpx
import pytest

from cometary.authentication.signature import read_secret, signed_headers
from examples.making_tokens import make_token
from examples.token_judge import is_genuine, judge
from tests.doors.webhooks.receiver import SECRET as SIGNING_SECRET
from tests.examples.sessions import ClientSession
from tests.servers import ENVIRONMENT, ROOT, running_server

SECRET = "known-to-the-back-end-and-to-the-push-server"
ADA = "a token that the login page gave to ada"
NOW = 1_700_000_000


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_SECRET", SECRET)


@contextmanager
def running_judge() -> Generator[str]:
    """Run the back-end that is asked; gives its URL."""
    command = [sys.executable, str(ROOT / "examples/token_judge.py")]
    environment = {**ENVIRONMENT, "PORT": "0", "AUTH_SECRET": SIGNING_SECRET}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().split()[-1]
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.kill()


def answers(url: str, *tokens: object) -> list[str]:
    """What becomes of openings with these tokens: `until` and some seconds, `open`, or an error."""
    told: list[str] = []
    for token in tokens:
        with ClientSession(url, token) as session:
            until = f"until {round(session.opened['expires'])}" if "expires" in session.opened else "open"
            told.append(session.opened.get("error", until))
    return told


def test_the_server_opens_sessions_for_signed_tokens_only() -> None:
    with running_server("examples.signed_tokens:app", TOKEN_SECRET=SECRET) as server:
        [until, forged, none] = answers(server.comet, make_token("ada"), make_token("ada") + "x", None)
    assert 200 < int(until.removeprefix("until ")) <= 300
    assert [forged, none] == ["unauthorized"] * 2


def test_without_an_application_it_does_as_well() -> None:
    with running_server("", COMETARY_TOKEN_SECRET=SECRET) as server:
        assert answers(server.comet, "forged", make_token("ada"))[0] == "unauthorized"


def test_guests_may_stay_for_a_while() -> None:
    with running_server("examples.guests:app", TOKEN_SECRET=SECRET) as server:
        [guest, user, forged] = answers(server.comet, None, make_token("ada"), "forged")
    assert [guest, forged] == ["until 600", "unauthorized"]
    assert user.startswith("until")


def test_the_server_asks_the_back_end() -> None:
    with running_judge() as url:
        assert httpx.post(url, content=b"{}", trust_env=False).status_code == 400
        with running_server("", "--auth-url", url, COMETARY_AUTH_SECRET=SIGNING_SECRET) as server:
            assert answers(server.comet, ADA, "forged", None) == ["until 300", "unauthorized", "unauthorized"]


def test_what_the_server_signs_is_genuine_and_nothing_else_is() -> None:
    body = b'{"token": "x"}'
    headers = signed_headers(read_secret(SIGNING_SECRET), "1-1", NOW, body)
    assert is_genuine(headers, body, SIGNING_SECRET, NOW + 299)
    assert not is_genuine(headers, body, SIGNING_SECRET, NOW + 301)
    assert not is_genuine(headers, body + b" ", SIGNING_SECRET, NOW)
    assert not is_genuine({**headers, "webhook-id": "1-2"}, body, SIGNING_SECRET, NOW)
    assert not is_genuine({}, body, SIGNING_SECRET, NOW)


@pytest.mark.parametrize("token", [None, 7, "", "forged", {"a": 1}, [ADA]])
def test_what_is_no_login_is_no_token(token: object) -> None:
    assert judge({"token": token}) == (403, {})
    assert judge({"token": ADA}) == (200, {"user": "ada", "expires": 300})
