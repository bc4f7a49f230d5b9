"""What may happen to a checked session, and how often: each of these is explored to its end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from cometary.cluster.owner import Handling


class Budget(IntEnum):
    """What goes wrong a limited number of times: places in `Scope.budget`."""

    CRASHES = 0
    LEASES = 1
    CUTS = 2
    COPIES = 3
    OPERATIONS = 4
    LOSSES = 5
    DRAINS = 6
    ENDS = 7


@dataclass(frozen=True)
class Scope:
    """What may happen.

    Attributes:
        inbound: packets that the client sends.
        together: whether these are all in one request.
        pushes: packets that the application sends on its own.
        published: entries in the log of a path that the session is connected to.
        crashes: nodes that are killed.
        leases: leases that run out while the node lives.
        cuts: connections that break.
        copies: messages that are doubled.
        operations: operations of the engine's that are sent twice.
        losses: how often the engine loses its last change, or all.
        drains: how often a node hands the session on.
        ends: how often the session's time is over.
        streams: how many streams the client attaches.
        receipts: whether the application wants receipts for the packets that it sends on its own.
        mirror: whether the client knows of no positions, and its session is mirrored.
        holders: nodes that hold the session at a time.
        handling: what becomes of calls that a death interrupts.
        replies: whether handlers send something.
        slow: whether other things happen while a handler runs.
        yields: whether handlers wait.
        begins: the first moves, by their names, or these and the generation; what is explored comes after them.
    """

    inbound: int = 0
    together: bool = False
    pushes: int = 0
    published: int = 0
    crashes: int = 0
    leases: int = 0
    cuts: int = 0
    copies: int = 0
    operations: int = 0
    losses: int = 0
    drains: int = 0
    ends: int = 0
    streams: int = 0
    receipts: bool = False
    mirror: bool = False
    holders: int = 2
    handling: Handling = "report"
    replies: bool = True
    slow: bool = False
    yields: bool = False
    begins: tuple[str | tuple[str, int], ...] = ()

    @property
    def redo(self) -> bool:
        return self.handling == "redo"

    @property
    def budget(self) -> tuple[int, ...]:
        return (
            self.crashes,
            self.leases,
            self.cuts,
            self.copies,
            self.operations,
            self.losses,
            self.drains,
            self.ends,
        )


SMALL = {
    "pushes, a crash": Scope(pushes=2, crashes=1),
    "a push, a lease that runs out": Scope(pushes=1, leases=1),
    "a logged packet, a push, a crash": Scope(pushes=1, published=1, crashes=1),
    "a packet, a crash": Scope(inbound=1, crashes=1),
    "a packet to be handled again, a crash": Scope(inbound=1, crashes=1, handling="redo"),
    "an engine that loses its last change": Scope(pushes=1, losses=1),
    "an end, two crashes": Scope(ends=1, crashes=2),
    "a packet, a drain": Scope(inbound=1, drains=1),
    "a stream, a push, a crash": Scope(pushes=1, streams=1, crashes=1),
    "a receipt, a crash": Scope(pushes=1, receipts=True, crashes=1),
    "mirrored: pushes, a crash": Scope(mirror=True, pushes=2, crashes=1),
    "mirrored: a logged packet, a push, a crash": Scope(mirror=True, pushes=1, published=1, crashes=1),
    "mirrored: a packet, a crash": Scope(mirror=True, inbound=1, crashes=1),
}
"""Explored by the tests, each to its end."""

LARGE = {
    "pushes, crashes, a cut": Scope(pushes=2, crashes=2, cuts=1),
    "a logged packet, a push, a crash, a copy": Scope(pushes=1, published=1, crashes=1, copies=1),
    "a packet, a drain, a cut": Scope(inbound=1, drains=1, cuts=1),
    "two packets, a crash": Scope(inbound=2, crashes=1),
    "a packet, a crash, an operation sent twice": Scope(inbound=1, crashes=1, operations=1),
    "an engine that loses changes, pushes, a cut": Scope(pushes=2, losses=1, cuts=1),
    "pushes, a crash, a lease, a cut": Scope(pushes=2, crashes=1, leases=1, cuts=1),
    "a push, three holders": Scope(pushes=1, leases=2, holders=3),
    "a push, a lease, a cut, a copy": Scope(pushes=1, leases=1, cuts=1, copies=1),
    "a packet, a crash, a lease": Scope(inbound=1, crashes=1, leases=1),
    "a packet, a crash, a cut, a copy": Scope(inbound=1, crashes=1, cuts=1, copies=1),
    "a packet, a push, a crash, an operation sent twice": Scope(inbound=1, pushes=1, crashes=1, operations=1),
    "two packets, a crash, a cut": Scope(inbound=2, crashes=1, cuts=1),
    "two packets without replies, two crashes": Scope(inbound=2, crashes=2, replies=False),
    "a packet to be handled again, a crash, a lease": Scope(inbound=1, crashes=1, leases=1, handling="redo"),
    "a packet, a handler that waits, a crash, a push": Scope(
        inbound=1, pushes=1, crashes=1, slow=True, yields=True
    ),
    "packets together to be handled again, a push, a crash": Scope(
        inbound=2, together=True, pushes=1, crashes=1, handling="redo", slow=True
    ),
    "logged packets, a lease, a cut": Scope(published=2, leases=1, cuts=1),
    "a logged packet, a push, a lease, a copy": Scope(pushes=1, published=1, leases=1, copies=1),
    "a logged packet, a packet, a crash": Scope(inbound=1, published=1, crashes=1),
    "an end, a packet, a lease": Scope(inbound=1, ends=1, leases=1),
    "an end, crashes, a lease, an operation sent twice": Scope(ends=1, crashes=2, leases=1, operations=1),
    "a packet, a push, a drain, a cut": Scope(inbound=1, pushes=1, drains=1, cuts=1),
    "drains, a crash, a push": Scope(pushes=1, drains=2, crashes=1),
    "an engine that loses changes, a packet, a crash": Scope(inbound=1, losses=2, crashes=1),
    "streams, a push, a crash": Scope(pushes=1, streams=2, crashes=1),
    "a stream, pushes, a lease": Scope(pushes=2, streams=1, leases=1),
    "a stream, a logged packet, a push, a crash": Scope(pushes=1, published=1, streams=1, crashes=1),
    "a stream, a packet, a crash": Scope(inbound=1, streams=1, crashes=1),
    "a stream, a push, a drain": Scope(pushes=1, streams=1, drains=1),
    "a stream, an end, a lease": Scope(streams=1, ends=1, leases=1),
    "an engine that loses changes, pushes, a lease": Scope(pushes=2, losses=1, leases=1),
    "a receipt, an end, a crash": Scope(pushes=1, receipts=True, ends=1, crashes=1),
    "a receipt, crashes": Scope(pushes=1, receipts=True, crashes=2),
    "receipts, a crash": Scope(pushes=2, receipts=True, crashes=1),
    "a receipt, a lease": Scope(pushes=1, receipts=True, leases=1),
    "a receipt, a crash, a packet": Scope(pushes=1, receipts=True, crashes=1, inbound=1),
    "a receipt, a crash, an operation sent twice": Scope(pushes=1, receipts=True, crashes=1, operations=1),
    "a receipt, a drain, a crash": Scope(pushes=1, receipts=True, drains=1, crashes=1),
    "a receipt, a stream, a crash": Scope(pushes=1, receipts=True, streams=1, crashes=1),
    "a receipt, an end, crashes": Scope(pushes=1, receipts=True, ends=1, crashes=2),
    "an engine that loses changes, a receipt": Scope(pushes=1, receipts=True, losses=1),
    "mirrored: a push, a lease that runs out": Scope(mirror=True, pushes=1, leases=1),
    "mirrored: pushes, a crash, a cut": Scope(mirror=True, pushes=2, crashes=1, cuts=1),
    "mirrored: a push, a lease, a copy": Scope(mirror=True, pushes=1, leases=1, copies=1),
    "mirrored: a logged packet, a push, a crash, a cut": Scope(
        mirror=True, pushes=1, published=1, crashes=1, cuts=1
    ),
    "mirrored: a logged packet, a lease, a cut": Scope(mirror=True, published=1, leases=1, cuts=1),
    "mirrored: a packet, a crash, a lease": Scope(mirror=True, inbound=1, crashes=1, leases=1),
    "mirrored: a packet, a crash, a cut, an operation sent twice": Scope(
        mirror=True, inbound=1, crashes=1, cuts=1, operations=1
    ),
    "mirrored: a packet to be handled again, a push, a crash, a lease": Scope(
        mirror=True, inbound=1, pushes=1, crashes=1, leases=1, handling="redo"
    ),
    "mirrored: a packet, a push, a drain": Scope(mirror=True, inbound=1, pushes=1, drains=1),
    "mirrored: an end, a packet, a lease": Scope(mirror=True, inbound=1, ends=1, leases=1),
    "mirrored: an engine that loses changes, a push, a cut": Scope(mirror=True, pushes=1, losses=1, cuts=1),
    "mirrored: a stream, a push, a crash": Scope(mirror=True, pushes=1, streams=1, crashes=1),
    "mirrored: a push, leases, three holders": Scope(mirror=True, pushes=1, leases=2, holders=3),
}
"""Explored by `python -m tests.cluster.checker`."""

SCOPES = SMALL | LARGE
