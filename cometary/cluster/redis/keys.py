"""The keys that the engine uses: each begins with a prefix, so one server has room for several clusters.

All keys of a session are in one slot, and so are those that say who is there: what stands in braces decides that.
"""

from __future__ import annotations

from typing import Final

from cometary.cluster.settings import PREFIX

SESSION_KEYS: Final = 4
MEMBER_KEYS: Final = 2
SHELF_KEYS: Final = 3


class Keys:
    """The keys of one cluster.

    Args:
        prefix: what each begins with; without braces.

    Attributes:
        members: who has a lease until when, and who that is.
        nodes: the names of nodes that have sessions, or had: these are known for longer than their leases.
    """

    def __init__(self, prefix: str = PREFIX) -> None:
        self._prefix = prefix
        self.members = (f"{prefix}:{{nodes}}:leases", f"{prefix}:{{nodes}}:who")
        self.nodes = f"{prefix}:{{nodes}}:had"

    def of_session(self, sid: str) -> tuple[str, ...]:
        """Return those of a session's state, outbox, inbox and fields."""
        base = f"{self._prefix}:{{{sid}}}:"
        return f"{base}s", f"{base}o", f"{base}i", f"{base}f"

    def of_node(self, node: str) -> str:
        """Return that of the sessions which a node has, or had."""
        return f"{self._prefix}:of:{node}"

    def of_claim(self, key: str) -> str:
        """Return that of what an idempotency key stands for."""
        return f"{self._prefix}:once:{{{key}}}"

    def of_shelf(self, name: str) -> tuple[str, ...]:
        """Return those of a shelf of logs: its state, and its paths of which something is kept, or nothing."""
        base = f"{self._prefix}:{{log:{name}}}:"
        return f"{base}s", f"{base}f", f"{base}n"
