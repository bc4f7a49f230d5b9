"""History: what is kept of the updates to some paths, to be read by those who come later, or come back.

1.  Each update to a path gets its number there, whether or not anybody hears it, and is kept: the latest so many, up
    to so many bytes and so many seconds, whichever limit is reached first (`cometary.packets.keeping`).
2.  The packets of all paths are numbered in one sequence, from 1. So a path's own numbers grow with gaps, and a
    pattern with stars has a position just as a path does. The numbers belong to an epoch, which is one life of the
    server: numbers of two epochs have nothing to do with one another.
3.  A reader that starts from a position gets everything that came after it, in order; or, if some of that is no
    longer kept, or the position is of another epoch, nothing, and is told so (`complete`). It never gets a part that
    looks like all.
4.  For each path, the last number that is no longer kept is known: a reader that has heard that one has missed
    nothing. For a forgotten path it may have been any number up to its latest, and so it may for an unknown one.
5.  Paths that are declared together (by one pattern) share a shelf, with room for so many paths and bytes. When it is
    full, the path that was published to least recently loses what is kept of it: first its packets, then its number.
6.  The paths that a pattern covers are looked for among those that were published to after the position, the latest
    first. If these, with their packets, are more than `MOST_SEEN`, that counts as a loss: nobody else is to wait for
    so long.

Pure: time and the epoch come in.
"""

from __future__ import annotations

from heapq import merge
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from cometary.dispatch.shelf import MOST_SEEN, Numbers, Shelf, for_replays
from cometary.packets.packet import Packet, marked
from cometary.packets.patterns import Pattern
from cometary.packets.position import Position

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.dispatch.shelf import Numbered
    from cometary.packets.contract import Contract
    from cometary.packets.contract_table import Contracts
    from cometary.packets.keeping import Keeping


class History(NamedTuple):
    """What was kept of a path.

    Attributes:
        packets: in the order in which they were published.
        at: the position behind the last of them, to read on from; None if nothing is ever kept of this path.
        complete: whether these are all that were published behind the position that was asked for; False if some were,
            or may have been, lost: then there are none of them, and `at` is behind the latest. Of who asks for the
            latest, whether the path has a history.
    """

    packets: Sequence[Packet]
    at: Position | None
    complete: bool

    def shown(self) -> dict[str, Any]:
        """Return this as plain data."""
        packets = [
            {"path": packet.path, "message": packet.plain_message(), **(packet.extra or {})}
            for packet in self.packets
        ]
        return {
            "packets": packets,
            "at": None if self.at is None else str(self.at),
            "complete": self.complete,
        }


class Histories:
    """The histories of one server, each path's as its contract says.

    Args:
        contracts: which paths have one.
        epoch: the name of this life of the server, a short text that no other has.
        now: reads the clock, in seconds.
    """

    def __init__(self, contracts: Contracts, epoch: str, now: Callable[[], float]) -> None:
        self._contracts = contracts
        self._numbers = Numbers(epoch)
        self._now = now
        self._shelves: dict[Contract, Shelf[Packet]] = {}

    def keeps(self, path: str) -> bool:
        """Whether anything is kept of the updates to `path`; from any thread."""
        return self._contracts.find(path).history is not None

    def record(self, packet: Packet) -> Packet:
        """Keep a packet to a path with a history; returns it with its position."""
        shelf = self._shelf_of(packet.path)
        return packet if shelf is None else self._keep(shelf, packet, self._numbers.next())

    def _shelf_of(self, path: str) -> Shelf[Packet] | None:
        """Return where packets to a path are kept; None if they are not."""
        contract = self._contracts.find(path)
        shelf = self._shelves.get(contract)
        if shelf is None and contract.history is not None:
            shelf = self._shelves[contract] = self._new_shelf(contract.history)
        return shelf

    def _new_shelf(self, keeping: Keeping) -> Shelf[Packet]:
        return Shelf(keeping, self._numbers)

    def _keep(self, shelf: Shelf[Packet], packet: Packet, position: Position) -> Packet:
        packet = marked(packet, "at", str(position))
        packet.cause = None  # whoever caused it is not to be kept as well
        shelf.keep(packet.path, position.offset, for_replays(packet), self._now())
        return packet

    def read(self, path: str, behind: Position | None, limit: int) -> History:
        """Read what is kept of a path, or of all that a pattern with stars covers.

        Args:
            path: the path or pattern.
            behind: where to begin; None for the latest `limit` packets.
            limit: how many are wanted at most.

        Raises:
            PatternError: it has stars where a pattern has none; the caller's fault.
        """
        wish = Pattern.compile(path)
        contracts = self._contracts.kept(wish)
        if not contracts:
            return History((), None, complete=False)
        shelves = [self._shelves[contract] for contract in contracts if contract in self._shelves]
        if behind is None:
            return History(self._latest(shelves, wish, limit), self._numbers.end, complete=True)
        found = self._behind(shelves, wish, behind.offset) if self._numbers.know(behind) else None
        if found is None:
            return History((), self._numbers.end, complete=False)
        at = self._numbers.end if len(found) <= limit else Position(behind.epoch, found[limit - 1][0])
        return History([packet for _, packet in found[:limit]], at, complete=True)

    def _latest(self, shelves: Sequence[Shelf[Packet]], wish: Pattern, limit: int) -> list[Packet]:
        """Return the latest packets, in order."""
        if not limit:
            return []
        now = self._now()
        kept = chain.from_iterable(shelf.about(wish, -1, now) for shelf in shelves)
        latest_first = merge(*(each.latest() for each in kept), key=_number, reverse=True)
        found = [packet for _, packet in islice(latest_first, limit)]
        found.reverse()
        return found

    def _behind(self, shelves: Sequence[Shelf[Packet]], wish: Pattern, offset: int) -> list[Numbered] | None:
        """Return the packets with greater numbers, in their order; None if these may not be all (rules 4 and 6)."""
        now = self._now()
        found: list[Numbered] = []
        for kept in chain.from_iterable(shelf.about(wish, offset, now) for shelf in shelves):
            found += kept.behind(offset)
            if kept.lost > offset or (len(found) > MOST_SEEN and not wish.exact):
                return None
        return sorted(found, key=_number)


def _number(numbered: Numbered) -> int:
    return numbered[0]
