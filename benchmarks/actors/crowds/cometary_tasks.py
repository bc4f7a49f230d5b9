"""The tasks on Cometary with a Trio task an actor, which an `async def on_receive` gets."""

from __future__ import annotations

from benchmarks.actors.crowds.cometary_crowd import Counting, run


class Member(Counting):
    """Handles its messages in a task of its own."""

    async def on_receive(self, message: int) -> int:
        """Counts a message."""
        return self.handle(message)


if __name__ == "__main__":
    run(Member)
