"""Where a session is in the logs of the paths that it hears: what is recorded of that, and what its client says.

1.  A path whose log outlives the node has a place as soon as the session is connected to it: what comes behind that is
    for the session. Places are recorded with the session's paths, so nothing has to be for a delivery (R7).
2.  A client's position names a path by a number, which is recorded with its place, and never given again. An adopter
    that does not find a number recorded does not hear the path either. A path whose log has begun another epoch
    gets another number.
3.  The position leaves out what is where the record says. When it would have too much, the places to which the client
    is known to have come are recorded. So one that it leaves out is never one that the client has not come to.
4.  What has no room in the text of a position is left out of it, which says so: the next owner does not know where the
    client is on these paths, and tells it of a gap.
5.  A path without a recorded place, such as one that was connected in the last moment of the owner before, gets none
    from an adopter until its client was told of a gap: what was published in between would be missing, unsaid.
6.  After an adoption the log of each path is read once, from where the client is. What comes of the path meanwhile, and
    is not behind what was read, is not to be delivered: the log had it.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from cometary.cluster.client_position import LONGEST
from cometary.packets.position import Position, read_position

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cometary.cluster.client_position import ClientPosition
    from cometary.cluster.deliveries import Mark
    from cometary.packets.packet import Packet

MOST_APART: Final = 6
"""Paths on which the client is elsewhere than the record says; beyond that it is recorded where it is."""

MOST_NAMED: Final = 24
"""Paths of which a text may have room."""

OTHERS: Final = ("*", Position("", 0))
"""What a position has in place of paths for which there was no room."""


class Place(NamedTuple):
    """Where a session is on a path, as it is recorded.

    Attributes:
        number: what a client's position calls the path.
        epoch: of the log.
        offset: the number of the last packet that is not for the session, or that its client is known to have.
    """

    number: str
    epoch: str
    offset: int


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(dict[str, Place]).decode


class LogPlaces:
    """The places of one session, at one node.

    Args:
        generation: of the session: what no other node numbers by.
        written: what is recorded of them; None for nothing.
        heard: the paths that the session heard when it was recorded.
    """

    __slots__ = ("_generation", "_last", "_places", "_read", "_recorded", "_unknown", "_written")

    def __init__(self, generation: int, written: bytes | None = None, heard: Iterable[str] = ()) -> None:
        self._generation = generation
        self._last = 0
        self._places: dict[str, Place] = {} if written is None else _decode(written)
        self._written = written
        self._recorded = self._by_number()
        self._unknown = {path for path in heard if path not in self._places}
        self._read: dict[str, Position | None] = {}  # up to where logs were read; None: they are being read

    def _by_number(self) -> dict[str, Place]:
        return {place.number: place for place in self._places.values()}

    # -- what is heard

    def has(self, path: str) -> bool:
        """Whether it is known where the session is on a path."""
        return path in self._places

    def lacks(self, path: str) -> bool:
        """Whether the session is to have a place on a path that it is now connected to, and has none (rule 5)."""
        return path not in self._places and path not in self._unknown

    def number_of(self, path: str) -> str:
        """Return what a client's position calls a path that `has` a place."""
        return self._places[path].number

    def put(self, path: str, at: Position) -> Place:
        """Take note that what comes behind a position is for the session: it is, or was, connected there."""
        self._last += 1
        self._places[path] = place = Place(f"{self._generation}.{self._last}", *at)
        return place

    def reach(self, path: str, at: Position) -> None:
        """Take note that what comes up to a position of a path that `has` a place is recorded."""
        place = self._places[path]
        if place.epoch != at.epoch:  # rule 2
            self.put(path, at)
        elif place.offset < at.offset:
            self._places[path] = place._replace(offset=at.offset)

    def drop(self, path: str) -> None:
        """Take note that the session does not hear a path any more."""
        self._places.pop(path, None)
        self._read.pop(path, None)
        self._unknown.discard(path)

    def mark(self, path: str, at: Position) -> Mark:
        """Return what the number of a packet stands for that is at a position of a path that `has` a place."""
        place = self._places[path]
        if place.epoch != at.epoch:  # rule 2
            place = self.put(path, Position(at.epoch, at.offset - 1))
        return place.number, Position("", at.offset)

    def mark_of(self, packet: Packet) -> Mark:
        """Return what the number of a packet stands for; None for a packet of which no log is known."""
        at = self.position_of(packet)
        return None if at is None else self.mark(packet.path, at)

    def position_of(self, packet: Packet) -> Position | None:
        """Return where a packet is in its log; None for a packet of which no log is known."""
        if packet.extra is None or packet.path not in self._places or "at" not in packet.extra:
            return None
        return read_position(packet.extra["at"])

    # -- what is recorded

    def written(self) -> bytes | None:
        """Return what is to be recorded; None if nothing is, nor ever was."""
        return _encode(self._places) if self._places or self._written is not None else None

    def note_recorded(self, written: bytes | None) -> bool:
        """Take note of what is recorded; returns whether that is something else than before."""
        if written is None or written == self._written:
            return False
        self._written = written
        self._recorded = {place.number: place for place in _decode(written).values()}
        return True

    def advance(self, position: ClientPosition) -> None:
        """Have it recorded how far the client is known to have come (rule 3)."""
        known = {number: at.offset for number, at in position.logs}
        for path, place in self._places.items():
            if place.number in known:
                self._places[path] = place._replace(offset=known[place.number])

    # -- what the client says

    def without_recorded(self, position: ClientPosition) -> ClientPosition:
        """Return a position without what is where the record says, and without paths that are heard no more."""
        known = self._by_number().keys() | self._recorded.keys()
        logs = [each for each in position.logs if each[0] in known and self._is_apart(*each)]
        return position._replace(logs=tuple(logs))

    def _is_apart(self, number: str, at: Position) -> bool:
        recorded = self._recorded.get(number)
        return recorded is None or recorded.offset != at.offset

    def text(self, position: ClientPosition) -> str:
        """Return the text of a position (rules 3 and 4)."""
        if not position.logs:
            return position.text()
        apart = tuple([each for each in position.logs if self._is_apart(*each)])
        text, room = position._replace(logs=apart).text(), MOST_NAMED
        while len(text) > LONGEST:
            room -= 1
            text = position._replace(logs=(OTHERS, *apart[:room])).text()
        return text

    # -- after an adoption (rules 5 and 6)

    def begin(self, path: str, said: dict[str, Position]) -> Position | None:
        """Begin to read the log of a path.

        Args:
            path: the path.
            said: where its client says that it is, by the numbers of paths.

        Returns:
            Where to begin; None if nobody knows.
        """
        place = self._places.get(path)
        if place is None or place.number not in self._recorded:
            return None
        at = said.get(place.number)
        if at is None and OTHERS[0] in said:
            return None
        self._read[path] = None
        recorded = self._recorded[place.number]
        return Position(recorded.epoch, recorded.offset if at is None else at.offset)

    def end(self, path: str, at: Position | None) -> bool:
        """Take note up to where a log was read; returns whether the session still hears the path."""
        if path not in self._read:
            return False
        if at is None:
            del self._read[path]
        else:
            self._read[path] = at
        return True

    def awaits(self, path: str, at: Position) -> bool:
        """Whether a packet of a path that comes now is to be delivered."""
        if path not in self._read:
            return True
        read = self._read[path]
        if read is None or (at.epoch == read.epoch and at.offset <= read.offset):
            return False
        if at.epoch == read.epoch:
            del self._read[path]  # from now on they come in order
        return True
