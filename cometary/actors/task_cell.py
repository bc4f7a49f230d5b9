"""How an actor runs whose handler is an `async def`: in a Trio task of its own.

1.  The task lives as long as the incarnation; it handles one message at a time, and any hook
    and any proxied method may be `def` or `async def`.
2.  `kill` cancels the task; whatever ends it, `end` is called by the task itself, once it
    has really unwound. So the next incarnation never overlaps this one.
3.  `trio.Cancelled` is never swallowed. An error that a cancelled handler raises while it
    unwinds is logged: the actor has a fate already.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import trio

from cometary.actors.cell import Cell
from cometary.actors.exits import KILLED, NORMAL, Exit, call_on_stop, crashed, failed_start
from cometary.actors.future import Future
from cometary.actors.mailbox import CLOSED, IDLE, PARKED, RUNNING, SUSPENDED
from cometary.actors.messages import SPECIAL, STOPS, ForLife, Question, Stop, SystemMessage, as_received
from cometary.escapes import escapes, traceback_of

if TYPE_CHECKING:
    from cometary.actors.actor import Actor
    from cometary.actors.system import ActorSystem


class TaskCell(Cell):
    """The cell of an actor that has a Trio task of its own."""

    __slots__ = ("_failure", "_fate", "_idle_task", "_resumed", "_scope", "_task", "latest")

    def __init__(self, system: ActorSystem) -> None:
        super().__init__(system)
        self._scope: trio.CancelScope | None = None
        self._task: trio.lowlevel.Task | None = None
        self._idle_task: trio.lowlevel.Task | None = None
        self._fate: Exit | None = None
        self._failure: BaseException | None = None
        self._resumed: trio.Event | None = None
        self.latest: type | None = None
        """The class of the message that it handles, or has handled last."""

    # -- mail ---------------------------------------------------------------------------

    def put(self, item: object) -> None:
        """Take a message; see `Receiving.put`."""
        if self.state == CLOSED:
            raise self.not_found()
        self.add(item)
        task, self._idle_task = self._idle_task, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    async def _receive(self) -> Any:
        if self.empty():
            self._idle_task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._abort_receive)
            if self._fate is not None:  # it was killed just after the mail came
                await trio.lowlevel.checkpoint_if_cancelled()
        else:
            await trio.lowlevel.checkpoint()
        return self.get()

    def _abort_receive(self, _: object) -> trio.lowlevel.Abort:
        self._idle_task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def calling_itself(self) -> bool:
        """Whether it is called in the actor's own task; see `Receiving.calling_itself`."""
        task = self._task
        return task is not None and trio.lowlevel.in_trio_task() and trio.lowlevel.current_task() is task

    # -- the life of the task -----------------------------------------------------------

    def _run(self) -> None:
        self._fate = self._failure = self._resumed = None
        self.state = IDLE
        self._scope = trio.CancelScope()
        self.system.start_soon(self._live)

    async def _live(self) -> None:
        actor, scope = self.actor, self._scope
        if actor is None or scope is None:
            return
        self._task = trio.lowlevel.current_task()
        exit_ = KILLED  # if it is neither the loop nor our own scope that ends it
        try:
            # The scope is inside: it takes the cancellation out of a group that a handler raises.
            with scope:
                exit_ = await self._loop(actor)
            if self._failure is not None:
                if scope.cancelled_caught:
                    await self._tell_failure(actor, self._failure)
                elif (
                    self.parent is not None
                ):  # too late: the handler had ended the actor, so that nobody reports it
                    self.log_crash(self._failure)
        except BaseException as error:
            if escapes(error):
                raise
            self.log_crash(error)
        finally:
            fate, self._fate, self._failure, self._task = self._fate, None, None, None
            self.end(fate or exit_ if scope.cancelled_caught else exit_)

    async def _loop(self, actor: Actor) -> Exit:
        await trio.lowlevel.checkpoint_if_cancelled()  # it may have been killed already
        try:
            await _result(actor.on_start())  # type: ignore[func-returns-value]
        except BaseException as error:
            if escapes(error):
                raise
            self.log_fatal(error)
            return failed_start(error)
        self.started()
        try:
            if self._fate is None:  # else it has been killed since it began
                await _result(actor.on_continue())
        except BaseException as error:
            if escapes(error):
                raise
            return await self._crash(actor, error, None)
        while True:
            message = await self._receive()
            self.state = RUNNING
            self.latest = type(as_received(message))
            try:
                exit_ = await self._handle(actor, message)
            except BaseException as error:
                if escapes(error):
                    raise
                return await self._crash(actor, error, as_received(message))
            if exit_ is not None:
                return exit_
            del message  # else it would be there until the next one comes
            self.state = IDLE

    async def _crash(self, actor: Actor, error: BaseException, message: object) -> Exit:
        self.log_fatal(error)
        await self._tell_failure(actor, error)
        return crashed(error, message)

    async def _handle(self, actor: Actor, message: Any) -> Exit | None:
        kind = type(message)  # pyright: ignore[reportUnknownVariableType]
        if kind is Question:
            return await self._answer(actor, message.message, message)
        if kind not in SPECIAL:
            await _result(actor.on_receive(message))
        elif kind is ForLife:
            return await self._handle(actor, message.message) if self.is_for_now(message) else None
        elif kind in STOPS:
            return await self._stop(actor, message)
        elif kind is SystemMessage:
            message.serve(self)
            if self._resumed is not None:
                await self._resumed.wait()
        else:
            await _result(actor._handle_receive(message))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return None

    def suspend(self) -> None:
        """Handle nothing until `resume`; see `Cell.suspend`."""
        # The task waits where it handles the message that said so; so it can be killed there.
        self.state = SUSPENDED
        self._resumed = trio.Event()

    def resume(self) -> None:
        """Go on; see `Receiving.resume`."""
        resumed, self._resumed = self._resumed, None
        if resumed is not None:
            self.state = RUNNING
            resumed.set()

    async def _answer(self, actor: Actor, message: Any, reply: Future[Any]) -> Exit | None:
        if reply.done():  # the actor has asked itself, and been refused
            return None
        if type(message) in STOPS:
            self.settle_when_gone(reply)
            return await self._stop(actor, message)
        self.replying = reply
        try:
            answer = await _result(actor._handle_receive(message))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        except Exception as error:  # noqa: BLE001 - Pykka's rule: the caller gets it, the actor lives
            self.log_returned(error)
            reply.offer(error=error)
        except BaseException as error:  # the actor ends of it, or is ended: not for the caller to raise
            reply.offer(error=self.dead(self._fate if escapes(error) else crashed(error)))
            raise
        else:
            if self.replying is reply:  # else the handler has promised it for later
                reply.offer(answer)
        finally:
            self.replying = None
        return None

    async def _stop(self, actor: Actor, message: object) -> Exit:
        exit_ = message.exit if isinstance(message, Stop) else NORMAL
        try:
            await _result(call_on_stop(actor, exit_))
        except BaseException as error:
            if escapes(error):
                raise
            self.log_fatal(error)
            return crashed(error, message)
        self.log_stop(exit_)
        return exit_

    async def _tell_failure(self, actor: Actor, error: BaseException) -> None:
        try:
            await _result(actor.on_failure(type(error), error, traceback_of(error)))  # type: ignore[func-returns-value]
        except BaseException as second:
            if escapes(second):
                raise
            self.log_crash(second)  # as Pykka does

    @property
    def doomed(self) -> bool:
        """Whether it has been killed, or has failed, and its handler is still unwinding."""
        return self._fate is not None

    # -- ended by others ----------------------------------------------------------------

    def fail(self, error: BaseException, message: object) -> None:
        """End the incarnation because a task of its own raised `error`; see `Cell.fail`."""
        if self._fate is None:
            self.log_fatal(error)
            self._failure = error
        else:
            self.log_crash(error)
        self._cancel(crashed(error, message))

    def kill(self, exit: Exit = KILLED) -> None:  # noqa: A002 - OTP's word
        """End the incarnation now; see `Cell.kill`."""
        if self.state == PARKED:  # it has no task yet
            self.end(exit)
        else:
            self._cancel(exit)

    def _cancel(self, fate: Exit) -> None:
        if self._scope is not None and self._fate is None:
            self._fate = fate
            self._scope.cancel()


async def _result(value: Any) -> Any:
    """Return `value`, or what it yields if it is a coroutine."""
    return await value if inspect.iscoroutine(value) else value
