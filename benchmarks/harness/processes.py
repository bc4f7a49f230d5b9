"""One server process: started on free ports and one core, ended by its own id."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.workspace import UnavailableError, last_line

START_SECONDS = 20.0
# Some servers wait for their thousands of clients to leave; nothing is measured any more.
STOP_SECONDS = 1.0


def cores() -> tuple[int, int]:
    """Returns the core for servers and the core for the load (the same if there is but one)."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


@contextmanager
def pinned(core: int) -> Generator[None]:
    """Keeps this process on one core, for the children that it starts inside the block.

    A child inherits the mask before its first instruction. Setting it on the child
    afterwards would miss the threads that a runtime starts at once.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def allow_descriptors(wanted: int) -> None:
    """Raises the limit of open files for this process and its children.

    Raises:
        UnavailableError: The hard limit is lower than what is wanted (the machine's fault).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise UnavailableError(f"{wanted} open files are needed, the hard limit is {hard}")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def cpu_seconds(pid: int) -> float:
    """Returns the processor time that a process has taken, all its threads together, to the nanosecond."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(each.read_text("ascii").split()[0]) for each in threads) / 1e9


def free_ports(count: int) -> list[int]:
    """Returns ports of the loopback interface that nothing listens on."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in held]
    for listener in held:
        listener.close()
    return ports


def listening(port: int) -> bool:
    """Says whether something accepts connections on a loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def running(
    argv: Sequence[str],
    *,
    ports: Sequence[int],
    cwd: Path,
    environment: Mapping[str, str],
    start_seconds: float = START_SECONDS,
) -> Generator[int]:
    """Runs a server for the length of the block.

    Args:
        argv: The program and its arguments.
        ports: Where it will listen; the block is entered once all of them answer.
        cwd: Where it runs.
        environment: What is added to this process's environment. ``BENCH_DIR`` is added too:
            a directory for the server's files, gone afterwards.
        start_seconds: How long it may take until it listens.

    Yields:
        Its process id.

    Raises:
        UnavailableError: It ended, or did not listen in time.
    """
    with TemporaryDirectory(prefix="bench-") as scratch:
        log = Path(scratch, "stderr")
        with log.open("wb") as stderr, pinned(cores()[0]):
            server = subprocess.Popen(  # noqa: S603 - the commands are ours
                argv,
                cwd=cwd,
                env={**os.environ, **environment, "BENCH_DIR": scratch},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
        try:
            _await_listening(server, ports, log, start_seconds)
            yield server.pid
        finally:
            _end(server)


def _await_listening(
    server: subprocess.Popen[bytes], ports: Sequence[int], log: Path, seconds: float
) -> None:
    deadline = time.monotonic() + seconds
    for port in ports:
        while not listening(port):
            if server.poll() is not None:
                raise UnavailableError(f"ended at start-up: {last_line(log.read_text('utf-8', 'replace'))}")
            if time.monotonic() > deadline:
                raise UnavailableError(f"did not listen within {seconds:.0f} s")
            time.sleep(0.05)


def _end(server: subprocess.Popen[bytes]) -> None:
    """Ends the server, and whatever it started in the session of its own that it got."""
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
