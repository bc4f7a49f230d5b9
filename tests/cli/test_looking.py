"""`cometary tree`, `session`, `trace`, `crashes`, `top`: what they show of a server that runs."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from subprocess import PIPE
from typing import Any, cast

import httpx
import pytest
from rich.console import Console

from cometary.cli import main
from cometary.cli.looking import COMMANDS, step_line, tree_lines
from cometary.cli.top import COUNTS, Look, screen
from tests.cli.conftest import SECRET
from tests.examples.sessions import ClientSession
from tests.servers import ROOT, RunningServer, running_server


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server("tests/cli/crashing_application.py:app", COMETARY_SECRET=SECRET) as server:
        yield server


def name_of_the_last(capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["sessions", "--json"]) == 0
    name: str = json.loads(capsys.readouterr().out)[-1]["name"]
    return name


def test_the_tree_is_drawn(session: ClientSession, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tree"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "cometary  supervisor, running"
    assert "├── dispatcher  worker, running" in lines
    assert lines[-1] == "└── front-end  task, running"
    assert main(["tree", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "cometary"


def test_children_that_are_not_listed_are_counted() -> None:
    leaf: dict[str, Any] = {
        "id": "s1\x1b[2J",
        "kind": "worker",
        "state": "running",
        "restarts": 2,
        "mailbox": 3,
    }
    node: dict[str, Any] = {
        **leaf,
        "id": "sessions",
        "count": 3,
        "children": [{**leaf, "count": 0, "children": []}],
    }
    assert list(tree_lines(node)) == [
        "sessions  worker, running, 2 restarts, 3 messages",
        "├── s1?[2J  worker, running, 2 restarts, 3 messages",
        "└── … 2 more",
    ]


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("command", ["tree", "sessions"])
def test_who_has_read_enough_is_told_no_more(command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "cometary", command],
        stdout=writing,
        stderr=PIPE,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_one_session_is_shown(session: ClientSession, capsys: pytest.CaptureFixture[str]) -> None:
    name = name_of_the_last(capsys)
    assert main(["session", name]) == 0
    shown = dict(
        line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if " " in line.strip()
    )
    assert shown["name"] == name
    assert shown["wire"] == "polling"
    assert main(["session", name, "--json"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out)["name"] == name
    assert session.sid not in out
    assert main(["session", "nobody"]) == 1
    assert "unknown-session" in capsys.readouterr().err


def test_one_that_has_ended_is_shown_with_why(
    session: ClientSession, capsys: pytest.CaptureFixture[str]
) -> None:
    name = name_of_the_last(capsys)
    assert main(["send", session.sid, "jobs/7", '"hidden message"']) == 0
    assert main(["send", session.sid, "jobs/8", '"hidden message"']) == 0
    session.exchange(close=True)
    capsys.readouterr()
    assert main(["session", name]) == 0
    out = capsys.readouterr().out
    shown = dict(line.split(maxsplit=1) for line in out.splitlines() if " " in line.strip())
    assert (shown["state"], shown["reason"]) == ("ended", "closed")
    assert re.search(
        r"^undelivered_packets +path=jobs/7 size=\d+\n {2,}path=jobs/8 size=\d+$", out, re.MULTILINE
    )
    assert "hidden message" not in out


def test_those_that_have_ended_are_listed_and_found(
    session: ClientSession, capsys: pytest.CaptureFixture[str]
) -> None:
    name = name_of_the_last(capsys)
    assert main(["send", session.sid, "jobs/7", '"hidden message"']) == 0
    session.exchange(close=True)
    capsys.readouterr()
    assert main(["ended", name, "--reason", "closed"]) == 0
    assert re.fullmatch(
        rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d  {name}: closed, \d+ s old; 1 packets undelivered\n",
        capsys.readouterr().out,
    )
    assert main(["ended", name, "--reason", "kicked"]) == 0
    assert main(["ended", "--most", "1", "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == [name]
    assert main(["ended", "--most", "many"]) == 1


def test_a_step_that_was_recorded_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    step: dict[str, Any] = {
        "n": 1,
        "time": 0,
        "before": "waiting",
        "event": {"kind": "End"},
        "after": "waiting",
        "actions": [],
    }

    class Client:
        def get(self, *_: object, **__: object) -> httpx.Response:
            return httpx.Response(200, json={"name": "x", "steps": [step]})

    client: Any = Client()
    COMMANDS["session"](client, {"name": "x", "json": False})
    assert capsys.readouterr().out.endswith("waiting: End\n")


def test_crashes_are_told(session: ClientSession, capsys: pytest.CaptureFixture[str]) -> None:
    session.exchange(("crash", "hidden message"), hold=False)
    for options in ([], ["--json"]):
        assert main(["crashes", *options]) == 0
        out = capsys.readouterr().out
        assert "ZeroDivisionError" in out
        assert "hidden message" not in out
        assert session.sid not in out
    assert json.loads(out)[-1]["supervisor"] == "cometary/sessions"


def test_a_trace_shows_steps_until_the_session_ends(
    session: ClientSession, capsys: pytest.CaptureFixture[str]
) -> None:
    name = name_of_the_last(capsys)
    command = [sys.executable, "-m", "cometary", "trace", name, "--json"]
    with subprocess.Popen(
        command, stdout=PIPE, stderr=PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as process:
        assert process.stderr is not None
        assert f"tracing {name}" in process.stderr.readline()
        session.exchange(("quiet", "hidden message"), hold=False)
        assert main(["send", session.sid, "jobs/7", '"hidden message"']) == 0
        session.exchange(close=True)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
    seen: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    text = json.dumps(seen)
    assert "hidden message" not in text
    assert session.sid not in text
    packets = [step["event"] for step in seen if step["event"]["kind"] == "Packet"]
    assert packets == [
        {"kind": "Packet", "path": "jobs/7", "size": len('{"path":"jobs/7","message":"hidden message"}')}
    ]
    assert seen[-1]["actions"][-1] == {"kind": "Stopped", "reason": "closed"}


def test_a_step_is_one_line() -> None:
    step: dict[str, Any] = {
        "time": 0.5,
        "before": "waiting",
        "event": {"kind": "Request", "rid": 2, "ack": 1, "packets": []},
        "after": "have_request",
        "actions": [
            {"kind": "StartTimer", "name": "hold"},
            {"kind": "Answer", "first": 1, "packets": ["a", "b"]},
        ],
    }
    assert step_line(step).endswith(
        ".500  waiting → have_request: Request rid=2 ack=1; StartTimer name=hold, Answer first=1 packets=a b"
    )
    assert step_line({"lost": 3}).startswith("… 3 steps left out")


def test_how_busy_it_is_is_shown_once(session: ClientSession, capsys: pytest.CaptureFixture[str]) -> None:
    name = name_of_the_last(capsys)
    assert main(["top", "--once"]) == 0
    out = capsys.readouterr().out
    assert "sessions" in out
    assert name in out
    assert main(["top", "--once", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["statistics"]["sessions"] >= 1
    assert name in [one["name"] for one in shown["sessions"]]


def test_a_name_is_whole_where_there_is_little_room() -> None:
    session = {
        "name": "5fab618919",
        "user": "ada@example.org",
        "wire": "polling",
        "state": "have_request",
        "age": 312.0,
        **dict.fromkeys(("queued", "unhandled", "delivered"), 0),
        "paths": ["chat/lobby"],
    }
    console = Console(width=80, file=io.StringIO())
    console.print(screen(Look(0.0, dict.fromkeys(("sessions", *COUNTS), 0), [session], []), None))
    shown = cast("io.StringIO", console.file).getvalue()
    assert "5fab618919" in shown
    assert "have_request" not in shown


def test_rates_are_those_since_the_look_before() -> None:
    counts: dict[str, int] = dict.fromkeys(
        ("sent", "received", "delivered", "expired", "dropped", "undelivered"), 0
    )
    before, now = Look(1.0, counts, [], []), Look(3.0, {**counts, "sent": 10}, [], [])
    assert now.rates(before)["sent"] == 5.0
    assert now.rates(None)["sent"] == 0.0


def test_a_screen_without_rich_says_what_to_install(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert main(["top"]) == 2
    assert "pip install 'cometary[top]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [["tree"], ["crashes"], ["session", "x"], ["trace", "x"], ["top", "--once"]]
)
def test_a_server_that_is_away_is_one_line(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--control", "127.0.0.1:1"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("cometary: http://127.0.0.1:1 cannot be reached: ")
    assert err.count("\n") == 1
