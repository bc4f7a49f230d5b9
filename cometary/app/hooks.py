"""Hooks: calling each of several handlers once, in order, whichever of them raise.

A sign-on, a sign-off, a receipt or a failure happens once, so no handler of it may miss it because
of another one's defect. (A client's packet is different: there a handler that raises refuses it.)
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from cometary.escapes import escapes, exit_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    Handler = Callable[..., Awaitable[object] | None]


def call_each(handlers: Sequence[Handler], *args: Any) -> Awaitable[object] | None:
    """Call each handler with `args`, the next one when the one before has finished or raised.

    Returns:
        None if all have finished; else what remains to be awaited.

    Raises:
        BaseException: what a handler raised, once all have been called; a group if several did.
    """
    errors: list[BaseException] = []
    for place, handler in enumerate(handlers):
        try:
            outcome = handler(*args)
        except BaseException as error:  # it is raised when the others have been called
            if exit_in(error) is not None:
                raise
            errors.append(error)
        else:
            if outcome is not None and inspect.isawaitable(outcome):
                return _finish_each(outcome, handlers[place + 1 :], errors, *args)
    if errors:
        _raise_all(errors)
    return None


async def _finish_each(
    outcome: Awaitable[object], handlers: Sequence[Handler], errors: list[BaseException], *args: Any
) -> None:
    try:
        await outcome
    except BaseException as error:  # the same
        if escapes(error):
            raise
        errors.append(error)
    for handler in handlers:
        try:
            following = handler(*args)
            if inspect.isawaitable(following):
                await following
        except BaseException as error:  # the same
            if escapes(error):
                raise
            errors.append(error)
    _raise_all(errors)


def _raise_all(errors: list[BaseException]) -> None:
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise BaseExceptionGroup("several handlers raised", errors)
