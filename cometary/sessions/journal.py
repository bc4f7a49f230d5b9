"""What the log says of sessions: which opened, which ended and why; as much of that as is worth the time.

1.  An opening or an end is one line at level `info`; an end for `overflow` or `failed` one at `warning`.
2.  At most `PER_SECOND` lines of either are written in a second. What goes beyond that is counted, by reason, and the
    next line in a later second is preceded by one with the counts. So a flood of sessions costs little more than
    counting them, and no session is missing in the sum.
3.  None of this slows a packet on its way: the numbers are those that the session keeps anyway.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

from cometary.background_log import shortened
from cometary.log import get_logger
from cometary.sessions.lease import EXPIRED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.sessions.keeper import SessionKeeper

NAME: Final = "cometary.sessions"
logger = get_logger(NAME)
is_enabled = logging.getLogger(NAME).isEnabledFor

PER_SECOND: Final = 10
LONGEST_USER: Final = 100
"""Characters of a user's name."""

NAMED: Final = 10
"""Sessions that one line names at most."""

BAD: Final = frozenset({"overflow", "failed"})


class Journal:
    """Tells the log of the sessions of one server.

    Args:
        now: reads the clock, in seconds.
        addresses: whether addresses are told.

    Attributes:
        addresses: the same; it may change.
        opens: how many sessions have opened, by wire.
        ends: how many have ended and signed off, by reason.
    """

    def __init__(self, now: Callable[[], float], *, addresses: bool) -> None:
        self._now = now
        self.addresses = addresses
        self._second = 0
        self._left = {"opened": PER_SECOND, "ended": PER_SECOND}
        self._untold: Counter[str] = Counter()
        self.opens: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()

    def opened(self, keeper: SessionKeeper, wire: str, address: str) -> None:
        """Tell that a session has opened.

        Args:
            keeper: the session.
            wire: how it came: the encoding of its requests.
            address: the other end of its connection; of a proxy, if there is one.
        """
        self.opens[wire] += 1
        if is_enabled(logging.INFO) and self._may("opened", "opened"):
            where = {"address": address} if self.addresses else {}
            logger.info("session opened", session=keeper.name, user=shown_user(keeper), wire=wire, **where)

    def ended(self, keeper: SessionKeeper, undelivered: int) -> None:
        """Tell that a session has ended and signed off.

        Args:
            keeper: the session.
            undelivered: packets that its client never acknowledged.
        """
        reason = reason_of(keeper)
        self.ends[reason] += 1
        level = logging.WARNING if reason in BAD else logging.INFO
        if is_enabled(level) and self._may("ended", reason):
            logger.log(
                level,
                "session ended",
                session=keeper.name,
                user=shown_user(keeper),
                reason=reason,
                age=round(self._now() - keeper.opened, 3),
                received=keeper.received,
                delivered=keeper.machine.outbox.delivered,
                undelivered=undelivered,
            )

    def overflowed(self, keeper: SessionKeeper) -> None:
        """Tell for which packet there was no room; while that is the last one of the session's outbox."""
        outbox = keeper.machine.outbox
        if outbox.packets and is_enabled(logging.WARNING) and self._may("ended", "overflow"):
            packet = outbox.packets[-1]
            text = f"a packet of {packet.size} bytes to {packet.path!r} was too much for {keeper.name}"
            logger.warning(
                "no room for packet",
                text=text,
                session=keeper.name,
                path=packet.path,
                size=packet.size,
                queued=len(outbox) - 1,
                queued_bytes=outbox.size - packet.size,
                max_bytes=outbox.max_bytes,
            )

    def abandoned(self, keepers: Sequence[SessionKeeper], untold: int, undelivered: int) -> None:
        """Tell which sessions have not signed off before the server stops.

        Args:
            keepers: the sessions.
            untold: how many of them the application has not been told of at all.
            undelivered: packets of these that were undelivered.
        """
        names = [keeper.name for keeper in keepers[:NAMED]]
        named = ", ".join(names) + (", …" if len(keepers) > NAMED else "")
        text = (
            f"{len(keepers)} sessions have not signed off in time ({named}); of {untold} of them the application "
            f"is not told, nor of {undelivered} packets that they did not deliver"
        )
        logger.warning(
            "sessions abandoned",
            text=text,
            sessions=len(keepers),
            named=names,
            untold=untold,
            undelivered=undelivered,
        )

    def close(self) -> None:
        """Tell what has been counted and not been told."""
        if self._untold and is_enabled(logging.INFO):
            counts = dict(sorted(self._untold.items()))
            shown = ", ".join(f"{count} {what}" for what, count in counts.items())
            logger.info("more sessions", text=f"more sessions, not told one by one: {shown}", **counts)
        self._untold.clear()

    def _may(self, kind: str, counted_as: str) -> bool:
        """Count; return whether there may be one more line of this kind in this second (rule 2)."""
        second = int(self._now())
        if second != self._second:
            self._second = second
            self._left = {"opened": PER_SECOND, "ended": PER_SECOND}
            self.close()
        if self._left[kind]:
            self._left[kind] -= 1
            return True
        self._untold[counted_as] += 1
        return False


def shown_user(keeper: SessionKeeper) -> str | int | None:
    """Return whose session it is, as operators are told: of a long name the beginning and the end."""
    user = keeper.user
    return shortened(user, LONGEST_USER) if isinstance(user, str) else user


def reason_of(keeper: SessionKeeper) -> str:
    """Return why a session has ended, as operators need to know it: an expired token is no kick."""
    if keeper.lease is not None and keeper.lease.ran_out:
        return EXPIRED
    return str(keeper.ended)
