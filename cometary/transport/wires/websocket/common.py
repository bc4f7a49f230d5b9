"""What WebSockets share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cometary.transport.http.body_queue import BodyQueue
    from cometary.transport.http.limits import Limits


class Common:
    """What all connections of one endpoint have in common.

    Args:
        bodies: has frames handled in their turn.
        limits: what one client may take.
    """

    __slots__ = ("bodies", "limits")

    def __init__(self, bodies: BodyQueue, limits: Limits) -> None:
        self.bodies = bodies
        self.limits = limits
