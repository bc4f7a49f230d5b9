"""Names in a registry of one's own: a phone book in which capitals do not count.

python examples/phone_book.py
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import trio

from cometary.actors import Actor, ActorDeadError, ActorRef, Via, send, system, whereis
from cometary.errors import NameTakenError


class PhoneBook:
    """Keeps the names of actors; to it `Ada` and `ADA` are the same."""

    def __init__(self) -> None:
        self._refs: dict[str, ActorRef[Any]] = {}

    def register(self, name: Hashable, ref: ActorRef[Any], /) -> None:
        """Give `ref` a name, unless another living actor has it."""
        holder = self._refs.setdefault(entry(name), ref)
        if holder is not ref and holder.is_alive():
            raise NameTakenError(f"{name} is taken")
        self._refs[entry(name)] = ref

    def unregister(self, name: Hashable, /) -> None:
        """Free a name; called when its actor has ended, too."""
        self._refs.pop(entry(name), None)

    def whereis(self, name: Hashable, /) -> ActorRef[Any] | None:
        """Return the actor with this name, or None."""
        return self._refs.get(entry(name))

    def send(self, name: Hashable, message: object, /) -> None:
        """Tell `message` to the actor with this name."""
        holder = self.whereis(name)
        if holder is None:
            raise ActorDeadError(f"{name} is not in the book")
        holder.tell(message)


def entry(name: Hashable) -> str:
    """Return where in the book a name is."""
    return str(name).casefold()


class Phone(Actor):
    """Keeps what was said, until it is asked for it."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def on_receive(self, message: str) -> list[str]:
        """Keep a message; tell all of them so far."""
        self.said.append(message)
        return self.said


async def call() -> tuple[list[str], str, bool]:
    """Call Ada; returns what she heard, why there is no second one, and whether her name is free afterwards."""
    book = PhoneBook()
    refused = ""
    async with system():
        ada = Phone.with_name(Via(book, "Ada")).start()
        send(Via(book, "ADA"), "hello")
        try:
            Phone.with_name(Via(book, "ada")).start()
        except NameTakenError as error:
            refused = str(error)
        heard = list(await ada.ask("bye"))
        await ada.stop()
        return heard, refused, whereis(Via(book, "Ada")) is None


if __name__ == "__main__":
    for line in trio.run(call):
        print(line)
