"""The actor that runs one task of a task supervisor; it is called by the task's function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from cometary.actors import Actor, ActorRef, Exit, Task
from cometary.actors.messages import as_told
from cometary.actors.tasks import call_async
from cometary.escapes import class_name
from cometary.supervision.function import drop_message, function_name

if TYPE_CHECKING:
    from cometary.actors import ActorSystem, Bounded
    from cometary.actors.cell import Cell

A = TypeVar("A", bound=Actor)


class TaskRef(ActorRef[A]):
    """The reference to a `TaskActor`.

    Attributes:
        function: the name of the task's function; empty until there is one.
    """

    __slots__ = ("function",)

    function: str

    def __init__(self, actor_class: type[A], cell: Cell) -> None:
        super().__init__(actor_class, cell)
        self.function = ""

    @property
    def label(self) -> str:
        """What logs and reports call it: the function."""
        return self.function or class_name(self.actor_class)

    @property
    def qualified_label(self) -> str:
        """See `ActorRef.qualified_label`."""
        return self.label


class TaskActor(Actor):
    """Runs one task, and ends with it.

    Args:
        task: what to run.
        owner: whom it is linked to, if to anybody.
    """

    @classmethod
    def new_cell(cls, system: ActorSystem, mailbox: Bounded | None = None) -> Cell:
        """See `Actor.new_cell`."""
        cell = super().new_cell(system, mailbox)
        cell.ref = TaskRef(cls, cell)
        return cell

    def __init__(self, task: Task[Any], owner: ActorRef[Any] | None) -> None:
        super().__init__()
        self.display_name = function_name(task.function)
        ref: object = self._cell.ref
        if isinstance(ref, TaskRef):
            ref.function = self.display_name
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
            self._outcome = (await call_async(self._task.function, self._task.args),)
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
