"""Measures how the server grows: `python -m benchmarks.growth --help`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from benchmarks.growth import report
from benchmarks.growth.back_ends import BackEnds
from benchmarks.growth.latency import Latency
from benchmarks.growth.paths_and_packets import PathsAndPackets
from benchmarks.growth.plots import draw
from benchmarks.growth.question import Question
from benchmarks.growth.scale import FULL, QUICK, Scale
from benchmarks.growth.sessions import BySessions
from benchmarks.harness import machine, results
from benchmarks.harness.provision import Kit, build_swarm, compiled
from benchmarks.harness.target import Target
from benchmarks.harness.workspace import COMPILED, UnavailableError

PATHS_SECONDS: Final = 600


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, prints the report, and saves it with its plots.

    Returns:
        0 if everything was measured; 2 if not.
    """
    options = _parse(argv)
    kit = Kit(python=options.python, install=not options.no_install)
    scale = QUICK if options.quick else FULL
    scale = replace(scale, rounds=options.rounds or scale.rounds)
    try:
        build = machine.interpreter(kit.python)
        build_swarm()
        compiled(kit)
    except UnavailableError as why:
        print(f"nothing can be measured: {why}", file=sys.stderr)
        return 2
    questions = [question for name in options.parts for question in PARTS[name](kit, scale)]
    facts = {**machine.facts(), "interpreter": machine.build_name(build)}
    text = report.report(questions, facts)
    print(text)
    if not options.quick:
        print(f"saved as {results.save('growth', text, report.data(questions, facts)).name}", file=sys.stderr)
        _draw(kit, questions)
    return 2 if any(each.missing for each in questions) else 0


def without_wire(kit: Kit, scale: Scale) -> list[Question]:
    """Runs the trials that need no wire, in a process of their own, compiled."""
    question = Question("subscriptions", "Subscriptions, presence, history, encodings", "", "")
    command = [kit.subject(), "-m", "benchmarks.paths", "--json", "--share", str(scale.share)]
    try:
        done = subprocess.run(  # noqa: S603 - the command is ours
            command, cwd=COMPILED, stdout=subprocess.PIPE, text=True, timeout=PATHS_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        question.missing["all of it"] = f"it took longer than {PATHS_SECONDS} s"
        return [question]
    question.targets = [Target(**json.loads(line)) for line in done.stdout.splitlines()]
    if done.returncode not in {0, 1}:  # 1: a target was missed
        question.missing["some of it"] = f"exit status {done.returncode}"
    return [question]


PARTS: Final[dict[str, Callable[[Kit, Scale], list[Question]]]] = {
    "sessions": lambda kit, scale: BySessions(kit, scale).ask(),
    "latency": lambda kit, scale: Latency(kit, scale).ask(),
    "paths": lambda kit, scale: PathsAndPackets(kit, scale).ask(),
    "back-ends": lambda kit, scale: BackEnds(kit, scale).ask(),
    "subscriptions": without_wire,
}


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little of everything, once; not saved")
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS)
    )
    parser.add_argument("--rounds", type=int, help="how often everything is measured (default: 3)")
    parser.add_argument("--python", default=sys.executable, help="the interpreter to measure on")
    parser.add_argument(
        "--no-install", action="store_true", help="draw no plots unless what draws them is there"
    )
    return parser.parse_args(argv)


def _draw(kit: Kit, questions: Sequence[Question]) -> None:
    try:
        for file in draw(kit, questions):
            print(f"plotted in docs/images/{file.name}", file=sys.stderr)
    except UnavailableError as why:
        print(f"there are no plots: {why}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
