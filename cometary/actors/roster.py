"""Who is listed under which key, how often and with what values, to be found from either side."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any

import pykka

from cometary.errors import MailboxFullError
from cometary.escapes import exit_in
from cometary.log import get_logger

if TYPE_CHECKING:
    from cometary.actors.ref import ActorRef

logger = get_logger("cometary.actors")

Values = list[Any]


class Roster:
    """The members of groups, and the entries of a registry in which keys may be held by many.

    A key may be any object of the user's. So it is hashed and compared only where somebody names it, not
    when an actor ends.

    Args:
        what: a key is called in the log.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self.by_key: dict[Hashable, dict[ActorRef[Any], Values]] = {}
        self.by_ref: dict[ActorRef[Any], dict[int, tuple[Hashable, dict[ActorRef[Any], Values]]]] = {}
        """For each actor its keys, by the identity of what `by_key` has of each."""

    def add(self, key: Hashable, ref: ActorRef[Any], value: object = None) -> None:
        """List `ref` under `key` once more."""
        refs = self.by_key.setdefault(key, {})
        refs.setdefault(ref, []).append(value)
        self.by_ref.setdefault(ref, {})[id(refs)] = key, refs

    def remove(self, key: Hashable, ref: ActorRef[Any]) -> bool:
        """Take out one entry of `ref` under `key`, the latest; returns whether there was any."""
        values = self.values(key, ref)
        if not values:
            return False
        self.keep(key, ref, values[:-1])
        return True

    def keep(self, key: Hashable, ref: ActorRef[Any], values: Values) -> None:
        """List `ref`, which is listed under `key`, with these values and no others; take it out if there are none."""
        refs = self.by_key[key]
        if values:
            refs[ref] = values
            return
        keys = self.by_ref[ref]
        del refs[ref], keys[id(refs)]
        if not keys:
            del self.by_ref[ref]
        self._forget_if_empty(key, refs)

    def drop(self, ref: ActorRef[Any]) -> list[tuple[Hashable, Values]]:
        """Take out all entries of `ref`; returns its keys with the values of each."""
        dropped: list[tuple[Hashable, Values]] = []
        for key, refs in self.by_ref.pop(ref, {}).values():
            dropped.append((key, refs.pop(ref)))
            self._forget_if_empty(key, refs)
        return dropped

    def _forget_if_empty(self, key: Hashable, refs: dict[ActorRef[Any], Values]) -> None:
        if refs:
            return
        try:
            del self.by_key[key]
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            # It could be hashed and compared when somebody was listed, and cannot now: it stays, empty.
            text = f"A {self._what} can be neither hashed nor compared any more"
            logger.exception("key failed", text=text)

    def refs(self, key: Hashable) -> list[ActorRef[Any]]:
        """Return who is listed under `key`, each as often as it is."""
        return [ref for ref, values in self.by_key.get(key, {}).items() for _ in values]

    def values(self, key: Hashable, ref: ActorRef[Any]) -> Values:
        """Return the values that `ref` has under `key`."""
        return self.by_key.get(key, {}).get(ref, [])

    def all(self) -> list[Hashable]:
        """Return all keys under which somebody is listed."""
        return [key for key, refs in self.by_key.items() if refs]


def tell_each(refs: Iterable[pykka.ActorRef[Any]], message: object) -> int:
    """Tell `message` to each of these actors; returns how many were told."""
    told = 0
    for ref in refs:
        try:
            ref.tell(message)
        except (pykka.ActorDeadError, MailboxFullError):  # it has just ended, or is behind
            continue
        told += 1
    return told
