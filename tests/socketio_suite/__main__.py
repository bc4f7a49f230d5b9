"""Run the tests of npm's socket.io-client against our server; exit status 1 if one fails that is not known to.

The tests are in the repository of Socket.IO, not in the package. They are taken from there, once for each version, to
`.cache`: those of the tag `socket.io-client@VERSION`, with the version that `package-lock.json` names, which is also
the client that is tested. SOCKETIO_REPOSITORY says where the repository is, if not on GitHub, and SOCKETIO_TAG which
tag to take where it does not have that one. What runs them is as `package-lock.json` beside this file says. What the
tests' own server does, `application` does, and `relay`, since that server takes clients a little later than they ask;
nothing else is replaced.

Unless arguments for mocha choose some of them, at least `LEAST` tests have to run: it is no success if hardly any did.
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
from pathlib import Path
from typing import Any, Final

import trio

from tests.servers import ROOT, running_server

HERE: Final = Path(__file__).parent
PLACE: Final = ROOT / ".cache" / "socketio-suite"
REPOSITORY: Final = os.environ.get("SOCKETIO_REPOSITORY", "https://github.com/socketio/socket.io")
TESTS: Final = "packages/socket.io-client/test"
CLIENT: Final = ROOT / "node_modules" / "socket.io-client"
PORT: Final = 3210
"""Where the tests look for the server."""

APP: Final = "tests/socketio_suite/application.py:app"
OPTIONS: Final = ("--socketio", "/socket.io/", "--socketio-recovery", "on", "--socketio-ping-interval", "2")
SECONDS: Final = 300
AGAIN: Final = 3
"""How often a test that fails is run again, in a process of its own: many have 50 or 100 ms for all that happens."""

CLOCK: Final = "reconnect timeout"
"""Tests that stop the clock, and leave it so if they fail, so that all others in their process fail as well."""

PARTS: Final = (("--fgrep", CLOCK), ("--fgrep", CLOCK, "--invert"))
DELAY: Final = 0.01
"""Seconds that the tests' own server takes before it answers a client that connects."""

LEAST: Final = 100
"""Tests that there are in any version, at least: in 4.8.3 there were 111."""

KNOWN: Final = {
    "retry should fail when the server does not acknowledge the packet": (
        "an event that asks for an acknowledgement gets one when its handlers are done, whatever they return"
    ),
}
"""Tests that fail, and why they may."""


def wanted() -> tuple[str, str]:
    """Return the version of the client that is tested, and the tag of its tests."""
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    version: str = lock["packages"]["node_modules/socket.io-client"]["version"]
    installed = json.loads((CLIENT / "package.json").read_text(encoding="utf-8"))["version"]
    if installed != version:
        sys.exit(
            f"node_modules has socket.io-client {installed}, package-lock.json names {version}: run npm ci"
        )
    return version, os.environ.get("SOCKETIO_TAG", f"socket.io-client@{version}")


def prepare(version: str, tag: str) -> None:
    """Have the tests of a tag, the client and what runs them, unless that was done before."""
    lock = (HERE / "package-lock.json").read_text(encoding="utf-8")
    done, ready = f"{version} {tag}\n{lock}", PLACE / "ready"
    if ready.exists() and ready.read_text(encoding="utf-8") == done:
        return
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    clone = PLACE / "repository"
    run("git", "clone", "--quiet", "--filter=blob:none", "--no-checkout", REPOSITORY, str(clone))
    run("git", "-C", str(clone), "checkout", "--quiet", f"refs/tags/{tag}", "--", TESTS)
    shutil.copytree(clone / TESTS, PLACE / "test")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, PLACE / name)
    run("npm", "ci", "--no-audit", "--no-fund", "--loglevel", "error")
    (PLACE / "build").symlink_to(
        CLIENT / "build"
    )  # which `from ".."` in the tests is, and into which some look
    ready.write_text(done, encoding="utf-8")


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


async def run_suites(port: int, arguments: list[str]) -> Report:
    """Run the tests against a server, and those that fail again, each alone; returns what came of it."""
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_tcp, partial(relay, port=port), PORT)
        report = Report()
        for part in PARTS:
            report.add(await run_mocha([*arguments, *part]))
        for _ in range(AGAIN):
            for title in report.failures.keys() - KNOWN:
                report.add(await run_mocha([*arguments, "--fgrep", title]))
        nursery.cancel_scope.cancel()
    return report


class Report:
    """What came of the tests.

    Attributes:
        passes: the titles of those that have passed at least once.
        failures: the messages of those that have not, by their titles.
        pending: how many are for browsers alone.
    """

    def __init__(self) -> None:
        self.passes: set[str] = set()
        self.failures: dict[str, str] = {}
        self.pending: int = 0

    def add(self, told: dict[str, Any]) -> None:
        """Take what mocha reports of some of them."""
        self.pending += len(told["pending"])
        self.passes |= {each["fullTitle"] for each in told["passes"]}
        failures = {each["fullTitle"]: each["err"].get("message", "") for each in told["failures"]}
        self.failures = {
            title: message
            for title, message in (self.failures | failures).items()
            if title not in self.passes
        }

    def faults(self, least: int) -> list[str]:
        """Return what is wrong with them, nothing if all is as it should be.

        Args:
            least: how many have to have run, at least.
        """
        ran = len(self.passes) + len(self.failures)
        return [
            *(f"{title}: {self.failures[title]}" for title in self.failures.keys() - KNOWN),
            *(f"{title}: passes, though it is known to fail" for title in self.passes & KNOWN.keys()),
            *([f"only {ran} tests have run, not {least}"] if ran < least else []),
        ]


async def run_mocha(arguments: list[str]) -> dict[str, Any]:
    """Run some of the tests in a process of their own; returns what mocha reports."""
    report = PLACE / "report.json"
    report.unlink(missing_ok=True)
    command = ["node_modules/.bin/mocha", "--exit", "--timeout", "5000", "--reporter", "json"]
    command += ["--reporter-option", f"output={report}", *arguments, "test/index.ts"]
    environment = {**os.environ, "NODE_OPTIONS": "--import=tsx"}  # which some tests start programs with, too
    mocha = await trio.lowlevel.open_process(
        command, cwd=PLACE, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    with trio.move_on_after(SECONDS):
        await mocha.wait()
    with suppress(ProcessLookupError):
        os.killpg(mocha.pid, signal.SIGKILL)  # one of the tests leaves a program behind
    if not report.exists():
        sys.exit("mocha gave no report")
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return found


def main() -> int:
    """Run it; returns the exit status."""
    version, tag = wanted()
    prepare(version, tag)
    with running_server(APP, *OPTIONS, "--log-level", "warning") as server:
        report = trio.run(run_suites, server.port, sys.argv[1:])
    print(f"socket.io-client {version}, tests of {tag}")
    print(
        f"{len(report.passes)} passed, {len(report.failures)} failed, {report.pending} are for browsers alone"
    )
    for title in report.failures.keys() & KNOWN:
        print(f"{title}: {KNOWN[title]}")
    faults = report.faults(1 if sys.argv[1:] else LEAST)
    for fault in faults:
        print(f"UNEXPECTED: {fault}")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
