"""Measures what the model of scale stands on, checks the model by runs, and says how far it goes.

python -m benchmarks.scale              # some minutes; needs redis-server
python -m benchmarks.scale --plots      # and draws docs/images/scale-*.svg, by matplotlib
python -m benchmarks.scale --echoes 500 # quick, and rough
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator

from benchmarks.harness.provision import Kit
from benchmarks.scale.measure import Found, measured
from benchmarks.scale.model import Constants, echo_cost, need, update_cost
from benchmarks.scale.plots import draw
from benchmarks.scale.workloads import SIZES, WORKLOADS
from cometary import __version__
from cometary.version import kind

Check = tuple[str, int, float, float]
"""What was run on how many nodes, what the model says it costs, and what it did cost."""


def checks(found: Found) -> Iterator[Check]:
    """Yield what no constant was made of: what the model says of it, and what it cost."""
    for size in (2, 3):
        said = echo_cost(found.constants, size, recorded=False)[0]
        yield "echo, nodes", size, said, found.costs[f"echo on {size}"].node
        said = update_cost(found.constants, size)
        yield "echo told to all, nodes", size, said, found.costs[f"tell on {size}"].node
        node, engine = echo_cost(found.constants, size, recorded=True)
        cost = found.costs[f"recorded on {size}"]
        yield "recorded echo, nodes", size, node, cost.node
        yield "recorded echo, engine", size, engine, cost.engine


def print_needs(constants: Constants) -> None:
    """Print what each workload needs, at each size."""
    print("\n| workload | sessions | nodes | cores of nodes | of these forwarding | links | ", end="")
    print("engine calls/s | engine cores | engine MB/s | engine GB | engine shards |")
    print("| --- |" + 10 * " --- |")
    for workload in WORKLOADS:
        for sessions, nodes in SIZES:
            it = need(constants, workload, sessions, nodes)
            print(
                f"| {workload.name} | {sessions:,} | {nodes} | {it.node_cores:.2f} | {it.forwarding:.2f} "
                f"| {it.links:.2f} | {it.engine_calls:,.0f} | {it.engine_cores:.2f} "
                f"| {it.engine_bytes / 1e6:.1f} | {it.engine_memory / 1e9:.2f} | {it.shards} |"
            )


def main() -> None:
    """Measure, check, and print; and draw if that is wanted."""
    parser = ArgumentParser(prog="python -m benchmarks.scale")
    parser.add_argument("--echoes", type=int, default=3_000, help="in each of the rounds")
    parser.add_argument("--plots", action="store_true", help="draw them for the documentation")
    options = parser.parse_args()
    print(f"cometary {__version__}, {kind()}; processor time in microseconds\n")
    found = measured(options.echoes)
    constants = found.constants
    for name, value in constants._asdict().items():
        print(f"- {name}: {value:.2f}")
    print("\n| run | nodes | model | measured | off by |\n| --- | --- | --- | --- | --- |")
    for name, size, said, cost in checks(found):
        print(f"| {name} | {size} | {said:.1f} | {cost:.1f} | {100 * (said / cost - 1):+.0f} % |")
    print_needs(constants)
    if options.plots:
        for path in draw(Kit(sys.executable, install=True), constants):
            print(path)


if __name__ == "__main__":
    main()
