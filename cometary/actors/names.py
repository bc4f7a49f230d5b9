"""Names of actors: one table for each system, O(1), cleared when the actor ends.

Source: Erlang reference manual, "Processes", section "Registered Processes".
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pykka

from cometary.errors import NameTakenError, UsageError

if TYPE_CHECKING:
    from cometary.actors.ref import ActorRef


class Names:
    """Unique names of living actors, for any thread. A restarted actor keeps its names."""

    def __init__(self) -> None:
        self._by_name: dict[str, ActorRef[Any]] = {}
        self._by_ref: dict[ActorRef[Any], list[str]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._by_name)

    def register(self, name: str, ref: ActorRef[Any]) -> None:
        """Give `ref` the name `name`.

        Raises:
            NameTakenError: if a living actor has it; the caller's fault.
            UsageError: if the actor lives in another system; the caller's fault.
            pykka.ActorDeadError: if the actor has ended.
        """
        if ref.actor_inbox.system.names is not self:
            raise UsageError(f"{ref} lives in another actor system")
        # An actor closes first and calls `forget` then. So an actor that is alive here, under
        # the lock, is not forgotten before it has got its name.
        with self._lock:
            if not ref.is_alive():
                raise pykka.ActorDeadError(f"{ref} not found")
            if name in self._by_name:
                raise NameTakenError(f"{name!r} is the name of {self._by_name[name]}")
            self._by_name[name] = ref
            self._by_ref.setdefault(ref, []).append(name)

    def unregister(self, name: str) -> None:
        """Free `name`. Harmless if nobody has it."""
        with self._lock:
            ref = self._by_name.pop(name, None)
            if ref is None:
                return
            names = self._by_ref[ref]
            names.remove(name)
            if not names:
                del self._by_ref[ref]

    def whereis(self, name: str) -> ActorRef[Any] | None:
        """Return the actor called `name`, or None."""
        return self._by_name.get(name)

    def forget(self, ref: ActorRef[Any]) -> None:
        """Free every name of an actor that has ended."""
        with self._lock:
            for name in self._by_ref.pop(ref, ()):
                del self._by_name[name]
