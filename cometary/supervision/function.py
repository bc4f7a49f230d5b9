"""A plain async function as a child: an actor that does nothing but run it."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from cometary.actors import Actor

logger = logging.getLogger("cometary.supervision")


class FunctionActor(Actor):
    """Runs one async function, so that a supervisor has but one sort of child.

    The function is a task of the actor: it is cancelled when the actor stops, and its crash
    is the actor's. When it returns, the actor ends normally.

    Args:
        function: called with `args` and `kwargs`, and with `task_status` if it takes that.
        args: its positional arguments.
        kwargs: its keyword arguments.
    """

    def __init__(self, function: Callable[..., Awaitable[object]], *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self._function = functools.partial(function, *args, **kwargs)
        self._status = _TaskStatus() if takes_task_status(function) else None

    async def on_start(self) -> None:  # type: ignore[override] # async, as its on_receive is
        """Start the function; wait for its `task_status.started()` if it is going to call it."""
        self.start_task(self._run)
        if self._status is not None:
            await self._status.called.wait()

    async def _run(self) -> None:
        if self._status is None:
            await self._function()
        else:
            await self._function(task_status=self._status)
            if not self._status.called.is_set():
                raise RuntimeError("the function returned without calling task_status.started()")
        self.stop()

    async def on_receive(self, message: Any) -> Any:
        """Drop the message: nobody reads the mail of a function."""
        logger.warning(
            "A %s sent to the function %s was dropped", type(message).__name__, self._function.func
        )


class _TaskStatus:
    """What Trio's nurseries hand to a function that says when it has started."""

    def __init__(self) -> None:
        self.called = trio.Event()

    def started(self, _value: object = None) -> None:
        if self.called.is_set():
            raise RuntimeError("task_status.started() was called twice")
        self.called.set()


def takes_task_status(function: Callable[..., Awaitable[object]]) -> bool:
    """Whether `function` has a parameter called `task_status`."""
    return "task_status" in inspect.signature(function).parameters
