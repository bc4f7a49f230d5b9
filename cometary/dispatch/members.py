"""Members: who is on a path, and what has changed since that was told last; see `cometary.dispatch.presence`.

1.  A member is on a path from `join` to `leave`, under its name, with what it shows of itself. Joining again changes
    what it shows and nothing else.
2.  Changes are collected until they are taken, and only what they amount to is told: a member that joined and left
    again, or left and came back the same, is in none of them.
3.  When there are more than `MOST_CHANGES`, it is not told who they are, but only how many members there are now. So
    neither what is kept of changes nor what is told of them grows with the path.
4.  Joining and leaving cost the same however many members there are.
5.  Where other nodes have members too, somebody else may change this (`changed`).

Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

MOST_CHANGES = 100

ABSENT: Final = object()
"""What somebody showed who was not there."""


class Member(NamedTuple):
    """Somebody who is on a path.

    Attributes:
        name: the public name of the session.
        shown: what the application has chosen to show of it; None for nothing.
    """

    name: str
    shown: Any = None

    def as_dict(self) -> dict[str, object]:
        """Return it as plain data."""
        return {"name": self.name} if self.shown is None else {"name": self.name, "shown": self.shown}


@dataclass(frozen=True, slots=True)
class Present:
    """Who is on a path.

    Attributes:
        count: how many they are.
        members: those who have been there longest, as many as were asked for.
    """

    count: int
    members: list[Member]

    def as_dict(self) -> dict[str, object]:
        """Return it as plain data."""
        return {"count": self.count, "members": [member.as_dict() for member in self.members]}


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed on a path.

    Attributes:
        count: how many are there now.
        joined: who is new, or shows something else; None if these are too many to tell.
        left: the names of those who are there no more; likewise.
    """

    count: int
    joined: list[Member] | None
    left: list[str] | None

    def as_dict(self) -> dict[str, object]:
        """Return it as plain data."""
        if self.joined is None:
            return {"count": self.count}
        joined = [member.as_dict() for member in self.joined]
        return {"count": self.count, "joined": joined, "left": self.left}


class Members:
    """Who is on which path.

    Attributes:
        changed: told of a path whose first changes to be told somebody else has made (rule 5); it takes them, now or
            later.
    """

    def __init__(self) -> None:
        self.changed: Callable[[str], object] = self.take_changes
        self._members: dict[str, dict[str, Any]] = {}
        self._before: dict[str, dict[str, Any] | None] = {}
        """Of each path with changes, what those who have changed showed before; None if they are too many."""

    def join(self, path: str, member: Member, generation: int = 0) -> bool:  # noqa: ARG002 - see below
        """Let a member be on a path; returns whether these are the first changes of that path to be told.

        Args:
            path: the path.
            member: who.
            generation: how many processes have had the session, this one included, if it can outlive any: for those
                who hear of it from several.
        """
        members = self._members.setdefault(path, {})
        first = self._note(path, member.name, members.get(member.name, ABSENT))
        members[member.name] = member.shown
        return first

    def leave(self, path: str, name: str, *, handed_on: bool = False) -> bool:  # noqa: ARG002 - likewise
        """Let a member be there no more, who may not have been; returns the same.

        Args:
            path: the path.
            name: of the member.
            handed_on: whether another process is about to go on with the session, if it can outlive any.
        """
        members = self._members.get(path, {})
        if name not in members:
            return False
        first = self._note(path, name, members.pop(name))
        if not members:
            del self._members[path]
        return first

    def present(self, path: str, most: int) -> Present:
        """Return who is on a path, the first `most` of them."""
        members = self._members.get(path, {})
        # In one piece, so that another thread may ask as well.
        return Present(len(members), [Member(*item) for item in list(islice(members.items(), most))])

    def count(self, path: str) -> int:
        """Return how many are on a path."""
        return len(self._members.get(path, ()))

    def take_changes(self, path: str) -> Changes | None:
        """Take what has changed on a path; None if it comes to nothing."""
        members = self._members.get(path, {})
        before = self._before.pop(path, {})
        if before is None:
            return Changes(len(members), None, None)
        joined: list[Member] = []
        left: list[str] = []
        for name, shown in before.items():
            now = members.get(name, ABSENT)
            if now is ABSENT and shown is not ABSENT:
                left.append(name)
            elif now is not ABSENT and (shown is ABSENT or now != shown):
                joined.append(Member(name, now))
        return Changes(len(members), joined, left) if joined or left else None

    def _note(self, path: str, name: str, shown: Any) -> bool:
        first = path not in self._before
        before = self._before.setdefault(path, {})
        if before is not None:
            before.setdefault(name, shown)
            if len(before) > MOST_CHANGES:
                self._before[path] = None
        return first
