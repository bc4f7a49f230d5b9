"""Partitions: rooms shared out among four supervisors, so that one that gives up takes its own rooms only.

python examples/partitions.py
"""

from __future__ import annotations

import logging
from typing import Any

import trio

from cometary.actors import Actor, ActorRef, system
from cometary.supervision import (
    ChildSpec,
    DynamicSupervisor,
    PartitionSupervisor,
    count_partitioned,
    partition,
    start_child,
    supervise,
    which_children,
)

ROOMS = ("attic", "cellar", "garden", "hall", "kitchen", "loft", "porch", "study")


class Room(Actor):
    """Keeps what is said in it; crashes on what is not text."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = self.display_name = name
        self.said: list[str] = []

    def on_receive(self, message: str) -> int:
        """Keep a message; returns how many there are."""
        self.said.append(message.strip())
        return len(self.said)


def house() -> ChildSpec:
    """Four partitions, each of which gives up, and takes its rooms with it, at the first crash."""
    share = ChildSpec("share", DynamicSupervisor, kwargs={"intensity": 0})
    return ChildSpec("house", PartitionSupervisor, (share,), {"partitions": 4})


async def enter(rooms: ActorRef[Any], name: str) -> ActorRef[Room]:
    """Open a room, in the partition that its name stands for."""
    return await start_child(partition(rooms, name), Room, name)


async def run() -> tuple[int, list[str], int]:
    """Crash one room; returns how many rooms there were, which are left, and how many there are after a visit."""
    async with system(), supervise([house()]) as root:
        [info] = await which_children(root)
        if info.ref is None:
            return 0, [], 0
        open_rooms = {name: await enter(info.ref, name) for name in ROOMS}
        before = (await count_partitioned(info.ref)).active
        open_rooms["attic"].tell(None)
        await open_rooms["attic"].stopped()
        await enter(info.ref, "attic")  # its partition is restarted, behind the same reference
        left = [name for name, ref in open_rooms.items() if ref.is_alive()]
        return before, left, (await count_partitioned(info.ref)).active


if __name__ == "__main__":
    logging.basicConfig(format="%(levelname)s %(message)s")
    for line in trio.run(run):
        print(line)
