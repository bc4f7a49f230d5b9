"""Step 1 of the tutorial: an actor that keeps values under keys.

python -m examples.key_value.store
"""

from __future__ import annotations

from typing import Any, NamedTuple

import trio

from cometary.actors import Actor, system


class Put(NamedTuple):
    """Keep a value under a key."""

    key: str
    value: Any


class Get(NamedTuple):
    """What is kept under a key?"""

    key: str


class Store(Actor):
    """Keeps values under keys."""

    def __init__(self) -> None:
        super().__init__()
        self.table: dict[str, Any] = {}

    def on_receive(self, message: Any) -> Any:
        """Handle one message; what this returns is the answer, if anybody has asked."""
        match message:
            case Put(key, value):
                self.table[key] = value
            case Get(key):
                return self.table.get(key)
            case _:
                raise ValueError(f"a store does not know {message!r}")
        return None


async def main() -> None:
    """Put something, and get it."""
    async with system():
        store = Store.start()
        store.tell(Put("colour", "blue"))
        print(await store.ask(Get("colour")))


if __name__ == "__main__":
    trio.run(main)
