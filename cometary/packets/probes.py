"""Probes: how long packets take from being sent to being in an answer, and to being acknowledged.

1.  Few packets have one (`cometary.sampling`); whoever sends a packet to a path, or to a session, has it looked at.
    That costs all others the counting.
2.  An outbox that takes a packet with a probe follows it, unless it follows another one. Of an update to many sessions
    one outbox in `SPREAD` does: the last of them count as well as the first, and all of them pay for few.
3.  What a back-end's call sends that is part of a trace of its own (`caller`) has one in any case: whoever traces
    wants to see it.
4.  A packet that is kept for those who come later has none any more: how long it was kept is nobody's latency.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cometary.histograms import Histogram
from cometary.sampling import Sampler

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.packets.packet import Packet

SPREAD: Final = 16


class Probes:
    """Gives packets probes, and has what they find.

    Args:
        clock: in seconds.

    Attributes:
        clock: the same.
        answered: seconds from being sent to being in an answer, or written to a stream, for the first time.
        acknowledged: seconds from being sent to the client's acknowledgement.
        told: is told of each packet that was followed to its acknowledgement: its path, when it was sent, in an
            answer and acknowledged, and its `caller`. It does not raise. None for nobody.
        caller: the `traceparent` of the call that sends what is looked at; None outside of such a call.
    """

    __slots__ = ("_sampler", "acknowledged", "answered", "caller", "clock", "told")

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.answered = Histogram()
        self.acknowledged = Histogram()
        self._sampler = Sampler()
        self.told: Callable[[str, float, float, float, str | None], None] | None = None
        self.caller: str | None = None

    def look_at(self, packet: Packet) -> None:
        """Give a packet that is being sent a probe, if it is its turn."""
        caller, sampler = self.caller, self._sampler
        if caller is None and sampler.left > 0:  # as in `take`, without a call
            sampler.left -= 1
        elif sampler.take() or caller is not None:
            packet.probe = Probe(self, self.clock(), packet.path, caller)

    def were_read(self) -> None:
        """See `Sampler.was_read`."""
        self._sampler.was_read()


class Probe:
    """On a packet: since when it is on its way.

    Args:
        probes: has what is found.
        began: when it was sent.
        path: its path.
        caller: the `traceparent` of the call that sent it; None for none.
    """

    __slots__ = ("_left", "began", "caller", "path", "probes")

    def __init__(self, probes: Probes, began: float, path: str, caller: str | None = None) -> None:
        self.probes = probes
        self.began = began
        self.path = path
        self.caller = caller
        self._left: int = 0  # outboxes before the next one that follows it

    def follow(self, number: int) -> Followed | None:
        """Return what an outbox follows that has it under this number; None if it need not."""
        if self._left > 0:
            self._left -= 1
            return None
        self._left = SPREAD - 1
        return Followed(self, number)


class Followed:
    """In an outbox: the packet that it follows.

    Args:
        probe: that of the packet.
        number: that of the packet in the outbox.

    Attributes:
        was_sent: whether it was part of an answer.
    """

    __slots__ = ("_answered", "_number", "_probe", "was_sent")

    def __init__(self, probe: Probe, number: int) -> None:
        self._probe = probe
        self._number = number
        self.was_sent: bool = False
        self._answered: float = 0.0

    def sent(self, last: int) -> None:
        """Take note that all up to the number `last` have been part of an answer."""
        if not self.was_sent and last >= self._number:
            self.was_sent = True
            probes = self._probe.probes
            self._answered = now = probes.clock()
            probes.answered.observe(now - self._probe.began)

    def acknowledged(self, last: int) -> bool:
        """Take note that all up to the number `last` are acknowledged; returns whether it is one of them."""
        if last < self._number:
            return False
        probe, probes = self._probe, self._probe.probes
        now = probes.clock()
        probes.acknowledged.observe(now - probe.began)
        if probes.told is not None:
            probes.told(probe.path, probe.began, self._answered if self.was_sent else now, now, probe.caller)
        return True

    def is_among(self, last: int) -> bool:
        """Whether it is one of those up to the number `last`."""
        return last >= self._number
