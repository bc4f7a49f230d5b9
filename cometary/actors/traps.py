"""Coroutines that Trio does not know: they are told so here, before Trio looks at what they wait for.

A coroutine says what it waits for by yielding it to its event loop. Trio refuses what it does not know, such as an
asyncio future, and shows it in the error: so the `repr` of anybody's object would be called in the middle of
Trio's loop, where its raising ends everything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Any, Final

import trio

from cometary.escapes import class_name


class Watched:
    """Awaits `awaitable`, which gets a `TypeError` where it waits for something that is not Trio's."""

    __slots__ = ("_awaitable",)

    def __init__(self, awaitable: Awaitable[object]) -> None:
        self._awaitable = awaitable

    def __await__(self) -> Generator[Any, Any, object]:
        coroutine: Any = self._awaitable.__await__()
        send = coroutine.send
        try:
            trap = send(None)
            while True:
                kind = type(trap)  # pyright: ignore[reportUnknownVariableType]
                if kind is not WAIT and kind is not CHECKPOINT and not _is_trios(trap):
                    trap = coroutine.throw(_foreign(trap))
                    continue
                try:
                    answer = yield trap
                except GeneratorExit:
                    coroutine.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - it is for the coroutine
                    trap = coroutine.throw(error)
                else:
                    trap = send(answer)
        except StopIteration as end:
            return end.value


def _kind_of(coroutine: Any) -> type:
    """Return the class of what a coroutine yields first, without a loop."""
    try:
        return type(coroutine.send(None))  # pyright: ignore[reportUnknownVariableType]
    finally:
        coroutine.close()


WAIT: Final = _kind_of(trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.SUCCEEDED))  # noqa: ASYNC105
CHECKPOINT: Final = _kind_of(trio.lowlevel.cancel_shielded_checkpoint())  # noqa: ASYNC105
"""With `WAIT`, the classes of nearly all that Trio's coroutines yield."""


def _is_trios(trap: object) -> bool:
    # There is another, rare one, for coroutines that leave Trio for good.
    if type(type(trap)) is not type:
        return False
    return str(vars(type(trap)).get("__module__")).partition(".")[0] == "trio"


def _foreign(trap: object) -> TypeError:
    return TypeError(
        f"Trio cannot wait for a {class_name(type(trap))}: it belongs to another framework, such as asyncio, "
        "or to nobody; what is awaited in an actor must be Trio's, or a coroutine that awaits such"
    )
