"""Whom the server lets in, as settings and application say together."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cometary.app import App
from cometary.authentication import HttpCallback, SignedToken
from cometary.config import Settings
from cometary.errors import ConfigError
from cometary.server.authenticator import choose_authenticator
from tests.doors.webhooks.receiver import SECRET
from tests.servers import ENVIRONMENT, ROOT

TOKENS = Settings(token_secret=(32 * "x",), token_audience="push")
CALLBACK = Settings(auth_url="http://127.0.0.1/auth", auth_secret=SECRET)
BOTH = Settings(token_secret=(32 * "x",), auth_url="http://127.0.0.1/auth", auth_secret=SECRET)


def everybody(_: object) -> bool:
    return True


def test_without_a_word_about_it_there_is_none() -> None:
    assert choose_authenticator(Settings(), App()) is None


def test_it_may_be_the_application_s() -> None:
    assert choose_authenticator(Settings(), App(authenticate=everybody)) is everybody


def test_it_may_be_the_operator_s() -> None:
    assert isinstance(choose_authenticator(TOKENS, App()), SignedToken)
    assert isinstance(choose_authenticator(CALLBACK, App()), HttpCallback)


@pytest.mark.parametrize(
    ("settings", "app", "problem"),
    [
        (TOKENS, App(authenticate=everybody), "token-secret: .* the application's is a second"),
        (CALLBACK, App(authenticate=everybody), "auth-url: .* the application's is a second"),
        (BOTH, App(), "auth-url: there can be only one authenticator, and token-secret is a second"),
    ],
)
def test_two_are_a_mistake(settings: Settings, app: App, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        choose_authenticator(settings, app)


def test_then_the_server_does_not_start() -> None:
    command = [
        sys.executable,
        "-m",
        "cometary",
        "serve",
        "tests/clients/renewing_application.py:app",
        "--port",
        "0",
    ]
    environment = {**ENVIRONMENT, "COMETARY_TOKEN_SECRET": 32 * "x"}
    process = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert process.returncode == 2
    assert process.stderr.startswith("cometary: token-secret: there can be only one authenticator")
    assert process.stderr.count("\n") == 1
