"""Calls of the engine, and how to wait for what comes of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import trio

from cometary.cluster.redis.wire import Reply
from cometary.errors import EngineError


class Call:
    """A command, who is told the reply, and who is told if it can never be done."""

    __slots__ = ("answered", "command", "refused", "slot", "withdrawn", "written")

    def __init__(
        self,
        command: bytes,
        answered: Callable[[Reply], object],
        refused: Callable[[EngineError], object] = lambda _: None,
    ) -> None:
        self.command = command
        self.answered = answered
        self.refused = refused
        self.slot: int | None = None  # of its key, in a cluster
        self.withdrawn = False
        self.written = False  # on this connection or an earlier one


class Withdrawals:
    """How many calls were withdrawn: looking for them goes through all calls, so it is not done for each.

    When a server goes, thousands give up at once, while more than that wait.
    """

    def __init__(self) -> None:
        self._count = 0

    def worth_it(self, count: int, calls: int) -> bool:
        """Take note of more that were; returns whether they may be half of all calls, and so are to be looked for."""
        self._count += count
        if 2 * self._count < calls:
            return False
        self._count = 0
        return True


class Asking:
    """What has calls made, and waits for them; how each is made, a subclass says."""

    __slots__ = ()

    def put(self, call: Call) -> None:
        """Make a call."""
        raise NotImplementedError

    def note_withdrawn(self, count: int) -> None:
        """Take note that nobody waits for some calls any longer: those that are not on their way are forgotten."""
        raise NotImplementedError

    def call(
        self,
        command: bytes,
        answered: Callable[[Reply], object],
        refused: Callable[[EngineError], object] = lambda _: None,
    ) -> None:
        """Have a command done; `answered` is told the reply on the loop, or `refused` that it can never be done."""
        self.put(Call(command, answered, refused))

    async def ask(self, *commands: bytes, undo: Callable[[], object] | None = None) -> Reply:
        """Have commands done, and wait until all are; returns the reply to the last one.

        Args:
            commands: the commands.
            undo: called if the caller is cancelled, or one of them is refused, and the last one may have been done.

        Raises:
            EngineError: the engine will never do one of them.
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

        calls = [Call(command, partial(take, place), refuse) for place, command in enumerate(commands)]
        for call in calls:
            self.put(call)
        try:
            await answered.wait()
        finally:
            if not answered.is_set():
                for call in calls:
                    call.withdrawn = True
                self.note_withdrawn(len(calls))
            if undo is not None and len(replies) < len(commands) and calls[-1].written:
                undo()
        if refusals:
            raise refusals[0]
        return replies[len(commands) - 1]
