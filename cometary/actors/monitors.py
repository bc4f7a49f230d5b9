"""Monitors: whom an actor watches, to be told of the end. They are an incarnation's, and end with it.

1.  An actor may have several monitors of another, told apart by their tags. Each sends one `Down`, with its tag.
2.  A `Down` that has been sent and not been handled is known here, so that it can be called back: it is still in the
    mail, or in what a turn has taken out of that, but the actor will not get it.
3.  Nobody's list has those who have ended: the monitors of an actor that ends are taken off the watched ones.

Source: Erlang reference manual, `erlang:monitor/3` (option `tag`), `erlang:demonitor/2` (option `flush`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Final

from cometary.actors.exits import Exit
from cometary.actors.messages import Down, ForLife

if TYPE_CHECKING:
    from cometary.actors.cell import Cell
    from cometary.actors.ref import ActorRef

Tags = dict[Hashable, None]

_UNTAGGED: Final[Tags] = {None: None}
"""What nearly all have; it is shared, and never changed."""


class Monitors:
    """Whom an actor watches."""

    __slots__ = ("_cell", "_unhandled", "_watched")

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._watched: dict[ActorRef[Any], Tags] = {}
        self._unhandled: dict[ActorRef[Any], dict[int, Down]] = {}

    @property
    def watcher(self) -> ActorRef[Any]:
        """Whose monitors these are."""
        return self._cell.ref

    def refs(self) -> tuple[ActorRef[Any], ...]:
        """Return who is watched."""
        return tuple(self._watched)

    def add(self, ref: ActorRef[Any], tag: Hashable = None) -> None:
        """Have a `Down` sent when `ref` ends; at once if it has. Harmless if it is watched with this tag already."""
        tags = self._watched.get(ref)
        if tags is None:
            self._watched[ref] = _UNTAGGED if tag is None else {tag: None}
            ref.actor_inbox.system.post(ref.actor_inbox.watch, self._ended)
        elif tag not in tags:
            self._watched[ref] = {**tags, tag: None} if tags is _UNTAGGED else tags
            self._watched[ref][tag] = None

    def remove(self, ref: ActorRef[Any], tag: Hashable = None, *, flush: bool = False) -> None:
        """Send no `Down` with this tag for `ref`; with `flush`, call back one that has been sent already."""
        tags = self._watched.get(ref, {})
        if tag in tags:
            if len(tags) == 1:
                self._unwatch(ref)
            else:
                del tags[tag]
        if flush:
            unhandled = self._unhandled.get(ref, {})
            for number in [number for number, down in unhandled.items() if down.tag == tag]:
                del unhandled[number]

    def _unwatch(self, ref: ActorRef[Any]) -> None:
        del self._watched[ref]
        ref.actor_inbox.system.post(ref.actor_inbox.unwatch, self._ended)

    def clear(self) -> None:
        """Watch nobody any more."""
        for ref in list(self._watched):
            self._unwatch(ref)

    def is_wanted(self, down: Down) -> bool:
        """Whether a `Down` that is about to be handled has not been called back."""
        unhandled = self._unhandled.get(down.ref, {})
        wanted = unhandled.pop(id(down), None) is not None
        if not unhandled:
            self._unhandled.pop(down.ref, None)
        return wanted

    def _ended(self, ref: ActorRef[Any], exit: Exit) -> None:  # noqa: A002 - OTP's word
        # The watched actor may live on another loop than the one that watches.
        self._cell.system.post(self._tell, ref, exit)

    def _tell(self, ref: ActorRef[Any], exit: Exit) -> None:  # noqa: A002
        for tag in self._watched.pop(ref, ()):
            down = Down(ref, exit, tag)
            self._unhandled.setdefault(ref, {})[id(down)] = down
            self._cell.put_if_open(ForLife(self._cell.life, down))


def watcher_of(watch: Callable[..., object]) -> ActorRef[Any] | None:
    """Return the actor by whose monitor `watch` is called; None if it is another sort of watcher."""
    owner: object = getattr(watch, "__self__", None)
    return owner.watcher if type(owner) is Monitors else None
