from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmarks.harness.processes import free_ports, listening, running
from benchmarks.harness.workspace import UnavailableError, output_of

HERE = Path(__file__).parent

LISTENER = """
import signal, socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
signal.pause()
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_free_ports_are_different_and_nothing_listens_there() -> None:
    ports = free_ports(3)

    assert len(set(ports)) == 3
    assert not any(listening(port) for port in ports)


def test_a_server_listens_inside_the_block_and_is_gone_after_it() -> None:
    [port] = free_ports(1)
    argv = [sys.executable, "-c", LISTENER, str(port)]

    with running(argv, ports=[port], cwd=HERE, environment={}) as pid:
        assert listening(port)

    assert not alive(pid)
    assert not listening(port)


def test_a_server_that_ends_at_start_up_says_its_last_line() -> None:
    [port] = free_ports(1)
    argv = [sys.executable, "-c", "raise SystemExit('no such option')"]

    with (
        pytest.raises(UnavailableError, match="no such option"),
        running(argv, ports=[port], cwd=HERE, environment={}),
    ):
        pass


def test_pinning_a_server_leaves_the_harness_where_it_was() -> None:
    before = os.sched_getaffinity(0)
    [port] = free_ports(1)

    with running([sys.executable, "-c", LISTENER, str(port)], ports=[port], cwd=HERE, environment={}) as pid:
        assert len(os.sched_getaffinity(pid)) == 1

    assert os.sched_getaffinity(0) == before


def test_a_missing_program_is_unavailable_by_its_name_alone() -> None:
    with pytest.raises(UnavailableError, match=r"^no-such-program is not installed$"):
        output_of([str(HERE / "no-such-program")], seconds=5)


def test_a_failed_command_says_its_last_line_without_the_path_of_the_program() -> None:
    with pytest.raises(UnavailableError, match=r"^\S+ failed: boom$") as caught:
        output_of([sys.executable, "-c", "raise SystemExit('boom')"], seconds=20)

    assert os.sep not in str(caught.value)
