"""The turnstile: which requests' packets are let in, in the turn in which each request is processed.

1.  What a session's application has not been given yet is limited (`max_unhandled_packets`, `max_unhandled_bytes`).
2.  A session, or an address, may send so many packets a second, and so many at once (`bucket`). Loopback has no limit
    as an address: a proxy on this machine speaks for all its clients.
3.  A request is let in whole or not at all. One that is refused has changed nothing: its id is still the next,
    and the same request is let in later.
4.  Only so many addresses are counted at a time. When there are more, those that have been quiet for long enough are
    forgotten, which makes no difference to them; if no address has been, all are.
5.  Requests that bring nothing, neither new packets nor a higher acknowledgement, are let in at a limited number a
    second.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

from cometary.errors import ProtocolError
from cometary.gate.rate_limit import is_loopback
from cometary.sessions.bucket import Bucket
from cometary.sessions.session_arbiter import Turnstile

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.sessions.events import Request
    from cometary.sessions.keeper import SessionKeeper
    from cometary.sessions.settings import SessionSettings

MOST_ADDRESSES: Final = 100_000
"""Addresses counted at a time."""


LOOPBACK: Final = "127.0.0.1"
"""What a proxy on this machine nearly always comes from."""


class LimitingTurnstile(Turnstile):
    """Lets requests in, those of all sessions.

    Args:
        settings: the limits.
        now: reads the clock, in seconds.
        most_addresses: how many addresses are counted at a time.
    """

    def __init__(
        self, settings: SessionSettings, now: Callable[[], float], most_addresses: int = MOST_ADDRESSES
    ) -> None:
        self._now = now
        self._most_addresses = most_addresses
        self._addresses: dict[str, Bucket] = {}
        self.change(settings)

    def change(self, settings: SessionSettings) -> None:
        """Go by other limits from now on; what was taken of the old ones stays taken."""
        self._most_packets = settings.max_unhandled_packets
        self._most_bytes = settings.max_unhandled_bytes
        self._releases = settings.max_releases_per_second
        self._rate = float(settings.packets_per_second)
        self._burst = float(settings.packet_burst)
        self._address_rate = float(settings.address_packets_per_second)
        self._address_burst = float(settings.address_packet_burst)

    def refusal(self, keeper: SessionKeeper, request: Request) -> ProtocolError | None:
        """See `Turnstile.refusal`."""
        if not keeper.has_room(request, self._most_packets, self._most_bytes):
            return too_many("the application has not handled the packets sent before these")
        now, count, own = self._now(), len(request.packets), keeper.bucket
        if self._rate:
            if own is None:
                own = keeper.bucket = Bucket(self._burst, now)
            wait = own.wait(count, self._rate, self._burst, now)
            if wait:
                return too_many("this session sends packets too fast", wait)
        address = request.address if self._address_rate else ""
        if address and address != LOOPBACK and not is_loopback(address):
            bucket = self._address(address, now)
            wait = bucket.wait(count, self._address_rate, self._address_burst, now)
            if wait:
                return too_many("the sessions of this address send packets too fast", wait)
            bucket.take(count)
        if own is not None:
            own.take(count)
        return None

    def idle_refusal(self, keeper: SessionKeeper) -> ProtocolError | None:
        """See `Turnstile.idle_refusal`, and XEP-0124, overactivity."""
        if keeper.count_release(self._now()) <= self._releases:
            return None
        return too_many("requests that bring nothing come faster than any client needs")

    def _address(self, address: str, now: float) -> Bucket:
        bucket = self._addresses.get(address)
        if bucket is None:
            if len(self._addresses) >= self._most_addresses:
                self._forget_quiet(now)
            bucket = self._addresses[address] = Bucket(self._address_burst, now)
        return bucket

    def _forget_quiet(self, now: float) -> None:
        rate, burst = self._address_rate, self._address_burst
        kept = {
            address: bucket
            for address, bucket in self._addresses.items()
            if not bucket.full(rate, burst, now)
        }
        self._addresses = kept if len(kept) < self._most_addresses else {}


def too_many(detail: str, wait: float = 1.0) -> ProtocolError:
    """Return the error for a request that is to come again in `wait` seconds."""
    return ProtocolError("too-many-requests", detail, retry_after=max(1, ceil(wait)))
