"""The tasks on Cometary's scheduler: a plain `on_receive`, no task and no thread of its own."""

from __future__ import annotations

from benchmarks.actors.crowds.cometary_crowd import Counting, run


class Member(Counting):
    """Handles its messages in turns on the scheduler."""

    def on_receive(self, message: int) -> int:
        """Counts a message."""
        return self.handle(message)


if __name__ == "__main__":
    run(Member)
