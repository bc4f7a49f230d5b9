"""A newsroom: an agent counts, an event manager spreads the news, and readers ask for as much as they can read.

python examples/newsroom.py
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio

from cometary.actors import Actor, ActorRef, Exit, system
from cometary.behaviours import (
    Agent,
    Consumer,
    EventHandler,
    EventManager,
    HandlerRemoved,
    Producer,
    add_handler,
    call_handler,
    sync_notify,
    which_handlers,
)

# -- an agent --------------------------------------------------------------------------------


async def count() -> None:
    """Keep a value in an agent."""
    readers = Agent.start(set)
    await Agent.update(readers, lambda names: names | {"ann", "bob"})
    print(await Agent.get(readers, sorted))
    print(await Agent.get_and_update(readers, lambda names: (len(names), set[str]())))


# -- an event manager ------------------------------------------------------------------------


class Archive(EventHandler):
    """Keeps the news, and cannot stand bad news."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    def on_event(self, event: str) -> None:
        """Keep it."""
        if event.startswith("bad"):
            raise ValueError(event)
        self.kept.append(event)

    def on_call(self, request: str) -> list[str]:
        """Tell what was kept with this in it."""
        return [event for event in self.kept if request in event]

    def on_stop(self, exit: Exit) -> None:  # noqa: A002 - OTP's word
        """Say so."""
        print("archive closed:", exit.reason)


class Archivist(Actor):
    """Sees to it that there is an archive, whatever becomes of it."""

    def __init__(self, news: ActorRef[EventManager]) -> None:
        super().__init__()
        self.news = news

    def on_start(self) -> None:
        """Open the first one."""
        self.open()

    def on_receive(self, message: HandlerRemoved) -> None:
        """Open another."""
        if message.exit.reason == "crashed":
            self.open()

    def open(self) -> None:
        """Add an archive, which goes when this actor ends."""
        add_handler(self.news, Archive(), owner=self)


async def spread() -> None:
    """Have handlers hear of events."""
    news = EventManager.start()
    archivist = await Archivist.start_async(news)
    for event in ("good harvest", "bad weather", "good wine"):
        await sync_notify(news, event)
        await trio.lowlevel.checkpoint()
    print(await call_handler(news, Archive, "good"))
    await archivist.stop()
    print(await which_handlers(news))


# -- demand ----------------------------------------------------------------------------------


class Agency(Producer):
    """Has as much news as is wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def on_demand(self, demand: int) -> list[str]:
        """Produce what readers ask for."""
        self.number += demand
        return [f"news {number}" for number in range(self.number - demand, self.number)]


class Reader(Consumer):
    """Reads one after the other."""

    def __init__(self, agency: ActorRef[Agency]) -> None:
        super().__init__()
        self.agency = agency

    def on_start(self) -> None:
        """Ask for the first ones."""
        self.subscribe(self.agency, max_demand=4)

    async def on_events(self, events: Sequence[str], producer: ActorRef[Any]) -> None:  # noqa: ARG002
        """Read two at a time: more is asked for when half is read."""
        await trio.sleep(0.01)
        print("read", *events)
        if "news 3" in events:
            self.stop()


async def read() -> None:
    """Let a reader read until it has enough."""
    await Reader.start(Agency.start()).stopped()


async def main() -> None:
    """Show all three."""
    async with system():
        await count()
        await spread()
        await read()


if __name__ == "__main__":
    trio.run(main)
