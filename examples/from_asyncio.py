"""An asyncio program that asks actors, which run on Trio in a thread of their own."""

import asyncio

from cometary.actors import Actor, system_in_thread


class Counter(Actor):
    """Counts what it is asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def on_receive(self, message: int) -> int:
        """Count `message` more, and answer with the sum."""
        self.number += message
        return self.number


async def main() -> None:
    """Ask, as an asyncio program does."""
    counter = await Counter.start_async()  # it runs on Trio's loop, in the system's thread
    print(await counter.ask(1, timeout=5))


if __name__ == "__main__":
    with system_in_thread():
        asyncio.run(main())
