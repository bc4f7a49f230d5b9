"""Workers as nodes: with an engine, each is one, and its sessions can go on at another one when it dies.

1.  Each process has a name of its own, that of no worker before it: so it takes clients as soon as it has started, and
    does not wait for the lease of the one in whose place it is. All names of one server begin with its family's.
2.  They are linked by Unix sockets in a folder that nobody else can look into, each at a path of its own: nobody ever
    listens again where a dead worker did, so the others know at once that it is dead.
3.  The secret by which they know each other lasts as long as the process above them, and nobody has to choose it.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from cometary.workers.part import AsNode

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Family:
    """All workers of one server.

    Attributes:
        folder: where they connect to each other.
        engine: the URL of their engine.
    """

    folder: Path
    engine: str
    _name: str = field(default_factory=lambda: f"workers-{secrets.token_hex(3)}")
    _secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _births: Iterator[int] = field(default_factory=lambda: count(1))

    def next(self, worker: int) -> AsNode:
        """Return as what a worker is a node that is about to be started; the one before it has ended."""
        for before in self.folder.glob(f"node-{worker}-*"):
            with suppress(FileNotFoundError):
                before.unlink()
        birth = next(self._births)
        links = self.folder / f"node-{worker}-{birth}"
        return AsNode(
            f"{self._name}.{worker}.{birth}", f"{self._name}.", str(links), self._secret, self.engine
        )
