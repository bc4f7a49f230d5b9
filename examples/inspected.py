"""A program without a server whose actors can be looked at in a browser.

python examples/inspected.py
"""

from __future__ import annotations

import trio

from cometary.actors import Actor, system
from cometary.inspector import inspecting
from cometary.supervision import ChildSpec, SupervisorSpec, supervise


class Counter(Actor):
    """Counts what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def on_receive(self, message: int) -> None:
        """Count so many more."""
        self.count += message


async def main(control: str = "127.0.0.1:8081") -> None:
    """Run two counters, and show them, until Ctrl+C."""
    counters = SupervisorSpec([ChildSpec(name, Counter) for name in ("sheep", "goats")])
    async with (
        system(),
        supervise([ChildSpec("counters", counters)], id="farm") as root,
        inspecting(root, control=control) as page,
    ):
        print(page, flush=True)
        await trio.sleep_forever()


if __name__ == "__main__":
    try:
        trio.run(main)
    except* KeyboardInterrupt:
        pass
