"""A guest that speaks STOMP: a back-end with a queue of its own, to which it sends and from which it takes.

1.  Each message that it sends asks for a receipt, and so does each acknowledgement. A message without a receipt, when
    its connection broke, is sent again, before all others; and what was not acknowledged comes again. So some of
    those that were under way then come twice (`DoublingLedger`), and no others.
2.  Nothing is lost, and what comes for the first time comes in order.
"""

from __future__ import annotations

from typing import Any, Final, cast

import trio

from cometary.chaos.guest import Guest
from cometary.chaos.guest_ledgers import DoublingLedger
from cometary.chaos.wire import READ, BrokenWireError, Wire
from cometary.doors.stomp.frames import BEAT, Frame, FrameReader, encode

VERSION: Final = "1.2"
LONGEST: Final = 1 << 20
SENT: Final = "s"
ACKNOWLEDGED: Final = "a"


class StompGuest(Guest):
    """One client; see `Guest`."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._queue = f"/queue/{self.name}"
        self._reader = FrameReader(LONGEST)
        self._without_receipt: list[int] = []
        self._not_acknowledged: set[int] = set()

    def new_ledger(self) -> DoublingLedger:
        """See `Guest`; rule 1."""
        return DoublingLedger()

    def lost(self) -> None:
        """See `Guest`."""
        cast("DoublingLedger", self.ledger).doubt((*self._without_receipt, *self._not_acknowledged))
        self.unsent[:0] = self._without_receipt
        self._without_receipt.clear()
        self._not_acknowledged.clear()

    def beginning(self) -> bytes:
        """See `Guest`."""
        return b"SEND\ndestination:/queue/never\n\nhal"

    async def join(self) -> None:
        """See `Guest`."""
        wire = await self.connect(self.shared.beside)
        self._reader = FrameReader(LONGEST)
        self._reader.version = VERSION
        await self._say(wire, "CONNECT", accept_version=VERSION, host="localhost")
        frame = await self._next(wire)
        if frame.command != "CONNECTED":
            self.give_up(f"the server refuses: {frame.headers.get('message')}")
        await self._say(wire, "SUBSCRIBE", id="q", destination=self._queue, ack="client-individual")

    async def talk(self) -> None:
        """See `Guest`."""
        [wire] = self.wires
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send, wire)
            try:
                while True:
                    await self._take(wire, await self._next(wire))
            except (OSError, BrokenWireError):
                nursery.cancel_scope.cancel()

    async def _send(self, wire: Wire) -> None:
        try:
            while True:
                await self.next_unsent()
                number = self.unsent.pop(0)
                self._without_receipt.append(number)
                body = f"{number} {self.padding}".encode()
                await self._say(wire, "SEND", body, destination=self._queue, receipt=f"{SENT}{number}")
                self.written()
        except OSError:
            pass  # the reader is told, too

    async def _take(self, wire: Wire, frame: Frame) -> None:
        if frame.command == "RECEIPT":
            kind, number = frame.headers["receipt-id"][:1], int(frame.headers["receipt-id"][1:])
            if kind == SENT:
                self._without_receipt.remove(number)
            else:
                self._not_acknowledged.discard(number)
        elif frame.command == "MESSAGE":
            number = int(frame.body.partition(b" ")[0])
            self._not_acknowledged.add(number)
            self.echoed(number, number)
            await self._say(wire, "ACK", id=frame.headers["ack"], receipt=f"{ACKNOWLEDGED}{number}")
        else:
            self.over(frame.headers.get("message", frame.command))

    async def _next(self, wire: Wire) -> Frame:
        while True:
            frame = self._reader.next()
            if frame is None:
                self._reader.feed(await wire.read(READ))
            elif frame is not BEAT:
                return frame

    async def _say(self, wire: Wire, command: str, body: bytes = b"", **headers: str) -> None:
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        await wire.send(encode(command, named, VERSION, body))
