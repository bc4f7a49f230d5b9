"""The receiver of the guide on webhooks: a process that hears from a server in another process."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import httpx
import pytest

from cometary.authentication.signature import read_secret, signed_headers
from examples.making_tokens import make_token
from examples.webhook_receiver import Presence, is_genuine
from tests.examples.sessions import ClientSession
from tests.servers import ENVIRONMENT, ROOT, running_server

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
TOKEN_SECRET = "known to the back-end and to the push server"
NOW = 1_700_000_000
BODY = b'{"id":"1-1"}'


@contextmanager
def running_receiver() -> Generator[tuple[str, subprocess.Popen[str]]]:
    """Run the example; gives its URL and its process."""
    command = [sys.executable, str(ROOT / "examples/webhook_receiver.py")]
    environment = {**ENVIRONMENT, "PORT": "0", "WEBHOOK_SECRET": SECRET}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().split()[-1]
            yield f"http://127.0.0.1:{port}/", process
        finally:
            process.kill()


def test_what_the_server_signs_is_genuine_and_nothing_else_is() -> None:
    headers = signed_headers(read_secret(SECRET), "1-1", NOW, BODY)
    assert is_genuine(headers, BODY, SECRET, NOW + 299)
    assert not is_genuine(headers, BODY, SECRET, NOW + 301)
    assert not is_genuine(headers, BODY, SECRET, NOW - 301)
    assert not is_genuine(headers, BODY + b" ", SECRET, NOW)
    assert not is_genuine(headers, BODY, SECRET[:-4] + "AAA=", NOW)
    assert not is_genuine({}, BODY, SECRET, NOW)
    assert not is_genuine({**headers, "webhook-id": "1-2"}, BODY, SECRET, NOW)
    assert not is_genuine({**headers, "webhook-timestamp": str(NOW + 1)}, BODY, SECRET, NOW)


@pytest.mark.parametrize("times", [1, 2])
def test_a_double_is_dropped(times: int) -> None:
    presence = Presence()
    for _ in range(times):
        presence.take({"id": "1", "type": "signon", "session": "a", "user": "ada"})
    presence.take({"id": "2", "type": "signoff", "session": "a"})
    presence.take({"id": "1", "type": "signon", "session": "a", "user": "ada"})
    assert presence.sessions == {}


def test_it_hears_of_sessions() -> None:
    with running_receiver() as (url, receiver):
        assert httpx.post(url, content=BODY, trust_env=False).status_code == 401
        with running_server(
            "examples.signed_tokens:app",
            TOKEN_SECRET=TOKEN_SECRET,
            COMETARY_WEBHOOK_URL=url,
            COMETARY_WEBHOOK_SECRET=SECRET,
        ) as server:
            assert receiver.stdout is not None
            with ClientSession(server.comet, token_for("ada")) as session:
                assert receiver.stdout.readline() == "online: ['ada']\n"
                session.exchange(close=True)
            assert receiver.stdout.readline() == "online: []\n"
            with ClientSession(server.comet, token_for("bob")) as session:
                assert receiver.stdout.readline() == "online: ['bob']\n"
                server.stop()
            assert receiver.stdout.readline() == "online: []\n"


def token_for(user: str) -> str:
    """A token as the back-end of that example makes them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKEN_SECRET", TOKEN_SECRET)
        return make_token(user)
