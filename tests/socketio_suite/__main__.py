"""Run the tests of npm's socket.io-client against our server; exit status 1 if one fails that is not known to.

The tests are in the repository of Socket.IO, not in the package: they are taken from there, once, to `.cache`;
SOCKETIO_REPOSITORY says where that is, if not on GitHub. The client is the one that `package-lock.json` names. What the
tests' own server does, `application` does, and `relay`, since that server takes clients a little later than they ask;
nothing else is replaced.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from typing import Any, Final

import trio

from tests.servers import ROOT, running_server

PLACE: Final = ROOT / ".cache" / "socketio-suite"
REPOSITORY: Final = os.environ.get("SOCKETIO_REPOSITORY", "https://github.com/socketio/socket.io")
TESTS: Final = "packages/socket.io-client/test"
PORT: Final = 3210
"""Where the tests look for the server."""

APP: Final = "tests/socketio_suite/application.py:app"
OPTIONS: Final = ("--socketio", "/socket.io/", "--socketio-recovery", "on", "--socketio-ping-interval", "2")
PACKAGES: Final = {
    "@sinonjs/fake-timers": "^11.2.2",
    "base64-arraybuffer": "^1.0.2",
    "expect.js": "^0.3.1",
    "has-cors": "^1.1.0",
    "mocha": "^10.6.0",
    "text-blob-builder": "^0.0.1",
    "tsx": "~4.20.6",
}
SECONDS: Final = 600
DELAY: Final = 0.01
"""Seconds that the tests' own server takes before it answers a client that connects."""

NO_QUERY: Final = "an application hears nothing of the query of the URL"
ACKNOWLEDGED: Final = "an event that asks for an acknowledgement gets one when its handler is done"
KNOWN: Final = {
    "socket query option should accept an object (default namespace)": NO_QUERY,
    "socket query option should accept a query string (default namespace)": NO_QUERY,
    "socket query option should accept an object": NO_QUERY,
    "socket query option should accept a query string": NO_QUERY,
    "socket query option should properly encode the parameters": NO_QUERY,
    "retry should fail when the server does not acknowledge the packet": ACKNOWLEDGED,
}
"""Tests that fail, and why they may."""


def prepare() -> None:
    """Have the tests, the client and what runs them, unless that was done before."""
    if (PLACE / "ready").exists():
        return
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    clone = PLACE / "repository"
    run("git", "clone", "--quiet", "--filter=blob:none", "--no-checkout", REPOSITORY, str(clone))
    run("git", "-C", str(clone), "checkout", "--quiet", "HEAD", "--", TESTS)
    shutil.copytree(clone / TESTS, PLACE / "test")
    client = ROOT / "node_modules/socket.io-client"
    version = json.loads((client / "package.json").read_text())["version"]
    # `from ".."` in the tests is the client.
    wanted = {
        "name": "suite",
        "private": True,
        "main": "node_modules/socket.io-client/build/cjs/index.js",
        "dependencies": {**PACKAGES, "socket.io-client": version},
    }
    (PLACE / "package.json").write_text(json.dumps(wanted))
    run("npm", "install", "--no-audit", "--no-fund", "--loglevel", "error")
    (PLACE / "build").symlink_to("node_modules/socket.io-client/build")  # into which some tests look
    (PLACE / "ready").touch()


def run(*command: str) -> None:
    """Run a program in the place, and be done if it fails."""
    if subprocess.run(command, cwd=PLACE, check=False).returncode:
        sys.exit(f"{' '.join(command)} failed: see above")


async def relay(stream: trio.SocketStream, port: int) -> None:
    """Pass on what is said on a connection; of who is new, a moment later."""
    async with (
        stream,
        await trio.open_tcp_stream("127.0.0.1", port) as server,
        trio.open_nursery() as nursery,
    ):
        first = await stream.receive_some()
        if b"&sid=" not in first:
            await trio.sleep(DELAY)
        await server.send_all(first)
        nursery.start_soon(pass_on, server, stream, nursery.cancel_scope)
        await pass_on(stream, server, nursery.cancel_scope)


async def pass_on(one: trio.SocketStream, other: trio.SocketStream, both: trio.CancelScope) -> None:
    """Pass on what one says to the other; when one has gone, the other is to go."""
    with suppress(OSError, trio.BrokenResourceError):
        async for data in one:
            await other.send_all(data)
    both.cancel()


async def run_suite(port: int, arguments: list[str]) -> dict[str, Any]:
    """Run the tests against a server; returns what mocha reports."""
    report = PLACE / "report.json"
    report.unlink(missing_ok=True)
    command = [
        "node_modules/.bin/mocha",
        "--exit",
        "--timeout",
        "20000",
        "--retries",
        "5",
        "--reporter",
        "json",
    ]
    command += ["--reporter-option", f"output={report}", *arguments, "test/index.ts"]
    environment = {**os.environ, "NODE_OPTIONS": "--import=tsx"}  # which some tests start programs with, too
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_tcp, partial(relay, port=port), PORT)
        mocha = await trio.lowlevel.open_process(
            command, cwd=PLACE, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
        )
        with trio.move_on_after(SECONDS):
            await mocha.wait()
        with suppress(ProcessLookupError):
            os.killpg(mocha.pid, signal.SIGKILL)  # one of the tests leaves a program behind
        nursery.cancel_scope.cancel()
    if not report.exists():
        sys.exit("mocha gave no report")
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def main() -> int:
    """Run it; returns the exit status."""
    prepare()
    with running_server(APP, *OPTIONS) as server:
        report = trio.run(run_suite, server.port, sys.argv[1:])
    failures = {each["fullTitle"]: each["err"].get("message", "") for each in report["failures"]}
    passed = {each["fullTitle"] for each in report["passes"]}
    print(f"{len(passed)} passed, {len(failures)} failed, {len(report['pending'])} are for browsers alone")
    for title, message in failures.items():
        print(f"{title}: {KNOWN.get(title) or f'UNEXPECTED: {message}'}")
    wrong = [*(failures.keys() - KNOWN), *(passed & KNOWN.keys())]
    for title in passed & KNOWN.keys():
        print(f"{title}: passes, though it is known to fail")
    return 1 if wrong or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
