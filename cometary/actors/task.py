"""How an actor runs whose handler is an `async def`: in a Trio task of its own.

1.  The task lives as long as the incarnation; it handles one message at a time, and any hook
    and any proxied method may be `def` or `async def`.
2.  `kill` cancels the task; whatever ends it, `end` is called by the task itself, once it
    has really unwound. So the next incarnation never overlaps this one.
3.  `trio.Cancelled` is never swallowed: if the whole system is being cancelled, the task
    notes that it ended and lets the cancellation through.
"""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any, cast

import trio
from pykka import ActorDeadError

from cometary.actors.cell import CLOSED, IDLE, RUNNING, Cell, dead
from cometary.actors.exits import KILLED, NORMAL, SHUTDOWN, Exit, crashed
from cometary.actors.messages import SPECIAL, STOPS, Envelope, Stop

if TYPE_CHECKING:
    from cometary.actors.actor import Actor
    from cometary.actors.future import Future
    from cometary.actors.system import ActorSystem

logger = logging.getLogger("cometary.actors")

ON_STOP_GRACE = 1.0
"""Seconds that an async `on_stop` has to finish while the whole system is being cancelled."""


class TaskCell(Cell):
    """The cell of an actor that has a Trio task of its own."""

    __slots__ = ("_fate", "_idle_task", "_scope")

    def __init__(self, system: ActorSystem) -> None:
        super().__init__(system)
        self._scope: trio.CancelScope | None = None
        self._idle_task: trio.lowlevel.Task | None = None
        self._fate: Exit | None = None

    def put(self, item: object) -> None:
        """Take a message; see `Cell.put`."""
        if self.state == CLOSED:
            raise dead(self.ref)[1]
        self._items.append(item)
        task, self._idle_task = self._idle_task, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    def _run(self) -> None:
        self._fate = None
        self.state = IDLE
        self._scope = trio.CancelScope()
        self.system.start_soon(self._live, cast("Actor", self.actor), self._scope)

    async def _live(self, actor: Actor, scope: trio.CancelScope) -> None:
        exit_ = SHUTDOWN  # if the cancellation comes from outside
        try:
            with scope:
                exit_ = await self._loop(actor)
            if scope.cancelled_caught:
                exit_ = self._fate or KILLED
        except trio.Cancelled:
            with trio.CancelScope(deadline=trio.current_time() + ON_STOP_GRACE, shield=True):
                await self._hook(actor.on_stop)
            raise
        finally:
            self.end(exit_)

    async def _loop(self, actor: Actor) -> Exit:
        try:
            await _result(actor.on_start())  # type: ignore[func-returns-value]
        except Exception as error:  # noqa: BLE001  # it is the actor that fails
            self.log_crash(error)
            starting, self.starting = cast("Future[None]", self.starting), None
            starting.set_exception()
            return crashed(error)
        starting, self.starting = cast("Future[None]", self.starting), None
        starting.set()
        while True:
            message = await self._receive()
            self.state = RUNNING
            try:
                exit_ = await self._handle(actor, message)
            except Exception as error:  # noqa: BLE001  # it is the actor that fails
                return await self._failed(actor, error, message)
            if exit_ is not None:
                return exit_
            self.state = IDLE

    async def _receive(self) -> Any:
        if self.empty():
            self._idle_task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._abort_receive)
        else:
            await trio.lowlevel.checkpoint()
        return self.get()

    def _abort_receive(self, _: object) -> trio.lowlevel.Abort:
        self._idle_task = None
        return trio.lowlevel.Abort.SUCCEEDED

    async def _handle(self, actor: Actor, message: Any) -> Exit | None:
        kind = message.__class__
        if kind is Envelope:
            return await self._answer(actor, message.message, message.reply_to)
        if kind in STOPS:
            return await self._stop(actor, message)
        if kind in SPECIAL:
            await _result(actor._handle_receive(message))  # noqa: SLF001  # Pykka's dispatch
        else:
            await _result(actor.on_receive(message))
        return None

    async def _answer(self, actor: Actor, message: Any, reply: Future[Any]) -> Exit | None:
        if message.__class__ in STOPS:
            self.watch(lambda _ref, _exit: reply.set(None))
            return await self._stop(actor, message)
        try:
            answer = await _result(actor._handle_receive(message))  # noqa: SLF001
        except Exception:  # noqa: BLE001  # Pykka's rule: the caller gets it, the actor lives
            logger.info("Exception returned from %s to caller:", self.ref, exc_info=True)
            reply.set_exception()
        except trio.Cancelled:
            reply.set_exception(dead(self.ref))
            raise
        else:
            reply.set(answer)
        return None

    async def _stop(self, actor: Actor, message: object) -> Exit:
        error = await self._hook(actor.on_stop)
        if error is not None:
            return crashed(error, message)
        return message.exit if isinstance(message, Stop) else NORMAL

    async def _failed(self, actor: Actor, error: Exception, message: object) -> Exit:
        self.log_crash(error)
        await self._hook(actor.on_failure, type(error), error, error.__traceback__)
        return crashed(error, message)

    async def _hook(self, hook: Any, *args: object) -> Exception | None:
        try:
            await _result(hook(*args))
        except Exception as error:  # noqa: BLE001  # it is the actor that fails
            self.log_crash(error)
            return error
        return None

    def fail(self, error: Exception, message: object) -> None:
        """End the incarnation because a task of its own raised `error`; see `Cell.fail`."""
        self.log_crash(error)
        self._cancel(crashed(error, message))

    def kill(self) -> None:
        """End the incarnation now; see `Cell.kill`."""
        self._cancel(KILLED)

    def _cancel(self, fate: Exit) -> None:
        if self._scope is not None and self._fate is None:
            self._fate = fate
            self._scope.cancel()


async def _result(value: Any) -> Any:
    """Return `value`, or what it yields if it is a coroutine."""
    return await value if inspect.iscoroutine(value) else value
