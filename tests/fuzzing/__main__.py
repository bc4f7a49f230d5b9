"""Send malformed requests to a server of its own: python -m tests.fuzzing [--requests N] [--seed S] [--wire W].

The exit status is 1 if anything happened that must not. Each such thing is printed with the number
of its case; `--case N` sends that one alone.
"""

from __future__ import annotations

import argparse
import sys

import trio

from tests.fuzzing.attack import answer, case
from tests.fuzzing.campaign import campaign
from tests.fuzzing.sessions import OPEN
from tests.fuzzing.target import DIE, target


def main() -> int:
    """Run it, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description="Send malformed requests.")
    parser.add_argument("--requests", type=int, default=100_000, help="how many malformed ones")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--case", type=int, help="send this one alone")
    parser.add_argument(
        "--wire", choices=sorted({*OPEN} - {"control"}), default="comet", help="on which wire"
    )
    parser.add_argument(
        "--die",
        type=float,
        default=DIE,
        help="seconds that the server waits for anybody; more on a busy machine",
    )
    options = parser.parse_args()
    if options.case is not None:
        return trio.run(_send, options.seed, options.case, options.wire)
    with target(options.die) as running:
        result = trio.run(campaign, running, options.seed, options.requests, options.wire)
    print(result)  # noqa: T201 - a program prints
    return 1 if result.faults else 0


async def _send(seed: int, number: int, wire: str) -> int:
    entry, content = case(seed, number, wire)
    print(f"from {entry.name}: {content!r}")  # noqa: T201 - a program prints
    with target() as running:
        sid = await OPEN[wire](running.ports.comet)
        print(await answer(running.ports, entry, content, sid))  # noqa: T201 - the same
        print(running.logged())  # noqa: T201 - the same
    return 0


if __name__ == "__main__":
    sys.exit(main())
