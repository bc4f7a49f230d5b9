"""The application of a checked session: it checks that it is called as promised, and behaves as the test says.

What a handler does is its mood: a script of words, in the order of calls. `replies` sends the client a packet,
`slow` returns an awaitable that takes its time, `crashes` raises. What follows `crashes` is for the next call,
which has to be that for the failure.
"""

# What is taken apart here may be of any class.
# pyright: basic

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cometary.sessions import Failure, Packet
from cometary.sessions.keeper import SignedOff, SignedOn
from tests.sessions.checker.played import UP, HandlerCrash, Slow


class PlayedApplication:
    """Whom a checked session reports to.

    Attributes:
        mood: what the handlers do from now on; after that they just return.
        called: whether the application was called.
        handed: how many of the client's packets the application has been given.
        is_signed_on, is_signed_off: whether the application was told so.
        running: the call whose async handler runs.
        owed: the call that has failed, until the application has been told so.
        crashing: whether a handler has crashed the actor, which has not ended yet.
    """

    keeper: Any
    acknowledged: int
    pushed: int

    def __init__(self) -> None:
        self.mood: tuple[str, ...] = ()
        self.called = self.crashing = self.is_signed_on = self.is_signed_off = False
        self.handed = 0
        self.running: Any = None
        self.owed: Any = None

    def next_packet(self) -> Packet:
        """Return the next packet to the client."""
        raise NotImplementedError

    def signed_on(self, _session: object) -> Slow | None:
        assert not self.is_signed_on, "the sign-on comes twice"
        self.is_signed_on = True
        return self._handle(SignedOn())

    def resumed(self, _session: object) -> None:
        raise AssertionError("nothing is recorded")

    def received(self, _session: object, packet: Packet) -> Slow | None:
        assert self.is_signed_on, "a packet comes before the sign-on"
        expected = UP[self.handed + 1]
        assert packet is expected, f"the application gets packet {packet.message} after {self.handed}"
        self.handed += 1
        return self._handle(packet)

    def signed_off(self, _session: object, reason: str, undelivered: Sequence[Packet]) -> Slow | None:
        got = [packet.message for packet in undelivered]
        wanted = list(range(self.acknowledged + 1, self.pushed + 1))
        assert got == wanted, f"at the end {got} are undelivered, but it is {wanted}"
        try:
            return self._handle(SignedOff(reason, list(undelivered)))
        finally:
            self.is_signed_off = True

    def failed(self, failure: Failure) -> Slow | None:
        owed, self.owed = self.owed, None
        assert owed is not None, f"a failure comes of a {failure.hook} that has not failed"
        assert HOOKS[type(owed)] == failure.hook, f"the failure of a {owed} is that of a {failure.hook}"
        assert failure.packet is (owed if failure.hook == "packet" else None), (
            "the failure is another packet's"
        )
        if failure.hook == "signoff":
            assert failure.undelivered == owed.undelivered, "the failure has not all that is undelivered"
        return self._handle(None)

    def _handle(self, call: Any) -> Slow | None:
        assert self.running is None, "two handlers run at once"
        assert not self.crashing, "an actor calls the application after a handler has crashed it"
        assert self.owed is None, "the application is called before it is told of a failure"
        assert call is None or not self.is_signed_off, "the application is called after the sign-off"
        self.called = True
        script = iter(self.mood)
        self.mood = ()
        for word in script:
            if word == "replies" and self.keeper.ended is None:
                self.keeper.serving.push(self.next_packet())
            elif word == "slow":
                return Slow()
            elif word == "crashes":
                self.mood = tuple(script)
                self.crashing = True
                self.owed = call
                raise HandlerCrash
        return None


HOOKS = {SignedOn: "signon", Packet: "packet", SignedOff: "signoff"}
"""What a failure calls each call; that of a failure has none."""
