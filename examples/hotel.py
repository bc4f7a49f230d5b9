"""A hotel: rooms under a dynamic supervisor, found by their numbers in a registry, which knows the guests, too.

python examples/hotel.py
"""

from __future__ import annotations

from typing import Any

import trio

from cometary.actors import Actor, UniqueRegistry, system
from cometary.errors import ChildStartError, NameTakenError
from cometary.supervision import (
    ChildSpec,
    DynamicSupervisor,
    get_childspec,
    set_intensity,
    start_child_async,
    supervise,
    which_child,
)

NUMBERS = range(1, 13)


class Room(Actor):
    """A room, which the registry has under its number, with its guest."""

    def __init__(self, rooms: UniqueRegistry, number: int) -> None:
        super().__init__()
        self.rooms, self.number = rooms, number
        rooms.register(number, self.actor_ref, "nobody")

    def on_start(self) -> None:
        """Be there; or not."""
        if self.number not in NUMBERS:
            raise ValueError("there is no such room")

    def on_receive(self, message: str) -> None:
        """Take in a guest."""
        self.rooms.update_value(self.number, lambda _: message)


async def main() -> None:
    """Open rooms, and look at them."""
    rooms = UniqueRegistry()
    floor = ChildSpec("floor", DynamicSupervisor, kwargs={"extra_arguments": (rooms,)}, name="floor")
    room: Any = Room  # type checkers do not know that `rooms` comes before its number
    async with system(), supervise([floor]):
        seven = await start_child_async("floor", room, 7)
        await start_child_async("floor", room, 8)
        for number in (13, 7):
            try:
                await start_child_async("floor", room, number)
            except ChildStartError as error:
                print(number, "did not start:", error.__cause__)
            except NameTakenError as error:
                print(number, "is open already:", error.ref is seven)

        print("seven is", (await which_child("floor", seven)).state)
        print("and would be started again with", (await get_childspec("floor", seven)).args[1:])
        await set_intensity("floor", 10, 60)  # ten restarts in a minute are put up with from now on

        await seven.tell_async("Ada")
        rooms.send(8, "Bob")
        await seven.stop()
        print("left:", [(entry.key, entry.value) for entry in rooms.select()])


if __name__ == "__main__":
    trio.run(main)
