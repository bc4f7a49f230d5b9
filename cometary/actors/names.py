"""Names of actors: one table for each system, O(1), cleared when the actor ends.

Source: Erlang reference manual, "Processes", section "Registered Processes".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cometary.errors import NameTakenError

if TYPE_CHECKING:
    from cometary.actors.ref import ActorRef


class Names:
    """Unique names of living actors. A restarted actor keeps its names."""

    def __init__(self) -> None:
        self._by_name: dict[str, ActorRef[Any]] = {}
        self._by_ref: dict[ActorRef[Any], list[str]] = {}

    def __len__(self) -> int:
        return len(self._by_name)

    def register(self, name: str, ref: ActorRef[Any]) -> None:
        """Give `ref` the name `name`.

        Raises:
            NameTakenError: if a living actor has it; the caller's fault.
        """
        if name in self._by_name:
            msg = f"the name {name!r} belongs to {self._by_name[name]}"
            raise NameTakenError(msg)
        self._by_name[name] = ref
        self._by_ref.setdefault(ref, []).append(name)

    def unregister(self, name: str) -> None:
        """Free `name`. Harmless if nobody has it."""
        ref = self._by_name.pop(name, None)
        if ref is not None:
            names = self._by_ref[ref]
            names.remove(name)
            if not names:
                del self._by_ref[ref]

    def whereis(self, name: str) -> ActorRef[Any] | None:
        """Return the actor called `name`, or None."""
        return self._by_name.get(name)

    def forget(self, ref: ActorRef[Any]) -> None:
        """Free every name of an actor that has ended."""
        for name in self._by_ref.pop(ref, ()):
            del self._by_name[name]
