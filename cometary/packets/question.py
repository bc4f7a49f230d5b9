"""Questions: packets whose sender waits for an answer, whichever side that is.

1.  A client's packet with a member `ask`, a text by which it knows the question, is answered with one packet on the
    control path `::answer`: with that text, and either the value that the handlers returned, or what was wrong and
    whose fault it is, in the form of the protocol's errors. It is a packet like any other: it comes once, in order.
2.  A packet to a control path is a question too, with or without a text to know it by. If it has none only a refusal is
    told, on the control path `::refused`.
3.  The server asks in the same way: its packet has `ask`, and the client answers to `::answer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cometary.packets.notices import ANSWER_PATH, REFUSED_PATH
from cometary.packets.packet import Packet
from cometary.packets.receipted import AskedPacket

FAILED: Final = "internal-error"
"""The condition where the application has raised."""


class Question(AskedPacket):
    """A client's packet that is to be answered.

    Args:
        path: see `Packet`.
        message: see `Packet`.
        ask: what its client knows it by; None if only a refusal is of interest.
    """

    __slots__ = ("ask",)

    def __init__(self, path: str, message: Any, ask: str | None) -> None:
        super().__init__(path, message, "")
        self.ask = ask

    def answer(self, value: object) -> tuple[str, dict[str, object]] | None:
        """Return the path and the message of the packet that brings the client an answer; None for no packet."""
        return None if self.ask is None else (ANSWER_PATH, {"ask": self.ask, "value": value})

    def refusal(self, error: str, detail: str, **members: object) -> tuple[str, dict[str, object]]:
        """Return the path and the message of the packet that says why there is no answer."""
        told = {"error": error, "detail": detail, **members}
        if self.ask is None:
            return REFUSED_PATH, {"path": self.path, **told}
        return ANSWER_PATH, {"ask": self.ask, **told}

    def failed(self) -> Packet:
        """Return what tells the client that a handler has raised on it."""
        return Packet(*self.refusal(FAILED, "The application failed on this; nobody knows how far it came."))


def withdrawal(paths: Sequence[str]) -> tuple[str, dict[str, object]]:
    """Return the path and the message of the packet that tells a client what it may not hear any more."""
    detail = "This client may not hear these paths any more."
    return REFUSED_PATH, {"paths": list(paths), "error": "forbidden", "detail": detail}
