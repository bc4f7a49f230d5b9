"""A reader of tags at a serial port, as SonMicro's Mifare readers are, simulated: a tag is put there, a plug pulled."""

from __future__ import annotations

import trio

SELECT_TAG = bytes.fromhex("FF00018384")
"""The command that asks which tag lies there."""

NO_TAG = 2
"""The length that an answer has which tells of none."""


class SerialPort:
    """One reader at its port.

    Attributes:
        tag: what lies on the reader, eight hexadecimal digits; None for nothing.
        plugged: whether its plug is in.
    """

    def __init__(self) -> None:
        self.tag: str | None = None
        self.plugged = True

    async def ask(self, command: bytes) -> bytes:
        """Return what the reader answers.

        Raises:
            OSError: it is not plugged in.
        """
        await trio.lowlevel.checkpoint()
        if not self.plugged:
            raise OSError("the reader does not answer: is it plugged in?")
        if command != SELECT_TAG:
            return b""
        if self.tag is None:
            return bytes.fromhex("FF0002834ED3")
        frame = bytes.fromhex(f"00068302{self.tag}")
        return b"\xff" + frame + bytes([sum(frame) & 0xFF])


def tag_in(answer: bytes) -> str | None:
    """Return the tag of which an answer tells, None if there is none."""
    return None if answer[2] == NO_TAG else answer[5:9].hex()
