"""A proxy's connection to the server.

What comes from the server is taken note of within the server's own turn, and looked at a tick later.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from socket import SHUT_WR
from typing import Final

from tests.simulation.sockets import Address, End
from tests.simulation.world import World

BUFFERS: Final = (10, 300, 2000) + 17 * (65_536,)
"""Bytes that one end of a connection takes in."""

MOST: Final = 65_536
"""Bytes that are read at once."""


class Upstream:
    """A proxy's connection to the server.

    Args:
        world: where it is.
        address: where the server sees it come from.
        chance: draws the sizes of its buffers, and how soon it looks what there is.
        take: called with what the server has sent; with nothing when it has sent FIN or RST.
    """

    def __init__(self, world: World, address: Address, chance: Random, take: Callable[[bytes], None]) -> None:
        self._world = world
        self._chance = chance
        self._take = take
        self._unsent = bytearray()
        self._looks = False
        self._ends = False
        calm = world.calm
        self._end: End | None = None
        try:
            self._end = world.network.connect(
                address,
                world.port,
                server=MOST if calm else chance.choice(BUFFERS),
                client=MOST if calm else chance.choice(BUFFERS),
            )
        except ConnectionRefusedError:
            world.agenda.after(0, take, b"")
        else:
            self._end.changed = self._changed

    @property
    def open(self) -> bool:
        """Whether it is."""
        return self._end is not None

    def send(self, data: bytes) -> None:
        """Send, as soon as the server takes it."""
        self._world.trace(data)
        self._unsent += data
        self._flush()

    def shut(self) -> None:
        """Send FIN, after what is still to be sent."""
        self._ends = True
        self._flush()

    def close(self, *, reset: bool = False) -> None:
        """Let go of the connection."""
        end, self._end = self._end, None
        if end is not None:
            end.close(reset=reset)

    def abandon(self) -> None:
        """Neither send nor read any more, and leave it open until the server closes it."""
        self._take = ignore_data
        self._unsent.clear()
        if self._end is not None:
            self._end.changed = self._close_if_ended

    def _close_if_ended(self) -> None:
        if self._end is not None and (self._end.ended or self._end.broken):
            self._world.agenda.after(0, self.close)

    def _changed(self) -> None:
        if not self._looks:
            self._looks = True
            self._world.agenda.after(0, self._look)

    def _look(self) -> None:
        self._looks = False
        self._flush()
        end = self._end
        if end is None:
            return
        try:
            data = end.recv(MOST)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
        elif not self._looks:  # there may be more
            self._changed()
        self._world.trace(data)
        self._take(data)

    def _flush(self) -> None:
        end = self._end
        if end is None:
            return
        try:
            while self._unsent:
                del self._unsent[: end.send(bytes(self._unsent))]
            if self._ends:
                self._ends = False
                end.shutdown(SHUT_WR)
        except BlockingIOError:
            return
        except OSError:
            self._changed()  # `_look` finds out


def ignore_data(_: bytes) -> None:
    """Throw it away."""
