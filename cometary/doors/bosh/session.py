"""The actor of one BOSH session: it runs the machine, and owns the connection to the XMPP server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cometary.doors.bosh.bodies import write_body
from cometary.doors.bosh.bounces import bounces_of
from cometary.doors.bosh.events import Answer, Asked, Forward, Gone, Leave, Reading, Restart
from cometary.doors.bosh.machine import BoshMachine
from cometary.doors.bosh.names import INTERNAL_SERVER_ERROR
from cometary.doors.bosh.upstream import Server, Upstream
from cometary.statem import MachineActor

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.doors.bosh.terms import Terms

FAILED = write_body([("type", "terminate"), ("condition", INTERNAL_SERVER_ERROR)])


class BoshSession(MachineActor):
    """One session.

    Args:
        sid: its id.
        terms: what was agreed with its client.
        first: the request that asks for it.
        server: where the XMPP server is.
        over: told the id when it has ended, for whatever reason.
    """

    machine: BoshMachine

    def __init__(
        self, sid: str, terms: Terms, first: Asked, server: Server, over: Callable[[str], None]
    ) -> None:
        super().__init__(BoshMachine, sid, terms, first)
        self._sid = sid
        self._content = terms.content
        self._over = over
        self._unanswered = {first: None}  # in case it crashes between the machine's word and its deed
        tell = self.actor_ref.actor_inbox.put_if_open
        self._upstream = Upstream(server, terms, tell, self.system.scheduler.now)

    def on_start(self) -> None:
        """Connect."""
        super().on_start()
        self.start_task(self._upstream.run)

    def on_receive(self, message: Any) -> Any:
        """Take note of who is waiting for an answer, and step the machine."""
        if isinstance(message, Asked):
            self._unanswered[message] = None
        elif isinstance(message, Gone):
            self._unanswered.pop(message.asked, None)
        return super().on_receive(message)

    def perform(self, action: Any) -> None:
        """Do what the machine says."""
        if isinstance(action, Answer):
            self._unanswered.pop(action.asked, None)
            action.asked.request.answer(action.status, action.body, self._content)
        elif isinstance(action, Forward):
            self._upstream.send(b"".join(action.elements))
        elif isinstance(action, Restart):
            self._upstream.restart()
        elif isinstance(action, Reading):
            self._upstream.reading(on=action.on)
        elif isinstance(action, Leave):
            self._upstream.send(bounces_of(action.undelivered))
        else:
            super().perform(action)

    def on_stop(self) -> None:
        """Take it off the list."""
        super().on_stop()
        self._over(self._sid)

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        """Tell the client that the session is over."""
        super().on_failure(exception_type, exception_value, traceback)
        self._over(self._sid)
        for asked in self._unanswered:
            asked.request.answer(200, FAILED, self._content)
