"""The actor of a checked session, without a cell, a scheduler and a supervisor of its own.

It handles one message at a time. When a handler crashes it, the next incarnation starts on the same keeper, as
the supervisor would have it; and so it does with a last one when the supervisor has given up.
"""

# What is taken apart here may be of any class.
# pyright: basic

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from cometary.errors import ActorEndedError
from cometary.sessions import SessionSettings
from cometary.sessions.actor import SignOff
from cometary.sessions.ended import EndedSessions
from cometary.sessions.session_arbiter import Turnstile
from tests.sessions.checker.parts import Parts
from tests.sessions.checker.played import HandlerCancelled, HandlerCrash, LastResort, Slow, played
from tests.sessions.checker.played_application import HOOKS, PlayedApplication


class Paced(SessionSettings):
    """The settings of a world in which every packet waits for its turn to be handed over."""


class ActorHost(PlayedApplication):
    """Runs the actor, and is to it what its manager, its inbox and its application are.

    Attributes:
        late: time-outs that are in the mailbox and not handled yet.
        done: an async handler's last message is in the mailbox: from the present incarnation or an older one.
        may_end: reasons for which the session may end in this step.
        signing_off: whether the actor's message to itself that it has to sign off is in the mailbox.
        to_stop: whether the actor is to stop when that has come.
        stopped: whether the actor has stopped for good.
    """

    settings: SessionSettings
    ended_sessions = EndedSessions(0)  # operators look at none
    shortcut = property(lambda _: None, lambda *_: None)  # all messages come to the actor itself

    def __init__(self, parts: Parts, keeper: Any) -> None:
        super().__init__()
        self.parts = parts
        self.late: list[Any] = []
        self.may_end: set[str] = set()
        self.signing_off = self.to_stop = self.stopped = False
        self.done: bool | None = None
        self._leaving: dict[Any, Any] = {}
        self.posting = SimpleNamespace(take_all=lambda: None)
        self.keeper = keeper
        self.keeper.ref = None
        self.actor = self._new_actor()

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

    def empty(self) -> bool:
        """Return whether there is mail when an actor starts: none that a handler has sent is among the moves."""
        return True

    def put_if_open(self, message: Any) -> None:
        """Take what the actor sends to itself."""
        if type(message) is self._its("Writable"):
            assert not message.stream.more
            message.stream.more = True
            return
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

    # -- what the actor takes for the manager --------------------------------------------------------

    @property
    def application(self) -> ActorHost:
        return self

    @property
    def flow(self) -> ActorHost:
        return self

    @property
    def rounds(self) -> ActorHost:
        return self

    def take(self, _size: int) -> bool:
        """Whether a packet may be handed over at once; in a paced world each has to wait for its turn."""
        return not isinstance(self.settings, Paced)

    def take_of_share(self, _size: int) -> bool:
        return True

    def count(self) -> None:
        """Stands for what the rounds count, which bounds nothing here."""

    def wait(self, keeper: Any) -> None:
        keeper.waits = True

    def catch_up(self, _ref: object) -> None:
        """Nobody is behind here."""

    def goes_on(self) -> None:
        """The session's turn has come to hand over one packet."""
        due = self.keeper.next_is_packet and self.running is None and self.done is None
        before = self.keeper.unhandled
        self.tell(self._its("GoOn")(1))
        assert not due or self.keeper.unhandled < before, "a session has its turn, and hands nothing over"

    def gone(self, keeper: object) -> None:
        assert keeper is self.keeper

    def too_late(self, keeper: object, packet: object) -> None:
        self.parts.manager.too_late(self, keeper, packet)

    def refuse(self, keeper: object, packet: object) -> None:
        self.parts.manager.refuse(self, keeper, packet)

    shutting_down = False
    turnstile = Turnstile()
    handler_times = SimpleNamespace(begin=lambda: 0.0, end=lambda *_: None)
    hub = SimpleNamespace(drop=lambda _: None)
    journal = SimpleNamespace(ended=lambda *_: None, overflowed=lambda *_: None)
    _past = SimpleNamespace(undelivered=0, received=0, add=lambda *_, **__: None)
