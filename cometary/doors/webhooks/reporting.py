"""Reporting: an application whose sessions report to the back-end as well as to its own handlers.

An event is queued in the very call that hands the application what happened, before its handlers run. So each is
queued once, and in the order in which its session's calls are made, whatever handlers do. But what a client sends to
a back-end is handed to the application's own handlers first, which may refuse it.

The events of a session that is recorded are part of its record until the back-end has them (`Recorder.report`), and are
queued when they are recorded, here or where the session goes on. What a client sends is recorded only if there is room
for it in the queue by then: else it is dropped at once, as that of any other session. Whoever can do without an event,
as those can that are told only while they listen, has none recorded.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakValueDictionary

import msgspec

from cometary.doors.webhooks.event_queue import MESSAGE, Event
from cometary.doors.webhooks.numbers import SequenceNumbers
from cometary.log import show
from cometary.packets.packet import Packet
from cometary.sessions.recorder import Recorder
from cometary.sessions.session import recorder_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from cometary.sessions import Failure, Receipt, Session
    from cometary.sessions.application import Application

_encode = msgspec.json.Encoder().encode
_NO_MESSAGE = msgspec.Raw(b"null")


class Reporting:
    """Stands between the sessions and their application.

    Args:
        application: whose calls are passed on.
        post: takes an event, and returns whether it is sent to anybody; must not raise.
        events: the types that are wanted.
        now: returns the seconds since 1970.
        has_room: returns whether an event would be taken, given its type and its bytes; None if events are not to be
            recorded.
    """

    def __init__(
        self,
        application: Application,
        post: Callable[[Event], bool],
        events: Collection[str],
        now: Callable[[], float],
        has_room: Callable[[str, int], bool] | None = None,
    ) -> None:
        self._application = application
        self._post = post
        self._events = frozenset(events)
        self._now = now
        self._has_room = has_room
        self._numbers = SequenceNumbers()
        self._life = secrets.token_hex(8)  # so that no later server gives an event the same id
        self._count = 0
        self._recorders = WeakValueDictionary[str, Recorder]()  # of the sessions that are here, and recorded
        self.received = application.received
        """Packets go straight to the application; of those for back-ends `message` is a handler."""

    # -- the application's calls ------------------------------------------------------------

    def signed_on(self, session: Session) -> Awaitable[object] | None:
        """Report a new session, and hand it over."""
        self._begin(session)
        self._report("signon", session.name, user=session.user)
        return self._application.signed_on(session)

    def resumed(self, session: Session) -> Awaitable[object] | None:
        """Hand over a session that goes on here; back-ends know it as signed on already."""
        self._begin(session)
        return self._application.resumed(session)

    def _begin(self, session: Session) -> None:
        if not self._is_recorded(session):
            self._numbers.begin(session.name)

    def _is_recorded(self, session: Session) -> bool:
        """Whether a session's events are recorded."""
        recorder = None if self._has_room is None else recorder_of(session)
        if recorder is not None:
            self._recorders[session.name] = recorder
        return recorder is not None

    def signed_off(
        self, session: Session, reason: str, undelivered: Sequence[Packet]
    ) -> Awaitable[object] | None:
        """Report the end of a session, and hand it over."""
        self.report_sign_off(session, reason, undelivered)
        return self._application.signed_off(session, reason, undelivered)

    def report_sign_off(self, session: Session, reason: str, undelivered: Sequence[Packet]) -> None:
        """Report the end of a session."""
        packets = [_as_json(packet) for packet in undelivered]
        recorded = self._is_recorded(session)
        self._report("signoff", session.name, user=session.user, reason=reason, undelivered=packets)
        if not recorded:
            self._numbers.end(session.name)

    def failed(self, failure: Failure) -> Awaitable[object] | None:
        """Report a failure, and hand it over."""
        session, packet, receipt = failure.session, failure.packet, failure.receipt
        if session is not None and self._is_recorded(session):
            self._report_interrupted(session, failure)
        self._report(
            "failure",
            None if session is None else session.name,
            user=None if session is None else session.user,
            hook=failure.hook,
            error=show(failure.error),
            packet=None if packet is None else _as_json(packet),
            receipt=None if receipt is None else receipt.as_dict(),
        )
        return self._application.failed(failure)

    def _report_interrupted(self, session: Session, failure: Failure) -> None:
        """Report the sign-on or the sign-off whose report a node had not recorded when it died (`node-died`)."""
        reported = self._recorders[session.name].has_reported
        if failure.hook == "signon" and not reported(end=False):
            self._report("signon", session.name, user=session.user)
        elif failure.hook == "signoff" and not reported(end=True):
            self.report_sign_off(session, failure.reason or "", failure.undelivered)

    def receipt(self, receipt: Receipt) -> None:
        """Report a receipt; a subscriber of the receipts' log."""
        self._report("receipt", receipt.session, user=receipt.user, receipt=receipt.as_dict())

    def message(self, session: Session, path: str, message: Any) -> bool:
        """Report what a client has sent to a back-end; returns whether the event is sent to anybody."""
        packet = _as_json(Packet(path, message))
        return self._report(MESSAGE, session.name, user=session.user, packet=packet)

    # -- events -----------------------------------------------------------------------------

    def _report(self, kind: str, session: str | None, **members: Any) -> bool:
        if kind not in self._events:
            return False
        now = round(self._now(), 3)

        def write(event_id: str, number: int) -> bytes:
            about = {"id": event_id, "type": kind, "session": session, "sequence": number, "time": now}
            given = {name: _sendable(value) for name, value in members.items() if value is not None}
            return _encode({**about, **given})

        recorder = None if session is None else self._recorders.get(session)
        if recorder is not None:
            return recorder.report(kind, write, self._message_fits if kind == MESSAGE else None)
        self._count += 1
        event_id = f"{self._life}-{self._count}"
        return self._post(Event(event_id, kind, session, write(event_id, self._numbers.next(session))))

    def _message_fits(self, size: int) -> bool:
        return self._has_room is None or self._has_room(MESSAGE, size)

    def send(
        self, event_id: str, kind: str, session: str, body: bytes, settled: Callable[[], object]
    ) -> bool:
        """Send an event of a recorded session; see `SessionManager.tell_back_end`."""
        return self._post(Event(event_id, kind, session, body, settled))


def _sendable(value: Any) -> Any:
    """Return a member without what UTF-8 cannot encode, such as half of a surrogate pair in a name."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {name: _sendable(part) for name, part in cast("dict[str, Any]", value).items()}
    return value


def _as_json(packet: Packet) -> object:
    try:
        return msgspec.Raw(packet.json)
    except (TypeError, ValueError, RecursionError):  # a CBOR client may send what JSON has no word for
        return {"path": packet.path, "message": _NO_MESSAGE}
