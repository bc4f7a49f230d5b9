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

from cometary.actors import Actor, ActorRef, Task
from cometary.actors.names import Whom
from cometary.actors.system import actor_meant
from cometary.actors.tasks import check_function
from cometary.errors import ChildStateError
from cometary.supervision.calls import StartChild
from cometary.supervision.dynamic import DynamicSupervisor
from cometary.supervision.options import Shutdown
from cometary.supervision.task_actor import TaskActor

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
        UsageError: if `function` cannot be called, like a coroutine; the calling code's fault.
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
        UsageError: if `function` cannot be called, like a coroutine; the calling code's fault.
    """
    return _start(supervisor, function, args, owner.actor_ref)


def _start(
    whom: Whom,
    function: Callable[..., Awaitable[T]],
    args: tuple[object, ...],
    owner: ActorRef[Any] | None,
) -> Task[T]:
    check_function(function)
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
