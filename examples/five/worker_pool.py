"""A pool of workers with back-pressure: each asks for as many jobs as it can take."""

from typing import Any

import trio

from cometary.actors import system
from cometary.behaviours import Consumer, Producer
from cometary.supervision import ChildSpec, supervise


class Jobs(Producer):
    """Has as many jobs as are asked for: numbers."""

    made = 0

    def on_demand(self, demand: int) -> range:
        """Make some."""
        self.made += demand
        return range(self.made - demand, self.made)


class Worker(Consumer):
    """Takes two jobs at a time, and its time for each."""

    def on_start(self) -> None:
        """Ask for the first ones."""
        self.subscribe("jobs", max_demand=2)

    async def on_events(self, events: Any, producer: Any) -> None:  # noqa: ARG002
        """Do some."""
        for job in events:
            await trio.sleep(0.1)
            print(job * job)


async def main() -> None:
    """Let three work for a moment."""
    workers = [ChildSpec(f"worker {number}", Worker) for number in range(3)]
    children = [ChildSpec("jobs", Jobs, name="jobs"), *workers]
    async with system(), supervise(children, strategy="rest_for_one"):
        await trio.sleep(0.25)


if __name__ == "__main__":
    trio.run(main)
