"""The server as a process: its ready line, signals and exit status."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from cometary.cli.running import MOST_OPEN_FILES, raise_open_files
from cometary.config import Settings
from tests.servers import ROOT

READY = re.compile(r"cometary: comet (http://127\.0\.0\.1:\d+/comet), control (http://127\.0\.0\.1:\d+)\n")
ANY_PORTS = ("--port", "0", "--control", "127.0.0.1:0")
Start = Callable[..., "subprocess.Popen[str]"]

HANGS_WHILE_STOPPING = """
import sys, time, trio
from cometary import server
from cometary.cli import main

class Running:
    comet = control = "nowhere"
    def stop(self):
        print("stopping", flush=True)
        time.sleep(600)

async def serve(settings, app, *, network, source, colleagues, cluster, task_status):
    task_status.started(Running())
    await trio.sleep_forever()

server.serve = serve
sys.exit(main(["serve"]))
"""


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a Python process in the way of `cometary`; it is killed after the test at the latest."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_gracefully(start: Start, signum: signal.Signals) -> None:
    process = start("-m", "cometary", "serve", *ANY_PORTS)
    assert READY.fullmatch(first_line(process))
    process.send_signal(signum)
    out, log = process.communicate(timeout=60)
    assert out == ""
    assert re.search(r"cometary \S+, (compiled|interpreted), on Python 3\.\d+\.\d+\S*$", log.strip()), log
    assert len(log.splitlines()) == 1
    assert process.returncode == 0


def test_a_hang_up_is_logged_and_changes_nothing(start: Start) -> None:
    process = start("-m", "cometary", "serve", *ANY_PORTS)
    assert READY.fullmatch(first_line(process))
    assert process.stderr is not None
    assert " on Python " in process.stderr.readline()
    for _ in range(2):
        process.send_signal(signal.SIGHUP)
        assert "read again; changed: nothing" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once_even_when_the_loop_hangs(
    start: Start, signum: signal.Signals
) -> None:
    process = start("-c", HANGS_WHILE_STOPPING)
    first_line(process)
    process.send_signal(signal.SIGTERM)
    assert first_line(process) == "stopping\n"
    process.send_signal(signum)
    assert process.wait(timeout=30) == -signum


SLOW_APPLICATION = """
import trio
from cometary import App
app = App()

@app.signon
def joined(session):
    session.send("a", "a secret")

@app.packet("slow")
async def slow(session, path, message):
    await trio.sleep(600)
"""


def test_a_handler_that_outlasts_the_stop_is_one_line_and_every_session_is_told(
    start: Start, tmp_path: Path
) -> None:
    slow = tmp_path / "my_slow.py"
    slow.write_text(SLOW_APPLICATION, encoding="utf-8")
    process = start(
        "-m", "cometary", "serve", f"{slow}:app", *ANY_PORTS, "--stop-grace", "0.2", "--log-level", "warning"
    )
    ready = READY.fullmatch(first_line(process))
    assert ready is not None
    packets = [{"path": "slow", "message": 1}]
    with httpx.Client(trust_env=False) as http, ThreadPoolExecutor(1) as thread:
        sid = http.post(ready[1], json={"rid": 1}).json()["sid"]
        body = {"sid": sid, "rid": 2, "packets": packets}
        assert len(http.post(ready[1], json=body).json()["packets"]) == 1
        held = thread.submit(http.post, ready[1], json={"sid": sid, "rid": 3, "ack": 1})
        process.send_signal(signal.SIGTERM)
        assert held.result().json()["reason"] == "shutdown"
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    [line] = err.splitlines()
    assert "1 sessions have not signed off in time" in line
    assert "secret" not in line


@pytest.mark.parametrize("command", ["serve", "demo"])
@pytest.mark.parametrize(
    "options", [("--port={}", "--control=127.0.0.1:0"), ("--port=0", "--control=127.0.0.1:{}")]
)
def test_an_address_in_use_is_named_in_one_line_and_status_1(
    start: Start, command: str, options: tuple[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("-m", "cometary", command, *[option.format(port) for option in options])
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert err == f"cometary: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_the_demo_takes_a_free_control_port_where_nobody_asked_for_the_one_that_is_taken(
    start: Start,
) -> None:
    with ExitStack() as taken:
        with suppress(OSError):  # it may be taken already, which is as good
            taken.enter_context(socket.create_server(Settings().control))
        demo = start("-m", "cometary", "demo", "--port", "0")
        ready = READY.fullmatch(first_line(demo))
        assert ready
        assert not ready[2].endswith(str(Settings().control))


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_streams_may_be_closed_when_it_starts(tmp_path: Path, closed: str) -> None:
    program = tmp_path / "ready.py"
    program.write_text(
        """
import os, sys, trio
from cometary import App
app = App()
@app.task
async def tell(running):
    print("printed", flush=True)
    print("printed", file=sys.stderr, flush=True)
    # Connections must not have got the place of what was closed.
    kinds = [os.path.realpath(f"/proc/self/fd/{number}") for number in range(3)]
    with open(os.environ["READY"], "w") as ready:
        ready.write(" ".join(kinds))
    await trio.sleep_forever()
""",
        encoding="utf-8",
    )
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    command = f"exec {sys.executable} -W error -m cometary serve {program}:app {' '.join(ANY_PORTS)} {closed}"
    with subprocess.Popen(
        ["/bin/sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "READY": str(ready)},
    ) as process:
        kinds = ready.read_text(encoding="utf-8").split()
        process.terminate()
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    if "2>&-" in closed:
        assert err == b""
    else:
        assert {b" on Python ", b"printed"} == {
            words for words in (b" on Python ", b"printed") if words in err
        }
    assert out == b"" or ">&-" not in closed.replace("2>&-", "")
    assert b"Traceback" not in out + err
    assert all(kind == "/dev/null" or kind.startswith(("/proc/", "pipe")) for kind in kinds), kinds
    assert "/dev/null" in kinds


def test_an_application_is_served(start: Start, tmp_path: Path) -> None:
    chat = tmp_path / "my_chat.py"
    chat.write_text("from cometary import App\napp = App()\n", encoding="utf-8")
    process = start("-m", "cometary", "serve", f"{chat}:app", *ANY_PORTS)
    assert READY.fullmatch(first_line(process))


def test_a_server_by_itself_imports_nothing_of_a_cluster_or_for_what_is_not_asked_of_it(start: Start) -> None:
    code = "import sys, cometary, cometary.server, cometary.server.running; print(*sys.modules)"
    out, _ = start("-c", code).communicate(timeout=60)
    imported = set(out.split())
    assert "cometary.server" in imported
    of_a_cluster = {name for name in imported if name.startswith("cometary.cluster")}
    assert of_a_cluster == {
        "cometary.cluster",
        "cometary.cluster.node_settings",
        "cometary.cluster.settings",
    }
    assert not {"httpx", "jwt"} & imported


def test_a_wrong_option_does_not_wait_for_the_server_to_be_imported(start: Start) -> None:
    code = "import sys, cometary.cli; cometary.cli.main(['serve', '--port', 'x']); print(*sys.modules)"
    out, _ = start("-c", code).communicate(timeout=60)
    assert not {"trio", "httpx", "structlog", "cometary.server"} & set(out.split())


def test_a_hang_up_and_a_call_have_the_file_read_again(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "cometary.toml"
    file.write_text('log-level = "info"\n')
    process = start("-m", "cometary", "serve", *ANY_PORTS, "--config", str(file))
    ready = READY.fullmatch(first_line(process))
    assert ready
    assert process.stderr is not None
    assert " on Python " in process.stderr.readline()
    file.write_text("max-sessions = 1\nwait = 7\nprot = 1\n")
    process.send_signal(signal.SIGHUP)
    assert f"stays as it was: {file}: prot: there is no such option; did you" in process.stderr.readline()
    file.write_text("max-sessions = 1\nwait = 7\n")
    process.send_signal(signal.SIGHUP)
    assert "changed: max-sessions" in process.stderr.readline()
    assert "wait has changed, and needs a restart" in process.stderr.readline()
    file.write_text('max-sessions = 1\nlog-level = "warning"\n')
    answer = httpx.post(f"{ready[2]}/reload").json()
    assert answer == {"changed": ["log-level"], "restart": [], "certificate": False}
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "INFO" not in log.partition("changed: log-level")[2]


def test_it_may_have_as_many_open_files_as_the_system_lets_it_ask_for() -> None:
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(MOST_OPEN_FILES, soft if hard == resource.RLIM_INFINITY else hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most // 2, hard))
    try:
        raise_open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
