"""The sessions of nodes that are gone: adopted, whether their clients come or not.

1.  Otherwise nobody would tell the application when those end whose clients never come back.
2.  What cannot be adopted now, because this server is full or the engine is away, is tried again once in the length of
    a lease, until nothing is left of the node or it has come back. Other nodes do the same; the first to adopt a
    session has it.
3.  They are gone through in pieces, and what is done is removed from what the engine knows of the node. So an attempt
    costs only what is left, and a session that cannot be adopted holds up no other. Of each piece the first is adopted
    alone, to see whether any can be, and then `AT_ONCE` at a time: what these ask the engine goes out in one write.
4.  How many are left, and why, is logged; it is logged again only if the reason has changed.
5.  A process with the name of one that is gone takes back what that one had, and is then the node that has it: so
    nothing is removed from what the engine knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from cometary.errors import CometaryError
from cometary.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from cometary.cluster.engine import Engine

AT_ONCE: Final = 64

logger = get_logger("cometary.cluster")


class Prevented(NamedTuple):
    """A session could not be adopted.

    Attributes:
        why: what to say of that; None if it is being adopted here already.
        others: whether no others can be adopted now either.
    """

    why: str | None
    others: bool = False


class Attempt(NamedTuple):
    """What came of going through the sessions of a node.

    Attributes:
        adopted: how many go on here.
        left: how many may still belong to the node.
        why: what prevented the first of these from being adopted.
    """

    adopted: int = 0
    left: int = 0
    why: str | None = None


class Inheritance:
    """See above.

    Args:
        engine: knows which nodes are gone, and which sessions they had.
        adopt: given a session and the node that had it, adopts it; returns whether it goes on here, or what prevents
            that.
        stopping: whether this server is stopping, and so leaves them to others.
        start_soon: runs an async function beside everything else.
    """

    def __init__(
        self,
        engine: Engine,
        adopt: Callable[[str, str], Awaitable[bool | Prevented]],
        stopping: Callable[[], bool],
        start_soon: Callable[..., None],
    ) -> None:
        self._engine = engine
        self._adopt = adopt
        self._stopping = stopping
        self._start_soon = start_soon
        self._nodes = set[str]()  # those that are gone, and not forgotten
        engine.watch(self._note_gone)

    def take_back(self) -> None:
        """Adopt those of the process that had this one's name before (rule 5)."""
        self._note_gone(self._engine.node)

    def under_way(self, node: str) -> bool:
        """Whether sessions of a node that is gone may still be without a node."""
        return node in self._nodes

    def _note_gone(self, node: str) -> None:
        if node not in self._nodes:
            self._nodes.add(node)
            self._start_soon(self._take_over_from, node)

    async def _take_over_from(self, node: str) -> None:
        """Try until nothing is left (rule 2)."""
        told: str | None = None
        try:
            while not (self._has_come_back(node) or self._stopping()):
                attempt = await self._try(node)
                if attempt.adopted:
                    text = f"{node!r} is gone, and {attempt.adopted} of its sessions go on here"
                    logger.info("sessions adopted", text=text, node=node, sessions=attempt.adopted)
                if attempt == Attempt(attempt.adopted):
                    return
                if attempt.why is not None and attempt.why != told and not self._stopping():
                    told = attempt.why
                    _log_left(node, attempt.left, told)
                await trio.sleep(self._engine.lease)
        finally:
            self._nodes.discard(node)

    def _has_come_back(self, node: str) -> bool:
        return node != self._engine.node and self._engine.alive(node)

    async def _try(self, node: str) -> Attempt:
        attempt = Attempt()
        try:
            attempt = await self._go_through(node)
            if (
                attempt == Attempt(attempt.adopted)
                and node != self._engine.node
                and not self._engine.alive(node)
            ):
                await self._engine.forget_node(node)
        except CometaryError as error:
            return attempt._replace(why=str(error))
        return attempt

    async def _go_through(self, node: str) -> Attempt:
        total, after, more = Attempt(), "", True
        while more:
            sids, after = await self._engine.sessions_of(node, after)
            total = await self._adopt_each(node, sids, total)
            more = bool(after)
        return total

    async def _adopt_each(self, node: str, sids: Sequence[str], total: Attempt) -> Attempt:
        """Adopt what can be adopted; once none can be, the others are only counted."""
        done, hopeless = list[str](), False
        for together in (sids[:1], *batched(sids[1:], AT_ONCE)):
            if hopeless:
                total = total._replace(left=total.left + len(together))
                continue
            for sid, outcome in await self._adopt_together(node, together):
                if isinstance(outcome, Prevented):
                    hopeless |= outcome.others
                    total = total._replace(left=total.left + 1, why=total.why or outcome.why)
                else:
                    done.append(sid)
                    total = total._replace(adopted=total.adopted + outcome)
        if done and node != self._engine.node:  # of this name are those that go on here, too
            await self._engine.forget_sessions(node, done)
        return total

    async def _adopt_together(self, node: str, sids: Sequence[str]) -> list[tuple[str, bool | Prevented]]:
        """Adopt these at the same time; returns what came of each."""
        outcomes = list[tuple[str, bool | Prevented]]()

        async def adopt(sid: str) -> None:
            outcomes.append((sid, await self._adopt(sid, node)))

        async with trio.open_nursery() as nursery:
            for sid in sids:
                nursery.start_soon(adopt, sid)
        return outcomes


def batched(sids: Sequence[str], count: int) -> Iterator[Sequence[str]]:
    """Return them in groups of so many."""
    for at in range(0, len(sids), count):
        yield sids[at : at + count]


def _log_left(node: str, left: int, why: str) -> None:
    text = f"{node!r} is gone, and {left or 'its'} sessions could not be adopted yet: {why}"
    logger.warning("sessions not adopted", text=text, node=node, sessions=left)
