"""The standard streams, which may be closed when the program starts: `cometary serve >&- 2>&-`."""

from __future__ import annotations

import os
import sys
from typing import Final

STANDARD: Final = {0: ("stdin", "r"), 1: ("stdout", "w"), 2: ("stderr", "w")}


def open_standard_streams() -> None:
    """Open the null device in place of each standard stream that is closed.

    Otherwise the first connections would get these descriptors, and whatever is written to standard error would go to
    a client.
    """
    for descriptor, (name, mode) in STANDARD.items():
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest free descriptor: this one
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
