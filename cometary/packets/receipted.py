"""A packet whose sender asked to be told if the application fails on it.

1.  Its client gave it a receipt, which is the client's own name for it. If a handler raises on it, the client
    gets one packet on the control path `::failed`, with that receipt and the path; otherwise nothing.
2.  That packet is one like any other: it comes once, in order, and not before what was sent to the client earlier.
    Other than the application's own failure handlers, it tells nothing of what was raised.
"""

from __future__ import annotations

from typing import Any

from cometary.packets.notices import FAILED_PATH
from cometary.packets.packet import Packet


class AskedPacket(Packet):
    """A client's packet with a receipt; for the arguments see `Packet`."""

    __slots__ = ("receipt",)

    def __init__(self, path: str, message: Any, receipt: str) -> None:
        super().__init__(path, message)
        self.receipt = receipt

    def failed(self) -> Packet:
        """Return what tells the client that a handler has raised on it."""
        return Packet(FAILED_PATH, {"receipt": self.receipt, "path": self.path})
