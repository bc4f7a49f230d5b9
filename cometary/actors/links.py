"""Links: actors that end together. A link is an incarnation's, and ends with it.

1.  A link joins two incarnations, not two references. It is one however often it is made, and
    the end of either takes it away. The next incarnation has none: it links anew.
2.  When an incarnation has ended, and its tasks are gone, each actor that is linked to it gets
    an exit signal. `normal` is ignored, any other reason ends it, unless it traps exits: then
    it gets an `ExitSignal` message in either case.
3.  Linking to an actor that has ended, or that is just being restarted, is answered with an
    exit signal `noproc`. Linking to oneself does nothing.
4.  Those who are linked get their signals before the supervisor of the one that ended decides;
    supervisors hear of the ends in the order in which they happened.

The two may live on different loops, so each side is changed on its own loop only, and they
agree by messages: `add` on one side, `_accept` on the other, `_accepted` on the first.

Source: Erlang reference manual, "Processes", sections "Links" and "Error Handling".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cometary.actors.exits import NOPROC, Exit

if TYPE_CHECKING:
    from cometary.actors.cell import Cell
    from cometary.actors.ref import ActorRef


class SignalQueue:
    """Exit signals that wait for their turn, in one system.

    An actor that ends for a signal sends signals of its own. Were they delivered at once, a
    chain of a thousand links would be a stack of a thousand calls, and more.
    """

    __slots__ = ("_delivering", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._delivering = False

    def send(self, deliver: Callable[..., object], *args: object) -> None:
        """Call `deliver(*args)`: now, or if a signal is being delivered, after those that wait."""
        self._waiting.append((deliver, args))
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._waiting:
                deliver, args = self._waiting.popleft()
                deliver(*args)
        finally:
            self._delivering = False


class Links:
    """The links of one incarnation."""

    __slots__ = ("_cell", "_exit", "_linked")

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._linked: dict[ActorRef[Any], Links | None] = {}
        """The other side of each link; None until it has accepted."""
        self._exit: Exit | None = None

    def __len__(self) -> int:
        return len(self._linked)

    def refs(self) -> tuple[ActorRef[Any], ...]:
        """Return who is linked."""
        return tuple(self._linked)

    def add(self, ref: ActorRef[Any]) -> None:
        """Link to `ref`. Harmless if it is linked already, or is this very actor."""
        if ref is not self._cell.ref and ref not in self._linked:
            self._linked[ref] = None
            ref.actor_inbox.system.post(_accept, ref.actor_inbox, self)

    def remove(self, ref: ActorRef[Any]) -> None:
        """Unlink from `ref`; no signal comes from it any more. Harmless if it is not linked."""
        other = self._linked.pop(ref, None)
        if other is not None:
            other._post(other._forget, self)  # noqa: SLF001 - it is one of these

    def end(self, exit: Exit) -> None:  # noqa: A002 - OTP's word
        """Send everyone who is linked an exit signal: the incarnation has ended with `exit`."""
        self._exit = exit
        linked, self._linked = self._linked, {}
        for other in linked.values():
            if other is not None:  # else it is told when it accepts
                other._signal(self, exit)  # noqa: SLF001 - see above

    # -- from the other side ----------------------------------------------------------------

    def accept(self, other: Links) -> None:
        """Take note of a link that `other` has made."""
        self._linked[other._cell.ref] = other
        other._post(other._accepted, self)

    def refused(self, ref: ActorRef[Any]) -> None:
        """Take note that `ref` has ended already."""
        if ref in self._linked:
            del self._linked[ref]
            self._cell.exit_signal(ref, NOPROC)

    def _accepted(self, other: Links) -> None:
        if self._exit is not None:
            other._signal(self, self._exit)
        elif other._cell.ref in self._linked:
            self._linked[other._cell.ref] = other
        else:
            other._post(other._forget, self)  # it was unlinked meanwhile

    def _forget(self, other: Links) -> None:
        if self._linked.get(other._cell.ref) is other:
            del self._linked[other._cell.ref]

    def _signal(self, sender: Links, exit: Exit) -> None:  # noqa: A002
        self._post(self._cell.system.signals.send, self._ended, sender, exit)

    def _ended(self, other: Links, exit: Exit) -> None:  # noqa: A002
        # After `remove` there is no signal any more, not even one that was on its way.
        if self._linked.get(other._cell.ref) is other:
            del self._linked[other._cell.ref]
            self._cell.exit_signal(other._cell.ref, exit)

    def _post(self, function: Callable[..., object], *args: object) -> None:
        self._cell.system.post(function, *args)


def _accept(cell: Cell, other: Links) -> None:
    if cell.actor is not None:
        cell.links.accept(other)
    else:
        other._post(other.refused, cell.ref)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - as in Links
