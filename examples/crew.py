"""Links, names and groups: a captain who survives his sailors, and a crew that is told where to go.

python examples/crew.py
"""

from __future__ import annotations

from typing import Any

import trio

from cometary.actors import Actor, ActorRef, ExitSignal, groups, send, system, whereis


class Sailor(Actor):
    """Joins the crew, and does what the crew is told."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.log: list[str] = []

    def on_start(self) -> None:
        """Join; a restarted actor would have to do so again."""
        groups().join("crew", self.actor_ref)

    def on_receive(self, message: str) -> list[str]:
        """Note an order; tell all of them so far."""
        self.log.append(message)
        return self.log


class Captain(Actor):
    """Hires sailors, and hires another whenever one is lost."""

    trap_exits = True

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self.names = names
        self.lost: list[str] = []

    def on_continue(self) -> None:
        """Hire the first two, after the captain's start has been told to whoever waits for it."""
        self.hire()
        self.hire()

    def hire(self) -> ActorRef[Sailor]:
        """Start a sailor who goes down with the captain; the captain hears of the sailor's end."""
        name = self.names.pop(0)
        return self.start_linked(Sailor.with_name(name), name)

    def on_receive(self, message: Any) -> list[str]:
        """Replace a sailor who is lost, and tell of all who were."""
        if isinstance(message, ExitSignal):
            self.lost.append(str(message.exit))
            self.hire()
        return self.lost


async def sail() -> tuple[list[str], list[str], int]:
    """Lose a sailor, then the captain; returns why sailors were lost, what one was told, and who is left."""
    async with system():
        captain = await Captain.with_name("captain").start_async(["ann", "bob", "cat"])
        await captain.ask("are they hired?")
        ann = whereis("ann")
        if ann is not None:
            ann.exit("overboard")
        lost = list(await captain.ask("whom did we lose?"))
        groups().broadcast("crew", "hoist the sails")
        send("cat", "to the crow's nest")
        cat = whereis("cat")
        told = [] if cat is None else list(await cat.ask("that is all"))
        captain.kill()
        await captain.stopped()
        return lost, told, len(groups().members("crew"))


if __name__ == "__main__":
    for line in trio.run(sail):
        print(line)
