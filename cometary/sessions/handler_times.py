"""How long the application's handlers take, for some of their calls (`cometary.sampling`)."""

from __future__ import annotations

from time import monotonic
from typing import Final

from cometary.histograms import Histogram
from cometary.packets.packet import Packet
from cometary.sampling import Sampler
from cometary.sessions.keeper import Recovered, SignedOff, SignedOn

PACKET: Final = "packet"
HOOKS: Final = ("signon", "recovered", PACKET, "signoff", "failure")


class HandlerTimes:
    """Takes the time of the calls of one server's application.

    Attributes:
        histograms: seconds from the call of a handler until it has returned, an async one with all that it has awaited;
            by hook.
    """

    __slots__ = ("_sampler", "histograms")

    def __init__(self) -> None:
        self._sampler = Sampler()
        self.histograms: dict[str, Histogram] = {hook: Histogram() for hook in HOOKS}

    def begin(self) -> float:
        """Return when a call begins whose time is taken; 0 if it is not."""
        return monotonic() if self._sampler.take() else 0.0

    def end(self, began: float, item: object) -> None:
        """Take note that a call with `item`, which began then, has returned, or raised."""
        if began:
            self.histograms[hook_of(item)].observe(monotonic() - began)

    def were_read(self) -> None:
        """See `Sampler.was_read`."""
        self._sampler.was_read()


def hook_of(item: object) -> str:
    """Return which handler is called with `item`."""
    if isinstance(item, Packet):
        return PACKET
    if isinstance(item, SignedOn):
        return "signon"
    if isinstance(item, Recovered):
        return "recovered"
    return "signoff" if isinstance(item, SignedOff) else "failure"
