"""Small programs that work in the order in which actors happen to run, and not in every order."""

from __future__ import annotations

from typing import Any, NamedTuple

import trio

from cometary.actors import Actor, ActorRef


class Look(NamedTuple):
    """Someone wants to be told what is on the shelf."""

    reader: ActorRef[Any]


class Shelf(Actor):
    """Holds one thing; whoever looks before it is there is told of None."""

    def __init__(self) -> None:
        super().__init__()
        self.thing: object = None

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Look):
            message.reader.tell(self.thing)
        else:
            self.thing = message


class Carrier(Actor):
    """Passes everything on."""

    def __init__(self, to: ActorRef[Any]) -> None:
        super().__init__()
        self.to = to

    def on_receive(self, message: Any) -> Any:
        self.to.tell(message)


class AsyncCarrier(Carrier):
    """The same with a task of its own."""

    async def on_receive(self, message: Any) -> None:
        super().on_receive(message)


def carry_and_look(reader: ActorRef[Any], kind: Any = Carrier, detour: int = 1) -> None:
    """Send a book on its way, and then a look by a way that is as long, or longer: mostly the book is first."""
    shelf = Shelf.start()
    looker: ActorRef[Any] = shelf
    for _ in range(detour):
        looker = kind.start(looker)
    kind.start(shelf).tell("a book")
    looker.tell(Look(reader))


async def order_of_tasks(names: str, rounds: int) -> str:
    """Have tasks write their names in the order in which Trio comes to them."""
    written: list[str] = []

    async def write(name: str) -> None:
        for _ in range(rounds):
            written.append(name)
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(write, name)
    return "".join(written)
