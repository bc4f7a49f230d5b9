"""The reference to an actor that has ended for good, as its cell knows it: without keeping it.

A reference keeps its cell, for as long as anybody keeps the reference. If the cell kept the reference as well, both
would wait for the garbage collector, and so would what each actor that ends leaves behind.
"""

from __future__ import annotations

import weakref
from threading import RLock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cometary.actors.cell import Cell
    from cometary.actors.ref import ActorRef


_making = RLock()  # one that may be taken again: the collector, which makes room, may call anything


class FadedRef:
    """What a closed cell has in place of its reference.

    Args:
        ref: the reference.
    """

    __slots__ = ("_actor_class", "_kind", "_weak")

    def __init__(self, ref: ActorRef[Any]) -> None:
        self._weak = weakref.ref(ref)
        self._kind, self._actor_class = type(ref), ref.actor_class

    def again(self, cell: Cell) -> ActorRef[Any]:
        """Return the reference if anybody keeps it, or else one like it: nobody can tell it from the first."""
        ref = self._weak()
        if ref is None:
            with _making:  # two threads may ask at once
                ref = self._weak()
                if ref is None:
                    ref = self._kind(self._actor_class, cell)
                    self._weak = weakref.ref(ref)
        return ref
