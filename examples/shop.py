"""A shop that waits for no warehouse: answers come to it as messages, and the fastest of several first.

python examples/shop.py
"""

from __future__ import annotations

from typing import Any

import trio

from cometary.actors import Actor, ActorRef, Future, Requests, Response, system


class Warehouse(Actor):
    """Looks for things, one after the other."""

    async def on_receive(self, message: str) -> int:
        """Tell how many there are of what is asked for; the longer its name the longer that takes."""
        await trio.sleep(len(message) / 100)
        return len(message)


class Shop(Actor):
    """Answers its customers when the warehouse has answered, and serves others meanwhile."""

    def __init__(self, warehouse: ActorRef[Warehouse]) -> None:
        super().__init__()
        self.warehouse = warehouse
        self.customers: dict[object, Future[Any]] = {}

    def on_receive(self, message: str | Response) -> None:
        """Pass a question on; or pass the answer back."""
        match message:
            case Response(customer):
                self.customers.pop(customer).set(f"there are {message.result()}")
            case str(item):
                customer = object()
                self.customers[customer] = self.reply_later()
                self.request(self.warehouse, item, tag=customer, timeout=5)


async def compare(*items: str) -> None:
    """Print what shops with a warehouse each say about one item each, the fastest first."""
    answers = Requests[str]()
    for item in items:
        answers.add(Shop.start(Warehouse.start()).ask(item), item)
    async for response in answers:
        print(response.tag, response.result())


async def main() -> None:
    """Compare three shops."""
    async with system():
        await compare("watermelons", "apples", "peaches")


if __name__ == "__main__":
    trio.run(main)
