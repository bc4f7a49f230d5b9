"""Publish and subscribe: topics are keys of a registry, which its readers leave when they end."""

import trio

from cometary.actors import Actor, DuplicateRegistry, system


class Reader(Actor):
    """Reads what is published under some topics."""

    def __init__(self, registry: DuplicateRegistry, name: str, *topics: str) -> None:
        self.name = name
        for topic in topics:
            registry.register(topic, self.actor_ref)

    def on_receive(self, message: str) -> None:
        """Read."""
        print(f"{self.name} reads: {message}")


async def main() -> None:
    """Publish something; one reader has enough then."""
    async with system():
        registry = DuplicateRegistry()
        Reader.start(registry, "ann", "sport", "weather")
        bob = Reader.start(registry, "bob", "weather")
        registry.broadcast("sport", "two to one")
        registry.broadcast("weather", "rain")
        await bob.stop()
        registry.broadcast("weather", "sun")


if __name__ == "__main__":
    trio.run(main)
