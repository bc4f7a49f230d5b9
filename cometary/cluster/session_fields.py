"""What of a session is recorded beside its packets: who it is, the application's notes, its paths, and its lease.

1.  Each is one field, written when it has changed: at the end of each call of the application, and with what it sends.
2.  Times are those of the wall clock, since the process that adopts the session may have been started later. The die
    timer is not among them: it begins anew.
"""

from __future__ import annotations

import time
from math import inf
from typing import TYPE_CHECKING, Any, Final

import msgspec

from cometary.errors import UsageError
from cometary.log import get_logger
from cometary.packets.frozen import FrozenValue, freeze_value, thaw_value
from cometary.sessions.admission import user_of
from cometary.sessions.lease import FrozenLease, thaw_lease

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.cluster.change import Fields
    from cometary.sessions.admission import Admission
    from cometary.sessions.keeper import SessionKeeper

SESSION: Final = "session"
DATA: Final = "data"
PATHS: Final = "paths"
PLACES: Final = "places"
REPORTS: Final = "reports"
RECEIPTS: Final = "receipts"
LEASE: Final = "lease"

logger = get_logger("cometary.cluster")

encode: Final = msgspec.json.Encoder().encode


class Lasting(msgspec.Struct):
    """What never changes.

    Attributes:
        name: the session's public name.
        opened: when it was opened.
        wait: the most seconds that its client wants its requests held.
        first_rid: the id of the request that opened it.
        mirrored: whether its client knows of no positions, so that the record has all that it is sent.
    """

    name: str
    opened: float
    wait: float
    first_rid: int
    mirrored: bool = False


class Terms(msgspec.Struct):
    """The terms on which its client was let in.

    Attributes:
        user: who.
        expires: when the session ends; None for never.
        paths: what the client may connect itself to.
    """

    user: str | int | None = None
    expires: float | None = None
    paths: list[str] = []


class SessionFields:
    """The fields of one session as they were written last.

    Args:
        written: those that its record has.
    """

    __slots__ = ("_clock", "_written", "touched")

    def __init__(self, written: Fields = ()) -> None:
        self._written = dict(written)
        self._clock = time.time
        self.touched = False
        """Whether the paths may have changed since."""

    def of_new(self, keeper: SessionKeeper, admission: Admission | None, *, mirrored: bool = False) -> Fields:
        """Return all fields of a session that is about to be opened.

        Args:
            keeper: the session.
            admission: what an authenticator has made of its client; None if nobody was asked.
            mirrored: whether its client knows of no positions.

        Raises:
            UsageError: the data that the authenticator has given has no plain form; its fault.
        """
        machine, now = keeper.machine, self._clock()
        lasting = Lasting(keeper.name, now, machine.wait, machine.window.first_rid, mirrored)
        self._put(SESSION, encode(lasting))
        self._put(DATA, encode(freeze_value({} if admission is None else {**admission.data})))
        if admission is not None:
            expires = None if admission.expires is None else now + admission.expires
            self._put(LEASE, encode(Terms(user_of(admission.data), expires, list(admission.paths))))
        return tuple(sorted(self._written.items()))

    def changed(
        self,
        keeper: SessionKeeper,
        paths: Sequence[str] | None = None,
        places: bytes | None = None,
        reports: Fields = (),
        receipts: bytes | None = None,
    ) -> Fields:
        """Return what has changed since it was written.

        Args:
            keeper: the session.
            paths: what it is connected to; None if that has not changed.
            places: where it is in their logs, as `LogPlaces` writes it; None for the same.
            reports: what has changed of what back-ends are to be told of it, as `Reports` writes it.
            receipts: those that were made, as `DueReceipts` writes them; None for the same.
        """
        listed = None if paths is None else encode(paths)
        notes = [(DATA, _data(keeper)), (LEASE, self._lease(keeper))]
        fields = [*notes, (PATHS, listed), (PLACES, places), *reports, (RECEIPTS, receipts)]
        return tuple(
            sorted([(name, value) for name, value in fields if value is not None and self._put(name, value)])
        )

    def _put(self, name: str, value: bytes) -> bool:
        known = self._written.get(name)
        self._written[name] = value
        return known != value

    def _lease(self, keeper: SessionKeeper) -> bytes | None:
        lease = keeper.lease
        if lease is None:
            return None
        known = msgspec.json.decode(self._written.get(LEASE, b"{}"), type=Terms)
        expires = None if lease.expires == inf else self._clock() + lease.expires - keeper.now()
        if expires is not None and known.expires is not None and abs(expires - known.expires) < 1:
            expires = known.expires  # no two readings of two clocks are the same
        return encode(Terms(lease.user, expires, list(lease.paths.texts)))

    # -- of a session that is adopted

    @property
    def lasting(self) -> Lasting:
        """Return what never changes."""
        return msgspec.json.decode(self._written[SESSION], type=Lasting)

    @property
    def age(self) -> float:
        """Seconds since it was opened."""
        return max(self._clock() - self.lasting.opened, 0.0)

    @property
    def paths(self) -> list[str]:
        """Return what it is connected to."""
        return msgspec.json.decode(self._written.get(PATHS, b"[]"), type=list[str])

    @property
    def places(self) -> bytes | None:
        """Return where it is in the logs of its paths, as it was written; None if it is in none."""
        return self._written.get(PLACES)

    @property
    def reports(self) -> dict[str, bytes]:
        """Return what back-ends are to be told of it, as it was written."""
        return {name: value for name, value in self._written.items() if name.startswith(REPORTS)}

    @property
    def receipts(self) -> bytes | None:
        """Return its receipts that were made, as they were written; None if there were none."""
        return self._written.get(RECEIPTS)

    @property
    def data(self) -> dict[str, Any]:
        """Return the application's notes."""
        notes: dict[str, Any] = thaw_value(msgspec.json.decode(self._written[DATA], type=FrozenValue))
        return notes

    def restore_lease(self, keeper: SessionKeeper, notice: float) -> None:
        """Give the session its lease again.

        Args:
            keeper: the session, which has its actor.
            notice: seconds before the expiry at which its client is asked for another token, if that is not more than
                half of the time that is left.
        """
        if LEASE not in self._written:
            return
        terms = msgspec.json.decode(self._written[LEASE], type=Terms)
        left = None if terms.expires is None else max(terms.expires - self._clock(), 0.0)
        asked = None if left is None else left - min(notice, left / 2)
        thaw_lease(keeper, FrozenLease(terms.user, None, left, asked, terms.paths), 0.0)


def _data(keeper: SessionKeeper) -> bytes | None:
    try:
        return encode(freeze_value(keeper.data))
    except UsageError as error:
        text = f"the data of <Session {keeper.name}> is not recorded: {error}"
        logger.error("data not recorded", text=text, session=keeper.name)  # noqa: TRY400 - it is the application's
        return None
