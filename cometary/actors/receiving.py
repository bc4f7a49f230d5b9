"""How a cell takes what is sent to its actor, and whom it tells when nobody will handle it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cometary.actors.accounts import Accountable
from cometary.actors.messages import is_answerable, is_stop
from cometary.actors.question import Question
from cometary.actors.states import CLOSED

if TYPE_CHECKING:
    from cometary.actors.future import Future


class Receiving(Accountable):
    """Takes messages, on the loop and from elsewhere; `put` is what each kind of cell does in its own way."""

    __slots__ = ()

    def put(self, item: object) -> None:
        """Take a message.

        Raises:
            pykka.ActorDeadError: if the actor has ended for good; nobody's fault.
        """
        raise NotImplementedError

    def put_if_open(self, item: object) -> None:
        """Take a message of the runtime's own, or drop it if the actor has ended for good.

        A mailbox with a bound takes it, room or not.
        """
        if self.state < CLOSED:
            self.put(item)
        else:
            self._put_aside(item)

    def _put_aside(self, item: object) -> None:
        if self.state == CLOSED:
            self.discard([item])
        elif is_stop(item):
            self.put_back(iter([item]))  # before the mail that waits, which nobody would handle
            self.resume()
        else:
            self.put(item)

    def offer(self, item: object) -> None:
        """Take a message, or drop it if the actor has ended for good, or its mailbox is full.

        For an `ask`, whose sender learns of it by the answer, and for senders who are not told.
        """
        if self.state != CLOSED:
            self.put(item)
        else:
            self.discard([item])

    def entering(self, item: object) -> Future[None] | None:
        """Take a message as soon as there is room; from any thread.

        Returns:
            None if it has been taken, or sent on its way; else a future that is settled when it
            has been taken. If all who wait for that give up, the message is not sent.

        Raises:
            MailboxFullError: if there is no room and the mailbox's policy is to refuse.
            pykka.ActorDeadError: if the actor has ended for good.
        """
        self.ref.tell(item)
        return None

    def put_from_outside(self, item: object) -> None:
        """Take a message from another thread, a moment later.

        Raises:
            pykka.ActorDeadError: if the actor is known to have ended for good.
        """
        if self.closed:
            raise self.not_found()
        self.system.call_soon(self.offer, item)

    @property
    def closed(self) -> bool:
        """Whether the actor has ended for good."""
        return self.state == CLOSED

    def discard(self, mail: Iterable[Any]) -> None:
        """Tell whoever waits for an answer to one of `mail` that there will be none."""
        for item in mail:
            if type(item) is Question:
                if is_stop(item):
                    item.offer()  # pyright: ignore[reportUnknownMemberType]
                else:
                    item.offer(error=self.dead())  # pyright: ignore[reportUnknownMemberType]
            elif is_answerable(item):
                item.discarded()

    def calling_itself(self) -> bool:
        """Whether it is the actor's own handler, or a hook of it, that calls this, and could wait."""
        return False  # a plain handler cannot

    def resume(self) -> None:
        """Go on after it was suspended."""
        raise NotImplementedError
