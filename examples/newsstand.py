"""Publish and subscribe: topics are the keys of a registry, which its readers leave when they end.

python examples/newsstand.py
"""

from __future__ import annotations

import trio

from cometary.actors import Actor, DuplicateRegistry, Registered, Unregistered, ask, system


class Reader(Actor):
    """Reads what is published under the topics that it wants."""

    def __init__(self, stand: DuplicateRegistry, name: str, *topics: str) -> None:
        super().__init__()
        self.name = name
        for topic in topics:
            stand.register(topic, self.actor_ref, name)

    def on_receive(self, message: str) -> None:
        """Read."""
        print(f"{self.name} reads: {message}")


class Counter(Actor):
    """Counts the subscriptions of each topic, as it is told of them."""

    def __init__(self, stand: DuplicateRegistry) -> None:
        super().__init__()
        self.counts: dict[object, int] = {}
        stand.listen(self.actor_ref)

    def on_receive(self, message: object) -> object:
        """Count; who asks gets the counts."""
        match message:
            case Registered(key=topic):
                self.counts[topic] = self.counts.get(topic, 0) + 1
            case Unregistered(key=topic):
                self.counts[topic] -= 1
            case _:
                pass  # a question
        return self.counts


async def main() -> None:
    """Publish, and look who would hear of it."""
    stand = DuplicateRegistry()
    async with system():
        Counter.with_name("counter").start(stand)
        ada = Reader.start(stand, "Ada", "science", "sports")
        Reader.start(stand, "Bob", "sports")
        print("told:", stand.broadcast("sports", "a goal in the last minute"))
        print("science is for:", [entry.value for entry in stand.lookup("science")])
        print("Ada wants:", stand.keys(ada))
        await ada.stop()
        print("left:", [(entry.key, entry.value) for entry in stand.select()])
        print("counted:", await ask("counter", "how many?"))


if __name__ == "__main__":
    trio.run(main)
