"""People who vote: the simulation."""

from __future__ import annotations

import random

import trio

from examples.polling_station.serial_port import SerialPort
from examples.polling_station.station import Station

FAVOURITES = 2.2
"""How much more popular the first answers are than the last."""


async def walk_by(station: Station, tags: list[str], pace: float = 0.25) -> None:
    """Have people vote, for ever; a function for a supervisor.

    Args:
        station: where.
        tags: what they have; a few may be unknown.
        pace: seconds from one to the next, on average.
    """
    ports = list(station.ports.values())
    chance = random.Random()  # noqa: S311 - no secret
    async with trio.open_nursery() as nursery:
        while True:
            await trio.sleep(chance.expovariate(1 / pace))
            port = ports[int(len(ports) * chance.random() ** FAVOURITES)]
            nursery.start_soon(put_there, port, chance.choice(tags))


async def put_there(port: SerialPort, tag: str) -> None:
    """Have somebody hold a tag to a reader for a moment, unless somebody else does."""
    if port.tag is None:
        port.tag = tag
        await trio.sleep(0.5)
        port.tag = None
