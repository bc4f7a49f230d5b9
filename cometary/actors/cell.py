"""A cell: what stays the same while incarnations of one actor come and go.

The cell is the actor's mailbox, and it holds the running instance, who watches it, and the
supervisor that decides about its next life. References point at the cell, so they stay valid
across restarts. The rules:

1.  A cell is IDLE (alive, no mail), READY (has mail), RUNNING (in its handler), PARKED (the
    incarnation has ended, the supervisor has not decided yet, mail is kept) or CLOSED.
2.  An incarnation ends once, in `end`. Everything it owned (its tasks) is gone before
    watchers and the supervisor are told: teardown is complete before a restart begins.
3.  Without a supervisor an ended cell closes at once. Closing answers every waiting `ask`
    with `ActorDeadError`, so that no caller waits for ever on a dead actor.
4.  All of this runs on the system's thread; there is no lock.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol, cast

import trio
from pykka import ActorDeadError

from cometary.actors.exits import NORMAL, Exit
from cometary.actors.mailbox import Mailbox
from cometary.actors.messages import STOPS, Envelope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cometary.actors.actor import Actor
    from cometary.actors.future import Future
    from cometary.actors.ref import ActorRef
    from cometary.actors.system import ActorSystem

    Watcher = Callable[["ActorRef[Any]", Exit], None]

logger = logging.getLogger("cometary.actors")

IDLE, READY, RUNNING, PARKED, CLOSED = range(5)


class Parent(Protocol):
    """Who decides what becomes of an actor that has ended: a supervisor."""

    def child_exited(self, ref: ActorRef[Any], exit: Exit, /) -> None:  # noqa: A002
        """Take note; `revive` or `bury` the cell now or later."""
        ...


class Cell(Mailbox):
    """The lasting part of an actor; see the rules above."""

    __slots__ = ("_tasks", "_watchers", "actor", "exit", "parent", "ref", "starting", "state", "system")

    def __init__(self, system: ActorSystem) -> None:
        super().__init__()
        self.system = system
        self.state = PARKED
        self.actor: Actor | None = None
        self.ref: ActorRef[Any] | None = None
        self.parent: Parent | None = None
        self.exit: Exit | None = None
        self.starting: Future[None] | None = None
        self._watchers: list[Watcher] | None = None
        self._tasks: set[trio.CancelScope] | None = None

    # -- mail ---------------------------------------------------------------------------

    def put(self, item: object) -> None:
        """Take a message.

        Raises:
            pykka.ActorDeadError: if the actor has ended for good; nobody's fault.
        """
        raise NotImplementedError

    def put_if_open(self, item: object) -> None:
        """Take a message, or drop it if the actor has ended for good."""
        if self.state != CLOSED:
            self.put(item)

    # -- life ---------------------------------------------------------------------------

    def begin(self, actor: Actor, starting: Future[None]) -> None:
        """Start a life: `starting` is settled once `on_start` has run."""
        self.actor = actor
        self.starting = starting
        self.exit = None
        self._run()

    def _run(self) -> None:
        raise NotImplementedError

    def kill(self) -> None:
        """End the incarnation now, without `on_stop` and without reading its mail."""
        raise NotImplementedError

    def end(self, exit: Exit) -> None:  # noqa: A002  # OTP's word
        """Note that the incarnation has ended; tells the others once its tasks are gone."""
        if self.actor is None:
            return
        self.actor = None
        self.exit = exit
        self.state = PARKED
        starting, self.starting = self.starting, None
        if starting is not None:  # it was ended before `on_start` could run
            starting.set_exception(dead(self.ref))
        if self._tasks:
            for scope in self._tasks:
                scope.cancel()
        else:
            self._gone(exit)

    def _gone(self, exit: Exit) -> None:  # noqa: A002
        ref = cast("ActorRef[Any]", self.ref)
        watchers, self._watchers = self._watchers, None
        if self.parent is None:
            self.bury()
        for watcher in watchers or ():
            watcher(ref, exit)
        if self.parent is not None:
            self.parent.child_exited(ref, exit)

    def bury(self) -> None:
        """Close for good: there will be no next life."""
        if self.state == CLOSED:
            return
        self.state = CLOSED
        self.system.forget(cast("ActorRef[Any]", self.ref))
        self.discard(self.drain())
        self.parent = None

    def discard(self, mail: list[object]) -> None:
        """Tell whoever waits for an answer to one of `mail` that there will be none."""
        for item in mail:
            if isinstance(item, Envelope):
                envelope = item
                if envelope.message.__class__ in STOPS:
                    cast("Future[None]", envelope.reply_to).set(None)
                else:
                    cast("Future[None]", envelope.reply_to).set_exception(dead(self.ref))

    # -- who is told --------------------------------------------------------------------

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher(ref, exit)` once when this life ends; at once if it has ended."""
        if self.actor is None:
            watcher(cast("ActorRef[Any]", self.ref), self.exit or NORMAL)
        elif self._watchers is None:
            self._watchers = [watcher]
        else:
            self._watchers.append(watcher)

    def unwatch(self, watcher: Watcher) -> None:
        """Do not call `watcher` any more. Harmless if it was not going to be called."""
        if self._watchers and watcher in self._watchers:
            self._watchers.remove(watcher)

    # -- tasks that belong to the incarnation -------------------------------------------

    async def run_task(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        """Run `function(*args)` as part of the actor: its crash is the actor's crash."""
        owner = self.actor
        if owner is None:
            return
        if self._tasks is None:
            self._tasks = set()
        tasks = self._tasks
        error: Exception | None = None
        with trio.CancelScope() as scope:
            tasks.add(scope)
            try:
                await function(*args)
            except Exception as caught:  # noqa: BLE001  # it is the actor that fails
                error = caught
            finally:
                tasks.discard(scope)
        if self.actor is owner:
            if error is not None:
                self.fail(error, None)
        elif not tasks and self.exit is not None and self.state == PARKED:
            self._gone(self.exit)  # the last task of an incarnation that has ended

    def fail(self, error: Exception, message: object) -> None:
        """End the incarnation because `error` was raised while it handled `message`."""
        raise NotImplementedError

    def log_crash(self, error: BaseException) -> None:
        """Log an unexpected exception the way Pykka does: it must never pass in silence."""
        logger.error("Unhandled exception in %s:", self.ref, exc_info=error)


def dead(ref: object) -> tuple[type[ActorDeadError], ActorDeadError, None]:
    """Return the exception, as Pykka's futures take it, for a message that nobody will handle."""
    return (ActorDeadError, ActorDeadError(f"{ref} stopped before handling the message"), None)
