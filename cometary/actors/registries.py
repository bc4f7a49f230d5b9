"""Registries: actors under keys, each with a value, for whoever looks them up; Elixir's `Registry`.

1.  In a `UniqueRegistry` a key has one actor. It keeps the key as an actor keeps its name: over restarts, until it
    has ended for good. So mail that is sent to the key meanwhile waits for the next incarnation.
2.  In a `DuplicateRegistry` a key has any number of actors, and an actor may have it several times. What an
    incarnation has registered ends with it: the next one registers anew, in its `on_start` or its constructor.
3.  Listeners are told of each change in the order in which they happen; ends are changes, too.
4.  A key may be any object of the user's. It is hashed and compared only where somebody names it, not when an actor
    ends, but for the last one with that key.

A registry may be used from any thread, and hold actors of several systems.

Source: Elixir, `Registry`. Partitions are missing: there is one loop, and a lock that is held for a moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from cometary.actors.base_registry import (
    BaseRegistry,
    Entry,
    Registered,
    Unregistered,
    Where,
    check_alive,
    check_running,
    nobody,
)
from cometary.actors.exits import Exit
from cometary.actors.roster import Roster, tell_each
from cometary.errors import NameTakenError, UsageError
from cometary.escapes import exit_in
from cometary.log import get_logger, show

if TYPE_CHECKING:
    from cometary.actors.ref import ActorRef

logger = get_logger("cometary.actors")


Held = tuple[Hashable, "ActorRef[Any]", Any]


class UniqueRegistry(BaseRegistry):
    """A registry in which a key has one actor; may be the registry of a `Via`."""

    def __init__(self) -> None:
        super().__init__()
        # Tuples, and an `Entry` only for whoever looks: starting an actor with a name makes one of these.
        self._by_key: dict[Hashable, Held] = {}
        self._by_ref: dict[ActorRef[Any], dict[int, Held]] = {}
        """For each actor what it holds, by the identity of that."""

    def __len__(self) -> int:
        return len(self._by_key)

    def register(self, key: Hashable, ref: ActorRef[Any], value: Any = None) -> None:
        """Give the actor `ref` a key, until it has ended for good.

        If it has the key already, it keeps it, with the new value unless that is None.

        Raises:
            NameTakenError: if another living actor has the key, which is its `ref`; the caller's fault.
            pykka.ActorDeadError: if the actor has ended.
        """
        with self._lock:
            check_alive(ref)
            held = self._by_key.get(key)
            if held is None or not held[1].is_alive():
                self._take((key, ref, value))
            elif held[1] is not ref:
                raise NameTakenError(f"{show(key)} is the name of {held[1]}", held[1])
            elif value is not None:
                self._replace(held, value)

    def _take(self, held: Held) -> None:
        key, ref, _ = held
        self._by_key[key] = held
        of_ref = self._by_ref.get(ref)
        if of_ref is None:
            self._by_ref[ref] = {id(held): held}
            self._await_end(key, ref)
        else:
            of_ref[id(held)] = held
        if self._listeners:
            self._tell(Registered(self, *held))

    def _await_end(self, key: Hashable, ref: ActorRef[Any]) -> None:
        try:
            ref.actor_inbox.system.names.until_end(ref, self)
        except BaseException:  # it has ended just now
            del self._by_key[key], self._by_ref[ref]
            raise

    def _replace(self, held: Held, value: Any) -> None:
        key, ref, _ = held
        new = self._by_key[key] = (key, ref, value)
        of_ref = self._by_ref[ref]
        del of_ref[id(held)]
        of_ref[id(new)] = new

    def unregister(self, key: Hashable, where: Where | None = None) -> None:
        """Free `key`; with `where`, only if that is true of its entry. Harmless if nobody has it."""
        # The caller's `where` may change the registry itself, so it is asked before the lock is taken.
        held = self._by_key.get(key)
        if held is None or not (where is None or where(Entry(*held))):
            return
        with self._lock:
            if self._by_key.get(key) is not held:
                return  # another entry, which `where` was not asked about
            del self._by_key[key]
            ref = held[1]
            of_ref = self._by_ref.get(ref, {})
            of_ref.pop(id(held), None)
            if not of_ref and self._by_ref.pop(ref, None) is not None:
                self._await_no_end(ref)
            if self._listeners:
                self._tell(Unregistered(self, *held))

    def _await_no_end(self, ref: ActorRef[Any]) -> None:
        ref.actor_inbox.system.names.not_until_end(ref, self)

    def forget(self, ref: ActorRef[Any]) -> None:
        """Free every key of an actor that has ended."""
        with self._lock:
            self._free_all(ref)

    def _free_all(self, ref: ActorRef[Any]) -> None:
        of_ref = self._by_ref.pop(ref, None)
        if of_ref is not None:
            for held in of_ref.values():
                self._free(held)

    def _free(self, held: Held) -> None:
        key = held[0]
        try:
            if self._by_key.get(key) is held:
                del self._by_key[key]
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            # It could be hashed and compared when it was given; whoever asks for it now fails likewise.
            text = f"A name of {held[1]} can be neither hashed nor compared any more"
            logger.exception("name failed", text=text)
        if self._listeners:
            self._tell(Unregistered(self, *held))

    # -- looking ----------------------------------------------------------------------------

    def whereis(self, key: Hashable) -> ActorRef[Any] | None:
        """Return the actor that has `key`, or None."""
        held = self._by_key.get(key)
        return None if held is None else held[1]

    def send(self, key: Hashable, message: object) -> None:
        """Tell `message` to the actor that has `key`.

        Raises:
            ActorEndedError: if nobody has it; its `reason` is `noproc`.
        """
        held = self._by_key.get(key)
        if held is None:
            raise nobody(key)
        held[1].tell(message)

    def lookup(self, key: Hashable, where: Where | None = None) -> list[Entry]:
        """Return the entry under `key`, in a list, if there is one, and `where(entry)` is true of it."""
        held = self._by_key.get(key)
        return _those([] if held is None else [Entry(*held)], where)

    def select(self, where: Where | None = None) -> list[Entry]:
        """Return all entries, or those for which `where(entry)` is true; takes time in proportion to all."""
        with self._lock:
            everything = list(self._by_key.values())
        return _those([Entry(*held) for held in everything], where)

    def keys(self, ref: ActorRef[Any]) -> list[Hashable]:
        """Return the keys of an actor, in the order in which it got them."""
        with self._lock:
            return [held[0] for held in self._by_ref.get(ref, {}).values()]

    def update_value(self, key: Hashable, function: Callable[[Any], Any]) -> tuple[Any, Any]:
        """Give the entry under `key` the value `function(value)`; returns that one, and the one before.

        `function` must not block: nobody else changes the registry meanwhile. If it raises, nothing has changed.

        Raises:
            ActorEndedError: if nobody has the key; its `reason` is `noproc`.
            UsageError: if `function` itself has changed the entry, which stays as it then is; its fault.
        """
        with self._lock:
            held = self._by_key.get(key)
            if held is None:
                raise nobody(key)
            new = function(held[2])
            if self._by_key.get(key) is not held:
                raise UsageError(f"the function that updates the value of {show(key)} has changed its entry")
            self._replace(held, new)
            return new, held[2]


class DuplicateRegistry(BaseRegistry):
    """A registry in which a key has any number of actors, and an actor may have it several times."""

    def __init__(self) -> None:
        super().__init__()
        self._entries = Roster("key")
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def register(self, key: Hashable, ref: ActorRef[Any], value: Any = None) -> None:
        """Put the actor `ref` under `key`, with a value, or put it there once more; it ends with the incarnation.

        Raises:
            pykka.ActorDeadError: if the actor has ended, or is just being restarted.
        """
        with self._lock:
            check_running(ref)
            new = ref not in self._entries.by_ref
            self._entries.add(key, ref, value)
            self._count += 1
            if self._listeners:
                self._tell(Registered(self, key, ref, value))
            if new:
                ref.actor_inbox.system.post(ref.actor_inbox.watch, self._ended)

    def unregister(self, key: Hashable, ref: ActorRef[Any], where: Where | None = None) -> int:
        """Take the entries of `ref` under `key` out, or those for which `where(entry)` is true; returns how many."""
        # The caller's `where` may change the registry itself, so it is asked before the lock is taken.
        asked = self.values(key, ref)
        ending = Counter(id(each) for each in asked if where is None or where(Entry(key, ref, each)))
        with self._lock:
            ended, left = list[Any](), list[Any]()
            for value in self._entries.values(key, ref):
                (ended if ending[id(value)] > 0 else left).append(value)
                ending[id(value)] -= 1
            if not ended:
                return 0
            self._entries.keep(key, ref, left)
            self._tell_of_end(key, ref, ended)
            if ref not in self._entries.by_ref:
                ref.actor_inbox.system.post(ref.actor_inbox.unwatch, self._ended)
            return len(ended)

    def _tell_of_end(self, key: Hashable, ref: ActorRef[Any], values: list[Any]) -> None:
        self._count -= len(values)
        if self._listeners:
            for value in values:
                self._tell(Unregistered(self, key, ref, value))

    def _ended(self, ref: ActorRef[Any], _exit: Exit) -> None:
        with self._lock:
            for key, values in self._entries.drop(ref):
                self._tell_of_end(key, ref, values)

    # -- looking ----------------------------------------------------------------------------

    def lookup(self, key: Hashable, where: Where | None = None) -> list[Entry]:
        """Return the entries under `key`; of these, those for which `where(entry)` is true."""
        with self._lock:
            entries = _under(key, self._entries.by_key.get(key, {}))
        return _those(entries, where)

    def select(self, where: Where | None = None) -> list[Entry]:
        """Return all entries, or those for which `where(entry)` is true; takes time in proportion to all."""
        with self._lock:
            entries = [entry for key, refs in self._entries.by_key.items() for entry in _under(key, refs)]
        return _those(entries, where)

    def keys(self, ref: ActorRef[Any]) -> list[Hashable]:
        """Return the keys of an actor, each as often as it has it."""
        with self._lock:
            of_ref = self._entries.by_ref.get(ref, {}).values()
            return [key for key, refs in of_ref for _ in refs[ref]]

    def values(self, key: Hashable, ref: ActorRef[Any]) -> list[Any]:
        """Return the values that an actor has under `key`, in the order of their registration."""
        with self._lock:
            return list(self._entries.values(key, ref))

    def broadcast(self, key: Hashable, message: object) -> int:
        """Tell `message` to each actor under `key` once; see `BaseRegistry.broadcast`."""
        with self._lock:
            refs = list(self._entries.by_key.get(key, ()))
        return tell_each(refs, message)


def _under(key: Hashable, refs: dict[ActorRef[Any], list[Any]]) -> list[Entry]:
    return [Entry(key, ref, value) for ref, values in refs.items() for value in values]


def _those(entries: list[Entry], where: Where | None) -> list[Entry]:
    # Outside of the lock: `where` is the caller's, and may take its time.
    return entries if where is None else [entry for entry in entries if where(entry)]
