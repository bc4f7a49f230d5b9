"""What both sorts of registry have in common, and the words in which they tell of what they hold."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

import pykka

from cometary.actors.exits import NOPROC, Exit
from cometary.actors.in_process import InProcess
from cometary.actors.roster import tell_each
from cometary.errors import ActorEndedError, UsageError
from cometary.log import show

if TYPE_CHECKING:
    from cometary.actors.ref import ActorRef


class Entry(NamedTuple):
    """One registration: an actor has a key, with a value."""

    key: Hashable
    ref: ActorRef[Any]
    value: Any


Where = Callable[[Entry], object]


class Registered(NamedTuple):
    """Sent to the listeners of `registry`: the actor `ref` has taken `key`, with this value."""

    registry: BaseRegistry
    key: Hashable
    ref: ActorRef[Any]
    value: Any


class Unregistered(NamedTuple):
    """Sent to the listeners of `registry`: the actor `ref` has given up `key`, which had this value, or ended."""

    registry: BaseRegistry
    key: Hashable
    ref: ActorRef[Any]
    value: Any


class BaseRegistry(ABC):
    """What both sorts of registry can do; `len(registry)` is the number of entries."""

    def __init__(self) -> None:
        self._listeners: dict[ActorRef[Any], None] = {}
        # Listeners are told under the lock, so that they hear of changes in their order.
        self._lock = threading.RLock()

    # -- looking ----------------------------------------------------------------------------

    @abstractmethod
    def __len__(self) -> int:
        """Return how many entries there are."""

    @abstractmethod
    def lookup(self, key: Hashable, where: Where | None = None) -> list[Entry]:
        """Return the entries under `key`; of these, those for which `where(entry)` is true."""

    @abstractmethod
    def select(self, where: Where | None = None) -> list[Entry]:
        """Return all entries, or those for which `where(entry)` is true; takes time in proportion to all."""

    @abstractmethod
    def keys(self, ref: ActorRef[Any]) -> list[Hashable]:
        """Return the keys of an actor, each as often as it has it."""

    def values(self, key: Hashable, ref: ActorRef[Any]) -> list[Any]:
        """Return the values that an actor has under `key`."""
        return [entry.value for entry in self.lookup(key) if entry.ref is ref]

    # -- telling ----------------------------------------------------------------------------

    def dispatch(self, key: Hashable, function: Callable[[list[Entry]], object]) -> None:
        """Call `function(entries)` with the entries under `key`, here and now; not if there are none."""
        entries = self.lookup(key)
        if entries:
            function(entries)

    def broadcast(self, key: Hashable, message: object) -> int:
        """Tell `message` to each actor under `key` once; returns how many were told.

        One that has just ended, or whose mailbox is full, is passed over.
        """
        return tell_each(dict.fromkeys(entry.ref for entry in self.lookup(key)), message)

    # -- listeners --------------------------------------------------------------------------

    def listen(self, ref: ActorRef[Any]) -> None:
        """Send the actor `ref` a `Registered` or `Unregistered` for each change from now on.

        Listening again changes nothing. It ends with the incarnation of the listener.

        Raises:
            pykka.ActorDeadError: if the listener has ended, or is just being restarted.
        """
        with self._lock:
            check_running(ref)
            if ref not in self._listeners:
                self._listeners[ref] = None
                ref.actor_inbox.system.post(ref.actor_inbox.watch, self._listener_ended)

    def unlisten(self, ref: ActorRef[Any]) -> None:
        """Tell the actor `ref` of no more changes. Harmless if it was not told of any."""
        with self._lock:
            if ref in self._listeners:
                del self._listeners[ref]
                ref.actor_inbox.system.post(ref.actor_inbox.unwatch, self._listener_ended)

    def _listener_ended(self, ref: ActorRef[Any], _exit: Exit) -> None:
        with self._lock:
            self._listeners.pop(ref, None)

    def _tell(self, change: Registered | Unregistered) -> None:
        for listener in self._listeners:
            cell = listener.actor_inbox
            cell.post_for(cell.life, change)


def nobody(key: object) -> ActorEndedError:
    """Return the error for whoever wants the actor that has `key`, which nobody has."""
    return ActorEndedError(f"no actor is called {show(key)}", NOPROC.reason)


def check_reference(ref: object) -> None:
    """Check that `ref` is a reference to one of Cometary's own actors; raises `UsageError`."""
    kind = type(ref)
    if not (issubclass(kind, pykka.ActorRef) and issubclass(kind, InProcess)):
        raise UsageError(f"{show(ref)} is no reference to one of Cometary's own actors")


def check_alive(ref: ActorRef[Any]) -> None:
    """Check that an actor has not ended for good; raises `ActorEndedError`; if it is no actor, `UsageError`."""
    check_reference(ref)
    # It closes first, and what it has is freed then. So an actor that is alive here, under the
    # lock, is not forgotten before it has got its key.
    if not ref.is_alive():
        raise ref.actor_inbox.not_found()


def check_running(ref: ActorRef[Any]) -> None:
    """Check that there is an incarnation of an actor; raises as `check_alive` does."""
    check_reference(ref)
    if ref.actor_inbox.actor is None:
        raise ref.actor_inbox.not_found()
