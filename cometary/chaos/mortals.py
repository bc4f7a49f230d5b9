"""Sessions that are opened only to be ended; see `endings.py`."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec
import trio

from cometary.chaos.endings import END, ENDINGS
from cometary.chaos.ledger import Counts
from cometary.chaos.wire import BROKEN, Wire
from cometary.client.bodies import Answer, Welcome

if TYPE_CHECKING:
    from cometary.chaos.shared import Target

EVERY: Final = 0.5
"""Seconds between two of them."""

OK: Final = 200


class Mortals:
    """Opens sessions that the application ends, and asks how it went.

    Args:
        target: where they connect.
        token: for the server's authenticator.
    """

    def __init__(self, target: Target, token: str | None) -> None:
        self._target = target
        self._token = token
        self.ended = 0
        self.counts = Counts()

    async def run(self) -> None:
        """Open one after another until cancelled."""
        while True:
            await trio.sleep(EVERY)
            with suppress(*BROKEN, OSError):
                await self._say(END)

    async def settle(self) -> None:
        """Ask how it went; an application that does not know is not asked again."""
        with suppress(*BROKEN, OSError):
            for packet in await self._say(ENDINGS):
                self.ended, *counts = packet.message
                self.counts = Counts(*counts)

    async def _say(self, path: str) -> list[Any]:
        with closing(await Wire.connect(self._target)) as wire:
            opening: dict[str, object] = {"rid": 1}
            if self._token is not None:
                opening["token"] = self._token
            welcome = await self._ask(wire, opening, Welcome)
            if welcome is None:
                return []
            request: dict[str, object] = {
                "sid": welcome.sid,
                "rid": 2,
                "ack": 0,
                "packets": [{"path": path}],
                "close": path == ENDINGS,
            }
            answer = await self._ask(wire, request, Answer)
            return [] if answer is None else [one for one in answer.packets if one.path == path]

    async def _ask(self, wire: Wire, body: dict[str, object], kind: type[Any]) -> Any:
        await wire.send(self._target.request(msgspec.json.encode(body)))
        reply = await wire.receive()
        return msgspec.json.decode(reply.body, type=kind) if reply.status == OK else None
