"""Peers that vanish without FIN, on a real network that is taken down: in real time, since the kernel is in it.

It takes a network namespace: root has one, and so has whoever may make a user namespace. Without either these
tests fail, and say so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.protocol.vanishing import DIE, EACH, WAIT
from tests.servers import ENVIRONMENT, ROOT

KINDS = 5
SESSIONS = 2

A_SECOND = 1.0
SLACK = 1.0
"""Seconds that a busy machine may be late."""


def in_own_network(program: str) -> dict[str, Any]:
    """Run a program of the tests in a network namespace of its own, and return what it prints."""
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    finished = subprocess.run(
        ["unshare", "--net", *as_root, sys.executable, "-W", "error", ROOT / program],  # noqa: S607 - the system's own
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=ENVIRONMENT,
    )
    if "unshare" in finished.stderr:
        pytest.fail(
            f"No network namespace: run as root, or allow user namespaces. {finished.stderr}", pytrace=False
        )
    assert finished.returncode == 0, finished.stderr
    seen: dict[str, Any] = json.loads(finished.stdout)
    return seen


def test_descriptors_and_actors_of_vanished_peers_come_back() -> None:
    seen = in_own_network("tests/protocol/vanishing.py")
    assert seen["at first"] == [KINDS * EACH, SESSIONS * EACH], "they are to vanish in silence"
    assert seen["in the end"] == [0, 0]
    # The server waits for a packet, answers in vain, and then the die timer runs.
    assert seen["seconds"] <= WAIT + DIE + A_SECOND + SLACK
