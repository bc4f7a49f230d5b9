"""Processes that are forks instead of being started: nothing that a test does is to depend on which they are."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forks, servers
from tests.forks import Fork, reap


def ended(code: str = "") -> subprocess.Popen[bytes]:
    """Return a child of this process that has ended, and is not reaped."""
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", code])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    return child


def test_what_a_child_ended_with_is_told_before_its_process_id_is_another_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told, tell = os.pipe()
    known, waitpid = list[list[int]](), os.waitpid

    def note(pid: int, options: int) -> tuple[int, int]:
        known.append(select.select([told], [], [], 0)[0])
        return waitpid(pid, options)

    with ended("import os; os.kill(os.getpid(), 9)") as child:
        monkeypatch.setattr(os, "waitpid", note)
        reap({child.pid: tell})
        monkeypatch.undo()
        assert (known, os.read(told, 16)) == ([[told]], b"-9")
    os.close(told)


def test_one_whose_end_nobody_wants_to_know_keeps_nobody_else_from_knowing() -> None:
    gone, tell_nobody = os.pipe()
    os.close(gone)
    told, tell = os.pipe()
    with ended() as one, ended("raise SystemExit(3)") as other:
        children = {one.pid: tell_nobody, other.pid: tell}
        reap(children)
        assert (children, os.read(told, 16)) == ({}, b"3")
    os.close(told)


def test_a_signal_to_one_that_has_just_ended_does_nothing() -> None:
    told, tell = os.pipe()
    with ended() as child:
        pass
    with Path(os.devnull).open(encoding="utf-8") as nothing:
        Fork(child.pid, nothing, told).send_signal(signal.SIGTERM)
    os.close(told)
    os.close(tell)


def test_a_child_is_asked_for_when_the_one_before_has_been_had(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Parent:
        """Two threads that ask at once would each get the other's answer."""

        def sendmsg(self, *_: object) -> None:
            assert forks._asking.locked()

        def recv(self, _: int) -> bytes:
            assert forks._asking.locked()
            return b"7"

    def parent(_: int) -> Parent:
        return Parent()

    monkeypatch.setattr(forks, "_parent", parent)
    child = forks.fork([], {}, tmp_path)
    child.stdout.close()
    os.close(child._told)
    assert child.pid == 7


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONHASHSEED", "PYTHONWARNINGS"])
def test_what_python_goes_by_when_it_starts_has_it_start(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    how: list[str] = []

    def start(*_: object, **__: object) -> None:
        how.append("started")

    def fork(*_: object, **__: object) -> None:
        how.append("forked")

    monkeypatch.setattr(servers, "fork", fork)
    monkeypatch.setattr(subprocess, "Popen", start)
    servers.started([], {**servers.ENVIRONMENT, "COMETARY_PORT": "0"})
    servers.started([], {**servers.ENVIRONMENT, name: "other"})
    assert how == ["forked", "started"]
