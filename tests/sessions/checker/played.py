"""What is played around a session: packets, requests, timers, handlers, the actor's surroundings."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Generator, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from cometary.errors import ProtocolError
from cometary.escapes import recognise_cancellation
from cometary.fsm import StartTimer
from cometary.packets.tracked import TrackedPacket
from cometary.sessions import Packet, Request
from cometary.sessions.actor import EXPIRY, LookForExpired

if TYPE_CHECKING:
    from tests.sessions.checker.world import World

MOST = 400
DOWN = tuple([Packet("down", number) for number in range(MOST)])
"""What the application sends, by number."""
TRACKED = tuple([TrackedPacket("tracked", number, receipt=str(number)) for number in range(MOST)])
"""The same, if it wants to know what becomes of each."""
UP = tuple([Packet("up", number) for number in range(MOST)])
"""What the client sends, by number."""
EXPIRING = tuple([TrackedPacket("expiring", number, receipt=str(number), ttl=60.0) for number in range(MOST)])
"""The same, if it wants each to be sent within a minute or not at all."""
SERIES = {"down": DOWN, "tracked": TRACKED, "expiring": EXPIRING, "up": UP}

COMING, THERE, ANSWERED = "coming", "there", "answered"


class HandlerCrash(Exception):  # noqa: N818 - it is no error of ours
    """The application's handler raises."""


class HandlerCancelled(BaseException):
    """The task of an async handler is cancelled, because its actor has ended."""


recognise_cancellation(lambda error: type(error) is HandlerCancelled)


class Slow(Awaitable[None]):
    """What an async handler returns; the test says when it is done."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Exchange(Request):
    """One sending of one request, from the client until its answer has arrived.

    Attributes:
        where: on its way to the server, there, or answered and on its way back.
        awaited: whether the client waits for its answer; if not, its connection is gone.
        told: whether the server has been told so.
        place: its place among the sendings of a state, where that is being made.
        reply: the answer (number of the first packet, packets), or the condition of a refusal.
    """

    __slots__ = ("awaited", "holds", "place", "reply", "told", "where", "world")

    holds: bool  # type: ignore[misc]  # of each request by itself

    def __init__(
        self,
        world: World | None,
        rid: int,
        ack: int,
        packets: Sequence[Packet],
        *,
        close: bool = False,
        holds: bool = True,
    ) -> None:
        super().__init__(rid, ack, tuple(packets), close=close)
        self.holds = holds  # pyright: ignore[reportIncompatibleVariableOverride]
        self.world = world
        self.where = COMING
        self.awaited = True
        self.place: int | None = None
        self.told = False
        self.reply: tuple[int, tuple[Packet, ...]] | str | None = None

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:
        assert self.world is not None
        self.world.carries(first_seq, packets)
        for seq in range(first_seq, first_seq + len(packets)):
            assert seq > self.world.acknowledged, f"packet {seq} is sent again, although it was acknowledged"
        self._settle((first_seq, tuple(packets)))

    def refuse(self, error: ProtocolError) -> None:
        self._settle(error.condition)

    @property
    def matters(self) -> bool:
        """Whether anything can still come of it."""
        return self.awaited or self.where == COMING or (self.where == THERE and not self.told)

    def _settle(self, reply: tuple[int, tuple[Packet, ...]] | str) -> None:
        assert self.where == THERE, f"request {self.rid} is answered twice"
        assert not self.told, f"request {self.rid} is answered, although its connection was reported broken"
        self.where = ANSWERED
        self.reply = reply


class PlayedTimer:
    """A timer of the session's actor: it runs out when the test says so."""

    __slots__ = ("message", "running", "starts")

    def __init__(self) -> None:
        self.message: StartTimer | LookForExpired | None = None
        self.running = False
        self.starts = 0
        """How often it was started in the move that is made."""

    def start(self, seconds: float) -> None:
        assert self.message is not None
        asked = self.message.seconds if isinstance(self.message, StartTimer) else self.message.time
        assert seconds == asked  # the clock stands at zero
        self.running = True
        self.starts += 1

    def cancel(self) -> None:
        self.running = False

    def close(self) -> None:
        self.running = False


def timer_of(message: StartTimer | LookForExpired) -> str:
    """Return the name of the timer that sends `message`."""
    return str(message.name) if isinstance(message, StartTimer) else EXPIRY


@functools.cache
def played(actor: Any) -> type[Any]:
    """Return `actor`, a class, without a cell, a scheduler and tasks."""

    class PlayedActor(actor):  # type: ignore[misc]  # any actor
        system = SimpleNamespace(scheduler=SimpleNamespace(now=lambda: 0.0))

        def timer(self, message: object) -> PlayedTimer:
            assert message is None
            return PlayedTimer()

        def start_task(self, _function: Callable[..., object], _outcome: object, call: object) -> None:
            assert self._manager.running is None, "two handlers run at once"
            self._manager.running = call

        def stop(self, *_: object) -> None:
            self._manager.stops()

        @property
        def actor_inbox(self) -> Any:
            return self._manager

    return PlayedActor


class LastResort:
    """Supervisor, reference and mailbox of the actor that is started for a session which has failed."""

    mail: list[object] | None = None

    def start_child(self, *_: object) -> LastResort:
        self.mail = []
        return self

    def tell(self, message: object) -> None:
        assert self.mail is not None
        self.mail.append(message)
