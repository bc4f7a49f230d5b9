"""Who is on which path, of all workers: each has all of it, tells the others of its own sessions, and hears of theirs.

1.  Joining and leaving is seen at once in the same worker, and in another one as soon as that has heard of it. A
    session is one worker's, which alone tells of it: so nobody's words contradict another's.
2.  The sessions of a worker that has ended are gone in the turn in which that is heard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cometary.dispatch.members import Member, Members
from cometary.workers.messages import Came, Went, encode

if TYPE_CHECKING:
    from cometary.workers.link import Link


class SharedMembers(Members):
    """It, in one worker.

    Args:
        worker: the number of that one.
        link: leads to the others.
    """

    def __init__(self, worker: int, link: Link) -> None:
        super().__init__()
        self._worker = worker
        self._link = link
        self._others: dict[int, dict[tuple[str, str], None]] = {}

    def join(self, path: str, member: Member, generation: int = 0) -> bool:
        """Let a session of this worker be on a path; see `Members.join`."""
        first = super().join(path, member, generation)
        shown = None if member.shown is None else msgspec.json.encode(member.shown)
        self._link.put(encode(Came(self._worker, path, [(member.name, shown)])))
        return first

    def leave(self, path: str, name: str, *, handed_on: bool = False) -> bool:
        """Let it leave; see `Members.leave`."""
        if name not in self._members.get(path, {}):
            return False
        first = super().leave(path, name, handed_on=handed_on)
        self._link.put(encode(Went(self._worker, path, name)))
        return first

    def came(self, came: Came) -> None:
        """Take note of sessions of another worker that are on a path now."""
        theirs = self._others.setdefault(came.worker, {})
        for name, written in came.members:
            theirs[came.path, name] = None
            shown = None if written is None else msgspec.json.decode(written)
            if super().join(came.path, Member(name, shown)):
                self.changed(came.path)

    def went(self, went: Went) -> None:
        """Take note of one that is no longer there."""
        self._others.get(went.worker, {}).pop((went.path, went.name), None)
        self._leave_elsewhere(went.path, went.name)

    def ended(self, worker: int) -> None:
        """Take note that another worker has ended (rule 2)."""
        for path, name in self._others.pop(worker, {}):
            self._leave_elsewhere(path, name)

    def _leave_elsewhere(self, path: str, name: str) -> None:
        if super().leave(path, name):
            self.changed(path)
