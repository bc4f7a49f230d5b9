"""What the checker asks of a client, and the client that does whatever the protocol allows.

A client is pure: it decides on requests and reads what comes of them. It has a connection for each
request that it waits for, and never more than the protocol allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from tests.sessions.checker.lines import BEAT, Line, has_line
from tests.sessions.checker.played import UP, Exchange
from tests.sessions.checker.world import World

Move = tuple[Any, ...]
OLDEST = 1
"""What every number that is old enough becomes: one packet that has arrived long since."""


class Client(Protocol):
    """What the model asks of a client."""

    @property
    def ack(self) -> int:
        """The number of the last packet received."""
        ...

    @property
    def sent(self) -> int:
        """How many packets it has taken to send."""
        ...

    def moves(self, world: World, room: int) -> list[Move]:
        """Return what it may do now; `room`: how many more packets it may send."""
        ...

    def make(self, move: Move, world: World) -> None:
        """Do one of these."""
        ...

    def reads(self, exchange: Exchange) -> None:
        """An answer arrives."""
        ...

    def loses(self, exchange: Exchange) -> None:
        """The connection of a request breaks."""
        ...

    def rids(self) -> Iterable[int]:
        """Return the request ids that matter to it."""
        ...

    def rebase(self, number: Callable[[int], int], up: int, down: int) -> None:
        """Use smaller request ids and packet numbers."""
        ...


def older(packets: Sequence[Any], by: int) -> tuple[Any, ...]:
    """Return client packets with smaller numbers."""
    return tuple([UP[max(packet.message - by, OLDEST)] for packet in packets])


class Letter:
    """What a client wants to say with one request id, however often it has to send it."""

    __slots__ = ("close", "packets", "rid")

    def __init__(self, rid: int, packets: tuple[Any, ...], *, close: bool) -> None:
        self.rid = rid
        self.packets = packets
        self.close = close


class AnyClient:
    """Whatever the protocol allows: new requests and repeated ones at any moment, in any order.

    Args:
        width: the most requests unanswered.
        batches: how many packets a request of its may carry.
        closes: whether it may end the session.
        skips: whether packets may be missing, since they are presumed to have arrived, or come by other means.
    """

    __slots__ = ("ack", "batches", "closes", "letters", "rid", "sent", "skips", "width")

    def __init__(
        self, width: int, batches: tuple[int, ...] = (0, 1), *, closes: bool = False, skips: bool = False
    ) -> None:
        self.skips = skips
        self.width = width
        self.batches = batches
        self.closes = closes
        self.rid = 1
        self.ack = 0
        self.sent = 0
        self.letters: list[Letter] = []

    def moves(self, world: World, room: int) -> list[Move]:
        """Return a new request of every kind, and the repetition of each one that has no connection."""
        awaited = [one.rid for one in world.exchanges if one.awaited]
        if len(awaited) >= self.width:
            return []
        again: list[Move] = [
            ("asks again", letter.rid) for letter in self.letters if letter.rid not in awaited
        ]
        if len(self.letters) >= self.width or any(letter.close for letter in self.letters):
            return again
        closings = (False, True) if self.closes else (False,)
        return [
            ("asks", count, close) for close in closings for count in self.batches if count <= room
        ] + again

    def make(self, move: Move, world: World) -> None:
        """Send a request."""
        if move[0] == "asks":
            _, count, close = move
            self.rid += 1
            packets = UP[self.sent + 1 : self.sent + 1 + count]
            self.sent += count
            letter = Letter(self.rid, packets, close=close)
            self.letters.append(letter)
        else:
            [letter] = [one for one in self.letters if one.rid == move[1]]
        world.exchanges.append(
            Exchange(
                world, letter.rid, self.ack, letter.packets, close=letter.close, holds=not has_line(world)
            )
        )

    def reads(self, exchange: Exchange) -> None:
        """Take of an answer what is new; a refused request is to be sent again."""
        if isinstance(exchange.reply, str):
            assert exchange.reply in ("rid-out-of-window", "session-ended"), f"refused: {exchange.reply}"
            return
        assert exchange.reply is not None
        self.letters = [letter for letter in self.letters if letter.rid != exchange.rid]
        self.takes(*exchange.reply)

    def takes(self, first: int, packets: Sequence[Any]) -> None:
        """Take of some packets those that are new."""
        for seq, packet in enumerate(packets, first):
            assert self.skips or seq <= self.ack + 1, f"packet {seq} comes, and the client has {self.ack}"
            if seq > self.ack:
                assert packet.message == seq
                self.ack = seq

    def loses(self, exchange: Exchange) -> None:
        """Nothing to do: the letter is still there."""

    def rids(self) -> Iterable[int]:
        """Return the request ids that matter to it."""
        return [self.rid, *[letter.rid for letter in self.letters]]

    def rebase(self, number: Callable[[int], int], up: int, down: int) -> None:
        """Use smaller request ids and packet numbers."""
        self.rid = number(self.rid)
        self.sent -= up
        self.ack -= down
        for letter in self.letters:
            letter.rid = number(letter.rid)
            letter.packets = older(letter.packets, up)


class StreamClient(AnyClient):
    """A client that may attach a stream at any moment, and then makes sends only; without one it polls."""

    __slots__ = ()

    def moves(self, world: World, room: int) -> list[Move]:
        """Return what any client may do, and that it attaches a stream if it has none."""
        return super().moves(world, room) + ([] if has_line(world) else [("attaches",)])

    def make(self, move: Move, world: World) -> None:
        """Send a request, or attach a stream."""
        if move[0] == "attaches":
            world.lines.append(Line(world, self.ack))
        else:
            super().make(move, world)

    def reads_frame(self, line: Line) -> None:
        """Take what comes on a stream; a beat is answered, and the end of it heard."""
        frame = line.frames.pop(0)
        if isinstance(frame, tuple):
            self.takes(*frame)
        elif frame == BEAT:
            line.coming = self.ack
        else:
            line.awaited = False
            line.told = True
