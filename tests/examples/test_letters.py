"""Letters are kept until they have arrived, even if the server is killed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from examples.making_tokens import make_token
from tests.examples.sessions import ClientSession
from tests.servers import RunningServer, running_server

SECRET = "known to the back-end and to the push server"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_SECRET", SECRET)


@pytest.fixture
def letters(tmp_path: Path) -> str:
    return str(tmp_path / "letters.sqlite3")


@pytest.fixture
def server(letters: str) -> Iterator[RunningServer]:
    with running_server("examples.letters:app", TOKEN_SECRET=SECRET, LETTERS=letters) as server:
        yield server


def sign_in(session: ClientSession, user: str) -> list[object]:
    """Wait for the end of the sign-on; returns the letters that were waiting."""
    heard = session.hear()
    while heard[-1] != ("signed-in", user):
        heard += session.hear()
    return [message for _, message in heard[:-1]]


def kept(letters: str) -> int:
    with closing(sqlite3.connect(letters)) as connection:
        [[count]] = connection.execute("SELECT count(*) FROM letters").fetchall()
        return int(count)


def write(url: str, reader: str, *texts: str) -> None:
    """Write letters as somebody else, and wait until they are kept."""
    with ClientSession(url, make_token("writer")) as writer:
        sign_in(writer, "writer")
        heard = writer.hear(*[(f"write/{reader}", text) for text in texts], ("write/writer", "done"))
        while ("letter", "done") not in heard:
            heard += writer.hear()


def test_a_letter_is_kept_until_it_has_arrived(server: RunningServer, letters: str) -> None:
    write(server.comet, "ada", "one", "two")
    with ClientSession(server.comet, make_token("ada")) as session:
        assert sign_in(session, "ada") == ["one", "two"]
        assert kept(letters) >= 2
        session.exchange(close=True)
    with ClientSession(server.comet, make_token("ada")) as session:
        assert sign_in(session, "ada") == []


def test_letters_outlive_a_server_that_is_killed(letters: str) -> None:
    with running_server("examples.letters:app", TOKEN_SECRET=SECRET, LETTERS=letters) as server:
        with ClientSession(server.comet, make_token("ada")) as session:
            sign_in(session, "ada")
            write(server.comet, "ada", "arrived", "lost on the way")
            assert session.hear() == [("letter", "arrived"), ("letter", "lost on the way")]
        server.process.kill()
        server.process.wait()
    with (
        running_server("examples.letters:app", TOKEN_SECRET=SECRET, LETTERS=letters) as server,
        ClientSession(server.comet, make_token("ada")) as session,
    ):
        assert sign_in(session, "ada") == ["arrived", "lost on the way"]
