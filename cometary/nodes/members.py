"""Who is on which path, at all nodes: each tells the others of its own sessions, and knows all of them.

1.  Each node tells every other one, on each new link, which of its own sessions are there (between two `Census`), and
    then what changes. So a link that breaks loses nothing.
2.  A session that was adopted is of a higher generation. Of two nodes that say that they have it, the one with the
    higher generation is believed, no matter which speaks last, and what the other says of its leaving.
3.  The sessions of a node that has gone stay until its lease has run out, and then those that cannot outlive it are
    gone, all in one turn. The others stay until it is known what has become of all of them: only then are those gone
    that nobody has adopted. Nobody is told that they left and came again.
4.  A session that this node hands on, since it stops, has not left either: it is told as one of this node's until
    another node has it. If none comes to have it, rule 3 holds, since this node is about to go.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from cometary.dispatch.members import Member, Members
from cometary.nodes.messages import Came, Census, Went, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Key = tuple[str, str]
"""A path, and the name of a session."""

MOST_TOLD: Final = 1_000
"""Members in one message."""


class NodeMembers(Members):
    """It, at one node.

    Args:
        tell: tells all other nodes.
    """

    def __init__(self, tell: Callable[[bytes], object]) -> None:
        super().__init__()
        self._tell = tell
        self._own: dict[str, dict[str, tuple[bytes | None, int]]] = {}
        self._handed_on = set[Key]()  # those of them that no other node has said to have yet (rule 4)
        self._holder: dict[Key, tuple[str, int]] = {}  # who has those of other nodes, and in which generation
        self._of: dict[str, dict[Key, None]] = {}  # the same, by their nodes
        self._unconfirmed: dict[str, dict[Key, None]] = {}  # those of which a census has not told yet
        self.orphaned: set[str] = set()
        """Nodes from which there is no link, and of which members may be left (rule 3)."""

    # -- sessions of this node

    def join(self, path: str, member: Member, generation: int = 0) -> bool:
        """Let a session of this node be on a path; see `Members.join`."""
        name = member.name
        shown = None if member.shown is None else msgspec.json.encode(member.shown)
        self._own.setdefault(path, {})[name] = shown, generation
        self._tell(encode(Came(path, ((name, shown, generation),))))
        if generation >= self._holder.get((path, name), ("", -1))[1]:
            self._take_from(path, name)
        return super().join(path, member, generation)

    def leave(self, path: str, name: str, *, handed_on: bool = False) -> bool:
        """Let it be there no more, unless another node has adopted it, or is to; see `Members.leave`."""
        if name not in self._own.get(path, {}):
            return False
        is_held = (path, name) in self._holder
        if handed_on and not is_held:
            self._handed_on.add((path, name))
            return False
        self._disown(path, name)
        self._tell(encode(Went(path, name)))
        return not is_held and super().leave(path, name)

    def _disown(self, path: str, name: str) -> None:
        self._handed_on.discard((path, name))
        own = self._own[path]
        del own[name]
        if not own:
            del self._own[path]

    def census(self) -> Iterator[bytes]:
        """Return what a node that knows nothing yet is told (rule 1)."""
        yield encode(Census())
        for path, members in self._own.items():
            told = ((name, *what) for name, what in members.items())
            while piece := tuple(islice(told, MOST_TOLD)):
                yield encode(Came(path, piece))
        yield encode(Census(done=True))

    # -- sessions of others

    def hear(self, node: str, message: Came | Went | Census) -> None:
        """Take what another node tells."""
        match message:
            case Came():
                self._came(node, message)
            case Went(path, name):
                self._gone(node, path, name)
            case Census():
                self.orphaned.discard(node)
                before = self._unconfirmed.pop(node, {})
                if message.done:
                    for path, name in before:
                        self._gone(node, path, name)
                else:
                    self._unconfirmed[node] = self._of.get(node, {}).copy()

    def _came(self, node: str, came: Came) -> None:
        path, unconfirmed = came.path, self._unconfirmed.get(node, {})
        own = self._own.get(path, {})
        for name, written, generation in came.members:
            unconfirmed.pop((path, name), None)
            if name in own and own[name][1] >= generation:
                continue
            if generation < self._holder.get((path, name), ("", 0))[1]:
                continue
            self._take_from(path, name)
            if (path, name) in self._handed_on:
                self._disown(path, name)
            self._holder[path, name] = node, generation
            self._of.setdefault(node, {})[path, name] = None
            shown = None if written is None else msgspec.json.decode(written)
            if super().join(path, Member(name, shown)):
                self.changed(path)

    def _gone(self, node: str, path: str, name: str) -> None:
        if self._holder.get((path, name), ("", 0))[0] == node:  # rule 2
            self._take_from(path, name)
            if name not in self._own.get(path, {}) and super().leave(path, name):
                self.changed(path)

    def _take_from(self, path: str, name: str) -> None:
        """Let whichever other node has a session have it no more."""
        holder, _ = self._holder.pop((path, name), ("", 0))
        held = self._of.get(holder, {})
        held.pop((path, name), None)
        if not held:
            self._of.pop(holder, None)

    def end(self, node: str, *, settled: bool = True) -> None:
        """Take note that the lease of a node that has gone has run out (rule 3).

        Args:
            node: its name.
            settled: whether it is known what has become of those of its sessions that can outlive it.
        """
        if settled:
            self.orphaned.discard(node)
            self._unconfirmed.pop(node, None)
        for key in [*self._of.get(node, ())]:
            if settled or self._holder[key][1] == 0:
                self._gone(node, *key)
