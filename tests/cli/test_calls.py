"""`cometary update`, `send`, `sessions` and `kick`: what a server that runs makes of them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest

from cometary.cli import main
from tests.cli.conftest import SECRET
from tests.examples.sessions import ClientSession
from tests.servers import RunningServer, running_server


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server("", COMETARY_SECRET=SECRET) as server:
        yield server


def test_what_is_given_is_sent_as_json_or_else_as_text(session: ClientSession) -> None:
    assert main(["send", session.sid, "jobs/7", '{"progress": 0.5}']) == 0
    assert main(["send", session.sid, "jobs/7", "half done"]) == 0
    assert main(["send", session.sid, "jobs/7"]) == 0
    assert main(["update", "nobody/hears", "1"]) == 0
    assert session.hear() == [
        ("jobs/7", {"progress": 0.5}),
        ("jobs/7", "half done"),
        ("jobs/7", None),
    ]


def test_each_line_of_standard_input_is_a_message(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{session.sid}\n1\nplain text\n"))
    assert main(["send", "-", "log", "-"]) == 0
    assert session.hear() == [("log", 1), ("log", "plain text")]


def test_sessions_are_listed_for_people_and_for_programs(
    session: ClientSession, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sessions"]) == 0
    assert main(["sessions", "--json"]) == 0
    table, _, listed = capsys.readouterr().out.rstrip().rpartition("\n")
    name = json.loads(listed)[-1]["name"]
    assert table.splitlines()[0].split() == ["NAME", "USER", "STATE", "AGE", "QUEUED", "PATHS"]
    assert any(row.startswith(name) for row in table.splitlines())
    assert session.sid not in table + listed


def test_who_is_kicked_is_told(session: ClientSession) -> None:
    assert main(["kick", session.sid]) == 0
    assert main(["kick", session.sid]) == 1


def test_a_session_is_kicked_by_the_name_that_operators_know(
    session: ClientSession, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sessions", "--json"]) == 0
    name = json.loads(capsys.readouterr().out)[-1]["name"]
    assert main(["kick", "--name", name]) == 0
    assert main(["ended", name]) == 0
    assert f"{name}: kicked" in capsys.readouterr().out
    assert main(["kick", "--name", name]) == 1


@pytest.mark.parametrize("words", [[], ["an-id", "--name", "a-name"]])
def test_whom_to_kick_is_said_once(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["kick", *words])
    assert "--name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["update", ""], "cometary: bad-request (400): A path must not be empty."),
        (["kick", "nobody"], "cometary: unknown-session (404): "),
        (["update", "a", "--control", "127.0.0.1:9"], "cometary: /update got no response: "),
        (["update", "a", "--control", "http://127.0.0.1:9/"], "cometary: /update got no response: "),
    ],
)
def test_what_goes_wrong_is_one_line(
    session: ClientSession, capsys: pytest.CaptureFixture[str], *, arguments: list[str], said: str
) -> None:
    assert main(arguments) == 1
    assert capsys.readouterr().err.startswith(said)


def test_a_wrong_option_is_a_wrong_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sessions", "--control", "nowhere"]) == 2
    assert capsys.readouterr().err.startswith("cometary: --control: must be ")
