"""What comes out of the code of others: whose it is, and how to look at their objects without calling them.

The runtime calls what users wrote (handlers, callbacks, representations) and holds what they made
(messages, exceptions, names). The rules:

1.  What such code raises is its own, `Exception` or not: the `SystemExit` of a parser of arguments, a
    `KeyboardInterrupt` that somebody raised, asyncio's `CancelledError`. It harms the actor that the code
    belongs to, or the one call, and nobody else.
2.  Two things are not its own, and go on (`escapes`): an exit that a signal has asked for, and the
    cancellation, by the event loop, of the very task that raises it.
3.  A signal has asked for an exit if a handler of signals has raised it: a function that is installed with
    `signal.signal` is among the frames of its traceback. Trio's own handler of Ctrl-C is one. Python's
    default handler leaves no frame; where that is installed, each `KeyboardInterrupt` in the main thread
    counts as asked for, since nothing tells one from the other.
4.  Code that is not async cannot be cancelled. A cancellation that comes out of it (somebody kept one and
    raised it again) is its own; so for such code `exit_in` is the question, and not `escapes`.
5.  Objects of others are known by their `type`, which they have no say in, and not by their `__class__`.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import CodeType, FunctionType, MethodType, TracebackType
from typing import Any, Final, TypeGuard, TypeVar, cast

T = TypeVar("T")

# As Python itself reads them: the class of an exception may have properties under these names.
_traceback: Final = BaseException.__dict__["__traceback__"].__get__
_members: Final = BaseExceptionGroup.__dict__["exceptions"].__get__
_name: Final = type.__dict__["__name__"].__get__

_cancellations: list[Callable[[BaseException], bool]] = []


def escapes(error: BaseException) -> bool:
    """Whether what came out of an async function of others is not its own, and must be raised further (rule 2)."""
    if issubclass(type(error), Exception):
        return False
    return exit_in(error) is not None or any(is_one(error) for is_one in _cancellations)


def exit_in(error: BaseException) -> BaseException | None:
    """Return the exit that a signal has asked for: `error`, or one in that group; None if there is none (rule 3)."""
    if issubclass(type(error), Exception) or threading.current_thread() is not threading.main_thread():
        return None
    installed = [signal.getsignal(number) for number in signal.valid_signals()]
    codes = {code for handler in installed if (code := _code_of(handler)) is not None}
    default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    for each in leaves(error):
        if default and issubclass(type(each), KeyboardInterrupt):
            return each
        if not issubclass(type(each), Exception) and any(code in codes for code in _codes_in(each)):
            return each
    return None


def recognise_cancellation(is_one: Callable[[BaseException], bool]) -> None:
    """Have `is_one(error)` say from now on whether an error is the event loop's cancellation of this task."""
    _cancellations.append(is_one)


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Return the exceptions in a group and the groups in it; of another exception, that one."""
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if issubclass(type(each), BaseExceptionGroup):
            waiting.extend(reversed(_members(each)))
        else:
            yield each


def traceback_of(error: BaseException) -> TracebackType | None:
    """Return the traceback of an exception, whatever its class makes of that attribute."""
    return cast("TracebackType | None", _traceback(error))


def really(value: object, kind: type[T]) -> TypeGuard[T]:
    """Do as `isinstance`, but do not ask `value` itself (rule 5)."""
    return issubclass(type(value), kind)


def class_name(kind: type) -> str:
    """Return the name of a class, whatever its metaclass makes of that attribute."""
    return cast("str", _name(kind))


def plain(text: str) -> str:
    """Return `text` as one of Python's own, without what a class derived from `str` may do in its place."""
    return str.__str__(text)


def _codes_in(error: BaseException) -> Iterator[CodeType]:
    traceback = traceback_of(error)
    while traceback is not None:
        yield traceback.tb_frame.f_code
        traceback = traceback.tb_next


def _code_of(handler: Any) -> CodeType | None:
    """Return the code of what is installed as a handler of a signal; None if it has none of Python's."""
    while type(handler) is partial:
        handler = handler.func
    if type(handler) not in (FunctionType, MethodType):
        calls = (vars(base).get("__call__") for base in type(handler).__mro__)
        handler = next((call for call in calls if call is not None), None)
    if type(handler) is MethodType:
        handler = handler.__func__
    return handler.__code__ if type(handler) is FunctionType else None
