"""Replays: what is kept of a path, sent to a session that has just been connected to it.

1.  A client that is connected to a path with a history is told its position there, in a notice on the control path
    `::at`. Then come the kept packets that were asked for, then everything routed from then on: nothing comes twice,
    and nothing is missing in between. (That holds where the engine answers at once, as that of a server by itself
    does. Where it answers later, packets of that path may come before; each has its position, by which a client can
    tell.)
2.  What cannot be given whole is not given: the notice is on `::gap` then, and has the position from which on the
    client misses nothing. That happens if some of it is no longer kept, or there is no room for it
    (`cometary.sessions.replayed`).
3.  A pattern with stars has a position just as a path does, if the engine knows one (`at` of what it reads). Where no
    such position is given, but positions of paths are, those of the paths that the pattern covers are replayed.
    Nobody knows what the client has had of the others; so there is a gap for the pattern as well.

Runs on the loop's thread.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cometary.errors import CometaryError
from cometary.log import get_logger
from cometary.packets.patterns import Pattern
from cometary.packets.position import Position, Replay, before
from cometary.sessions.replayed import Replayed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cometary.actors import Future
    from cometary.dispatch.engine import Engine
    from cometary.dispatch.history import History
    from cometary.packets.contract_table import Contracts
    from cometary.sessions import SessionKeeper

logger = get_logger("cometary.dispatch")


class Replays:
    """Sends sessions what is kept.

    Args:
        engine: keeps it.
        contracts: which paths have a history.
        most: how many packets of one path are replayed at most.
    """

    def __init__(self, engine: Engine, contracts: Contracts, most: int) -> None:
        self._engine = engine
        self._contracts = contracts
        self._most = most

    def begin(self, keeper: SessionKeeper, patterns: Iterable[str], wished: Replay) -> None:
        """Send a session what it is to be given of the paths to which it has just been connected."""
        for text in patterns:
            pattern = Pattern.compile(text)
            if pattern.exact or text in wished.since or not wished.since:
                self.replay(keeper, text, wished.since.get(text), wished.last)
            else:
                for path, position in wished.since.items():
                    if pattern.matches(path):
                        self.replay(keeper, path, position)
                keeper.tell(Replayed(text))

    def replay(self, keeper: SessionKeeper, path: str, since: Position | None, last: int = 0) -> None:
        """Send a session what it is to be given of one path, or pattern, that it is connected to."""
        if self._contracts.kept(Pattern.compile(path)):
            limit = min(last, self._most) if since is None else self._most + 1
            self._read(keeper, path, since, limit)
        elif since is not None:
            keeper.tell(Replayed(path))

    def _read(
        self, keeper: SessionKeeper, path: str, since: Position | None, limit: int, *, gap: bool = False
    ) -> None:
        read = self._engine.history(path, since, limit)
        send = partial(self._send, keeper, path, since, read, gap=gap)
        if read.done():
            send()
        else:
            read.add_done_callback(send)

    def _send(
        self, keeper: SessionKeeper, path: str, since: Position | None, read: Future[History], *, gap: bool
    ) -> None:
        try:
            packets, at, complete = read.get()
        except CometaryError as error:
            text = f"what is kept of {path!r} could not be read: {error}"
            logger.warning("history not read", text=text, path=path)
            keeper.tell(Replayed(path))
            return
        if complete and len(packets) > self._most:
            self._read(keeper, path, None, 0, gap=True)  # to know where it ends
        elif at is None and since is None and not gap:
            return  # the engine has no position for a pattern
        elif gap or not complete or at is None:
            keeper.tell(Replayed(path, ends=at))
        else:
            begins = since or (before(packets[0]) if packets else at)
            keeper.tell(Replayed(path, begins, at, packets, latest=since is None))
