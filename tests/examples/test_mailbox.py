"""The mailbox of the documentation: what one session did not get, the user's next one gets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cometary import Connector
from examples.making_tokens import make_token
from tests.examples.sessions import ClientSession
from tests.servers import RunningServer, running_server

SECRET = "known to the back-end and to the push server"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_SECRET", SECRET)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    mailbox = str(tmp_path / "mailbox.sqlite3")
    with running_server("examples.mailbox:app", TOKEN_SECRET=SECRET, MAILBOX=mailbox) as server:
        yield server


@pytest.fixture
def connector(server: RunningServer) -> Iterator[Connector]:
    with Connector(server.control) as connector:
        yield connector


def sign_in(session: ClientSession, user: str) -> list[object]:
    """Wait for the end of the sign-on; returns the mail that was waiting."""
    heard = session.hear()
    while heard[-1] != ("signed-in", user):
        heard += session.hear()
    return [message for _, message in heard[:-1]]


def test_what_was_not_acknowledged_comes_again_and_only_to_its_user(
    server: RunningServer, connector: Connector
) -> None:
    with ClientSession(server.comet, make_token("ada")) as session:
        assert sign_in(session, "ada") == []
        connector.updates([("mail/ada", 1), ("mail/ada", 2)])
        assert session.hear() == [("mail/ada", 1), ("mail/ada", 2)]
        connector.updates([("mail/ada", 3), ("mail/ada", 4)])
        session.exchange(close=True)  # it acknowledges 1 and 2, and nobody what it is answered with
    with ClientSession(server.comet, make_token("grace")) as session:
        assert sign_in(session, "grace") == []
    for expected in ([3, 4], []):
        with ClientSession(server.comet, make_token("ada")) as session:
            assert sign_in(session, "ada") == expected
            session.exchange(close=True)


def test_mail_outlives_the_server(tmp_path: Path) -> None:
    mailbox = str(tmp_path / "mailbox.sqlite3")
    with running_server("examples.mailbox:app", TOKEN_SECRET=SECRET, MAILBOX=mailbox) as server:
        with (
            ClientSession(server.comet, make_token("ada")) as session,
            Connector(server.control) as connector,
        ):
            sign_in(session, "ada")
            connector.send(session.sid, [("mail/ada", "before the restart")])
        server.stop()
    with (
        running_server("examples.mailbox:app", TOKEN_SECRET=SECRET, MAILBOX=mailbox) as server,
        ClientSession(server.comet, make_token("ada")) as session,
    ):
        assert sign_in(session, "ada") == ["before the restart"]


def test_without_a_token_of_its_own_nobody_gets_anybodys_mail(server: RunningServer) -> None:
    answer = httpx.post(server.comet, json={"rid": 1, "token": "ada:99999999999:forged"})
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
