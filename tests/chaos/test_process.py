"""The command as a process, with a server of its own and against another."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cometary.chaos.ledger import Counts
from cometary.chaos.report import NO_ANSWER, Report
from tests.servers import ENVIRONMENT, running_server

EXAMPLE = "examples/chaos_ready.py:app"


def chaos(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "cometary", "chaos", *arguments]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**ENVIRONMENT, **environment},
    )


def as_json(finished: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(finished.stdout)
    return report


def test_it_starts_a_server_of_its_own(tmp_path: Path) -> None:
    options = (
        "crash",
        "--sessions",
        "5",
        "--seconds",
        "1",
        "--every",
        "0.05",
        "--kill-every",
        "0.3",
        "--json",
    )
    finished = chaos(*options, COMETARY_PORT="nonsense", TMPDIR=str(tmp_path))
    assert finished.returncode == 0, finished.stderr
    report = as_json(finished)
    assert report["passed"] is True
    assert report["up"]["sent"] == report["up"]["received"] > 20
    assert report["broken"] > 3
    assert report["crashed"] == 5
    assert list(tmp_path.iterdir()) == [], "its log goes when it passed"


def test_sessions_of_workers_that_live_lose_nothing_and_those_of_dead_ones_are_told() -> None:
    options = ("--sessions", "12", "--seconds", "2", "--every", "0.1", "--kill-worker-every", "0.5")
    finished = chaos("kill-worker", *options, "--json")
    assert finished.returncode == 0, finished.stdout
    report = as_json(finished)
    assert report["killed"] >= 1
    assert report["refusals"]["unknown-session"] >= report["orphans"]["count"] > 0
    assert report["up"]["sent"] == report["up"]["received"] > 100
    assert report["down"]["received"] > report["up"]["received"]


def test_it_runs_against_a_server_that_has_the_echo() -> None:
    with running_server(EXAMPLE, "--crash-calls", "on", COMETARY_SECRET="open-sesame") as server:
        options = (
            "--control",
            server.control,
            "--sessions",
            "3",
            "--seconds",
            "1",
            "--every",
            "0.1",
            "--kill-every=0.2",
        )
        finished = chaos("crash", server.comet, *options, COMETARY_SECRET="open-sesame")
        assert finished.returncode == 0, finished.stderr
        assert "PASSED: everything arrived once and in order" in finished.stdout
        refused = chaos("crash", server.comet, *options, COMETARY_SECRET="wrong")
        assert refused.returncode == 3
        assert "is refused (401)" in refused.stderr


def test_a_server_that_does_not_have_the_call_is_not_crashed() -> None:
    with running_server(EXAMPLE) as server:
        finished = chaos(
            "crash", server.comet, "--control", server.control, "--sessions", "1", "--seconds", "1"
        )
        assert finished.returncode == 3
        assert "is refused (404): the server needs the option crash-calls" in finished.stderr


def test_nobody_there_is_one_line_and_status_3() -> None:
    finished = chaos("jitter", "http://127.0.0.1:1/comet")
    assert finished.returncode == 3
    assert finished.stderr.startswith("cometary: nobody answers at http://127.0.0.1:1/comet")
    assert finished.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("mode", "lacking"),
    [
        ("jitter", "no connection was broken"),
        ("half-open", "no connection was left open"),
        ("late-poll", "no page polled late"),
    ],
)
def test_a_run_in_which_nothing_was_broken_has_failed(mode: str, lacking: str) -> None:
    finished = chaos(
        mode, "--sessions", "1", "--seconds", "1", "--every", "0.4", "--kill-every", "3600", "--seed", "3"
    )
    assert finished.returncode == 1, finished.stdout
    assert finished.stdout.splitlines()[-1].startswith(f"FAILED: {lacking}")


def test_an_application_without_the_echo_is_named_as_the_cause(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text("from cometary import App\napp = App()\n")
    with running_server(str(tmp_path / "plain.py:app")) as server:
        finished = chaos("jitter", server.comet, "--sessions", "2", "--seconds", "1", "--every", "0.1")
    assert finished.returncode == 3
    assert finished.stderr.splitlines()[-1].endswith(
        "the application needs add_echo of cometary.chaos.application"
    )


def test_a_server_that_loses_is_status_1(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("from cometary import App\napp = App()\napp.packet('chaos/up')(print)\n")
    with running_server(str(tmp_path / "own.py:app")) as server:
        options = ("--sessions", "2", "--seconds", "1", "--every", "0.1", "--drain", "1")
        finished = chaos("slow", server.comet, *options)
        assert finished.returncode == 1
        assert (
            "FAILED: not everything arrived once and in order; the application has answered nothing"
            in finished.stdout
        )


def test_a_signal_ends_it_early_and_it_reports() -> None:
    command = [sys.executable, "-m", "cometary", "chaos", "--sessions", "2", "--every", "0.1", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "2 sessions are open\n"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    report = json.loads(out)
    assert report["seconds"] < 30
    assert process.returncode == 1, "nothing was broken so early"
    assert report["faults"][-1].startswith("no connection was broken")


PERFECT = Report(
    mode="jitter",
    url="http://127.0.0.1:1/comet",
    sessions=2,
    seconds=3.0,
    seed=4,
    up=Counts(5, 5),
    down=Counts(6, 6),
    broken=7,
    crashed=0,
    troubles={"broken": 7},
    promised=frozenset({"broken"}),
    replays={"count": 3, "p50": 0.001, "p99": 0.25, "max": 0.3},
    zombies={"left": 2, "closed": 2, "longest": 4.25},
    lag={"p99": 0.001, "max": 0.1},
    answers={"p99": 0.002, "max": 0.2},
)


def test_a_report_says_it_all_in_few_lines() -> None:
    text = str(PERFECT)
    assert "client to server           5         5         0           0          0\n" in text
    assert "3 replays after an outage: p50 1 ms, p99 250 ms, max 300 ms" in text
    assert "2 connections left open, of which the server closed 2, the last after 4.2 s" in text
    assert "late" not in text
    assert text.endswith("PASSED: everything arrived once and in order")


def test_a_bench_that_was_late_says_so() -> None:
    text = str(dataclasses.replace(PERFECT, lag={"p99": 0.25, "max": 1.5}))
    assert "the bench itself was late by up to 1.5 s (p99 250 ms): this machine is busy" in text


def test_a_run_that_went_slowly_says_how_late_bench_and_server_were() -> None:
    text = str(dataclasses.replace(PERFECT, slowest=3, answers={"p99": 0.3, "max": 2.0}))
    assert "everything went up to 3 times as slowly as planned: the bench was late by up to 0.1 s" in text
    assert "the server took up to 2.0 s to refuse a request" in text


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"up": Counts(5, 4, lost=1)}, "not everything arrived once and in order"),
        ({"down": Counts(6, 7, doubled=1)}, "not everything arrived once and in order"),
        ({"down": Counts(6, 6, reordered=1)}, "not everything arrived once and in order"),
        ({"ended": {"slow: overflow": 2}}, "sessions ended: slow: overflow 2"),
        (
            {"flat": False, "memory": {"first": 1e8, "most": 1.06e8, "growth": 0.06}},
            "memory grew by more than 5%",
        ),
        (
            {"flat": False, "memory": {"first": 0, "most": 0, "growth": 0}},
            "nobody looked at the memory after the first minute",
        ),
        ({"up": Counts()}, "no page has sent anything"),
        (
            {"up": Counts(5, 0, lost=5), "down": Counts()},
            f"not everything arrived once and in order; {NO_ANSWER}",
        ),
        ({"troubles": {}}, "no connection was broken: more --seconds, or a shorter --kill-every"),
        (
            {"promised": frozenset({"left-open"})},
            "no connection was left open: more --seconds, or a shorter --kill-every",
        ),
        (
            {"promised": frozenset({"killed"})},
            "no worker was killed: more --seconds, or a shorter --kill-worker-every",
        ),
        (
            {"promised": frozenset({"node-killed"})},
            "no node was killed: more --seconds, or a shorter --fault-every",
        ),
        ({"promised": frozenset({"slow"})}, "no exchange was slow: more --seconds, or a shorter --every"),
        ({"promised": frozenset({"late"})}, "no page polled late: more --seconds, or a shorter --every"),
        (
            {"promised": frozenset({"broken", "crashed"})},
            "no session actor was crashed: more --seconds, or a shorter --crash-every",
        ),
    ],
)
def test_whatever_is_wrong_fails_a_run(members: dict[str, Any], reason: str) -> None:
    report = dataclasses.replace(PERFECT, **members)
    assert PERFECT.passed
    assert not report.passed
    assert str(report).endswith(f"FAILED: {reason}")
