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

from cometary.actors.base_registry import check_reference, check_running
from cometary.actors.exits import Exit
from cometary.actors.roster import Roster, tell_each
from cometary.errors import UsageError
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


_ALL = object()
"""What those who monitor the whole scope are listed under."""


class Groups:
    """The groups of one scope of a system, for any thread; made by `groups(scope)`.

    A group is whatever can be a key of a dict.
    """

    def __init__(self, system: ActorSystem, scope: str) -> None:
        self.scope = scope
        self._system = system
        self._members = Roster("group")
        self._monitors = Roster("group")
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
            members = list(self._members.by_key.get(group, ()))
        return tell_each(members, message)

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
        watchers = {**self._monitors.by_key.get(_ALL, {})}
        try:
            watchers = {**self._monitors.by_key.get(group, {}), **watchers}
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            logger.exception("group failed", text="A group can be neither hashed nor compared any more")
        for watcher in watchers:
            cell = watcher.actor_inbox
            cell.post_for(cell.life, change)

    # -- their ends -----------------------------------------------------------------------

    def _check(self, ref: ActorRef[Any]) -> None:
        check_reference(ref)
        if ref.actor_inbox.system is not self._system:
            raise UsageError(f"{ref} lives in another actor system")
        check_running(ref)

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
            for group, joined in self._members.drop(ref):
                self._tell(group, GroupLeft(self.scope, group, (ref,) * len(joined)))
