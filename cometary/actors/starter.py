"""Starting an actor with something of its own: another mailbox, a name."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import trio

from cometary.actors.future import Future
from cometary.actors.system import current_system

if TYPE_CHECKING:
    from cometary.actors.actor import Actor
    from cometary.actors.bounds import Bounded
    from cometary.actors.ref import ActorRef

A = TypeVar("A", bound="Actor")


@dataclass(frozen=True, slots=True)
class Starter(Generic[A]):
    """A class of actors together with what the next ones get; see `Actor.with_mailbox` and `with_name`.

    Args:
        actor_class: the class.
        mailbox: the bound of the mailbox; None: the class says.
        name: a name, or a `Via`; None: no name.
    """

    actor_class: type[A]
    mailbox: Bounded | None = None
    name: Hashable | None = None

    def with_mailbox(self, mailbox: Bounded) -> Self:
        """See `Actor.with_mailbox`."""
        return replace(self, mailbox=mailbox)

    def with_name(self, name: Hashable) -> Self:
        """See `Actor.with_name`."""
        return replace(self, name=name)

    def start(self, *args: Any, **kwargs: Any) -> ActorRef[A]:
        """See `Actor.start`."""
        ref, _ = self._launch(args, kwargs)
        return ref

    async def start_async(self, *args: Any, **kwargs: Any) -> ActorRef[A]:
        """See `Actor.start_async`."""
        return await started_actor(*self._launch(args, kwargs))

    def _launch(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[ActorRef[A], Future[None]]:
        return current_system().launch(self.actor_class, args, kwargs, mailbox=self.mailbox, name=self.name)


async def started_actor(ref: ActorRef[A], started: Future[None]) -> ActorRef[A]:
    """Wait until an actor without a supervisor has started, and return its reference; if cancelled, kill it."""
    try:
        await started
    except Exception:
        raise  # what its start has raised, or it has ended: nothing is left
    except BaseException:  # the cancellation, be it Trio's or asyncio's
        ref.kill()
        if trio.lowlevel.in_trio_run():
            with trio.CancelScope(shield=True):
                await ref.stopped()
        raise
    return ref
