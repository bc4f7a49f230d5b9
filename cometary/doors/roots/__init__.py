"""The Roots family, so that its clients and back-ends of 2009 work unchanged.

Dolores has the Thestrals and passes on what they say; Pig knows who hears what; back-ends speak through Imperio and
Dudley, and browsers hear through Firenze.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cometary.on_demand import importer

if TYPE_CHECKING:
    from cometary.doors.roots.dolores import Dolores
    from cometary.doors.roots.imperio import Logger, Writer
    from cometary.doors.roots.pig import Pig
    from cometary.doors.roots.thestral import Thestral

__all__ = ["Dolores", "Logger", "Pig", "Thestral", "Writer"]

_find = importer(
    __name__,
    {
        "Dolores": "cometary.doors.roots.dolores",
        "Logger": "cometary.doors.roots.imperio",
        "Pig": "cometary.doors.roots.pig",
        "Thestral": "cometary.doors.roots.thestral",
        "Writer": "cometary.doors.roots.imperio",
    },
)


def __getattr__(name: str) -> Any:
    return _find(name)
