"""A shortcut: what handles the commonest messages of an actor in its place.

An actor is Python, as all that users write. What is sent to very many actors very often can be handled by something
that is compiled, and is called as compiled code calls: without a frame, and in the mailbox's own turn.

1.  It does what the actor's `on_receive` would do with the message, or leaves it to that; then it has changed nothing.
2.  It runs no code of a user's: so it may have its turn at once, in the middle of whoever sends (`Receiving.hand`).
    In the actor's own turn it may (`take_in_turn`).
3.  What it raises ends the incarnation, as what the handler raises does.
4.  It is the incarnation's, and gone with it. An actor that is traced, or counts how long it is idle, or is changed to
    another class, goes on without, so that whatever hides its handler sees every message.
"""

from __future__ import annotations


class Shortcut:
    """Handles messages in place of an actor; subclasses are compiled, if this is."""

    __slots__ = ()

    def take(self, message: object) -> bool:
        """Handle a message, one of the runtime's own perhaps; returns whether it did."""
        raise NotImplementedError

    def take_in_turn(self, message: object) -> bool:
        """Do so in the actor's own turn; may handle more than `take` does."""
        return self.take(message)
