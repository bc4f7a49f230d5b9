"""Masks of WebSockets: what a client sends is masked by four bytes of its own choice (RFC 6455, section 5.3).

Python is fastest at this with whole numbers, and even so it takes longer than anything else that is done with a short
frame: a byte at a time becomes digits, and these bytes again. So where there is a C compiler there is a module of our
own for that (`_unmask.c`), and without it this does as well.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

MASK: Final = 4
"""Bytes of a mask; it is right before what it masks."""

SHORT: Final = 125
"""Bytes of a payload up to which numbers are made by multiplying."""

ONES: Final = [int.from_bytes(b"\1\0\0\0" * words, "little") for words in range((SHORT + 3 >> 2) + 1)]
"""By number of words: what a mask, as a number, is multiplied by to be repeated in so many."""

_number: Final = int.from_bytes


def unmask(data: bytes, mask: bytes) -> bytes:
    """Return `data` without its mask, or with it: as one number, which is what Python does fastest."""
    size = len(data)
    if size <= SHORT:
        words = size + 3 >> 2
        number = _number(data, "little") ^ _number(mask, "little") * ONES[words]
        return number.to_bytes(4 * words, "little")[:size]
    repeated = (mask * ((size + 3) >> 2))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")).to_bytes(size, "little")


def part_by_number(frame: bytes | bytearray, start: int, end: int) -> bytes:
    """Return the bytes of a frame from `start` to `end`, without the mask that is right before them.

    Raises:
        ValueError: there are none; the caller's fault.
    """
    if not MASK <= start <= end <= len(frame):
        raise ValueError("there are no such bytes behind a mask")
    return unmask(bytes(frame[start:end]), bytes(frame[start - MASK : start]))


def _made() -> Any:
    """Return the module in C, if it was made."""
    try:
        return import_module("cometary.transport.wires.websocket._unmask")
    except ImportError:
        return None


_in_c: Final[Any] = _made()

IN_C: Final[bool] = _in_c is not None
"""Whether the module of our own is there."""

unmask_part: Callable[[bytes | bytearray, int, int], bytes] = _in_c.unmask if IN_C else part_by_number
