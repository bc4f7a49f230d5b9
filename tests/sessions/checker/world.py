"""One session as it runs in production, with everything around it that a test can decide.

Real are the actor, the keeper, the machine, its outbox and its window, and what the manager does at the end: the very
classes that the server runs. Played are the scheduler (one message at a time), the timers (they run out when the
test says so), the supervisor, the application and the connections. A promise that one event alone can
break is checked where it would be broken; `tests.sessions.checker.promises` has the others.
"""

# What is taken apart here may be of any class.
# pyright: basic

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, Final

from cometary.errors import ActorEndedError
from cometary.fsm import StartTimer
from cometary.sessions import End, Packet, RequestDropped, SessionSettings
from cometary.sessions.actor import SignOff
from cometary.sessions.machine import PATIENCE, session_ended
from tests.sessions.checker.parts import PRODUCTION, Parts
from tests.sessions.checker.played import (
    COMING,
    DOWN,
    THERE,
    TRACKED,
    Exchange,
    HandlerCancelled,
    HandlerCrash,
    LastResort,
    Slow,
    played,
)
from tests.sessions.checker.played_application import HOOKS, PlayedApplication

FLAGS: Final = (
    "done",
    "signing_off",
    "to_stop",
    "stopped",
    "is_signed_on",
    "is_signed_off",
    "pushed",
    "handed",
    "acknowledged",
)
"""What of a world lasts from event to event, besides its objects."""


class World(PlayedApplication):
    """A session, its client's requests and its application.

    Attributes:
        exchanges: every sending of a request that may still have consequences.
        late: time-outs that are in the mailbox and not handled yet.
        pushed: how many packets the application has sent.
        acknowledged: the highest number acknowledged by any request that the server has taken in.
        before: what that was before this step.
        done: an async handler's last message is in the mailbox: from the present incarnation or an older one.
        receipts: what the application was told of its packets in this step.
        may_end: reasons for which the session may end in this step.
        signing_off: whether the actor's message to itself that it has to sign off is in the mailbox.
        to_stop: whether the actor is to stop when that has come.
        stopped: whether the actor has stopped for good.
    """

    def __init__(
        self,
        settings: SessionSettings,
        parts: Parts = PRODUCTION,
        keeper: Any = None,
        *,
        tracked: bool = False,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.packets: tuple[Packet, ...] = TRACKED if tracked else DOWN
        self.receipts: list[tuple[int, str]] = []
        self.may_end: set[str] = set()
        self.parts = parts
        self.exchanges: list[Exchange] = []
        self.late: list[StartTimer] = []
        self.pushed = self.acknowledged = self.before = 0
        self.signing_off = self.to_stop = self.stopped = False
        self.done: bool | None = None
        self._leaving: dict[Any, Any] = {}
        self.keeper = keeper or parts.keeper("sid", "name", parts.machine(settings), 0.0)
        self.keeper.ref = None
        self.actor = self._new_actor()

    # -- the actor's life ----------------------------------------------------------------------------

    def _new_actor(self) -> Any:
        actor: Any = object.__new__(played(self.parts.actor))  # type: ignore[arg-type]  # it can be hashed
        actor._cell = None  # so that it makes none of its own
        actor.__init__(self.keeper, self)
        return actor

    def begin(self) -> None:
        self._run(self.actor.on_start)

    def tell(self, message: object) -> None:
        """Have the actor handle one message."""
        assert not self.stopped
        self._run(self.actor.on_receive, message)

    def _run(self, call: Callable[..., object], *args: object) -> None:
        try:
            call(*args)
        except HandlerCrash:
            self.restart()

    def restart(self) -> None:
        """The actor is gone, and its task; the supervisor has started the next one on the same keeper."""
        self.cancel_handler()
        self.crashing = False
        self.done = None if self.done is None else False
        self.keeper.serving = None
        self.actor = self._new_actor()
        self._run(self.actor.on_start)

    def give_up(self) -> None:
        """The actor has crashed too often; what is in its mailbox goes with it."""
        self.cancel_handler()
        self.late = []
        self.signing_off = False
        self.done = None
        self.stopped = True
        self._supervisor = LastResort()
        self.parts.manager._fail(self, self.keeper)  # it has what that needs
        self.keeper.ref = None
        mail = self._supervisor.mail
        if mail is not None:
            self.stopped = False
            self.signing_off = any(type(message) is SignOff for message in mail)
            self.restart()
            self.may_end.add("failed")
            for message in mail:
                if type(message) is not SignOff:
                    self.tell(message)

    # -- an async handler's task ---------------------------------------------------------------------

    def handler_returns(self) -> None:
        task = self._task()
        self.running = None
        with suppress(StopIteration):
            task.send(None)
        assert self.done, "the actor does not hear that a handler has returned"

    def handler_raises(self) -> None:
        self._break_off(HandlerCrash())
        self.restart()

    def cancel_handler(self) -> None:
        """Break the handler's task off, as all tasks of an actor are before its next incarnation begins."""
        if self.running is not None:
            self._break_off(HandlerCancelled())

    def _task(self) -> Any:
        """Return the task of the handler that runs, where the handler waits."""
        task = self.actor._finish(Slow(), self.running)
        task.send(None)
        return task

    def _break_off(self, error: BaseException) -> None:
        task, call, self.running = self._task(), self.running, None
        self.owed = call if type(call) in HOOKS else None
        with suppress(type(error)):
            task.throw(error)

    def dead(self) -> Exception:
        """Return what is said of a handler that was broken off."""
        return ActorEndedError("its actor has ended", "crashed")

    def handler_done_arrives(self) -> None:
        owner, self.done = (self.actor if self.done else None), None
        self.tell(self._its("HandlerDone")(owner))

    def put_if_open(self, message: object) -> None:
        """Take what the actor sends to itself."""
        if type(message) is self._its("HandlerDone"):
            self.done = True
            return
        assert type(message) is self._its("SignOff")
        assert not self.signing_off, "the actor signs off twice"
        self.signing_off = True

    def sign_off_arrives(self) -> None:
        self.signing_off = False
        self.tell(self._its("SignOff")())
        self.stopped |= self.to_stop

    def stops(self) -> None:
        """The actor will stop, after the mail that it has already."""
        self.to_stop = self.signing_off
        self.stopped |= not self.signing_off

    def _its(self, name: str) -> Any:
        return self.parts.actor.on_receive.__globals__[name]

    # -- what reaches the actor ----------------------------------------------------------------------

    def arrives(self, exchange: Exchange) -> None:
        exchange.where = THERE
        if self.stopped:  # the directory refuses it then
            exchange.refuse(session_ended(self.keeper.ended))
            return
        if self.keeper.ended is not None:
            self.tell(exchange)
            return
        machine = self.keeper.machine
        expected, sent, started = machine.window.expected, machine.outbox.sent, machine._fsm_token
        if exchange.rid <= expected:
            self.acknowledged = max(self.acknowledged, exchange.ack)
            if any(one.close for one in self.exchanges if one.where == THERE):
                self.may_end.add("closed")
        self.tell(exchange)
        if self.keeper.ended is not None:
            return
        assert not exchange.close or exchange.rid > expected, (
            "the session goes on although the client closed it"
        )
        self._count_acknowledgements()
        inside = exchange.rid < expected + self.settings.requests
        assert not inside or exchange.reply != "rid-out-of-window", f"request {exchange.rid} is in the window"
        if exchange.rid <= expected:
            assert any(timer.token > started for timer in machine.running_timers), "no timer starts anew"
        if machine.held is exchange:
            known = self.acknowledged
            assert known >= sent, (
                f"a client is kept waiting of which {known} of {sent} packets are known to be there"
            )

    def _count_acknowledgements(self) -> None:
        for one in self.exchanges:  # an early one may have had its turn
            if one.where != COMING and one.rid < self.keeper.machine.window.expected:
                self.acknowledged = max(self.acknowledged, one.ack)

    def hears_of_drop(self, exchange: Exchange) -> None:
        exchange.told = True
        self.tell(RequestDropped(exchange))

    def runs_out(self, name: str) -> None:
        """A timer runs out: its message goes into the mailbox."""
        timer = self.keeper.timers[name]
        assert timer.running
        timer.running = False
        self.late.append(timer.message)

    def time_out_arrives(self, name: str) -> None:
        [message] = [one for one in self.late if one.name == name]
        if name == PATIENCE and self.keeper.machine.held is None:
            self.may_end.add("timeout")
        self.late.remove(message)
        self.tell(message)

    def push(self) -> None:
        """The application sends a packet, from outside of any handler."""
        self.tell(self.next_packet())

    def next_packet(self) -> Packet:
        self.pushed += 1
        machine = self.keeper.machine
        if machine is not None and len(machine.outbox) >= self.settings.max_queued_packets:
            self.may_end.add("overflow")
        return self.packets[self.pushed]

    def ends(self) -> None:
        """The server ends the session."""
        self.may_end.add("kicked")
        self.tell(End("kicked"))
        assert self.keeper.ended, "the session goes on although it was ended"

    # -- what the actor takes for the manager --------------------------------------------------------

    @property
    def application(self) -> World:
        return self

    def ended(self, keeper: object, reason: str) -> None:
        assert keeper is self.keeper
        assert reason in self.may_end, f"the session ends without a reason: {reason}"
        self._count_acknowledgements()

    def gone(self, keeper: object) -> None:
        assert keeper is self.keeper

    def too_late(self, keeper: object, packet: Packet) -> None:
        self.parts.manager.too_late(self, keeper, packet)

    def left(self, keeper: object) -> list[Packet]:
        before = len(self.receipts)
        left: list[Packet] = self.parts.manager.left(self, keeper)
        if self.packets is TRACKED:
            told = [(packet.message, "undelivered") for packet in left]
            assert self.receipts[before:] == told, f"receipts at the end: {self.receipts[before:]} for {told}"
        del self.receipts[before:]
        return left

    def settle(self, _keeper: object, packet: Packet, outcome: str) -> None:
        self.receipts.append((packet.message, outcome))

    _router = SimpleNamespace(drop=lambda _: None)
    _past = SimpleNamespace(undelivered=0, add=lambda *_, **__: None)
