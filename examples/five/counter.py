"""A counter."""

import trio

from cometary.actors import Actor, system


class Counter(Actor):
    """Counts what it is told, and answers with the sum."""

    count = 0

    def on_receive(self, message: int) -> int:
        """Count."""
        self.count += message
        return self.count


async def main() -> None:
    """Count to two."""
    async with system():
        counter = Counter.start()
        counter.tell(1)
        print(await counter.ask(1))


if __name__ == "__main__":
    trio.run(main)
