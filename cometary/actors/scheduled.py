"""How an actor runs whose handler is a plain `def`: in turns on the scheduler.

A cell may be in the run queue although its actor has been killed since, or twice because it
was killed and revived while it waited there. Both only cost an empty turn.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from pykka import ActorDeadError

from cometary.actors.cell import CLOSED, IDLE, READY, RUNNING, Cell, dead
from cometary.actors.exits import KILLED, NORMAL, crashed
from cometary.actors.messages import SPECIAL, STOPS, Envelope, Stop

if TYPE_CHECKING:
    from cometary.actors.actor import Actor
    from cometary.actors.future import Future

logger = logging.getLogger("cometary.actors")


class ScheduledCell(Cell):
    """The cell of an actor that has turns on the scheduler, and no task of its own."""

    __slots__ = ()

    def put(self, item: object) -> None:
        """Take a message; see `Cell.put`."""
        self._items.append(item)
        state = self.state
        if not state:
            self.state = READY
            self.system.scheduler.enqueue(self)
        elif state == CLOSED:
            self._items.clear()
            raise ActorDeadError(str(dead(self.ref)[1]))

    def _run(self) -> None:
        self.state = READY
        self.system.scheduler.enqueue(self)

    def run(self) -> None:
        """Have a turn: handle what has arrived, at most the scheduler's quota."""
        actor = self.actor
        if actor is None:  # it was killed while it waited for its turn
            return
        self.state = RUNNING
        if self.starting is not None and not self._start(actor):
            return
        mail = self.take(self.system.scheduler.quota)
        message = None
        try:
            receive = actor.on_receive
            for message in mail:
                if message.__class__ in SPECIAL:
                    self._handle(actor, message)
                else:
                    receive(message)
                if self.state != RUNNING:
                    break
        except Exception as error:  # noqa: BLE001  # it is the actor that fails
            self.fail(error, message)
        if self.state == RUNNING:
            if self._items or self._backlog:
                self._run()
            else:
                self.state = IDLE
        elif self.state == CLOSED:
            self.discard(list(mail))
        else:
            self.put_back(mail)

    def _start(self, actor: Actor) -> bool:
        starting, self.starting = cast("Future[None]", self.starting), None
        try:
            actor.on_start()
        except Exception as error:  # noqa: BLE001  # it is the actor that fails
            self.log_crash(error)
            self.end(crashed(error))
            starting.set_exception()
            return False
        starting.set()
        return self.state == RUNNING

    def _handle(self, actor: Actor, message: Any) -> None:
        if message.__class__ is Envelope:
            self._answer(actor, message.message, cast("Future[Any]", message.reply_to))
        elif message.__class__ in STOPS:
            self._stop(actor, message)
        else:
            actor._handle_receive(message)  # noqa: SLF001  # Pykka's own dispatch of proxied calls

    def _answer(self, actor: Actor, message: Any, reply: Future[Any]) -> None:
        if message.__class__ in STOPS:
            self.watch(lambda _ref, _exit: reply.set(None))
            self._stop(actor, message)
            return
        try:
            answer = actor._handle_receive(message)  # noqa: SLF001
        except Exception:  # noqa: BLE001  # Pykka's rule: the caller gets it, the actor lives
            logger.info("Exception returned from %s to caller:", self.ref, exc_info=True)
            reply.set_exception()
        else:
            reply.set(answer)

    def _stop(self, actor: Actor, message: object) -> None:
        exit_ = message.exit if isinstance(message, Stop) else NORMAL
        try:
            actor.on_stop()
        except Exception as error:  # noqa: BLE001  # it is the actor that fails
            self.log_crash(error)
            exit_ = crashed(error, message)
        self.end(exit_)

    def fail(self, error: Exception, message: object) -> None:
        """End the incarnation because of `error`; see `Cell.fail`."""
        actor = self.actor
        if actor is None:
            self.log_crash(error)
            return
        self.log_crash(error)
        try:
            actor.on_failure(type(error), error, error.__traceback__)
        except Exception as second:  # noqa: BLE001  # Pykka logs this one too
            self.log_crash(second)
        self.end(crashed(error, message))

    def kill(self) -> None:
        """End the incarnation now; see `Cell.kill`."""
        self.end(KILLED)
