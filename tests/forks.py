"""Processes of `cometary` without the second that each takes to import it: forks of one that has.

1.  The parent (`python -m tests.forks`) has imported the server, and runs nothing: no loop, no thread. There is one
    for each process of tests, from when that first wants it; when that ends, it ends with all its children.
2.  A child has the arguments, variables, directory and files that it would have had by itself. What `python -m
    cometary` does before `main`, tests/cli/test_process.py sees, which starts it as users do.
3.  A child is no child of the tests' own process: what becomes of it is told through a pipe, before it is reaped. So
    as long as nothing is told, its process id is its own.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import IO, Self

from cometary.cli import main

MOST_BYTES = 1 << 20
"""What tells the parent of a child at most; the variables are the most of it."""

_asking = Lock()
"""Held by whoever asks for a child, until the answer has come."""


@dataclass
class Fork:
    """A child, with what the tests use of a `subprocess.Popen`.

    Attributes:
        pid: its process id.
        stdout: what it prints.
        returncode: what it ended with, once that is known; -N for the signal N.
    """

    pid: int
    stdout: IO[str]
    _told: int
    returncode: int | None = None

    def poll(self) -> int | None:
        """Return what it has ended with; None if it has not."""
        if self.returncode is None and select.select([self._told], [], [], 0)[0]:
            self.returncode = int(os.read(self._told, 16))
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return what it ends with, if that is within `timeout` seconds."""
        if self.returncode is None and not select.select([self._told], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("cometary", timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended just now
                os.kill(self.pid, signum)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stdout.close()
        self.wait()
        os.close(self._told)


def fork(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    cwd: Path,
    *,
    stderr: int = 2,
    descriptors: int | None = None,
) -> Fork:
    """Run `cometary` with these arguments.

    Args:
        arguments: of the command line.
        environment: all its variables. What Python itself goes by when it starts is as in `tests.servers.ENVIRONMENT`.
        cwd: the directory to run it in.
        stderr: the descriptor of where its log goes.
        descriptors: how many it may have at most, if not as many as this process.
    """
    parent = _parent(os.getpid())
    request = json.dumps([[*arguments], {**environment}, str(cwd), descriptors]).encode()
    read, write = os.pipe()
    told, tell = os.pipe()
    with _asking:
        socket.send_fds(parent, [request], [write, stderr, tell])
        pid = int(parent.recv(16))
    os.close(write)
    os.close(tell)
    return Fork(pid, os.fdopen(read, encoding="utf-8"), told)


@cache
def _parent(_pid: int) -> socket.socket:
    """Start the parent for the process of this id: a fork of the tests has one of its own."""
    from tests.servers import ENVIRONMENT, ROOT  # noqa: PLC0415 - which imports this module

    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        command = [sys.executable, "-m", "tests.forks", str(its.fileno())]
        process = subprocess.Popen(command, pass_fds=[its.fileno()], cwd=ROOT, env=ENVIRONMENT)

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


# -- the parent -----------------------------------------------------------------------------------


def be_parent(control: socket.socket) -> list[str] | None:
    """Have children until the tests are over; returns the arguments of the command line in each of them."""
    import_module("cometary.cli.running")  # what takes so long
    gc.freeze()
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, be_woken)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    children: dict[int, int] = {}
    try:
        return have_children(control, ended, wake, children)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)


def have_children(
    control: socket.socket, ended: int, wake: int, children: dict[int, int]
) -> list[str] | None:
    """Have children as they are asked for, and tell what becomes of them; what is returned is as above.

    Args:
        control: what they are asked for by.
        ended: can be read when one has ended.
        wake: the other side of that.
        children: empty; here, and in no child, they are noted, each with what it is told by what becomes of it.
    """
    asked = control.fileno()
    while True:
        ready, _, _ = select.select([asked, ended], [], [])
        if ended in ready:
            os.read(ended, 4096)
            reap(children)
        if asked not in ready:
            continue
        request, files, _, _ = socket.recv_fds(control, MOST_BYTES, 3)
        if not request:
            return None
        pid = os.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            for one in (ended, wake, control.detach(), *children.values()):
                os.close(one)
            children.clear()
            return be_child(request, files)
        children[pid] = files.pop()
        for one in files:
            os.close(one)
        control.send(b"%d" % pid)


def be_woken(*_: object) -> None:
    """Handle the signal that a child has ended: that it is not ignored has it written where the parent reads."""


def reap(children: dict[int, int]) -> None:
    """Tell of all children that have ended."""
    for pid, tell in [*children.items()]:
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            continue
        code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        with suppress(BrokenPipeError):  # nobody wants to know
            os.write(tell, b"%d" % code)
        os.close(tell)
        del children[pid]
        os.waitpid(pid, 0)


def be_child(request: bytes, files: list[int]) -> list[str]:
    """Become what was asked for; returns the arguments."""
    arguments, environment, cwd, descriptors = json.loads(request)
    os.dup2(files[0], 1)
    os.dup2(files[1], 2)
    for one in files:
        os.close(one)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if descriptors is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.path[0] = cwd
    sys.argv = ["cometary", *arguments]
    return list(arguments)


if __name__ == "__main__":
    given = be_parent(socket.socket(fileno=int(sys.argv[1])))
    sys.exit(None if given is None else main(given))
