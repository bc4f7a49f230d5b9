"""Dolores: registers Thestrals, and passes on to its delegates what it is told.

1.  Delegates are told in the order in which they were declared. What one of them raises is logged, and keeps nothing
    from the others.
2.  Ids hold 32 random characters and a number that only grows, so they can neither be guessed nor come again.
3.  A Thestral that is unregistered is gone: the delegates are told `::gone`.

Dolores is a Thestral itself. No socket, no clock.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from typing import Any, Final

from cometary.doors.roots.thestral import NO_ID, Thestral
from cometary.escapes import exit_in
from cometary.log import get_logger

GONE: Final = "::gone"
ALPHABET: Final = string.ascii_letters + string.digits
RANDOM: Final = 32
"""Characters."""

logger = get_logger("cometary.doors")


class Dolores:
    """The root.

    Args:
        id: its own id, with which the ids that it gives begin.
    """

    def __init__(self, id: str = "DOLORES-SERVER") -> None:  # noqa: A002 - Roots' word
        self.id = id
        self._thestrals: dict[str, Thestral] = {}
        self._delegates: list[Thestral] = []
        self._starters: dict[Callable[[], object], None] = {}
        self._count = 0

    def __len__(self) -> int:
        """How many Thestrals are registered."""
        return len(self._thestrals)

    def delegate(self, thestral: Thestral) -> None:
        """Have a Thestral told everything from now on."""
        self._delegates.append(thestral)

    def update(self, source: Any, path: str, data: Any) -> None:
        """Tell all delegates (rule 1)."""
        for delegate in [*self._delegates]:
            try:
                delegate.update(source, path, data)
            except BaseException as error:
                if exit_in(error) is not None:
                    raise
                logger.exception("delegate failed", text=f"a delegate failed on an update to {path!r}")

    def register(self, thestral: Thestral, id: str | None = None) -> str:  # noqa: A002 - Roots' word
        """Give a Thestral a new id (rule 2), unless one is given, and know it by that from now on."""
        self._count += 1
        if id is None:
            id = f"{self.id}-{random_text()}-{self._count}"  # noqa: A001 - the same
        thestral.id = id
        self._thestrals[id] = thestral
        return id

    def find(self, id: str) -> Thestral | None:  # noqa: A002 - the same
        """Return the Thestral of an id; None if there is none."""
        return self._thestrals.get(id)

    def unregister(self, thestral: Thestral) -> None:
        """Forget a Thestral (rule 3); doing so again has no effect."""
        if self._thestrals.get(thestral.id) is thestral:
            gone, thestral.id = thestral.id, NO_ID
            del self._thestrals[gone]
            self.update(self, GONE, gone)

    def add_starter(self, starter: Callable[[], object]) -> None:
        """Have a function called by `start`, once, however often it is added."""
        self._starters[starter] = None

    def start(self) -> None:
        """Call every starter."""
        for starter in [*self._starters]:
            starter()


def random_text() -> str:
    """Return a text that nobody can guess, as Roots writes it."""
    return "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
