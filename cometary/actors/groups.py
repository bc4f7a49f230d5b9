"""Groups of actors: whoever joins hears what is broadcast to the group; OTP's `pg`.

1.  Groups live in a scope, and a group is there as long as it has members.
2.  A member may join several times, and must leave as often. Every membership ends with the
    incarnation: a supervised actor joins anew, in its `on_start` or its constructor.
3.  Whoever monitors a group is told of each change in the order in which they happen: from the
    members that `monitor` returns, and the messages, it always knows the members.

Source: OTP, `pg`.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

import pykka

from cometary.actors.exits import Exit
from cometary.actors.messages import ForLife
from cometary.errors import MailboxFullError, UsageError
from cometary.escapes import exit_in
from cometary.log import get_logger

if TYPE_CHECKING:
    from cometary.actors.ref import ActorRef
    from cometary.actors.system import ActorSystem

logger = get_logger("cometary.actors")


class GroupJoined(NamedTuple):
    """Sent to monitors of a group: `refs` have joined, each as often as it is in there."""

    scope: str
    group: Hashable
    refs: tuple[ActorRef[Any], ...]


class GroupLeft(NamedTuple):
    """Sent to monitors of a group: `refs` have left or ended, each as often as it is in there."""

    scope: str
    group: Hashable
    refs: tuple[ActorRef[Any], ...]


class Roster:
    """Who is in which group and how often, to be found from either side.

    A group may be any object of the user's. So it is hashed and compared only where somebody names it, not
    when a member ends.
    """

    def __init__(self) -> None:
        self.by_group: dict[Hashable, dict[ActorRef[Any], int]] = {}
        self.by_ref: dict[ActorRef[Any], dict[int, tuple[Hashable, dict[ActorRef[Any], int]]]] = {}
        """For each actor its groups, by the identity of what `by_group` has of each."""

    def add(self, group: Hashable, ref: ActorRef[Any]) -> None:
        """Put `ref` into `group` once more."""
        refs = self.by_group.setdefault(group, {})
        refs[ref] = refs.get(ref, 0) + 1
        self.by_ref.setdefault(ref, {})[id(refs)] = group, refs

    def remove(self, group: Hashable, ref: ActorRef[Any]) -> bool:
        """Take `ref` out of `group` once; returns whether it was in there."""
        refs = self.by_group.get(group, {})
        if ref not in refs:
            return False
        refs[ref] -= 1
        if not refs[ref]:
            groups = self.by_ref[ref]
            del refs[ref], groups[id(refs)]
            if not groups:
                del self.by_ref[ref]
            self._forget_if_empty(group, refs)
        return True

    def drop(self, ref: ActorRef[Any]) -> list[tuple[Hashable, int]]:
        """Take `ref` out of all groups; returns how often it was in each."""
        counts: list[tuple[Hashable, int]] = []
        for group, refs in self.by_ref.pop(ref, {}).values():
            counts.append((group, refs.pop(ref)))
            self._forget_if_empty(group, refs)
        return counts

    def _forget_if_empty(self, group: Hashable, refs: dict[ActorRef[Any], int]) -> None:
        if refs:
            return
        try:
            del self.by_group[group]
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            # It could be hashed and compared when somebody joined, and cannot now: it stays, empty.
            logger.exception("group failed", text="A group can be neither hashed nor compared any more")

    def refs(self, group: Hashable) -> list[ActorRef[Any]]:
        """Return who is in `group`, each as often as it is."""
        return [ref for ref, count in self.by_group.get(group, {}).items() for _ in range(count)]

    def all(self) -> list[Hashable]:
        """Return all groups that have members."""
        return [group for group, refs in self.by_group.items() if refs]


_ALL = object()
"""What those who monitor the whole scope are listed under."""


class Groups:
    """The groups of one scope of a system, for any thread; made by `groups(scope)`.

    A group is whatever can be a key of a dict.
    """

    def __init__(self, system: ActorSystem, scope: str) -> None:
        self.scope = scope
        self._system = system
        self._members = Roster()
        self._monitors = Roster()
        # Monitors are told under the lock, so that they hear of changes in their order.
        self._lock = threading.RLock()

    # -- members --------------------------------------------------------------------------

    def join(self, group: Hashable, *refs: ActorRef[Any]) -> None:
        """Make actors members of `group`, or members once more.

        Raises:
            pykka.ActorDeadError: if one of them has ended, or is just being restarted; nobody has joined.
            UsageError: if one of them lives in another system; the caller's fault. Nobody has joined.
        """
        with self._lock:
            for ref in refs:
                self._check(ref)
            new = self._unknown(refs)
            for ref in refs:
                self._members.add(group, ref)
            self._tell(group, GroupJoined(self.scope, group, refs))
            self._watch(new)

    def leave(self, group: Hashable, *refs: ActorRef[Any]) -> bool:
        """End one membership of each actor in `group`; returns whether there was any to end."""
        with self._lock:
            left = tuple(ref for ref in refs if self._members.remove(group, ref))
            self._tell(group, GroupLeft(self.scope, group, left))
            self._unwatch(left)
        return bool(left)

    def members(self, group: Hashable) -> list[ActorRef[Any]]:
        """Return the members of `group`, in the order of their joining, each as often as it has joined."""
        with self._lock:
            return self._members.refs(group)

    def which_groups(self) -> list[Hashable]:
        """Return all groups that have members."""
        with self._lock:
            return self._members.all()

    def broadcast(self, group: Hashable, message: object) -> int:
        """Tell `message` to each member of `group` once; returns how many were told."""
        with self._lock:
            members = list(self._members.by_group.get(group, ()))
        told = 0
        for ref in members:
            try:
                ref.tell(message)
            except (pykka.ActorDeadError, MailboxFullError):  # it has just ended, or is behind
                continue
            told += 1
        return told

    # -- monitors -------------------------------------------------------------------------

    def monitor(self, group: Hashable, watcher: ActorRef[Any]) -> list[ActorRef[Any]]:
        """Send `watcher` a `GroupJoined` or `GroupLeft` for each change of `group` from now on.

        Monitoring it again changes nothing. All ends with the watcher's incarnation.

        Returns:
            The members as they are now.

        Raises:
            pykka.ActorDeadError: if the watcher has ended, or is just being restarted.
            UsageError: if it lives in another system; the caller's fault.
        """
        with self._lock:
            self._add_monitor(group, watcher)
            return self._members.refs(group)

    def monitor_scope(self, watcher: ActorRef[Any]) -> dict[Hashable, list[ActorRef[Any]]]:
        """Do as `monitor` does for all groups of the scope, those that are not there yet included.

        Returns:
            The members of each group as they are now.
        """
        with self._lock:
            self._add_monitor(_ALL, watcher)
            return {group: self._members.refs(group) for group in self._members.all()}

    def demonitor(self, watcher: ActorRef[Any]) -> None:
        """Tell `watcher` of no more changes, of whichever group. Harmless if it was not told of any."""
        with self._lock:
            if self._monitors.drop(watcher):
                self._unwatch((watcher,))

    def _add_monitor(self, group: Hashable, watcher: ActorRef[Any]) -> None:
        self._check(watcher)
        new = self._unknown((watcher,))
        self._monitors.add(group, watcher)  # how often does not matter: `demonitor` ends all
        self._watch(new)

    def _tell(self, group: Hashable, change: GroupJoined | GroupLeft) -> None:
        if not change.refs:
            return
        watchers = {**self._monitors.by_group.get(_ALL, {})}
        try:
            watchers = {**self._monitors.by_group.get(group, {}), **watchers}
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            logger.exception("group failed", text="A group can be neither hashed nor compared any more")
        for watcher in watchers:
            cell = watcher.actor_inbox
            self._system.post(cell.put_if_open, ForLife(cell.life, change))

    # -- their ends -----------------------------------------------------------------------

    def _check(self, ref: ActorRef[Any]) -> None:
        if ref.actor_inbox.system is not self._system:
            raise UsageError(f"{ref} lives in another actor system")
        if ref.actor_inbox.actor is None:
            raise ref.actor_inbox.not_found()

    def _unknown(self, refs: tuple[ActorRef[Any], ...]) -> list[ActorRef[Any]]:
        known = self._members.by_ref, self._monitors.by_ref
        return [ref for ref in dict.fromkeys(refs) if not any(ref in each for each in known)]

    def _watch(self, refs: list[ActorRef[Any]]) -> None:
        for ref in refs:
            self._system.post(ref.actor_inbox.watch, self._ended)

    def _unwatch(self, refs: tuple[ActorRef[Any], ...]) -> None:
        for ref in self._unknown(refs):
            self._system.post(ref.actor_inbox.unwatch, self._ended)

    def _ended(self, ref: ActorRef[Any], _exit: Exit) -> None:
        with self._lock:
            self._monitors.drop(ref)
            for group, count in self._members.drop(ref):
                self._tell(group, GroupLeft(self.scope, group, (ref,) * count))
