"""Room for sessions that are not here yet: they are being recorded, or adopted, and come in a moment.

It counts like that of the sessions which are here. So of many that come at once, none is turned away in the end.
"""

from __future__ import annotations


class Room:
    """A block keeps room for one session: `with room: …`.

    Attributes:
        kept: for how many sessions room is kept.
    """

    def __init__(self) -> None:
        self.kept = 0

    def __enter__(self) -> None:
        self.kept += 1

    def __exit__(self, *_: object) -> None:
        self.kept -= 1
