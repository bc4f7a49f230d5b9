"""Histories with several nodes: what is kept is the engine's, and what is heard here is made one sequence.

1.  An update to a path with a history goes to the engine first, which numbers it and keeps it, in one operation; then
    its node tells the others, over the links, with its number. So the order of a path is the same everywhere,
    whichever node publishes; and what the engine has is not lost with any node.
2.  A path that is heard here is followed: see `followed_path`. What comes out of order waits for what is before it;
    if that has not come `HOLD` seconds later, it is read from the engine.
3.  A node that has gone may have had something numbered, and told nobody. So when one has gone, the engine is asked
    which paths have more than was heard of them (`catch_up`), and that is read. Numbers of another base are looked
    through from the first on. However often that is asked for, each shelf is looked through once at a time, and once
    more.
4.  Each path is read by itself: a pattern with stars has no position.
5.  Of the paths that are heard only by patterns with stars, `MOST_FOLLOWED` are followed: the one that was least
    recently heard of is forgotten first, and loaded anew when something comes.
6.  Every reader is answered: an engine that is away is waited for as long as its calls wait, and a path that is
    forgotten while it is being loaded is read by itself.
"""

from __future__ import annotations

from collections import OrderedDict
from math import inf
from typing import TYPE_CHECKING, Final

import trio

from cometary.actors import Future
from cometary.cluster.path_logs import LogShelf, base_of
from cometary.dispatch.history import History
from cometary.errors import EngineError
from cometary.log import get_logger
from cometary.nodes.followed_path import FollowedPath, Reader, read_by_itself
from cometary.packets.patterns import Pattern
from cometary.packets.published import as_packet, decode_published

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.cluster.engine import Logs
    from cometary.cluster.path_logs import PathLog
    from cometary.nodes.path_order import Numbered
    from cometary.nodes.wishes import Wishes
    from cometary.packets.contract import Contract
    from cometary.packets.contract_table import Contracts
    from cometary.packets.packet import Packet
    from cometary.packets.position import Position

HOLD: Final = 0.05
"""Seconds; longer than one node's updates take to overtake another one's."""

AGAIN: Final = 0.5
"""Seconds until an engine that was away is asked again."""

MOST_FOLLOWED: Final = 100_000

logger = get_logger("cometary.nodes")


class NodeHistories:
    """Histories, at one node.

    Args:
        contracts: which paths have a history.
        logs: keeps them.
        wishes: what this node wants.
        route: routes a packet here, and has it recorded.
        tell_gap: tells those who hear a path that something is missing.
    """

    def __init__(
        self,
        contracts: Contracts,
        logs: Logs,
        wishes: Wishes,
        route: Callable[[Packet], object],
        tell_gap: Callable[[str], object],
    ) -> None:
        self._contracts = contracts
        self._logs = logs
        self._wishes = wishes
        self._route = route
        self._tell_gap = tell_gap
        self._shelves = shelves_of(contracts)
        self._followed: dict[str, FollowedPath] = {}
        self._by_stars: OrderedDict[str, None] = (
            OrderedDict()
        )  # those that are heard only by patterns with stars
        self._forgot_at = -inf
        self._seen: dict[
            str, tuple[str, int]
        ] = {}  # up to which number of which base each shelf was looked through
        self._due: dict[str, LogShelf] = {}  # those that are to be
        self._looking: set[str] = set()  # and those that are being
        self._nursery: trio.Nursery | None = None

    def shelf_of(self, path: str) -> LogShelf | None:
        """Return where a path is kept; None if it has no history. From any thread."""
        return self._shelves.get(self._contracts.find(path))

    def keeps(self, path: str) -> bool:
        """Whether this is one path, and has a history."""
        return Pattern.compile(path).exact and self.shelf_of(path) is not None

    # -- what is heard here

    def want(self, text: str) -> None:
        """Follow a path that somebody hears from now on; a pattern with stars takes what comes."""
        if text in self._followed:
            self._by_stars.pop(text, None)
        elif Pattern.compile(text).exact:
            self._follow(text)

    def drop(self, lapsed: Sequence[str]) -> None:
        """Forget the paths that are no longer wanted, now that these patterns are not."""
        exact = all(Pattern.compile(text).exact for text in lapsed)
        for path in (
            [*lapsed] if exact else [*self._followed]
        ):  # all of them only if stars may have covered any
            if path not in self._followed:
                continue
            if self._wishes.since(path) is None:
                self._forget(path)
            elif path not in self._wishes:
                self._by_stars[path] = None
                self._make_room()

    def _forget(self, path: str) -> None:
        followed = self._followed.pop(path)
        self._by_stars.pop(path, None)
        for reader in followed.take_readers():
            self._read_by_itself(path, followed.shelf, reader)

    def take(self, path: str, new: Numbered) -> bool:
        """Take an update that has its number, of this node or another one; returns whether anybody here wants it."""
        followed = self._follow(path)
        if followed is None:
            return False
        for packet in followed.take(new):
            self._route(packet)
        if followed.lacks:
            self._ask(followed)
        return True

    def record(self, packet: Packet) -> Packet:
        """Keep an update that is routed now."""
        followed = self._followed.get(packet.path)
        if followed is not None:
            followed.record(packet, trio.current_time())
        return packet

    def _follow(self, path: str) -> FollowedPath | None:
        """Return a path that is wanted, followed from now on; None for one that is not, or has no history."""
        followed = self._followed.get(path)
        if followed is not None:
            if path in self._by_stars:
                self._by_stars.move_to_end(path)
            return followed
        since, shelf = self._wishes.since(path), self.shelf_of(path)
        if since is None or shelf is None:
            return None
        followed = FollowedPath(path, shelf, max(since, self._forgot_at), self._decode)
        self._followed[path] = followed
        if path not in self._wishes:
            self._by_stars[path] = None
            self._make_room()
        self._ask(followed)
        return followed

    def _make_room(self) -> None:
        """Forget a path, if these are too many (rule 5)."""
        if len(self._by_stars) > MOST_FOLLOWED:
            self._forget(next(iter(self._by_stars)))
            self._forgot_at = trio.current_time()

    def _decode(self, payload: bytes) -> Packet:
        return as_packet(decode_published(payload), self._contracts)

    # -- who reads

    def read(self, path: str, behind: Position | None, limit: int) -> Future[History]:
        """Read what is kept of a path; see `Engine.history` of `cometary.dispatch.engine`."""
        reader = Reader(behind, limit, Future())
        shelf = self.shelf_of(path) if Pattern.compile(path).exact else None
        followed = self._follow(path)
        if shelf is None:
            reader.answer.offer(History((), None, complete=False))
        elif followed is not None:
            followed.read(reader, trio.current_time())
            if followed.lacks:
                self._ask(followed)
        else:
            self._read_by_itself(path, shelf, reader)
        return reader.answer

    def _read_by_itself(self, path: str, shelf: LogShelf, reader: Reader) -> None:
        if self._nursery is None:
            reader.answer.offer(error=EngineError("the engine cannot be read now"))
        else:
            self._nursery.start_soon(self._read_unheard, path, shelf, reader)

    async def _read_unheard(self, path: str, shelf: LogShelf, reader: Reader) -> None:
        try:
            log = await self._logs.read_log(shelf, path, -1)
            now = trio.current_time()
            read_by_itself(FollowedPath(path, shelf, now, self._decode), log, reader, now)
        except Exception as error:  # noqa: BLE001 - whoever reads is told
            reader.answer.offer(error=error)

    # -- what is asked of the engine

    async def run(self) -> None:
        """Ask the engine, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                for followed in self._followed.values():
                    followed.reading = False
                    if followed.lacks:
                        self._ask(followed)
                await trio.sleep_forever()
            finally:
                self._nursery = None

    def _ask(self, followed: FollowedPath) -> None:
        if not followed.reading and self._nursery is not None:
            followed.reading = True
            self._nursery.start_soon(self._read, followed)

    async def _read(self, followed: FollowedPath) -> None:
        """Read what is kept, or missing, as long as somebody wants it."""
        if not (followed.loading or followed.stale):
            await trio.sleep(HOLD)
        while followed.lacks and self._followed.get(followed.path) is followed:
            try:
                log = await self._logs.read_log(followed.shelf, followed.path, followed.last)
                if followed.last > 0 and followed.misses(log.epoch, followed.last):  # it is of another base
                    log = await self._logs.read_log(followed.shelf, followed.path, 0)
                self._take_read(followed, log)
            except EngineError as error:
                _refuse_readers(followed, error)
                await trio.sleep(AGAIN)
            except Exception as error:
                text = f"what is kept of {followed.path!r} cannot be read"
                logger.exception("history failed", text=text, path=followed.path)
                _refuse_readers(followed, error)
                await trio.sleep(AGAIN)
        followed.reading = False

    def _take_read(self, followed: FollowedPath, log: PathLog) -> None:
        packets, gap = followed.read_from_engine(log, trio.current_time())
        if gap:
            self._tell_gap(followed.path)
        for packet in packets:
            self._route(packet)

    # -- when a node has gone

    def catch_up(self) -> None:
        """See whether anything was numbered that this node was not told of (rule 3)."""
        if self._nursery is not None:
            for shelf in self._shelves.values():
                self._due[shelf.name] = shelf
                if shelf.name not in self._looking:
                    self._looking.add(shelf.name)
                    self._nursery.start_soon(self._look, shelf.name)

    async def _look(self, name: str) -> None:
        try:
            while (shelf := self._due.pop(name, None)) is not None:
                await self._look_through(shelf)
        finally:
            self._looking.discard(name)

    async def _look_through(self, shelf: LogShelf) -> None:
        base, behind = self._seen.get(shelf.name, ("", 0))
        more = True
        while more:
            try:
                epoch, end, paths = await self._logs.changed_logs(shelf, behind)
            except EngineError:
                await trio.sleep(AGAIN)
                continue
            before, base = base, base_of(epoch)
            if base != before and behind > 0:
                behind = 0  # it was a number of another base
                continue
            for path, number in paths:
                self._see(path, epoch, number)
            more = bool(paths)
            behind = paths[-1][1] if paths else min(behind, end)
        self._seen[shelf.name] = base, behind

    def _see(self, path: str, epoch: str, number: int) -> None:
        followed = self._follow(path)
        if followed is not None and followed.misses(epoch, number):
            followed.stale = True
            self._ask(followed)


def _refuse_readers(followed: FollowedPath, error: Exception) -> None:
    for reader in followed.take_readers():
        reader.answer.offer(error=error)


def shelves_of(contracts: Contracts) -> dict[Contract, LogShelf]:
    """Return where the paths of each contract with a history are kept."""
    return {
        contract: LogShelf(pattern.text, contract.history)
        for pattern, contract in contracts.declared
        if contract.history is not None
    }
