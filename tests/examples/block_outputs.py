"""Comparing what pages say is printed with what is."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Final, cast

import pytest
import trio
from trio.testing import MockClock

from cometary.actors import system
from cometary.chaos.ledger import Counts
from cometary.chaos.report import Report
from cometary.config import Address, Settings
from cometary.connector import Connector
from cometary.errors import ActorEndedError, ConfigError
from cometary.settings import load
from examples.code_lock.two_states import Lock
from tests.examples.block_commands import bash
from tests.examples.code_blocks import Block
from tests.examples.sessions import ClientSession
from tests.servers import ENVIRONMENT, ROOT, running_server

VOLATILE: Final = re.compile(
    r"(?P<moment>[\d-]{10} [\d:]{8},\d{3})|(?P<name>\b[0-9a-f]{10}\b)|(?P<urn>urn:uuid:[0-9a-f…-]+)"
    r"|(?P<duration>\d+\.\d{3} s\b)|(?P<count>(?<=Request )\d+|(?<=ack )\d+|\d+(?= packets)|(?<=so far: )\d+)"
    r"|(?P<any>…)"
)
"""What is another in each run, and `…`, which is anything."""

ALLOWED: Final = {
    "moment": r"[\d-]{10} [\d:]{8},\d{3}",
    "name": r"[0-9a-f]{10}",
    "urn": r"urn:uuid:[0-9a-f-]+",
    "duration": r"\d+\.\d{3} s",
    "count": r"\d+",
    "any": r".*?",
}
"""What may stand there."""

ORDERS: Final[list[tuple[str, object]]] = [("order", {}), ("order", {"count": 2, "price": 3})]
"""The first one crashes its actor; the second one is answered."""


VIRTUAL: Final = """
import functools, runpy, sys, trio
from trio.testing import MockClock
trio.run = functools.partial(trio.run, clock=MockClock(autojump_threshold=0))
runpy.run_module(sys.argv[1], run_name="__main__")
"""
"""Runs a module in virtual time."""


def printed_by(program: str, block: Block, _: Path) -> None:
    """Compare with what a program prints to standard output."""
    done = subprocess.run(
        [sys.executable, "-c", VIRTUAL, program],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(block.text)
    rest = done.stdout.removeprefix(block.text)
    assert rest in {"", f"{Lock.table()}\n"}, "the page does not tell of all that is printed"


def is_ready_line(block: Block, _: Path) -> None:
    settings = Settings()
    public = Address(settings.host, settings.port).url
    assert (
        block.text
        == f"cometary: comet {public}{settings.comet}, control {settings.control.url_of(secure=False)}\n"
    )


def is_synopsis(block: Block, tmp_path: Path) -> None:
    """Ask each command that is named for its help."""
    for line in block.lines:
        command = line.split()[1]
        options = [] if command == "--version" else ["--help"]
        assert bash(shlex.join([sys.executable, "-m", "cometary", command, *options]), tmp_path)


def is_checked(block: Block, tmp_path: Path) -> None:
    """Run the command behind `$`, with a file of the test's own."""
    first, *_ = block.lines
    (file := tmp_path / "cometary.toml").write_text("port = 0\n")
    command = first.removeprefix("$ ").replace("/etc/cometary.toml", str(file))
    said = bash(command.replace("cometary check", f"{sys.executable} -m cometary check"), tmp_path)
    assert f"{first}\n{said}" == block.text


def is_report(block: Block, _: Path) -> None:
    url, seed = re.findall(r"(http\S+), seed (\d+)", block.text)[0]
    report = Report(
        mode="jitter",
        url=url,
        sessions=200,
        seconds=60,
        seed=int(seed),
        up=Counts(11977, 11977),
        down=Counts(14377, 14377),
        endings=Counts(76213, 76213),
        seen_off=200,
        broken=1562,
        crashed=0,
        troubles={"broken": 1562},
        promised=frozenset({"broken"}),
        replays={"count": 1204, "p50": 0.001, "p99": 0.018, "max": 0.042},
        zombies={"left": 0, "closed": 0, "longest": 0},
        lag={"p99": 0.001, "max": 0.1},
        answers={"p99": 0.002, "max": 0.02},
    )
    assert block.text == f"{report}\n"


def is_what_is_wrong(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "cometary.toml"
    file.write_text("prot = 1\n")
    said: list[str] = []
    given: list[tuple[dict[str, str], dict[str, str]]] = [
        ({}, {"COMETARY_PORT": "http"}),
        ({"config": str(file)}, {}),
        ({"control": "0.0.0.0:8081"}, {}),
    ]
    for arguments, environment in given:
        with pytest.raises(ConfigError) as refused:
            load(arguments, environment)
        said.append(f"cometary: {refused.value}\n".replace(str(file), file.name))
    assert block.text == "".join(said)


def logged_by(app: str, packets: list[tuple[str, object]], block: Block, tmp_path: Path) -> None:
    """Compare with the log of a server whose application gets these packets."""
    log = tmp_path / "log"
    with (
        log.open("wb") as file,
        running_server(app, log=file) as server,
        ClientSession(server.comet) as session,
    ):
        session.exchange(*packets)
        server.stop()
    assert re.search(pattern_of(block.text), log.read_text().replace(f"{ROOT}/", ""), re.DOTALL), (
        log.read_text()
    )


def pattern_of(shown: str) -> str:
    """Return the expression for what a page shows: what differs from run to run may."""
    pattern, end = "", 0
    for volatile in VOLATILE.finditer(shown.rstrip("\n")):
        assert volatile.lastgroup
        pattern += re.escape(shown[end : volatile.start()]) + ALLOWED[volatile.lastgroup]
        end = volatile.end()
    return pattern + re.escape(shown[end:].rstrip("\n"))


def is_a_failed_expectation(block: Block, _: Path) -> None:
    from cometary.testing import Probe  # noqa: PLC0415
    from examples.auction import Auction  # noqa: PLC0415

    async def expect() -> None:
        async with system():
            auction, probe = Auction.start("a comet", patience=60), Probe.start()
            probe.watch(auction)
            probe.tell("hello")
            await probe.expect_down(auction, reason="normal")

    with pytest.raises(AssertionError) as failed:
        trio.run(expect, clock=MockClock(autojump_threshold=0))
    assert re.fullmatch(pattern_of(block.text), f"AssertionError: {failed.value}")


def suppress_nothing(*_: object) -> nullcontext[None]:
    """Stand in for `contextlib.suppress`."""
    return nullcontext()


def is_the_race(block: Block, _: Path) -> None:
    """Take the `suppress` out, as the tutorial says, and run the test that finds what it was there for."""
    from examples.key_value import watched  # noqa: PLC0415
    from tests.examples.test_key_value import test_a_watcher_may_end_at_any_time  # noqa: PLC0415

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watched, "contextlib", SimpleNamespace(suppress=suppress_nothing))
        with pytest.raises(ActorEndedError) as failed:
            test_a_watcher_may_end_at_any_time()
    kind = type(failed.value)
    said = "\n".join([f"{kind.__module__}.{kind.__name__}: {failed.value}", *failed.value.__notes__])
    assert re.fullmatch(pattern_of(block.text), said), said


def answered_by(path: str, block: Block, _: Path) -> None:
    """Compare the names, down to the deepest, with those that the server answers."""
    with running_server("examples/crashing.py:app") as server, ClientSession(server.comet) as session:
        session.exchange(*ORDERS)
        with Connector(server.control) as connector:
            real = connector.tree() if path == "/tree" else {"sessions": connector.sessions()}
    assert names_of(json.loads(block.text)) <= names_of(real)


def names_of(value: object) -> set[str]:
    """Return the names of all members, also of those within others."""
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return {*members, *(name for each in members.values() for name in names_of(each))}
    return (
        {name for each in cast("list[object]", value) for name in names_of(each)}
        if isinstance(value, list)
        else set()
    )


OUTPUTS: Final[list[tuple[str, str, Callable[[Block, Path], None]]]] = [
    ("docs/how-to/debug-a-crash.md", "2026-", partial(logged_by, "examples/crashing.py:app", ORDERS)),
    ("docs/how-to/debug-a-crash.md", '{"id": ', partial(answered_by, "/tree")),
    ("docs/how-to/debug-a-crash.md", '{"sessions": ', partial(answered_by, "/sessions")),
    (
        "docs/how-to/find-a-blocking-handler.md",
        "2026-",
        partial(logged_by, "examples/blocking.py:app", [("question", {})]),
    ),
    ("docs/how-to/test-actors.md", "AssertionError: probe expected", is_a_failed_expectation),
    ("docs/reference/chaos.md", "cometary chaos [MODE]", is_synopsis),
    ("docs/reference/chaos.md", "jitter: 200 sessions", is_report),
    ("docs/reference/command-line.md", "cometary serve [MODULE:APP]", is_synopsis),
    ("docs/reference/command-line.md", "cometary: comet ", is_ready_line),
    ("docs/reference/command-line.md", "$ COMETARY_QUEUE_PACKET=500", is_checked),
    ("docs/reference/configuration.md", "cometary: COMETARY_PORT:", is_what_is_wrong),
    ("docs/tutorial/door-lock.md", "Button(", partial(printed_by, "examples.code_lock.two_states")),
    ("docs/tutorial/door-lock.md", "open: True", partial(printed_by, "examples.code_lock.door")),
    ("docs/tutorial/first-push.md", "cometary: comet ", is_ready_line),
    ("docs/tutorial/key-value-server.md", "blue", partial(printed_by, "examples.key_value.store")),
    ("docs/tutorial/key-value-server.md", "visits: 1", partial(printed_by, "examples.key_value.client")),
    ("docs/tutorial/key-value-server.md", "crash: ", partial(printed_by, "examples.key_value.supervised")),
    ("docs/tutorial/key-value-server.md", "colour: None", partial(printed_by, "examples.key_value.watched")),
    ("docs/tutorial/key-value-server.md", "3", partial(printed_by, "examples.key_value.alarm")),
    ("docs/tutorial/key-value-server.md", "cometary.errors.ActorEndedError: ", is_the_race),
]
"""Blocks that show what something prints, by page and the beginning of the first line."""


def outputs_of(block: Block) -> list[Callable[[Block, Path], None]]:
    """Return what compares a block with what is printed; one or none."""
    return [
        compare for page, begins, compare in OUTPUTS if block.page == page and block.first.startswith(begins)
    ]
