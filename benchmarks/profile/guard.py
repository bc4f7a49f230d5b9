"""Sees to it that a delivery takes no more instructions than it did: `python -m benchmarks.profile.guard`.

1.  A count is the least that a mode takes, of `PLAYS` plays in one server: how often the loop comes round while a
    hundred clients are served is a matter of luck, and each time costs a cheap mode some per cent.
2.  Kept is the greatest of `COUNTS` counts, each in a server of its own: these differ by some per cent, too. It is kept
    in `instructions.json`, by what it depends on: the interpreter's build and the C compiler.
3.  A count that is `MORE` times what is kept, or less, passes, and is not played to its end; any other fails.
4.  A commit that makes a delivery dearer, or a good deal cheaper, writes anew what is kept (`--keep`), and says why.
5.  Where nothing is kept for this interpreter and compiler there is nothing to compare with: that is said, and is no
    failure.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.harness import machine
from benchmarks.harness.machine import build_name
from benchmarks.harness.markdown import NOTHING, table
from benchmarks.harness.provision import Kit, compiled, valgrind
from benchmarks.harness.workspace import COMPILED, UnavailableError, output_of
from benchmarks.profile.callgrind import Counted, counted
from benchmarks.profile.modes import MODES, Mode

KEPT: Final = Path(__file__).with_name("instructions.json")
MORE: Final = 1.03
CLIENTS: Final = 100
ROUNDS: Final = 5
PLAYS: Final = 6
COUNTS: Final = 4

Instructions = dict[str, int]
"""By mode."""


def main(argv: Sequence[str] | None = None) -> int:
    """Counts, and compares or keeps; returns the exit status."""
    keep = "--keep" in (sys.argv[1:] if argv is None else argv)
    kept: dict[str, Instructions] = json.loads(KEPT.read_text())
    build = build_of_this()
    if not keep and build not in kept:
        print(f"nothing is kept for {build}: there is nothing to compare with")
        return 0
    try:
        now = greatest([count({}) for _ in range(COUNTS)]) if keep else count(kept[build])
    except UnavailableError as why:
        print(f"nothing can be counted: {why}", file=sys.stderr)
        return 2
    print(compared(now, kept.get(build, {})))
    if keep:
        KEPT.write_text(json.dumps({**kept, build: now}, indent=4) + "\n")
        return 0
    dearer = dearer_than(kept[build], now)
    if dearer:
        print(f"{MORE - 1:.0%} more than in {KEPT.name}, or further: {', '.join(dearer)}")
    return int(bool(dearer))


def build_of_this() -> str:
    """Return what the numbers depend on: the interpreter's build, the C compiler, the kind of machine."""
    try:
        compiler = output_of(["cc", "-dumpfullversion"], seconds=20).strip()
    except UnavailableError:
        compiler = "missing"
    interpreter = build_name(machine.interpreter(sys.executable))
    return f"{interpreter}, cc {compiler}, {platform.machine()}"


def count(kept: Mapping[str, int]) -> Instructions:
    """Return what a delivery takes in each mode, counted in a server of its own (rules 1 and 3).

    Args:
        kept: what is kept, by mode.

    Raises:
        UnavailableError: there is no valgrind, nothing could be compiled, or the server does not start.
    """
    kit = Kit(python=sys.executable, install=True)
    valgrind(kit)
    compiled(kit)
    with (
        TemporaryDirectory(prefix="guard-") as scratch,
        counted(COMPILED, sys.executable, Path(scratch)) as server,
    ):
        return {mode.name: least(partial(once, server, mode), kept.get(mode.name)) for mode in MODES}


def once(server: Counted, mode: Mode) -> int:
    """Play a mode; returns what a delivery took."""
    costs, deliveries = server.play(mode, CLIENTS, ROUNDS)
    return sum(costs.values()) // deliveries


def least(play: Callable[[], int], kept: int | None) -> int:
    """Return the least of some plays: what comes in between, as a packet that is late, only ever adds to one.

    It is played no more once that is no more than is allowed; where nothing is kept, `PLAYS` times.
    """
    count = play()
    for _ in range(PLAYS - 1):
        if kept is not None and count <= MORE * kept:
            break
        count = min(count, play())
    return count


def greatest(counts: Sequence[Instructions]) -> Instructions:
    """Return of each mode the greatest of some counts (rule 2)."""
    return {mode: max(count[mode] for count in counts) for mode in counts[0]}


def dearer_than(kept: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    """Return the modes in which a delivery takes more by more than is allowed; one of which nothing is kept is none."""
    return [mode for mode, count in now.items() if mode in kept and count > MORE * kept[mode]]


def compared(now: Mapping[str, int], kept: Mapping[str, int]) -> str:
    """Return a table of what a delivery takes, and took."""
    rows = [
        [mode, f"{count:,}", f"{kept[mode]:,}", f"{count / kept[mode] - 1:+.1%}"]
        if mode in kept
        else [mode, f"{count:,}", NOTHING, NOTHING]
        for mode, count in now.items()
    ]
    return table(["mode", "instructions", "kept", "change"], rows)


if __name__ == "__main__":
    sys.exit(main())
