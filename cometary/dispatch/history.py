"""History: what is kept of the updates to some paths, to be read by those who come later, or come back.

1.  Each update to a path gets its number there, whether or not anybody hears it, and is kept: the latest so many, of
    so many bytes and so many seconds, whichever ends first (`cometary.packets.keeping`).
2.  A path's numbers count from 1 and belong to an epoch. A path that is forgotten begins another one; so does every
    path with the next life of the server. In two epochs no numbers have anything to do with one another.
3.  Who reads behind a position gets all that came after it, in order; or, if some of that is not kept any more, or the
    position is of another epoch, nothing, and is told so (`complete`). Never a part that looks like all.
4.  A path of which nothing is kept any more still has its number: who has heard all has missed nothing. A path that
    was asked for before anything was sent there has one as well.
5.  Paths that are declared together (by one pattern) share a shelf, with room for so many paths and bytes. When it is
    full, what is kept of the path goes that was published to least recently: first its packets, in the end its number.

Pure: time comes in; epochs come from a function.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cometary.packets.packet import marked
from cometary.packets.position import Position
from cometary.packets.tracked import TrackedPacket

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.packets.contract import Contract
    from cometary.packets.contract_table import Contracts
    from cometary.packets.keeping import Keeping
    from cometary.packets.packet import Packet

MOST_PATHS: Final = 100_000
"""Of one shelf."""

MOST_BYTES: Final = 64 << 20
"""The same."""


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


class Kept:
    """What is kept of one path."""

    __slots__ = ("bytes", "epoch", "number", "packets")

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self.number = 0
        self.packets: deque[tuple[float, Packet]] = deque()
        self.bytes = 0

    @property
    def end(self) -> Position:
        """The position behind the last one."""
        return Position(self.epoch, self.number)

    def drop_first(self) -> int:
        """Keep the oldest no longer; returns its bytes."""
        _, packet = self.packets.popleft()
        self.bytes -= packet.size
        return packet.size

    def newest(self, count: int) -> list[Packet]:
        """Return the latest `count`, or as many as there are."""
        return [packet for _, packet in islice(self.packets, max(len(self.packets) - count, 0), None)]

    def behind(self, position: Position, count: int) -> History:
        """Return what comes behind a position, at most `count` (rule 3)."""
        skipped = position.offset - (self.number - len(self.packets))
        if position.epoch != self.epoch or not 0 <= skipped <= len(self.packets):
            return History((), self.end, complete=False)
        packets = [packet for _, packet in islice(self.packets, skipped, skipped + count)]
        return History(packets, Position(self.epoch, position.offset + len(packets)), complete=True)


class Shelf:
    """What is kept of the paths of one declaration.

    Args:
        keeping: how much of each.
        new_epoch: makes up the name of an epoch, a short text that no other has.
        most_paths: how many paths it has room for.
        most_bytes: how many bytes.
    """

    def __init__(
        self,
        keeping: Keeping,
        new_epoch: Callable[[], str],
        most_paths: int = MOST_PATHS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._keeping = keeping
        self._new_epoch = new_epoch
        self._most_paths = most_paths
        self._most_bytes = most_bytes
        # Each in the order in which their paths were published to last: so the first packets to be too old are
        # those of the first path, and what goes first (rule 5) is at the front.
        self._full: OrderedDict[str, Kept] = OrderedDict()
        self._empty: OrderedDict[str, Kept] = OrderedDict()
        self.bytes = 0
        """Of all packets that are kept."""

    def __len__(self) -> int:
        """How many paths have a number."""
        return len(self._full) + len(self._empty)

    def record(self, packet: Packet, now: float) -> Packet:
        """Keep a packet; returns it with its position, as everybody gets it who hears it."""
        path = packet.path
        kept = self._full.pop(path, None) or self._empty.pop(path, None) or Kept(self._new_epoch())
        kept.number += 1
        packet = marked(packet, "at", str(kept.end))
        packet.cause = None  # whoever brought it about is not to be kept as well
        kept.packets.append((now, for_replays(packet)))
        kept.bytes += packet.size
        self.bytes += packet.size
        self._full[path] = kept
        while len(kept.packets) > self._keeping.packets or kept.bytes > self._keeping.bytes:
            self.bytes -= kept.drop_first()
        self._tidy(now)
        return packet

    def read(self, path: str, behind: Position | None, limit: int, now: float) -> History:
        """Read what is kept of a path.

        Args:
            path: the path.
            behind: where to begin; None for the latest `limit` packets.
            limit: how many are wanted at most.
            now: the time in seconds.
        """
        kept = self._full.get(path) or self._empty.get(path)
        if kept is None:
            kept = Kept(self._new_epoch())
            if len(self) < self._most_paths:
                self._empty[path] = kept
                self._empty.move_to_end(path, last=False)  # nothing was ever published: the first to go
        self._drop_old(kept, now)
        if behind is not None:
            return kept.behind(behind, limit)
        return History(kept.newest(limit), kept.end, complete=True)

    def _drop_old(self, kept: Kept, now: float) -> None:
        while kept.packets and now - kept.packets[0][0] > self._keeping.seconds:
            self.bytes -= kept.drop_first()

    def _tidy(self, now: float) -> None:
        for path in list(islice(self._full, 2)):  # two for each that is recorded: so they never pile up
            kept = self._full[path]
            self._drop_old(kept, now)
            if kept.packets:
                break
            self._empty[path] = self._full.pop(path)
        while self.bytes > self._most_bytes:
            path, kept = self._full.popitem(last=False)
            self.bytes -= kept.bytes
            self._empty[path] = kept
            kept.packets.clear()
            kept.bytes = 0
        while len(self) > self._most_paths:
            if self._empty:
                self._empty.popitem(last=False)
            else:
                self.bytes -= self._full.popitem(last=False)[1].bytes


def for_replays(packet: Packet) -> Packet:
    """Return a packet without receipts: these are about those to whom it was routed, and not about who comes later."""
    if not isinstance(packet, TrackedPacket) or packet.receipt is None:
        return packet
    twin = packet.again()
    twin.receipt, twin.extra = None, packet.extra
    twin.preset(packet.json)
    return twin


class Histories:
    """The histories of one server, each path's as its contract says.

    Args:
        contracts: which paths have one.
        new_epoch: see `Shelf`.
        now: reads the clock, in seconds.
    """

    def __init__(self, contracts: Contracts, new_epoch: Callable[[], str], now: Callable[[], float]) -> None:
        self._contracts = contracts
        self._new_epoch = new_epoch
        self._now = now
        self._shelves: dict[Contract, Shelf] = {}

    def keeps(self, path: str) -> bool:
        """Whether anything is kept of the updates to `path`; from any thread."""
        return self._contracts.find(path).history is not None

    def record(self, packet: Packet) -> Packet:
        """Keep a packet to a path with a history; returns it with its position."""
        shelf = self._shelf(packet.path)
        return packet if shelf is None else shelf.record(packet, self._now())

    def read(self, path: str, behind: Position | None, limit: int) -> History:
        """Read what is kept of a path; see `Shelf.read`."""
        shelf = self._shelf(path)
        if shelf is None:
            return History((), None, complete=False)
        return shelf.read(path, behind, limit, self._now())

    def _shelf(self, path: str) -> Shelf | None:
        contract = self._contracts.find(path)
        shelf = self._shelves.get(contract)
        if shelf is None and contract.history is not None:
            shelf = self._shelves[contract] = Shelf(contract.history, self._new_epoch)
        return shelf
