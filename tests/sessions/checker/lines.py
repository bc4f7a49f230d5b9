"""A stream between client and server, as a test plays it: what is written arrives in order, or is lost."""

# What is taken apart here may be of any class.
# pyright: basic

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cometary.errors import ProtocolError
from cometary.sessions import Packet
from cometary.sessions.events import Stream
from tests.sessions.checker.played import COMING, THERE

if TYPE_CHECKING:
    from tests.sessions.checker.world import World

FINISHED = "finished"
BEAT, END = "beat", "end"
"""What may be under way to the client, besides the number of a packet and the packets from there."""

Frame = tuple[int, tuple[Packet, ...]] | str


class Line(Stream):
    """One stream, from the client until nothing can come of it any more.

    Attributes:
        where: on its way to the server, there, or finished by it.
        awaited: whether the client has it; if not, its connection is gone.
        told: whether the server has been told so.
        ack: what the client had when it attached.
        frames: what is under way to the client.
        room: whether it will take more than is written next.
        full: whether it took no more, and the server was told so and not yet of the opposite.
        more: whether it is to be told in another turn to go on.
        last: the last packet that was written.
        said: the acknowledgement that was said last.
        coming: one that is under way to the server.
        place: its place among the streams of a state, where that is being made.
    """

    __slots__ = (
        *("ack", "awaited", "coming", "frames", "full", "last", "more", "place", "room", "said"),
        *("told", "where", "world"),
    )

    def __init__(self, world: World | None, ack: int) -> None:
        super().__init__()
        self.world = world
        self.ack = self.said = ack
        self.where = COMING
        self.awaited = self.room = True
        self.told = self.full = self.more = False
        self.frames: list[Frame] = []
        self.last = 0
        self.coming: int | None = None
        self.place: int | None = None

    def write(self, first_seq: int, packets: Sequence[Packet]) -> bool:
        self._check()
        assert self.world is not None
        assert not self.full, "a stream that takes no more is written to"
        assert packets, "nothing is written"
        self.world.carries(first_seq, packets)
        for seq in range(first_seq, first_seq + len(packets)):
            assert seq > self.last, f"packet {seq} is written twice to one stream"
            assert seq > self.world.acknowledged, f"packet {seq} is written, although it was acknowledged"
            self.last = seq
        self._send((first_seq, tuple(packets)))
        self.full = not self.room
        return self.room

    def beat(self) -> None:
        self._check()
        self._send(BEAT)

    def release(self) -> None:
        self._check()
        self._send(END)
        self.where = FINISHED

    def refuse(self, error: ProtocolError) -> None:
        assert error.condition == "session-ended", f"a stream is refused: {error}"
        self.release()

    def _check(self) -> None:
        assert self.where == THERE, "a stream is used that is not attached"
        assert not self.told, "a stream is used whose connection was reported broken"

    def _send(self, frame: Frame) -> None:
        if self.awaited:
            self.frames.append(frame)

    @property
    def attached(self) -> bool:
        """Whether the server has it, as far as the server knows."""
        return self.where == THERE and not self.told

    @property
    def matters(self) -> bool:
        """Whether anything can still come of it."""
        return self.awaited or not self.told or self.more or self.coming is not None


def has_line(world: Any) -> bool:
    """Whether the client has a stream."""
    return any(line.awaited for line in world.lines)
