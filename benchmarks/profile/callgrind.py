"""A server whose instructions are counted, by valgrind's callgrind, while a mode is played on it; and what it wrote.

Nothing is counted but what lies between `begin` and `end`: not the start, nor what opens and ends the sessions.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.harness.processes import free_ports, running
from benchmarks.harness.workspace import UnavailableError, output_of

START_SECONDS: Final = 240
CONTROL_SECONDS: Final = 240
APPLICATION: Final = "benchmarks.apps.echo:app"

Costs = Mapping[tuple[str, ...], int]
"""Instructions by stack, the innermost function last."""


class Counted:
    """A running server, under callgrind.

    Attributes:
        port: where it listens for clients.
        control: where it listens for back-ends.
    """

    def __init__(self, pid: int, ports: list[int], out: Path) -> None:
        self.port, self.control = ports
        self._pid = str(pid)
        self._out = out
        self._dumps = 0

    def begin(self) -> None:
        """Count from now on."""
        self._say("-i", "on")

    def restart(self) -> None:
        """Forget what was counted."""
        self._say("-z")

    def end(self) -> Costs:
        """Count no longer; returns what was counted."""
        self._say("-d")
        self._say("-i", "off")
        self._dumps += 1
        return read(self._out.with_name(f"{self._out.name}.{self._dumps}"))

    def _say(self, *words: str) -> None:
        output_of(["callgrind_control", *words, self._pid], seconds=CONTROL_SECONDS)


@contextmanager
def counted(where: Path, python: str, scratch: Path, *, callers: int = 0) -> Generator[Counted]:
    """Run the server under callgrind for the length of the block.

    Args:
        where: the checkout, or its compiled copy.
        python: the interpreter.
        scratch: an empty folder for what callgrind writes.
        callers: how many callers of a function are told apart, for flame graphs.

    Raises:
        UnavailableError: there is no valgrind, or the server does not start.
    """
    if shutil.which("valgrind") is None:
        raise UnavailableError("valgrind is not installed (Debian: valgrind)")
    ports = free_ports(2)
    out = scratch / "callgrind.out"
    argv = [
        *("valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"),
        *([f"--separate-callers={callers}"] if callers else []),
        *serving(python, ports),
    ]
    with running(argv, ports=ports, cwd=where, environment=REPEATABLE, start_seconds=START_SECONDS) as pid:
        yield Counted(pid, ports, out)


REPEATABLE: Final = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
"""What makes one run like another."""


def serving(python: str, ports: list[int]) -> list[str]:
    """Return the command that serves."""
    port, control = map(str, ports)
    return [
        python,
        "-m",
        "cometary",
        "serve",
        APPLICATION,
        "--port",
        port,
        "--control",
        f"127.0.0.1:{control}",
    ]


UNKNOWN: Final = ("unknown",)

_name: Final = re.compile(r"\((\d+)\)(?: (.*))?")


def read(file: Path) -> Costs:
    """Read what callgrind wrote: the instructions of each function itself, apart from those that it calls."""
    costs: Counter[tuple[str, ...]] = Counter()
    names: dict[str, str] = {}
    stack: tuple[str, ...] = UNKNOWN
    called = False
    for line in file.read_text("utf-8", "replace").splitlines():
        if line.startswith(("fn=", "cfn=")):
            key, name = _name.fullmatch(line.partition("=")[2]).groups()  # type: ignore[union-attr]
            if name is not None:
                names[key] = name
            if line.startswith("fn="):
                stack = stack_of(names[key])
        elif line.startswith("calls="):
            called = True  # the next line is what the function called has taken
        elif line[:1].isdigit() or line[:1] in "+-*":
            if not called:
                costs[stack] += int(line.partition(" ")[2] or 0)
            called = False
    return costs


def stack_of(name: str) -> tuple[str, ...]:
    """Return the stack that callgrind has written as the name of a function, the innermost first.

    Numbers in it are levels of recursion.
    """
    return tuple(part for part in reversed(name.split("'")) if not part.isdigit())
