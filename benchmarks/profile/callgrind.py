"""A server whose instructions are counted, by valgrind's callgrind, while a mode is played on it; and what it wrote.

Nothing is counted but the rounds of a mode: not the start, nor what opens and ends the sessions of the others.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.harness.processes import free_ports, running
from benchmarks.harness.workspace import UnavailableError, output_of
from benchmarks.profile.modes import Mode, Play

START_SECONDS: Final = 240
CONTROL_SECONDS: Final = 240
APPLICATION: Final = "benchmarks.apps.echo:app"

Costs = Mapping[tuple[str, ...], int]
"""Instructions by stack, the innermost function last."""


class Counted:
    """A running server, under callgrind.

    Args:
        pid: the process.
        ports: where on loopback it listens for clients, and where for back-ends.
        out: the file that callgrind writes, but for the numbers at its end.
    """

    def __init__(self, pid: int, ports: Sequence[int], out: Path) -> None:
        self._pid = pid
        self._ports = ports
        self._out = out
        self._dumps = 0

    def play(self, mode: Mode, clients: int, rounds: int) -> tuple[Costs, int]:
        """Have a mode played; returns what was counted, and for how many deliveries."""
        with Play(mode, self._pid, self._ports, clients) as play:
            play.rounds(2)
            self._say("-i", "on")
            play.rounds(1)  # callgrind has not met these functions yet
            self._say("-z")
            deliveries = play.rounds(rounds)
            self._say("-d")
            self._say("-i", "off")
        self._dumps += 1
        return read(self._out.with_name(f"{self._out.name}.{self._dumps}")), deliveries

    def _say(self, *words: str) -> None:
        output_of(["callgrind_control", *words, str(self._pid)], seconds=CONTROL_SECONDS)


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


def serving(python: str, ports: Sequence[int]) -> list[str]:
    """Return the command that serves; without what has more to do the slower a server is.

    That is the watchdog, the lines of the log that there may be in a second, and the end of sessions whose clients have
    said nothing for a while.
    """
    listening = ["--port", str(ports[0]), "--control", f"127.0.0.1:{ports[1]}", "--socketio", "/socket.io/"]
    timeless = ["--watchdog", "0", "--log-level", "warning", "--die", "600"]
    return [python, "-m", "cometary", "serve", APPLICATION, *listening, *timeless]


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
