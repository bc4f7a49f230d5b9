"""Calls of the engine, and how to wait for what comes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import trio

from cometary.cluster.redis.wire import Reply
from cometary.errors import EngineError


class Call:
    """A command, who is told the reply, and who is told if it never can be done."""

    __slots__ = ("answered", "command", "refused", "withdrawn", "written")

    def __init__(
        self,
        command: bytes,
        answered: Callable[[Reply], object],
        refused: Callable[[EngineError], object] = lambda _: None,
    ) -> None:
        self.command = command
        self.answered = answered
        self.refused = refused
        self.withdrawn = False
        self.written = False  # on this connection or an earlier one


class Taker(Protocol):
    """Makes calls."""

    def put(self, call: Call) -> None:
        """Have a call made."""
        ...

    def let_go_of_withdrawn(self) -> None:
        """Forget calls for which nobody waits, as far as they are not on their way."""
        ...


async def asked(taker: Taker, commands: Sequence[bytes], undo: Callable[[], object] | None = None) -> Reply:
    """Have commands done, and wait until all are; returns the reply to the last one.

    Args:
        taker: makes the calls.
        commands: the commands.
        undo: called if the caller is cancelled, or one of them is refused, and the last one may have been done.

    Raises:
        EngineError: the engine never does one of them.
    """
    replies, refusals, answered = dict[int, Reply](), list[EngineError](), trio.Event()

    def take(place: int, reply: Reply) -> None:
        replies[place] = reply
        settle()

    def refuse(error: EngineError) -> None:
        refusals.append(error)
        settle()

    def settle() -> None:
        if len(replies) + len(refusals) == len(commands):
            answered.set()

    calls = [Call(command, _at(place, take), refuse) for place, command in enumerate(commands)]
    for call in calls:
        taker.put(call)
    try:
        await answered.wait()
    finally:
        for call in calls:
            call.withdrawn = True
        taker.let_go_of_withdrawn()
        if undo is not None and len(replies) < len(commands) and calls[-1].written:
            undo()
    if refusals:
        raise refusals[0]
    return replies[len(commands) - 1]


def _at(place: int, take: Callable[[int, Reply], None]) -> Callable[[Reply], None]:
    return lambda reply: take(place, reply)
