"""Calls of the engine, and how to wait for what comes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import trio

from cometary.cluster.redis.wire import Reply


class Call:
    """A command, and who is told the reply."""

    __slots__ = ("answered", "command", "withdrawn", "written")

    def __init__(self, command: bytes, answered: Callable[[Reply], object]) -> None:
        self.command = command
        self.answered = answered
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
        undo: called if the caller is cancelled and the last one may have been done.
    """
    replies, answered = dict[int, Reply](), trio.Event()

    def take(place: int, reply: Reply) -> None:
        replies[place] = reply
        if len(replies) == len(commands):
            answered.set()

    calls = [Call(command, _at(place, take)) for place, command in enumerate(commands)]
    for call in calls:
        taker.put(call)
    try:
        await answered.wait()
    finally:
        for call in calls:
            call.withdrawn = True
        taker.let_go_of_withdrawn()
        if undo is not None and not answered.is_set() and calls[-1].written:
            undo()
    return replies[len(commands) - 1]


def _at(place: int, take: Callable[[int, Reply], None]) -> Callable[[Reply], None]:
    return lambda reply: take(place, reply)
