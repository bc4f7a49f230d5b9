"""A network for one test: a namespace of its own, in which the loopback interface can be taken down.

It takes root, or a system on which everybody may make user namespaces. Without either a test fails, and says so.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
from typing import Any

import pytest

from tests.servers import ENVIRONMENT, ROOT

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def loopback(*, up: bool) -> None:
    """Bring the loopback interface of this namespace up, or take it down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        name, flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))
        flags = flags | IFF_UP if up else flags & ~IFF_UP
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", name, flags))


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
