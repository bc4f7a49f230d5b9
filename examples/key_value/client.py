"""Step 2 of the tutorial: a store that can also count, and functions for those who use it.

python -m examples.key_value.client
"""

from __future__ import annotations

from typing import Any, NamedTuple

import trio

from cometary.actors import Actor, ActorRef, Timeout, system
from examples.key_value.store import Get, Put, Store


class Add(NamedTuple):
    """Add a number to the one under a key, or to nothing."""

    key: str
    amount: float


class CountingStore(Store):
    """Keeps values under keys, and adds to those that are numbers."""

    def on_receive(self, message: Any) -> Any:
        """Handle one message."""
        match message:
            case Add(key, amount):
                self.table[key] = self.table.get(key, 0) + amount
                return self.table[key]
            case _:
                return super().on_receive(message)


# -- for those who use it: they need to know neither the messages nor that there are any ------


def put(store: ActorRef[Any], key: str, value: object) -> None:
    """Keep a value. A cast: sent, and nothing waited for."""
    store.tell(Put(key, value))


async def get(store: ActorRef[Any], key: str) -> Any:
    """Return a value, or None. A call: sent, and the answer waited for."""
    return await store.ask(Get(key), timeout=1)


async def add(store: ActorRef[Any], key: str, amount: float) -> float:
    """Add to a value and return the sum. Raises `TypeError` if the value is no number."""
    total: float = await store.ask(Add(key, amount), timeout=1)
    return total


class Napper(Actor):
    """Is asked, and answers in its own good time."""

    async def on_receive(self, message: Any) -> Any:
        """Sleep first."""
        await trio.sleep(60)
        return message


async def main() -> None:
    """Count, make a mistake, and go on."""
    async with system():
        store = CountingStore.start()
        put(store, "colour", "blue")
        print("visits:", await add(store, "visits", 1))
        print("visits:", await add(store, "visits", 1))
        try:
            await add(store, "colour", 1)
        except TypeError as error:
            print("refused:", error)
        print("colour:", await get(store, "colour"))
        try:
            await get(Napper.start(), "colour")
        except Timeout:
            print("no answer within a second")


if __name__ == "__main__":
    trio.run(main)
