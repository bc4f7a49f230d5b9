"""Changes of a session's record, and what the engine says about them.

A change is a value: it is applied whole or not at all, and sent again unchanged when it is not known whether it
arrived.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

Fields = tuple[tuple[str, bytes], ...]
"""Names and values, in the order of the names: a value, as all of a record is."""


class Verdict(Enum):
    """What the engine answers to a change, or to a record that is to be put back."""

    OK = "done, or was done before: the same change was sent twice"
    FENCED = "another generation owns the session: forget it"
    BEHIND = "the engine has lost changes, or the whole record: put it back, then send the change again"
    ENDED = "the session has ended, and its sign-off was settled"


class Change(NamedTuple):
    """One change of a session's record.

    Attributes:
        rid: the id of the client's request whose packets it takes in; None if there is none.
        accepted: what is added to the inbox: packets from the client, the sign-off.
        settled: how many at the front of the inbox are finished: handled, or reported as failed.
        begun: whether the call for the inbox's first item begins when this is done.
        out: packets for the client that are added to the outbox; their numbers follow from the record.
        acknowledged: how many at the front of the outbox the client has.
        fields: what has changed of the session's data, paths and terms.
        end: why the session ends, if it does.
    """

    rid: int | None = None
    accepted: tuple[bytes, ...] = ()
    settled: int = 0
    begun: bool = False
    out: tuple[bytes, ...] = ()
    acknowledged: int = 0
    fields: Fields = ()
    end: str | None = None

    def and_then(self, later: Change) -> Change:
        """Return this change and a later one as one."""
        return Change(
            self.rid if later.rid is None else later.rid,
            self.accepted + later.accepted,
            self.settled + later.settled,
            self.begun or later.begun,
            self.out + later.out,
            self.acknowledged + later.acknowledged,
            updated(self.fields, later.fields),
            self.end if later.end is None else later.end,
        )


NOTHING = Change()
"""Changes nothing: what it tells is whether this generation still owns the session."""


def updated(fields: Fields, changed: Iterable[tuple[str, bytes]]) -> Fields:
    """Return fields with some of them changed."""
    return tuple(sorted((dict(fields) | dict(changed)).items())) if changed else fields
