"""Whether a function can be called as it will be: checked where it is declared, not at the first call.

1.  What would be called is looked at, so of a decorated function the wrapper.
2.  Where nothing tells how it can be called, as with some functions written in C, it is let through.
3.  A message is one line, and says what to write.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cometary.errors import CometaryError, UsageError
from cometary.log import show

_KIND_MARKS: Final[dict[Any, str]] = {
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
}


def check_handler(where: str, function: object, *parameters: str) -> None:
    """Check that `function`, plain or async, can be called with these positional arguments.

    Args:
        where: what it is given to, for the message: `@app.signon`.
        function: what is to be called.
        parameters: what it is called with, by the names that the documentation uses.

    Raises:
        UsageError: if it cannot; the calling code's fault.
    """
    check_callable(where, function, parameters)
    check_has_no_yield(where, function)


def check_async(where: str, function: object, *parameters: str) -> None:
    """Check the same of a function that has to be async.

    Raises:
        UsageError: if it cannot be called so, or is not async; the calling code's fault.
    """
    check_handler(where, function, *parameters)
    if not may_be_async(function):
        wanted = _definition(function, parameters, always_async=True)
        raise UsageError(f"{where}: write {wanted}, with async, not {describe(function)}")


def check_callable(
    where: str, function: object, parameters: Sequence[str], *, error: type[CometaryError] = UsageError
) -> None:
    """Check that `function` can be called with so many positional arguments.

    Raises:
        CometaryError: the one that is given, if it cannot; the calling code's fault.
    """
    if not callable(function):
        kind = "None" if function is None else f"a {type(function).__name__}"  # no more: it may be a secret
        raise error(f"{where} takes a function, not {kind}")
    if not accepts(function, parameters):
        raise error(f"{where}: write {_definition(function, parameters)}, not {describe(function)}")


def check_has_no_yield(where: str, function: object, *, error: type[CometaryError] = UsageError) -> None:
    """Check that a call of `function` runs it, which that of a generator function does not.

    Raises:
        CometaryError: the one that is given, if it does not; the calling code's fault.
    """
    code = _code(function)
    if inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code):
        raise error(f"{where}: write {name_of(function)} without yield: a call would run nothing of it")


def check_text(where: str, value: object, instead: str) -> None:
    """Check that `value` is text.

    Raises:
        UsageError: if it is not; the message says what to write `instead`. The calling code's fault.
    """
    if not isinstance(value, str):
        raise UsageError(f"{where}: write {instead}, not {show(value)}")


def accepts(function: Any, args: Iterable[object], kwargs: Mapping[str, object] | None = None) -> bool:
    """Whether `function` can be called with these arguments, as far as its signature tells."""
    signature = _signature(function)
    if signature is None:
        return True
    try:
        signature.bind(*args, **(kwargs or {}))
    except TypeError:
        return False
    return True


def may_be_async(function: object) -> bool:
    """Whether `function` may be async: of an object with `__call__`, only a call would show it."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isclass(function) or not callable(function):
        return False
    return inspect.iscoroutinefunction(function) or not inspect.isroutine(function)


def _signature(function: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(function, follow_wrapped=False)
    except (ValueError, TypeError):  # rule 2
        return None


def _code(function: object) -> Any:
    """What has the code: of an object that can be called its `__call__`."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.isroutine(function) or inspect.isclass(function):
        return function
    return getattr(type(function), "__call__", function)  # noqa: B004 - its code is wanted, not whether it is there


def name_of(function: object) -> str:
    """Return the name of a function, or of the class of another object that can be called."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__name__


def _definition(function: object, parameters: Sequence[str], *, always_async: bool = False) -> str:
    """What should have been written."""
    name, names = name_of(function), ", ".join(parameters)
    if name == "<lambda>" and not always_async:
        return f"lambda {names}: …"
    if not inspect.isfunction(function) and not inspect.ismethod(function):
        return f"{'an async' if always_async else 'a'} function of ({names})"
    is_async = always_async or inspect.iscoroutinefunction(function)
    given = name if name.isidentifier() else "name"
    return f"{'async ' if is_async else ''}def {given}({_with_self(function, names)})"


def describe(function: Any) -> str:
    """Return how a function is written, without annotations and defaults, which may be long."""
    signature = _signature(function)
    names = "…" if signature is None else ", ".join(map(_parameter, signature.parameters.values()))
    return f"{name_of(function)}({_with_self(function, names)})"


def _with_self(function: object, names: str) -> str:
    return ", ".join(filter(None, ["self", names])) if inspect.ismethod(function) else names


def _parameter(parameter: inspect.Parameter) -> str:
    default = "" if parameter.default is inspect.Parameter.empty else "=…"
    return f"{_KIND_MARKS.get(parameter.kind, '')}{parameter.name}{default}"
