"""Pig: which Thestral hears which path, and the messages that change that.

    ::connect      id->path   from now on it hears that path, and is told "" there at once
    ::disconnect   id->path   no more; it is told the path at ::+::disconnect
    ::gone         id         it hears nothing any more

1.  A path is heard by those who are connected to exactly that path.
2.  What is malformed, or names nobody, changes nothing.
3.  These are messages like any others: those connected to `::gone` hear who is gone.
4.  A path that nobody hears is forgotten.

No socket, no clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cometary.doors.roots.dolores import GONE, Dolores
from cometary.packets.paths import CONTROL_PREFIX

CONNECT: Final = "::connect"
DISCONNECT: Final = "::disconnect"
DISCONNECTED: Final = "::+::disconnect"
ARROW: Final = "->"

Heard = Callable[[str, bool], object]
"""Told a path that has got its first hearer (True), or has lost its last one."""

Stranger = Callable[[str, str, bool], object]
"""Told an id that Dolores does not know, a path, and whether it is to be connected to it."""


class Pig:
    """The dispatcher.

    Args:
        dolores: knows the Thestrals.
        heard: told which paths are heard.
        stranger: told of ids that Dolores does not know.
    """

    def __init__(
        self,
        dolores: Dolores,
        heard: Heard = lambda _path, _heard: None,
        stranger: Stranger = lambda _id, _path, _connect: None,
    ) -> None:
        self.id = f"{dolores.id}-PIG"
        self._dolores = dolores
        self._heard = heard
        self._stranger = stranger
        self._by_path: dict[str, dict[str, None]] = {}
        self._by_id: dict[str, dict[str, None]] = {}

    def __len__(self) -> int:
        """How many paths are heard."""
        return len(self._by_path)

    def update(self, source: Any, path: str, data: Any) -> None:
        """Take a message, and pass it on to those who hear its path (rule 3)."""
        del source  # as Roots has it, hearers are told by Pig
        self.control(path, data)
        self.deliver(path, data)

    def control(self, path: str, data: Any) -> None:
        """Do what a message to a control path says (rule 2)."""
        if path == GONE and isinstance(data, str):
            for each in [*self._by_id.get(data, ())]:
                self._leave(data, each)
        elif path in {CONNECT, DISCONNECT} and isinstance(data, str) and data.count(ARROW) == 1:
            who, _, where = data.partition(ARROW)
            self._change(who, where, connect=path == CONNECT)

    def deliver(self, path: str, data: Any) -> None:
        """Tell those who hear a path (rule 1)."""
        for each in [*self._by_path.get(path, ())]:
            thestral = self._dolores.find(each)
            if thestral is not None:
                thestral.update(self, path, data)

    def _change(self, who: str, path: str, *, connect: bool) -> None:
        thestral = self._dolores.find(who)
        if not path:
            return
        if thestral is None:
            self._stranger(who, path, connect)
        elif connect:
            if path not in self._by_path:
                self._by_path[path] = {}
                self._heard(path, True)  # noqa: FBT003 - what it is told
            self._by_path[path][who] = None
            self._by_id.setdefault(who, {})[path] = None
            thestral.update(self, path, "")
        elif path in self._by_id.get(who, ()):
            self._leave(who, path)
            thestral.update(self, DISCONNECTED, path)

    def _leave(self, who: str, path: str) -> None:
        del self._by_id[who][path], self._by_path[path][who]
        if not self._by_id[who]:
            del self._by_id[who]
        if not self._by_path[path]:
            del self._by_path[path]
            self._heard(path, False)  # noqa: FBT003 - what it is told


def is_control(path: str) -> bool:
    """Whether a message to a path may change who hears what."""
    return path.startswith(CONTROL_PREFIX)
