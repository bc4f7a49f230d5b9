"""What a back-end is told of a recorded session: part of its record until the back-end has it.

1.  An event has a number, and an id that is made of the session's name and that. It is sent when it is recorded, and
    not before: so no number is given twice, and the node that adopts the session sends, under the same ids, all that
    the back-end is not known to have. It may get an event twice, and knows it by its id.
2.  An event is recorded at the latest with the end of the call that brought it about. A call that was interrupted by
    the death of its node is reported as a failure; whoever reports that sees here whether the event itself was.
3.  Of the end of a session nobody knows any more when it is settled. So that waits until the back-end has everything,
    or it was given up. Whether the handlers have had their turn is recorded meanwhile: they did not fail.
4.  No more than `MOST` events of a session, and `MOST_BYTES` of them, are recorded at a time. Others are sent at once,
    and are lost with their node, as are all events of sessions that are not recorded.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

MOST: Final = 100
MOST_BYTES: Final = 64 << 10

SIGN_OFF: Final = "signoff"


class Report(NamedTuple):
    """An event.

    Attributes:
        id: the same, however often it is sent.
        kind: its type.
        body: what is sent.
    """

    id: str
    kind: str
    body: str


class Written(msgspec.Struct, omit_defaults=True):
    """What is recorded.

    Attributes:
        last: how many events there were.
        ended: whether one of them told of the session's end.
        told: whether the application was told of the end.
        waiting: the events that the back-end is not known to have.
    """

    last: int = 0
    ended: bool = False
    told: bool = False
    waiting: tuple[Report, ...] = ()


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Written).decode


class Reports:
    """The events of one session.

    Args:
        name: of the session.
        written: what is recorded; None for nothing.
    """

    __slots__ = ("_bytes", "_name", "_recorded", "_unrecorded", "_waiting", "_was", "changed")

    def __init__(self, name: str, written: bytes | None = None) -> None:
        self._name = name
        self._was = Written() if written is None else _decode(written)
        self._waiting = {report.id: report for report in self._was.waiting}
        self._bytes = sum(len(report.body) for report in self._was.waiting)
        self._unrecorded: dict[str, None] = {}
        self._recorded = written
        self.changed = False
        """Whether there is something to record."""

    @property
    def begun(self) -> bool:
        """Whether there was any event."""
        return self._was.last > 0

    @property
    def ended(self) -> bool:
        """Whether there was one that told of the end."""
        return self._was.ended

    @property
    def told(self) -> bool:
        """Whether the application was told of the end."""
        return self._was.told

    @property
    def waiting(self) -> tuple[Report, ...]:
        """What the back-end is not known to have."""
        return tuple(self._waiting.values())

    def add(self, kind: str, write: Callable[[str, int], bytes]) -> tuple[Report, bool]:
        """Take an event; returns it, and whether it is to be recorded before it is sent.

        Args:
            kind: its type.
            write: returns what is sent, given its id and its number.
        """
        self._was.last += 1
        self._was.ended |= kind == SIGN_OFF
        self.changed = True
        number = self._was.last
        event_id = f"{self._name}-{number}"
        report = Report(event_id, kind, write(event_id, number).decode())
        fits = len(self._waiting) < MOST and self._bytes + len(report.body) <= MOST_BYTES
        if fits:
            self._waiting[event_id] = report
            self._bytes += len(report.body)
            self._unrecorded[event_id] = None
        return report, fits

    def settle(self, event_id: str) -> None:
        """Take note that the back-end has an event, or that it was given up."""
        report = self._waiting.pop(event_id, None)
        if report is not None:
            self._bytes -= len(report.body)
            self.changed = True

    def note_told(self) -> None:
        """Take note that the application was told of the end."""
        if not self._was.told:
            self._was.told = self.changed = True

    def written(self) -> bytes:
        """Return what is to be recorded."""
        self.changed = False
        self._was.waiting = self.waiting
        return _encode(self._was)

    def note_recorded(self, written: bytes | None) -> list[Report]:
        """Take note of what is recorded; returns the events that may be sent now."""
        if written is None or written == self._recorded or not self._unrecorded:
            return []
        self._recorded = written
        recorded = [report for report in _decode(written).waiting if report.id in self._unrecorded]
        for report in recorded:
            del self._unrecorded[report.id]
        return recorded

    def take_unrecorded(self) -> list[Report]:
        """Return the events that will not be recorded any more."""
        left = [self._waiting[each] for each in self._unrecorded if each in self._waiting]
        self._unrecorded.clear()
        return left
