"""The calls of each slot of a Redis Cluster: which are under way, and which wait so that they stay in their order.

1.  New calls of a slot go to one server at a time: as long as some are under way to the one that had it, new ones
    wait.
2.  What comes back, because it was refused or its server has gone, goes out again in order, ahead of what is new
    since; and not before all that was under way has come back, or is done.
3.  What nobody can do now waits until it is tried again.

Pure: no clock, no socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.cluster.redis.asking import Call
    from cometary.cluster.redis.slots import Address


class UnderWay:
    """Calls of a slot that a server was sent."""

    __slots__ = ("count", "server")

    def __init__(self, server: Address) -> None:
        self.server = server
        self.count = 0


class Line:
    """Calls of a slot that wait: those that have come back, those that are new, and whether to try again later."""

    __slots__ = ("later", "new", "returned")

    def __init__(self) -> None:
        self.returned: list[Call] = []
        self.new: list[Call] = []
        self.later = False


class SlotLines:
    """See above.

    Attributes:
        waiting: how many wait.
    """

    def __init__(self) -> None:
        self._under_way: dict[int, UnderWay] = {}
        self._lines: dict[int, Line] = {}
        self.waiting = 0

    def waits(self, slot: int) -> bool:
        """Whether calls of a slot wait."""
        return slot in self._lines

    def may_go(self, slot: int, server: Address) -> bool:
        """Whether a new call may go to a server at once (rule 1)."""
        under_way = self._under_way.get(slot)
        return slot not in self._lines and (under_way is None or under_way.server == server)

    def sent(self, slot: int, server: Address) -> None:
        """Take note that a call is under way."""
        under_way = self._under_way.get(slot)
        if under_way is None:
            under_way = self._under_way[slot] = UnderWay(server)
        under_way.count += 1

    def ended(self, slot: int) -> bool:
        """Take note that a call is no longer under way; returns whether those that wait may go now (rule 2)."""
        under_way = self._under_way[slot]
        under_way.count -= 1
        if under_way.count:
            return False
        del self._under_way[slot]
        line = self._lines.get(slot)
        return line is not None and not line.later

    def wait(self, slot: int, call: Call, *, returned: bool = False, later: bool = False) -> None:
        """Have a call wait.

        Args:
            slot: that of its key.
            call: the call.
            returned: whether it has come back.
            later: whether nobody can do it now.
        """
        line = self._lines.get(slot)
        if line is None:
            line = self._lines[slot] = Line()
        (line.returned if returned else line.new).append(call)
        line.later = line.later or later
        self.waiting += 1

    def take(self, slot: int) -> Sequence[Call]:
        """Take the calls of a slot that have waited, in their order."""
        line = self._lines.pop(slot)
        self.waiting -= len(line.returned) + len(line.new)
        return [call for call in (*line.returned, *line.new) if not call.withdrawn]

    def due(self) -> Sequence[int]:
        """Return the slots whose calls may go; those of which some are under way follow when these have ended."""
        for line in self._lines.values():
            line.later = False
        return [slot for slot in self._lines if slot not in self._under_way]

    def let_go_of_withdrawn(self) -> None:
        """Forget calls for which nobody waits."""
        lines, self._lines, self.waiting = self._lines, {}, 0
        for slot, line in lines.items():
            line.returned = [call for call in line.returned if not call.withdrawn]
            line.new = [call for call in line.new if not call.withdrawn]
            if line.returned or line.new:
                self._lines[slot] = line
                self.waiting += len(line.returned) + len(line.new)
