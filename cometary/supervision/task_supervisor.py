"""The task supervisor: async functions that run under a supervisor, each with its result.

1.  Each task is a temporary child: it is never run again. One that raises is a crash in the supervisor's reports.
2.  A task has its result when it is no child any more: whoever waits for it finds room for another.
3.  LINKED (`async_`) is a task to the actor that owns it, from the beginning and by an ordinary link: what the task
    raises ends the owner, and the owner's abnormal end the task. One that is not (`async_nolink`) only has its result.
4.  To start one is to send a message. What prevents it is told by the task.

Source: Elixir, `Task.Supervisor`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, TypeVar, TypeVarTuple, Unpack

from cometary.actors import Actor, ActorRef, Exit, Task
from cometary.actors.messages import as_told
from cometary.actors.names import Whom
from cometary.actors.system import actor_meant
from cometary.errors import ChildStateError
from cometary.supervision.calls import StartChild
from cometary.supervision.dynamic import DynamicSupervisor
from cometary.supervision.function import drop_message, function_name
from cometary.supervision.options import Shutdown

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class TaskSupervisor(DynamicSupervisor):
    """Supervises tasks: async functions that are started with `async_`, `async_nolink` and `async_stream`.

    Args:
        max_children: how many tasks there may be at a time; beyond that one has a `TooManyChildrenError` for its
            result. None: no limit.
        shutdown: seconds that a task has to unwind in when the supervisor stops, see `ChildSpec`.

    Raises:
        SpecError: if an option has a value that it may not have; the calling code's fault.
    """

    def __init__(self, *, max_children: int | None = None, shutdown: Shutdown | None = None) -> None:
        super().__init__(restart="temporary", max_children=max_children, shutdown=shutdown)


class TaskActor(Actor):
    """Runs one task, and ends with it.

    Args:
        task: what to run.
        owner: whom it is linked to, if to anybody.
    """

    def __init__(self, task: Task[Any], owner: ActorRef[Any] | None) -> None:
        super().__init__()
        self.display_name = function_name(task.function)
        self._task = task
        self._outcome: tuple[Any] | None = None
        self._cell.watch(self._tell)
        if owner is not None:
            self.link(owner)

    def on_start(self) -> None:
        """Begin."""
        self.start_task(self._run)

    async def _run(self) -> None:
        with self._task.begin():
            self._outcome = (await self._task.function(*self._task.args),)
        self.stop()

    def on_receive(self, message: Any) -> None:
        """Drop the message: nobody reads the mail of a task."""
        drop_message(message, self.display_name)

    def _tell(self, _: ActorRef[Any], exit: Exit) -> None:  # noqa: A002 - OTP's word
        # In the breath in which the supervisor forgets it, so that whoever is told afterwards finds room.
        if exit.reason == "crashed" and exit.error is not None:
            self._task.offer(error=as_told(exit.error))
        else:
            self._task.finish(self._outcome)


def async_nolink(supervisor: Whom, function: Callable[[Unpack[Ts]], Awaitable[T]], *args: *Ts) -> Task[T]:
    """Run an async function under a task supervisor; from any thread, without waiting.

    Args:
        supervisor: a `TaskSupervisor`, by its reference or its name.
        function: called with `args`.
        *args: its arguments.

    Returns:
        The task: await it for what the function returns or raises, `cancel()` it, or have its result sent to an
        actor (`Actor.expect`). It has a `TooManyChildrenError` if the supervisor is full, and an `ActorDeadError`
        if that has ended.

    Raises:
        ActorEndedError: if nobody has the name.
        ChildStateError: if `supervisor` is no task supervisor; the calling code's fault.
    """
    return _start(supervisor, function, args, None)


def async_(
    supervisor: Whom, function: Callable[[Unpack[Ts]], Awaitable[T]], *args: *Ts, owner: Actor
) -> Task[T]:
    """Run an async function under a task supervisor, linked to the actor `owner`; else as `async_nolink`.

    What it raises ends `owner` too, and the other way round; an owner that traps exits gets an `ExitSignal`.

    Raises:
        ActorEndedError: if nobody has the name.
        ChildStateError: if `supervisor` is no task supervisor; the calling code's fault.
    """
    return _start(supervisor, function, args, owner.actor_ref)


def _start(
    whom: Whom,
    function: Callable[..., Awaitable[T]],
    args: tuple[object, ...],
    owner: ActorRef[Any] | None,
) -> Task[T]:
    supervisor = actor_meant(whom)
    if not issubclass(supervisor.actor_class, TaskSupervisor):
        raise ChildStateError(f"{supervisor} is not a task supervisor")
    task = Task(supervisor.actor_inbox.system, function, args)
    started = supervisor.ask(StartChild(TaskActor, (task, owner)), block=False, timeout=inf)

    def tell() -> None:
        try:
            started.get(timeout=0)
        except Exception as error:  # noqa: BLE001 - whoever waits for the task gets it
            task.offer(error=error)

    started.add_done_callback(tell)
    return task
