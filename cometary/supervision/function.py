"""A function as a child: an actor that does nothing but run it; an async one in a task, a blocking one in a thread.

1.  A thread cannot be killed, so it has to be asked: a function with a parameter `stopping`
    gets a `threading.Event` that is set when it is to return. Any other one has its shutdown
    time to come to its end by itself.
2.  When its time is up, or when the child is killed, the thread is abandoned and goes on: see
    `cometary.actors.blocking`. `shutdown="infinity"` waits for it instead, however long.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cometary.actors import Actor, Future
from cometary.actors.blocking import BlockingCall, check_room_for_thread, run_in_thread
from cometary.errors import SpecError
from cometary.escapes import class_name, exit_in, plain, really
from cometary.log import get_logger, show

logger = get_logger("cometary.supervision")


class FunctionActor(Actor):
    """Runs one async function, so that a supervisor has but one sort of child.

    The function is a task of the actor: it is cancelled when the actor stops, and its crash
    is the actor's. When it returns, the actor ends normally.

    Args:
        function: called with `args` and `kwargs`, and with `task_status` if it takes that.
        args: its positional arguments.
        kwargs: its keyword arguments.
    """

    def __init__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self._function = functools.partial(function, *args, **kwargs)
        self._status = _TaskStatus() if takes_parameter(function, "task_status") else None

    @property
    def function_name(self) -> str:
        """What threads and logs call the function."""
        return function_name(self._function.func)

    async def on_start(self) -> None:  # type: ignore[override] # async, as its on_receive is
        """Start the function; wait for its `task_status.started()` if it is going to call it."""
        self.start_task(self._run)
        if self._status is not None:
            await self._status.called

    async def _run(self) -> None:
        if self._status is None:
            await self._call()
        else:
            await self._call(task_status=self._status)
            if not self._status.called.done():
                raise RuntimeError("the function returned without calling task_status.started()")
        self.stop()

    async def _call(self, **more: Any) -> None:
        await self._function(**more)

    async def on_receive(self, message: Any) -> Any:
        """Drop the message: nobody reads the mail of a function."""
        drop_message(message, self.function_name)


def drop_message(message: object, function: str) -> None:
    """Warn that a message to what runs a function was dropped."""
    kind = class_name(type(message))
    text = f"A {kind} sent to the function {function} was dropped"
    logger.warning("message dropped", text=text, message_type=kind, function=function)


class _TaskStatus:
    """What Trio's nurseries hand to a function that says when it has started."""

    def __init__(self) -> None:
        self.called: Future[None] = Future()  # because it may be called in a thread

    def started(self, _value: object = None) -> None:
        if not self.called.offer():
            raise RuntimeError("task_status.started() was called twice")


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
    if inspect.isclass(function) or inspect.iscoroutinefunction(function):
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


def takes_parameter(function: Callable[..., object], name: str) -> bool:
    """Whether `function` has a parameter called `name`."""
    try:
        return name in inspect.signature(function).parameters
    except ValueError:  # some functions written in C do not tell
        return False


def function_name(function: Callable[..., object]) -> str:
    """Return what logs call a function, or another object that can be called."""
    try:
        name = getattr(function, "__qualname__", None)
        if really(name, str):
            return plain(name)
    except BaseException as error:
        if exit_in(error) is not None:
            raise
    return show(function)
