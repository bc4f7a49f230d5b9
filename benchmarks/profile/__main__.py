"""Counts what a delivery takes: `python -m benchmarks.profile --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.harness.provision import Kit, compiled
from benchmarks.harness.workspace import COMPILED, ROOT, WORK, UnavailableError
from benchmarks.profile.callgrind import counted
from benchmarks.profile.flame import svg
from benchmarks.profile.layers import CompiledLayers, Stack, by_layer, compiled_modules, interpreted_layer
from benchmarks.profile.modes import BY_NAME, Mode
from benchmarks.profile.report import matrix
from benchmarks.profile.steps import count_steps
from benchmarks.profile.system_calls import count_system_calls

CALLERS: Final = 60
"""Callers by which functions are told apart: more than there ever are on a stack of compiled code."""

Shares = dict[str, dict[str, float]]


def main(argv: Sequence[str] | None = None) -> int:
    """Counts, and prints the tables; returns the exit status."""
    options = _parse(argv)
    modes = [BY_NAME[name] for name in options.modes]
    where = ROOT if options.interpreted else COMPILED
    try:
        if not options.interpreted:
            compiled(Kit(python=sys.executable, install=False))
        with TemporaryDirectory(prefix="profile-") as scratch:
            profile = Profile(where, Path(scratch), options.clients, options.rounds)
            profile.count_instructions(modes)
            profile.count_steps(modes)
            profile.count_system_calls(modes)
    except UnavailableError as why:
        print(f"nothing can be counted: {why}", file=sys.stderr)
        return 2
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("--interpreted", action="store_true", help="of the sources, nothing compiled")
    parser.add_argument(
        "--modes", nargs="+", choices=BY_NAME, default=list(BY_NAME), metavar="MODE", help=", ".join(BY_NAME)
    )
    parser.add_argument("--clients", type=int, default=100, help="how many there are")
    parser.add_argument("--rounds", type=int, default=5, help="deliveries to each of them that count")
    return parser.parse_args(argv)


class Profile:
    """Counts, one thing after the other, and prints what it has counted.

    Args:
        where: the checkout, or its compiled copy.
        scratch: a folder for what the tools write.
        clients: how many there are.
        rounds: deliveries to each of them that count.
    """

    def __init__(self, where: Path, scratch: Path, clients: int, rounds: int) -> None:
        self._where, self._scratch = where, scratch
        self._clients, self._rounds = clients, rounds
        self._compiled = where == COMPILED

    def count_instructions(self, modes: Sequence[Mode]) -> None:
        """Count those of the processor."""
        layer = CompiledLayers(compiled_modules())
        callers = CALLERS if self._compiled else 0
        shares: Shares = {}
        with counted(self._where, sys.executable, self._scratch, callers=callers) as server:
            for mode in modes:
                _say(f"instructions, {mode.name}")
                costs, deliveries = server.play(mode, self._clients, self._rounds)
                shares[mode.name] = _each(by_layer(costs, layer), deliveries)
                if self._compiled:
                    self._draw(f"{mode.name}, instructions", "compiled", mode, *layer.readable(costs))
        if not self._compiled:
            shares = {name: {"all": sum(each.values())} for name, each in shares.items()}
        print(f"\nInstructions a delivery\n\n{matrix(shares, 'layer')}")

    def count_steps(self, modes: Sequence[Mode]) -> None:
        """Count those of Python's interpreter."""
        shares: Shares = {}
        for mode in modes:
            _say(f"steps, {mode.name}")
            costs, deliveries = count_steps(
                mode,
                self._where,
                sys.executable,
                self._scratch,
                clients=self._clients,
                rounds=self._rounds,
            )
            shares[mode.name] = _each(by_layer(costs, interpreted_layer), deliveries)
            if not self._compiled:
                layers = {name: interpreted_layer((name,)) for stack in costs for name in stack}
                self._draw(f"{mode.name}, steps of the interpreter", "interpreted", mode, costs, layers)
        print(f"\nSteps of Python's interpreter a delivery\n\n{matrix(shares, 'layer')}")

    def count_system_calls(self, modes: Sequence[Mode]) -> None:
        """Count those of the kernel."""
        shares: Shares = {}
        for mode in modes:
            _say(f"system calls, {mode.name}")
            calls, deliveries = count_system_calls(
                mode, self._where, sys.executable, self._scratch, clients=self._clients, rounds=self._rounds
            )
            shares[mode.name] = _each(calls, deliveries)
        print(f"\nSystem calls a delivery\n\n{matrix(shares, 'call', 2)}")

    def _draw(
        self, title: str, form: str, mode: Mode, costs: Mapping[Stack, int], layers: Mapping[str, str]
    ) -> None:
        WORK.mkdir(exist_ok=True)
        file = WORK / f"flame-{form}-{mode.name.replace(' ', '-')}.svg"
        file.write_text(svg(f"{title}, {form}", costs, layers))
        _say(f"flame graph: {file.relative_to(ROOT)}")


def _each(counts: Mapping[str, int], deliveries: int) -> dict[str, float]:
    return {name: count / deliveries for name, count in counts.items()}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
