"""What Roots calls a Thestral: anything that can be told something."""

from __future__ import annotations

from typing import Any, Final, Protocol

NO_ID: Final = "--no--id--"
"""The id of a Thestral that is not registered."""


class Thestral(Protocol):
    """Anything with an id that can be told something."""

    id: str

    def update(self, source: Any, path: str, data: Any, /) -> object:
        """Take a message: who says it (a Thestral or None), to which path, and what."""
        ...
