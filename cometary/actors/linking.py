"""What an actor can do about the ends of others: watch them, share them, survive them.

Everything in here belongs to one incarnation: it ends with it, and the next one asks anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import pykka

from cometary.actors.ref import ActorRef
from cometary.errors import UsageError

if TYPE_CHECKING:
    from cometary.actors.actor import Actor
    from cometary.actors.cell import Cell
    from cometary.actors.starter import Starter

    A = TypeVar("A", bound=Actor)


class Linking(pykka.Actor):
    """The part of `Actor` that is about monitors, links and exit signals."""

    trap_exits: bool = False
    """Whether exit signals arrive as `ExitSignal` messages, instead of ending this actor.

    Set it in the class, or in an instance at any time. Source: OTP, `process_flag(trap_exit, true)`.
    """

    _cell: Cell

    def monitor(self, ref: ActorRef[Any]) -> None:
        """Get one `Down(ref, exit)` message when `ref` ends; at once if it has.

        Monitoring it again before that changes nothing. All ends with this incarnation.
        Source: OTP, `erlang:monitor/2`.

        Raises:
            pykka.ActorDeadError: if this incarnation has ended.
        """
        self._living_cell().monitors.add(ref)

    def demonitor(self, ref: ActorRef[Any]) -> None:
        """Get no `Down` for `ref`, except one that is in the mailbox already."""
        if self._cell.actor is self:
            self._cell.monitors.remove(ref)

    def link(self, ref: ActorRef[Any]) -> None:
        """End when `ref` ends, and the other way round, unless with `normal`; see `trap_exits`.

        If it has ended already, this actor gets an exit signal `noproc`. Linking to it again, or
        to oneself, changes nothing. A link ends with the incarnation of either.
        Source: OTP, `erlang:link/1`.

        Raises:
            UsageError: if `ref` is a `ThreadingActor`'s; the caller's fault. Monitor it from a thread.
            pykka.ActorDeadError: if this incarnation has ended.
        """
        _check_ours(ref)
        self._living_cell().links.add(ref)

    def unlink(self, ref: ActorRef[Any]) -> None:
        """Get no exit signal from `ref` any more, nor send one, except an `ExitSignal` in the mailbox.

        Harmless if it is not linked. Source: OTP, `erlang:unlink/1`.
        """
        if self._cell.actor is self:
            self._cell.links.remove(ref)

    def start_linked(self, start: type[A] | Starter[A], *args: Any, **kwargs: Any) -> ActorRef[A]:
        """Start an actor as `start.start(*args, **kwargs)` does, linked to this one.

        What its `on_start` raises arrives as an exit signal. Source: OTP, `erlang:spawn_link`.

        Raises:
            Exception: what `start` raises; there is no actor, and no link, then.
            pykka.ActorDeadError: if this incarnation has ended.
        """
        cell = self._living_cell()
        ref = start.start(*args, **kwargs)
        cell.links.add(ref)
        return ref

    def _living_cell(self) -> Cell:
        # Code of an actor that has ended may still run, and the cell may be the next one's.
        if self._cell.actor is not self:
            raise self._cell.not_found()
        return self._cell


def _check_ours(ref: object) -> None:
    if not isinstance(ref, ActorRef):
        raise UsageError(f"only an ActorRef of cometary.actors can be linked, not {ref!r}")
