"""A bench for the session's machine: it plays the shell, with a clock that a test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cometary.errors import ProtocolError
from cometary.fsm import Stopped
from cometary.sessions import Packet, Request, RequestDropped, SessionMachine, SessionSettings
from cometary.sessions.events import Answer, HandOver, Ready, Refuse, session_ended
from cometary.sessions.policy import Policy
from cometary.testing import MachineDriver


class Asked(Request):
    """A request that remembers how it was answered, and was answered once at most."""

    def __init__(self, rid: int, **kwargs: Any) -> None:
        super().__init__(rid, **kwargs)
        self.replies: list[tuple[int, tuple[Packet, ...]] | ProtocolError] = []

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:
        assert not self.replies, f"{self} was answered already"
        self.replies.append((first_seq, tuple(packets)))

    def refuse(self, error: ProtocolError) -> None:
        assert not self.replies, f"{self} was answered already"
        self.replies.append(error)

    @property
    def answered(self) -> bool:
        return bool(self.replies)

    @property
    def answered_well(self) -> bool:
        return self.answered and isinstance(self.replies[0], tuple)

    @property
    def got(self) -> tuple[int, tuple[Packet, ...]]:
        """The first number and the packets of the answer."""
        [reply] = self.replies
        assert isinstance(reply, tuple), f"it was refused: {reply}"
        return reply

    @property
    def error(self) -> ProtocolError:
        """What it was refused with."""
        [reply] = self.replies
        assert isinstance(reply, ProtocolError), f"it was answered: {reply}"
        return reply

    @property
    def refused(self) -> str:
        return self.error.condition


class Bench:
    """A machine and its surroundings: a driver has its clock and its timers, and this does what else it asks for.

    Args:
        settings: times and limits.
        first_rid: the id of the request that opened the session.
        wait: what the client asked for.
        policy: what its wire's sessions are like; None for those of the native protocol.
    """

    def __init__(
        self,
        settings: SessionSettings,
        first_rid: int = 1,
        wait: float | None = None,
        policy: Policy | None = None,
    ) -> None:
        self._driver = MachineDriver(SessionMachine(settings, first_rid, wait, policy))
        self.machine = self._driver.machine
        self.ended: str | None = None
        self.handed_over: list[Packet] = []
        self.on_packet: Callable[[Packet], object] = lambda _: None
        self._perform(self._driver.actions)

    @property
    def now(self) -> float:
        """Seconds since it began."""
        return self._driver.now

    @property
    def state(self) -> str:
        return self._driver.state.name

    @property
    def timers(self) -> dict[str, float]:
        """Seconds that are left to each timer."""
        return {str(name): round(left, 6) for name, left in self._driver.timers.items()}

    def snapshot(self) -> tuple[object, ...]:
        """All that an error must not change."""
        machine = self.machine
        outbox, window = machine.outbox, machine.window
        return (
            machine.state,
            machine.held,
            window.expected,
            window.has_early,
            outbox.acknowledged,
            outbox.sent,
            outbox.undelivered(),
            self.timers,
        )

    # -- what happens to the session ---------------------------------------------------------------

    @staticmethod
    def new_request(rid: int, ack: int = 0, packets: Sequence[Packet] = (), *, close: bool = False) -> Asked:
        return Asked(rid, ack=ack, packets=packets, close=close)

    def request(
        self, rid: int, ack: int = 0, packets: Sequence[Packet] = (), *, close: bool = False
    ) -> Asked:
        request = self.new_request(rid, ack, packets, close=close)
        self.arrive(request)
        return request

    def arrive(self, request: Asked) -> None:
        if self.ended is None:
            self.step(request)
        else:
            request.refuse(session_ended(self.ended))

    def drop(self, request: Asked) -> None:
        """Break the connection of a request; the shell hears of it only if that was unanswered."""
        if not request.answered:
            self.step(RequestDropped(request))

    def push(self, packet: Packet) -> None:
        self.step(packet)

    def pass_time(self, seconds: float) -> None:
        """Let time go by, and timers run out in their order."""
        self._perform(self._driver.advance(seconds))

    def step(self, event: object) -> None:
        if self.ended is None:
            self._perform(self._driver.send(event))

    @staticmethod
    def refusal_of(request: Request) -> tuple[str, dict[str, object]]:
        assert isinstance(request, Asked)
        return request.error.condition, request.error.members

    # -- what the machine asks for -----------------------------------------------------------------

    def _perform(self, actions: Iterable[object]) -> None:
        for action in actions:
            match action:
                case Answer():
                    action.request.answer(action.first_seq, action.packets)
                case Refuse():
                    action.carrier.refuse(action.error)
                case HandOver():
                    self._hand_over(action.ready)
                case Stopped(reason=str(reason)):
                    self.ended = reason
                case _:
                    raise AssertionError(f"the shell knows nothing of {action!r}")

    def _hand_over(self, ready: Ready) -> None:
        request = ready.request
        for packet in request.packets:
            self.handed_over.append(packet)
            self.on_packet(packet)
        if self.ended is None:
            self.step(ready)
        else:
            request.refuse(session_ended(self.ended))
