"""The record: what the engine keeps of a session, so that another node can go on with it.

1.  A change is applied if it comes from the generation that owns the session, for the version that the record has (R1).
    For one generation and version there is only one change. So one that was sent twice is made once, and a node that
    was taken to be dead can no longer change anything.
2.  Adopting a session raises its generation. The version goes on.
3.  The inbox has what the client has sent and the application has not finished with. Whether the call for the
    first of these has begun is in the record before it begins: so the node that adopts the session knows which call may
    have been made, and makes none twice (R3).
4.  A session that ends has its sign-off in the inbox. When that is settled the record is a tombstone: without content,
    but it still says who owned the session, so that a change that comes again is answered as it was.
5.  An owner restores what the engine has lost. It is refused where the engine knows of a later generation, or has a
    later version of this one.
6.  An engine that may have lost something confirms nothing until all owners that live have had time to put back what
    it has lost (R9). Otherwise an owner that does not know of a later one, whose adoption was lost, puts its record
    back first, and what it then records is lost when the later owner puts back its own.

Pure: the engine in process runs this, owners keep it besides, and the functions in
`cometary/cluster/redis/session.lua` do the same.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cometary.cluster.change import Change, Fields, Verdict, updated


class Record(NamedTuple):
    """All that changes have put there.

    Attributes:
        generation: how often the session was adopted, plus one.
        version: how many changes were applied.
        owner: the node that has it.
        rid: the highest id of a request whose packets were taken in, at first of the one that opened the session.
        base: how many packets of the outbox the client is known to have.
        out: the packets after those.
        inbox: what the application is still to be told.
        begun: whether the call for the first of these has begun.
        fields: data, paths, terms.
        ended: why the session ended; None while it lives.
    """

    generation: int
    version: int
    owner: str
    rid: int
    base: int = 0
    out: tuple[bytes, ...] = ()
    inbox: tuple[bytes, ...] = ()
    begun: bool = False
    fields: Fields = ()
    ended: str | None = None

    @property
    def gone(self) -> bool:
        """Whether it is a tombstone."""
        return self.ended is not None and not self.inbox

    def with_change(self, change: Change) -> Record:
        """Return the record after a change of its generation, for its version."""
        inbox = (self.inbox + change.accepted)[change.settled :]
        after = Record(
            self.generation,
            self.version + 1,
            self.owner,
            self.rid if change.rid is None else max(self.rid, change.rid),
            self.base + change.acknowledged,
            (self.out + change.out)[change.acknowledged :],
            inbox,
            bool(inbox) and (change.begun or (self.begun and not change.settled)),
            updated(self.fields, change.fields),
            self.ended if change.end is None else change.end,
        )
        return after._replace(out=(), fields=()) if after.gone else after


def opened(owner: str, rid: int, sign_on: bytes, fields: Fields = ()) -> Record:
    """Return the record of a new session.

    Args:
        owner: the node that has it.
        rid: the id of the request that opened it.
        sign_on: what the application is told of first; its call begins at once.
        fields: data, paths, terms.
    """
    return Record(1, 0, owner, rid, inbox=(sign_on,), begun=True, fields=fields)


NOT_OPENED: Final = Change(settled=1, end="failed")
"""Ends a record right after it was opened: nobody was told of the session, neither its client nor the application."""


def committed(
    record: Record | None, generation: int, version: int, change: Change
) -> tuple[Verdict, Record | None]:
    """Apply a change, if it may be applied (rule 1).

    Args:
        record: what the engine has; None for nothing.
        generation: of the sender of the change.
        version: that the record is to have.
        change: the change.

    Returns:
        The outcome, and the record afterwards.
    """
    if record is None or record.generation < generation:
        return Verdict.BEHIND, record
    if record.generation > generation:
        return Verdict.FENCED, record
    if version < record.version:
        return Verdict.OK, record
    if version > record.version:
        return Verdict.BEHIND, record
    if record.gone:
        return Verdict.ENDED, record
    return Verdict.OK, record.with_change(change)


def adopted(record: Record, owner: str, seen: int) -> Record | None:
    """Return the record as that of the next generation (rule 2); None if it cannot be adopted.

    Args:
        record: what the engine has.
        owner: the node that adopts the session.
        seen: the generation that was found to be without an owner.
    """
    if record.generation != seen or record.gone:
        return None
    return record._replace(generation=seen + 1, owner=owner)


def stands(verdict: Verdict, *, lacking: bool) -> bool:
    """Whether a verdict is told at once (rule 6); else the change is made again when all is there, and that one counts.

    Args:
        verdict: of a change, or of a record that is put back.
        lacking: whether the engine may have lost what owners have still to put back.
    """
    return not lacking or verdict in {Verdict.FENCED, Verdict.BEHIND}


def restored(record: Record | None, kept: Record) -> tuple[Verdict, Record]:
    """Put a record back that its owner has kept (rule 5); returns what came of it, and the record afterwards."""
    if record is None:
        return Verdict.OK, kept
    if record.generation > kept.generation:
        return Verdict.FENCED, record
    if record.generation == kept.generation and record.version >= kept.version:
        return (Verdict.ENDED if record.gone and not kept.gone else Verdict.OK), record
    return Verdict.OK, kept
