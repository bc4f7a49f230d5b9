"""What becomes of messages that a behaviour has no use for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cometary.escapes import class_name
from cometary.log import get_logger

if TYPE_CHECKING:
    from cometary.actors import ActorRef

logger = get_logger("cometary.behaviours")


def drop_message(ref: ActorRef[Any], message: object) -> None:
    """Warn that a message to the actor of `ref` was dropped. Of what is in it nothing is said: it may be a secret."""
    kind = class_name(type(message))
    logger.warning("message dropped", text=f"A {kind} sent to {ref} was dropped", message_type=kind)
