"""Whose lease has not run out: what one node knows of all of them.

1.  The engine says how much is left of each lease, by its own clock; a node counts on from there by its own. So no two
    clocks have to agree. What is left of its own lease, it counts from before it asked (R8).
2.  A lease is renewed three times in its length. If that fails, the node goes on asking.
3.  When the engine could not be asked for a while, or has forgotten, the nodes that were there count as there for
    another one and a half leases: they have had no chance to renew theirs.
4.  A node that hung may wake when another one has its name. That is final: it stops renewing its lease, and what
    watches for that makes it stop.
5.  A node that hung has heard of nobody meanwhile: nodes that renewed their leases all the time would count as dead. So
    none does by what was heard `STALE` leases ago; the node hears anew in a moment, or the engine is away.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from math import inf
from typing import Final, NamedTuple

import trio

from cometary.errors import NodeNameError

LEASE: Final = 5.0
"""Seconds."""

RENEWALS: Final = 3
"""In the length of a lease."""

GRACE: Final = 1.5
"""Leases."""

STALE: Final = 0.5
"""Leases after which what was heard of others is held against nobody."""


class Lessee(NamedTuple):
    """A node that has a lease.

    Attributes:
        node: its name.
        address: where it is reached.
        left: seconds until its lease runs out.
        incarnation: which process of that name it is; empty if that is not known.
    """

    node: str
    address: str
    left: float
    incarnation: str = ""


class Neighbours:
    """Who is there, without a clock.

    Args:
        node: the name of this node, which it does not count.
        lease: seconds.

    Attributes:
        grace_until: until when no node is taken to be dead; it has no end while the engine is away.
    """

    def __init__(self, node: str, lease: float) -> None:
        self._node = node
        self._lease = lease
        self._until: dict[str, float] = {}
        self._addresses: dict[str, str] = {}
        self._incarnations: dict[str, str] = {}
        self._told = set[str]()  # who is known to be gone: the engine goes on to name them for a while
        self.grace_until = -inf
        self._heard_at = -inf

    def away(self) -> None:
        """The engine could not be asked, or has forgotten what it knew."""
        self.grace_until = inf

    def heard(self, now: float, lessees: Iterable[Lessee]) -> None:
        """The engine has said who has a lease."""
        self._heard_at = now
        if self.grace_until == inf:
            self.grace_until = now + GRACE * self._lease
        lessees = [*lessees]
        self._told &= {lessee.node for lessee in lessees if lessee.left <= 0}
        for lessee in lessees:
            if lessee.node != self._node and lessee.node not in self._told:
                self._until[lessee.node] = now + lessee.left
                self._addresses[lessee.node] = lessee.address
                self._incarnations[lessee.node] = lessee.incarnation

    def gone(self, now: float) -> list[str]:
        """Remove the nodes whose leases have run out, and return their names, once for each time."""
        if now < self.grace_until:
            return []
        gone = [node for node, until in self._until.items() if until <= now]
        for node in gone:
            del self._until[node], self._addresses[node], self._incarnations[node]
        self._told.update(gone)
        return gone

    def alive(self, node: str, now: float) -> bool:
        """Whether a node is there, as far as is known (rules 3 and 5)."""
        is_stale = now > self._heard_at + self._lease * STALE
        return node in self._until and (is_stale or now < max(self._until[node], self.grace_until))

    def address(self, node: str) -> str | None:
        """Return where a node is reached; None if it is not known."""
        return self._addresses.get(node)

    def incarnation(self, node: str) -> str:
        """Return which process a node is; empty if that is not known."""
        return self._incarnations.get(node, "")

    def addresses(self) -> dict[str, str]:
        """Return the address of each node that was there when the engine last answered."""
        return dict(self._addresses)


class Membership:
    """Renews the lease of one node.

    Args:
        node: its name.
        lease: seconds.
        renew: asks the engine to renew it, and returns who has one. It raises `OSError` if the engine is away.

    Attributes:
        lease_until: when this node's own runs out.
        longest_grace: seconds for which no node is taken to be dead when the engine is back.
    """

    def __init__(self, node: str, lease: float, renew: Callable[[], Awaitable[Iterable[Lessee]]]) -> None:
        self.lease_until = -inf
        self.longest_grace = GRACE * lease
        self._lease = lease
        self._heard = trio.Event()
        self._renew = renew
        self._watchers: list[Callable[[str], object]] = []
        self._lapse_watchers: list[Callable[[], object]] = []
        self._ousted_watchers: list[Callable[[NodeNameError], object]] = []
        self._left = False
        self.neighbours = Neighbours(node, lease)

    def watch(self, gone: Callable[[str], object]) -> None:
        """Call `gone` for every node whose lease runs out."""
        self._watchers.append(gone)

    def watch_lapses(self, lapsed: Callable[[], object]) -> None:
        """Call `lapsed` when the lease had run out and is renewed, and when the engine was away."""
        self._lapse_watchers.append(lapsed)

    def watch_ousted(self, ousted: Callable[[NodeNameError], object]) -> None:
        """Call `ousted` when another node has the name that this one had (rule 4)."""
        self._ousted_watchers.append(ousted)

    def leave(self) -> None:
        """Stop renewing it."""
        self._left = True

    async def look(self) -> None:
        """Ask who is there, if the engine can be asked."""
        with suppress(OSError):
            await self.renew()

    def alive(self, node: str) -> bool:
        """Whether a node is there, as far as is known."""
        return self.neighbours.alive(node, trio.current_time())

    @property
    def in_grace(self) -> bool:
        """Whether no node is taken to be dead yet."""
        return trio.current_time() < self.neighbours.grace_until

    async def after_grace(self) -> None:
        """Wait until it is known who is dead; while the engine is away for as long as that takes."""
        await trio.lowlevel.checkpoint()
        while self.in_grace:  # its end is known when the engine is heard, and may be put off meanwhile
            with trio.move_on_at(self.neighbours.grace_until):
                await self._heard.wait()

    async def renew(self) -> None:
        """Renew the lease, and tell which nodes are gone.

        Raises:
            OSError: the engine is away.
            NodeNameError: another node has the name, and nobody watches for that, or this one never had it.
        """
        if self._left:
            await trio.lowlevel.checkpoint()
            return
        asked = trio.current_time()
        try:
            lessees = await self._renew()
        except OSError:
            self.neighbours.away()
            raise
        except NodeNameError as error:
            if self.lease_until == -inf or not self._ousted_watchers:
                raise
            self.leave()
            for told in self._ousted_watchers:
                told(error)
            return
        self.renewed(asked, lessees)

    def renewed(self, asked: float, lessees: Iterable[Lessee]) -> None:
        """The engine has renewed it, which was asked at `asked`."""
        lapsed = -inf < self.lease_until <= trio.current_time() or self.neighbours.grace_until == inf
        self.lease_until = asked + self._lease
        self.neighbours.heard(asked, lessees)
        for told in self._lapse_watchers if lapsed else ():
            told()
        self._heard.set()
        self._heard = trio.Event()
        for node in self.neighbours.gone(asked):  # not now: this node may have hung since (rule 5)
            for gone in self._watchers:
                gone(node)

    async def run(self) -> None:
        """Go on renewing it (rule 2)."""
        while True:
            await trio.sleep(self._lease / RENEWALS)
            await self.look()


def name_taken(node: str) -> NodeNameError:
    """Return the error for a node whose name another one has."""
    return NodeNameError(
        f"there is another node {node!r}, or was until a moment ago: give each a name of its own"
    )
