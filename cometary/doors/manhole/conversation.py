"""The conversation between a prompt and its visitor: lines of JSON, in both directions.

    {"run": "await x"}    is answered by any number of {"text": …}, then {"done": true}, or {"closed": true} at the end
    {"complete": "serv"}  is answered by {"completions": [ … ]}, also while a line runs
    {"interrupt": true}   cancels the line that runs

1.  One line runs at a time; what comes in the meantime waits, except for completions and interrupts.
2.  Output waits for the other end, up to `MOST_SHOWN`; beyond that it is left out, and the visitor is told so. A
    visitor who asks for completions and reads none is disconnected.
3.  Each line is logged before it runs.
"""

from __future__ import annotations

from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Any, Final

import msgspec
import trio

from cometary.background_log import shortened
from cometary.doors.manhole.prompt import Prompt
from cometary.escapes import plain
from cometary.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_LINE: Final = 100_000
"""Bytes."""

MOST_SHOWN: Final = 1_000
"""Pieces of text that wait to be written."""

LOGGED: Final = 2_000
"""Characters of a line."""

NONSENSE: Final = (msgspec.DecodeError, UnicodeDecodeError)

logger = get_logger("cometary.doors.manhole")


class Order(msgspec.Struct):
    """What comes in; one of the three."""

    run: str | None = None
    complete: str | None = None
    interrupt: bool = False


class Conversation:
    """One visitor.

    Args:
        stream: the connection.
        names: what is defined at the prompt.
        user: the id of the user, for the log; None if that is not known.
    """

    def __init__(self, stream: trio.abc.Stream, names: Mapping[str, Any], user: int | None) -> None:
        self._stream = stream
        self._user = user
        self._prompt = Prompt(names, self._show)
        self._out, self._to_write = trio.open_memory_channel[dict[str, Any]](inf)
        self._lines, self._to_run = trio.open_memory_channel[str](1)
        self._running: trio.CancelScope | None = None

    async def serve(self) -> None:
        """Serve until the visitor leaves."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write_all, nursery.cancel_scope)
            nursery.start_soon(self._run_all)
            lines = Lines(self._stream)
            with suppress(trio.BrokenResourceError, *NONSENSE):  # it has gone, or speaks something else
                while (line := await lines.next()) is not None:
                    await self._take(msgspec.json.decode(line, type=Order))
            nursery.cancel_scope.cancel()

    async def _take(self, order: Order) -> None:
        if order.interrupt and self._running is not None:
            self._running.cancel()
        if order.complete is not None:
            if self._waiting() > 2 * MOST_SHOWN:
                raise trio.BrokenResourceError
            self._tell({"completions": [*map(sendable, self._prompt.complete(order.complete))]})
        if order.run is not None:
            await self._lines.send(order.run)

    async def _run_all(self) -> None:
        async for source in self._to_run:
            text = shortened(source, LOGGED)
            logger.info("line", text=f"at the prompt of the manhole: {text!r}", line=text, user=self._user)
            with trio.CancelScope() as self._running:
                await self._prompt.run(source)
            if self._running.cancelled_caught:
                self._show("interrupted\n")
            self._running = None
            self._tell({"closed": True} if self._prompt.closed else {"done": True})
            if self._prompt.closed:
                self._out.close()  # what waits is written, then all ends
                return

    def _waiting(self) -> int:
        return self._out.statistics().current_buffer_used

    def _show(self, text: str) -> None:
        waiting = self._waiting()
        if waiting < MOST_SHOWN:
            self._tell({"text": sendable(text)})
        elif waiting == MOST_SHOWN:
            self._tell({"text": "\n… more, faster than it can be shown\n"})

    def _tell(self, what: dict[str, Any]) -> None:
        with suppress(
            trio.ClosedResourceError, trio.BrokenResourceError
        ):  # what a line left running still prints
            self._out.send_nowait(what)

    async def _write_all(self, leave: trio.CancelScope) -> None:
        with suppress(trio.BrokenResourceError):
            async for what in self._to_write:
                await self._stream.send_all(msgspec.json.encode(what) + b"\n")
        leave.cancel()  # it was closed, or the visitor has gone


def sendable(text: str) -> str:
    """Return plain text that UTF-8 can encode, whatever a line has printed."""
    return plain(text).encode(errors="backslashreplace").decode()


class Lines:
    """The lines that come on a stream.

    Args:
        stream: where they come from.
    """

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self._stream = stream
        self._rest = b""

    async def next(self) -> bytes | None:
        """Return the next one; None at the end, or if one is too long.

        Raises:
            trio.BrokenResourceError: the connection broke.
        """
        while b"\n" not in self._rest:
            part = await self._stream.receive_some()
            self._rest += part
            if not part or len(self._rest) > LONGEST_LINE:
                return None
        line, _, self._rest = self._rest.partition(b"\n")
        return line
