"""A blocking function as a child: an actor that does nothing but run it, in a thread.

1.  A thread cannot be killed, so it has to be asked: a function with a parameter `stopping`
    gets a `threading.Event` that is set when it is to return. Any other one has its shutdown
    time to come to its end by itself.
2.  When its time is up, or when the child is killed, the thread is abandoned and goes on: see
    `cometary.actors.blocking`. `shutdown="infinity"` waits for it instead, however long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from inspect import isclass, iscoroutinefunction
from typing import Any

from cometary.actors import Future
from cometary.actors.blocking import BlockingCall, check_room_for_thread, run_in_thread
from cometary.errors import SpecError
from cometary.supervision.function import FunctionActor, takes_parameter


@dataclass(frozen=True, slots=True)
class InThread:
    """What to give to a `ChildSpec` as its `start` for a function that blocks: it runs in a thread.

    Args:
        function: called with the specification's `args` and `kwargs`; with `stopping`, a
            `threading.Event` that is set when it is to return, if it has a parameter of that
            name; and with `task_status` if it has one of that name, and then it has started
            when it calls `task_status.started()`. In the thread, `trio.from_thread` works.

    Raises:
        SpecError: if it is not a plain function; the calling code's fault.
    """

    function: Callable[..., object]

    def __post_init__(self) -> None:
        if not _may_be_plain(self.function):
            raise SpecError(f"InThread takes a plain function, not {self.function!r}")


def _may_be_plain(function: object) -> bool:
    if isclass(function) or iscoroutinefunction(function):
        return False
    return callable(function)


class BlockingFunctionActor(FunctionActor):
    """Runs one blocking function in a thread; when that returns, the actor ends normally.

    Args:
        function: see `InThread`.
        args: its positional arguments.
        kwargs: its keyword arguments.
    """

    def __init__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self._stopping = threading.Event()
        if takes_parameter(function, "stopping"):
            kwargs["stopping"] = self._stopping
        super().__init__(function, *args, **kwargs)
        self._returned: Future[None] = Future()

    async def on_start(self) -> None:  # type: ignore[override] # async, as its on_receive is
        """Start the thread; see `FunctionActor.on_start`."""
        check_room_for_thread()
        await super().on_start()

    async def on_stop(self) -> None:  # type: ignore[override] # async, as its on_receive is
        """Ask the function to return, and wait until it has."""
        self._stopping.set()
        await self._returned

    async def _call(self, **more: Any) -> None:
        name = self.function_name
        call = BlockingCall(f"{name} ({self.actor_urn})", lambda: self._function(**more))
        try:
            await run_in_thread(call.run, name)
            await call.result()
        finally:
            self._stopping.set()
            call.abandon()
            self._returned.offer()
