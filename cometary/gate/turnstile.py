"""The turnstile: which requests' packets are let in, in the turn in which each request is processed.

1.  What a session's application has not been given yet has a bound (`max_unhandled_packets`, `max_unhandled_bytes`).
2.  A session, and an address, sends so many packets a second, and so many at once (`bucket`). Loopback has no
    limit as an address: a proxy on this machine speaks for all its clients.
3.  A request is let in whole or not at all. One that is refused has changed nothing: its id is still the next,
    and the same request is let in later.
4.  Only so many addresses are counted at a time. When there are more, those that have been quiet for long enough
    are forgotten, which makes no difference to them; if that is none, all are.
5.  Requests that bring nothing, neither new packets nor a higher acknowledgement, are let in so many in a second.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

from cometary.errors import ProtocolError
from cometary.gate.rate_limit import is_loopback
from cometary.sessions.application import Turnstile
from cometary.sessions.bucket import Bucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.sessions.events import Request
    from cometary.sessions.keeper import SessionKeeper
    from cometary.sessions.settings import SessionSettings

MOST_ADDRESSES: Final = 100_000
"""Addresses counted at a time."""


class LimitingTurnstile(Turnstile):
    """Lets requests in, those of all sessions.

    Args:
        settings: the limits.
        now: reads the clock, in seconds.
    """

    def __init__(self, settings: SessionSettings, now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._addresses: dict[str, Bucket] = {}

    def refusal(self, keeper: SessionKeeper, request: Request) -> ProtocolError | None:
        """See `Turnstile.refusal`."""
        settings = self._settings
        if not keeper.has_room(request, settings):
            return too_many("the application has not handled the packets sent before these")
        now, count = self._now(), len(request.packets)
        rate, own = settings.packets_per_second, keeper.bucket
        if rate:
            if own is None:
                own = keeper.bucket = Bucket(settings.packet_burst, now)
            wait = own.wait(count, rate, settings.packet_burst, now)
            if wait:
                return too_many("this session sends packets too fast", wait)
        address, rate = request.address, settings.address_packets_per_second
        if rate and address and not is_loopback(address):
            bucket = self._address(address, now)
            wait = bucket.wait(count, rate, settings.address_packet_burst, now)
            if wait:
                return too_many("the sessions of this address send packets too fast", wait)
            bucket.take(count)
        if own is not None:
            own.take(count)
        return None

    def idle_refusal(self, keeper: SessionKeeper) -> ProtocolError | None:
        """See `Turnstile.idle_refusal`, and XEP-0124, overactivity."""
        if keeper.count_release(self._now()) <= self._settings.max_releases_per_second:
            return None
        return too_many("requests that bring nothing come faster than any client needs")

    def _address(self, address: str, now: float) -> Bucket:
        bucket = self._addresses.get(address)
        if bucket is None:
            if len(self._addresses) >= MOST_ADDRESSES:
                self._forget_quiet(now)
            bucket = self._addresses[address] = Bucket(self._settings.address_packet_burst, now)
        return bucket

    def _forget_quiet(self, now: float) -> None:
        rate, burst = self._settings.address_packets_per_second, self._settings.address_packet_burst
        kept = {
            address: bucket
            for address, bucket in self._addresses.items()
            if not bucket.full(rate, burst, now)
        }
        self._addresses = kept if len(kept) < MOST_ADDRESSES else {}


def too_many(detail: str, wait: float = 1.0) -> ProtocolError:
    """Return the error for a request that is to come again in `wait` seconds."""
    return ProtocolError("too-many-requests", detail, retry_after=max(1, ceil(wait)))
