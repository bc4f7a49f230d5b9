"""What an actor can do that needs no more than its cell: tasks, answers as mail, and being told of silence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, Unpack, cast

import pykka

from cometary.actors.future import Future, check_seconds
from cometary.actors.idleness import Idleness, set_idleness
from cometary.actors.requests import Request, check_settable
from cometary.actors.tasks import Task
from cometary.errors import ActorEndedError, UsageError

if TYPE_CHECKING:
    from cometary.actors.actor import Actor
    from cometary.actors.cell import Cell
    from cometary.actors.names import Whom

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Abilities(pykka.Actor):
    """A base of `Actor`."""

    _cell: Cell
    _idleness: Idleness | None = None

    def start_task(self, function: Callable[[Unpack[Ts]], Awaitable[T]], *args: *Ts) -> Task[T]:
        """Run an async function beside the mailbox, as part of this actor.

        If it raises, this actor crashes; when this actor ends, it is cancelled, and the end
        is complete when it has unwound.

        Returns:
            The task: await it for what the function returns, `cancel()` it, or have its result sent to
            this actor (`expect`).

        Raises:
            UsageError: if `function` cannot be called, like a coroutine; the calling code's fault.
            pykka.ActorDeadError: if this incarnation has ended.
        """
        return self._living_cell().tasks.start(function, args)

    def request(
        self, ref: Whom, message: object, tag: object = None, *, timeout: float | None = None
    ) -> Request:
        """Ask `ref`, and get the answer as a message: `Response(tag, value, error)`. Waits for nothing.

        So a plain actor can use another's answer, and any actor go on with its mail meanwhile. It may ask itself.
        Source: OTP, `gen_server:send_request/2`.

        Args:
            ref: who is asked, by reference or by name.
            message: what it is asked.
            tag: what this actor will know the response by.
            timeout: seconds until the error is a `Timeout`; by default what `system(ask_timeout=…)` says.

        Returns:
            The request, which can be cancelled.

        Raises:
            pykka.ActorDeadError: if this incarnation has ended. That `ref` has, or that nobody has
                the name, is told by the response.
            UsageError: if `timeout` is negative; nothing was sent.
        """
        system = self._living_cell().system
        if timeout is None:
            timeout = system.ask_timeout
        check_seconds(timeout)
        answer: Future[Any] = Future()
        try:
            answer = system.names.find(ref).ask(message, block=False, timeout=inf)
        except ActorEndedError as error:  # nobody has the name
            answer.offer(error=error)
        return self.expect(answer, tag, timeout=timeout)

    def expect(self, future: Future[Any], tag: object = None, *, timeout: float | None = None) -> Request:
        """Get the result of `future`, a task for example, as a message: `Response(tag, value, error)`.

        Source: Akka, `pipeToSelf`; Elixir, `Task`, "Supervised tasks" (`handle_info`).

        Args:
            future: any that is set, and not derived from another.
            tag: what this actor will know the response by.
            timeout: seconds until the error is a `Timeout`; None: never.

        Returns:
            The request, which can be cancelled.

        Raises:
            pykka.ActorDeadError: if this incarnation has ended.
            UsageError: for another future, or a negative `timeout`; the caller's fault.
        """
        check_settable(future)
        check_seconds(timeout)
        return Request(self._living_cell(), future, tag, timeout)

    def receive_timeout(self, seconds: float | None, message: object = None) -> None:
        """Get `message` whenever no other has come for `seconds`; None: never (any more).

        The time begins now, and anew whenever a message has been handled. All ends with this incarnation.
        Source: OTP, `gen_server`, "Timeout"; Akka, `setReceiveTimeout`, which like this one goes on.

        Args:
            seconds: how long.
            message: what `on_receive` gets; by default a `ReceiveTimeout(seconds)`.

        Raises:
            pykka.ActorDeadError: if this incarnation has ended.
            UsageError: if `seconds` is not above 0; the caller's fault, nothing has changed.
        """
        self._living_cell()
        if seconds is not None and not seconds > 0:
            raise UsageError(f"a receive time-out is a number of seconds above 0, or None, not {seconds!r}")
        set_idleness(cast("Actor", self), seconds, message)

    def _living_cell(self) -> Cell:
        # Code of an actor that has ended may still run, and the cell may be the next one's.
        if self._cell.actor is not self:
            raise self._cell.not_found()
        return self._cell
