"""Changes and records as arguments of the functions in `session.lua`, and records from their replies."""

from __future__ import annotations

from typing import Any, Final, cast

from cometary.cluster.change import Change, Fields, Verdict
from cometary.cluster.membership import Lessee
from cometary.cluster.record import Record
from cometary.cluster.redis.wire import Reply

Argument = bytes | str | int

LIBRARY: Final = "cometary_1"
"""The library of functions, and what their names begin with: see `session.lua`."""

VERDICTS: Final = (Verdict.OK, Verdict.FENCED, Verdict.BEHIND, Verdict.ENDED, Verdict.OK)
OVER: Final = 4
"""Done, and the session is a tombstone now."""

TOMBSTONE: Final = 60_000
"""Milliseconds for which it is known that a session has ended."""


def function(name: str) -> str:
    """Return the whole name of one of the functions."""
    return f"{LIBRARY}_{name}"


def of_change(generation: int, version: int, change: Change) -> tuple[Argument, ...]:
    """Write a change."""
    return (
        generation,
        version,
        "" if change.rid is None else change.rid,
        change.settled,
        int(change.begun),
        change.acknowledged,
        *_ended(change.end),
        len(change.accepted),
        *change.accepted,
        len(change.out),
        *change.out,
        *_flat(change.fields),
    )


def of_record(record: Record) -> tuple[Argument, ...]:
    """Write a record."""
    return (
        record.generation,
        record.version,
        record.rid,
        record.base,
        int(record.begun),
        *_ended(record.ended),
        record.owner,
        len(record.inbox),
        *record.inbox,
        len(record.out),
        *record.out,
        *_flat(record.fields),
    )


def _ended(reason: str | None) -> tuple[Argument, ...]:
    return "" if reason is None else "end", reason or "", TOMBSTONE


def _flat(fields: Fields) -> list[Argument]:
    return [part for pair in fields for part in pair]


def record_from(reply: Reply) -> Record | str | None:
    """Read what `adopt` has answered."""
    if reply is None:
        return None
    parts = cast("list[Any]", reply)
    if len(parts) == 1:
        return _text(parts[0])
    owner, generation, version, rid, base, begun, ended, reason, out, inbox, fields = parts
    names = [_text(name) for name in fields[::2]]
    return Record(
        int(generation),
        int(version),
        _text(owner),
        int(rid),
        int(base),
        tuple(out),
        tuple(inbox),
        begun == b"1",
        tuple(sorted(zip(names, fields[1::2], strict=True))),
        _text(reason) if ended else None,
    )


def owner_from(reply: Reply) -> tuple[str, int] | None:
    """Read what `owner` has answered."""
    if reply is None:
        return None
    owner, generation = cast("list[bytes]", reply)
    return owner.decode(), int(generation)


def lessees_from(reply: Any) -> list[Lessee] | None:
    """Read what `renew` has answered; None if another node has the name."""
    if not reply:
        return None
    lessees: list[Lessee] = []
    for node, holder, left in reply:
        incarnation, _, address = _shown(holder).partition(" ")
        lessees.append(Lessee(_shown(node), address, int(left) / 1000, incarnation))
    return lessees


def _shown(part: bytes) -> str:
    """Return text that anybody may have put there; it ends no node: what is not UTF-8 is nobody's name."""
    return part.decode(errors="replace")


def _text(part: bytes) -> str:
    return part.decode()
