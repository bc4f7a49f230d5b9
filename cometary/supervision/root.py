"""The root of the tree: how a program runs its one supervisor above all others."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Hashable, Iterable
from contextlib import asynccontextmanager
from typing import Unpack

import trio

from cometary.actors import ActorRef, current_system
from cometary.actors.loops import check_on_trio
from cometary.supervision.child import Child
from cometary.supervision.options import Shutdown
from cometary.supervision.spec import ChildSpec, SupervisorOptions, SupervisorSpec
from cometary.supervision.supervisor import Supervisor


@asynccontextmanager
async def supervise(
    children: Iterable[ChildSpec],
    *,
    id: str = "root",  # noqa: A002 - it is called so everywhere
    name: Hashable | None = None,
    shutdown: Shutdown = "infinity",
    **options: Unpack[SupervisorOptions],
) -> AsyncGenerator[ActorRef[Supervisor]]:
    """Run a root supervisor for the length of the `async with`.

    The block begins when all children have started. When it is left, the children are stopped
    in order, and nothing of them is left. If the supervisor ends before, the block is cancelled:
    quietly after an `auto_shutdown`, with an error after a crash too many.

    Args:
        children: started from left to right.
        id: what the root is called in the tree and in reports.
        name: a name, or a `Via`, for the root; None: none.
        shutdown: how long the whole tree has to stop before it is killed, see `ChildSpec`.
        **options: the other fields of `SupervisorSpec`.

    Yields:
        The supervisor's reference.

    Raises:
        ChildStartError: if a child did not start; nothing is left running. The child's fault.
        RestartIntensityError: if the supervisor has given up; the children's fault.
        SpecError: for a value that an option may not have; the calling code's fault.
        NoSystemError: outside of an actor system; the calling code's fault.
    """
    check_on_trio("supervise()")
    scope = trio.CancelScope()
    below = SupervisorSpec(tuple(children), **options)
    spec = ChildSpec(id, below, restart="temporary", shutdown=shutdown, name=name)
    root = Child(spec, current_system(), None, lambda _child: scope.cancel())
    try:
        await root.start()
        with scope:
            if root.ref is not None:
                yield root.ref
    finally:
        with trio.CancelScope(shield=True):
            await root.stop(for_good=True)
    if root.exit is not None and root.exit.error is not None:
        raise root.exit.error
