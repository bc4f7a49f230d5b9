"""Being told what an actor gets, answers and does: by a call for each event, or as a stream.

A trace ends with the incarnation; its last event is the exit.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from math import inf
from typing import Any

import trio

from cometary.actors.cell import Cell
from cometary.actors.names import Whom
from cometary.actors.sys.calls import TIMEOUT, call_at_once, living
from cometary.actors.sys.debugging import Observer, TraceEvent, debug_of, debugged, print_event
from cometary.actors.system import actor_meant
from cometary.errors import UsageError


def trace(
    ref: Whom,
    observer: Observer = print_event,
    *,
    limit: int | None = 10_000,
    timeout: float | None = TIMEOUT,
) -> Any:
    """Call `observer(event)` for all that happens to the actor, from its next message on.

    An actor that is not traced pays nothing for this. What the actor itself tells others is not
    seen: trace them. Source: OTP, `sys:trace/3`.

    Args:
        ref: the actor, or its name.
        observer: called on the loop's thread; must not block, nor change what it is shown. By
            default a line for each event goes to standard error.
        limit: after so many events the trace ends by itself, so that nobody forgets it in a
            system that is in use; None: no limit.
        timeout: seconds to wait until it is there.

    Returns:
        On the Trio loop a future.

    Raises:
        UsageError: if `limit` is not above zero; the caller's fault.
        pykka.ActorDeadError: if the actor does not run.
    """
    if limit is not None and limit <= 0:
        raise UsageError(f"a trace of {limit} events tells nothing")

    def begin(cell: Cell) -> None:
        debugged(living(cell)).observers[observer] = inf if limit is None else limit

    return call_at_once(ref, begin, timeout)


def no_trace(ref: Whom, observer: Observer | None = None, *, timeout: float | None = TIMEOUT) -> Any:
    """End the trace by `observer`, or all traces of the actor. Harmless if there is none.

    Source: OTP, `sys:no_debug/2`.
    """

    def end(cell: Cell) -> None:
        debug = None if cell.actor is None else debug_of(cell.actor)
        if debug is None:
            return
        if observer is None:
            debug.observers.clear()
        else:
            debug.observers.pop(observer, None)
        debug.take_off_if_unwanted()

    return call_at_once(ref, end, timeout)


class TraceChannel:
    """A stream of events: `async for event in channel`. It ends after the exit of the actor.

    Attributes:
        lost: events that found the buffer full, and were dropped.
    """

    def __init__(self, size: int) -> None:
        self._send, self._receive = trio.open_memory_channel[TraceEvent](size)
        self.lost = 0

    def take(self, event: TraceEvent) -> None:
        """Take an event, or drop it if the buffer is full."""
        try:
            self._send.send_nowait(event)
        except trio.WouldBlock:
            self.lost += 1
        if event.kind == "exit":
            self._send.close()

    def __aiter__(self) -> TraceChannel:
        return self

    async def __anext__(self) -> TraceEvent:
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None


@asynccontextmanager
async def trace_events(ref: Whom, *, size: int = 1000) -> AsyncGenerator[TraceChannel]:
    """Trace the actor for the length of the `async with`, on the loop.

    Args:
        ref: the actor, or its name.
        size: events that are kept for the reader; those that find no room are dropped, and counted.

    Yields:
        The events.

    Raises:
        UsageError: if `size` is not above zero; the caller's fault.
        pykka.ActorDeadError: if the actor does not run.
    """
    if size <= 0:
        raise UsageError(f"a buffer for {size} events loses all of them")
    channel, ref = TraceChannel(size), actor_meant(ref)  # once: another actor may get the name meanwhile
    take = channel.take  # one object, by which the trace is ended
    try:
        await trace(ref, take, limit=None)  # if that is cancelled, it may be there all the same
        yield channel
    finally:
        with trio.CancelScope(shield=True):
            await no_trace(ref, take)
