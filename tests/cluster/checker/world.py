"""The world of one session in a cluster, as one value: the engine, the nodes that hold it, the network, its client.

Request ids only ever grow, so they are counted from the highest that was answered: worlds that differ in nothing
else are one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from cometary.cluster.change import Change, Verdict
from cometary.cluster.owner_events import ClientRequest, ClientSign
from cometary.cluster.record import Record
from cometary.cluster.resumption import Resumption

SIGN_OFF = b"signoff"
"""The item of the inbox by which the application is told of the end."""

BASE = 8
"""What the highest id that was answered becomes."""

OLDEST = BASE - 3
"""What every id that is older than that becomes."""


class Answer(NamedTuple):
    """An answer on its way; `ghost`: a copy, which may come at any later time.

    Attributes:
        condition: why the request is refused; None if it is not.
        at: where the client is behind the last packet.
    """

    rid: int
    ghost: bool
    generation: int
    first: int
    packets: tuple[bytes, ...]
    at: Any = None
    condition: str | None = None


Message = ClientRequest | ClientSign | Answer
"""What `ClientSign.exchange` says: "attach" or "sign", the line's number, and of a sign the node's generation."""


class Operation(NamedTuple):
    """What the engine was sent: a change, or a record to be put back; and what it says."""

    generation: int
    version: int
    what: Change | Record
    copy: bool
    reply: Verdict | None


class Engine(NamedTuple):
    """The engine.

    Attributes:
        record: what it has.
        before: what it had before the last change, or adoption.
        lost: whether it has lost something that is not put back yet: then nobody is taken for dead.
        log: entries in the log of the path.
        sent: all packets ever recorded for the client alone.
    """

    record: Record | None
    before: Record | None = None
    lost: bool = False
    log: int = 0
    sent: tuple[bytes, ...] = ()


class Desk(NamedTuple):
    """The session beneath an owner: numbers packets, holds a request, answers.

    Attributes:
        acknowledged: the number of the last packet that the client has.
        queue: the packets behind that.
        answered: how many of these were answered with.
        held: the request that is held.
        stream: the line that is attached; 0 for none.
        greeted: a line that has told its client the generation, and is not attached yet.
        carried: the number of the last packet that was written to the line that is attached.
        read: entries of the path's log that were read.
        over: whether it has ended.
        settled: whether the receipts of all that was not delivered were made.
    """

    acknowledged: int = 0
    queue: tuple[bytes, ...] = ()
    answered: int = 0
    held: ClientRequest | None = None
    stream: int = 0
    greeted: int = 0
    carried: int = 0
    read: int = 0
    over: bool = False
    settled: bool = False


class Holder(NamedTuple):
    """A node that has the session in memory: the owner, or one that believes it is.

    Attributes:
        machine: the owner's machine, frozen.
        calling: the item for which a handler runs.
        leased: whether the node's lease has not run out.
        telling: whether that handler is told of a death.
        receipts: those of the session, as the node has them.
        touched: whether it has still to have these recorded.
        receiving: the number of the receipt whose handler runs; 0 for none.
        dying: the numbers of those whose handlers the node before may have called.
    """

    machine: tuple[Any, ...]
    desk: Desk = Desk()
    calling: bytes | None = None
    leased: bool = True
    telling: bool = False
    receipts: Any = None
    touched: bool = False
    receiving: int = 0
    dying: tuple[int, ...] = ()


class Waiting(NamedTuple):
    """A request for whose answer the client waits; `cut`: it has noticed that the connection is broken."""

    rid: int
    packets: tuple[bytes, ...]
    cut: bool = False


class Line(NamedTuple):
    """A stream, in the order in which it comes.

    Attributes:
        number: which one it is.
        generation: of the node that has it; 0 before one has.
        frames: what is on its way to the client, the oldest first.
        told: the highest number of a packet that was acknowledged on it.
    """

    number: int
    generation: int
    frames: tuple[Answer, ...]
    told: int


class Client(NamedTuple):
    """The client.

    Attributes:
        resumption: what it says of itself, by the code of production.
        ack: the number of the last packet.
        got: the packets that were sent to it alone.
        read: entries of the path's log that it got.
        waiting: its requests.
        next: the id of the next one.
        sent: how many packets it has sent.
        over: whether it was told that the session has ended.
        line: the stream that it has attached, or is about to.
        lines: how many it has attached.
    """

    resumption: Resumption
    ack: int = 0
    got: tuple[bytes, ...] = ()
    read: int = 0
    waiting: tuple[Waiting, ...] = ()
    next: int = BASE + 1
    sent: int = 0
    over: bool = False
    line: Line | None = None
    lines: int = 0


class World(NamedTuple):
    """All of it.

    Attributes:
        called: how often a handler was called for each packet of the client's, and last for the sign-off.
        reported: which generations have reported a node's death in these calls, in the same order: a bit for each.
        pushed: how many packets the application has sent on its own.
        left: what may still go wrong how often, by the order of `Scope`.
        given: how often a handler was called for the receipt of each packet that the application has sent.
        dead: which generations have reported a node's death in these calls: a bit for each.
    """

    engine: Engine
    holders: tuple[Holder, ...]
    operations: tuple[Operation, ...]
    network: tuple[Message, ...]
    client: Client
    called: tuple[int, ...]
    reported: tuple[int, ...]
    pushed: int
    left: tuple[int, ...]
    given: tuple[int, ...] = ()
    dead: tuple[int, ...] = ()


def shifted_request(request: ClientRequest, by: int) -> ClientRequest:
    """Return a request with smaller ids."""
    return request._replace(rid=shifted(request.rid, by), done=shifted(request.done, by))


def shifted(rid: int, by: int) -> int:
    """Return a smaller id."""
    return max(rid + by, OLDEST)


def shifted_record(record: Record, by: int) -> Record:
    """Return a record with smaller ids."""
    return record._replace(rid=shifted(record.rid, by))


def shifted_change(change: Change, by: int) -> Change:
    """Return a change with smaller ids."""
    return change if change.rid is None else change._replace(rid=shifted(change.rid, by))
