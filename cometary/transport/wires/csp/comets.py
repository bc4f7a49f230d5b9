"""The answers to /comet: the carriers of a session by CSP.

1.  One is held until there is a batch, or until its duration is over, which an empty one says; for polling, not at
    all. One that streams goes on after a batch, until its duration is over.
2.  What the session says about an older one when another comes is to be its end: it gets no more packets.
3.  A stream is not acknowledged while it goes on. So it is completed early when what its client has not acknowledged
    fills part of the session's queue: the next one begins with an acknowledgement.
4.  It may be complete while something for it is in the session's mailbox: its duration is over, or another has come.
    The session learns that by `StreamDropped`, which is behind. So what is written to it then is noted as sent, and no
    more; the next one brings it.
5.  Once the session has ended, what its client lacks comes with the end (`CspSession.last_batch`). A client that is
    refused for any other reason is told by an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from cometary.sessions.events import Stream
from cometary.transport.codecs import json
from cometary.transport.wires.csp.packets import EMPTY, write_batch
from cometary.transport.wires.streams.body_stream import BodyStream
from cometary.transport.wires.streams.forms import Form

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.errors import ProtocolError
    from cometary.packets.packet import Packet
    from cometary.sessions.resuming import Placing
    from cometary.transport.http.exchange import Exchange
    from cometary.transport.wires.csp.csp import Csp
    from cometary.transport.wires.csp.session import CspSession
    from cometary.transport.wires.csp.variables import Variables

WIRE: Final = "csp"

ENDED: Final = "session-ended"
"""The condition of who proves to have been in the session."""


class HeldComet(Stream):
    """One that is answered in one piece.

    Args:
        csp: what all sessions have in common.
        session: the session.
        exchange: what was asked.
        variables: what the answer looks like.
        ack: the number of the last packet that the client has.
    """

    __slots__ = ("_ack", "_csp", "_exchange", "_session", "_variables")

    wire: ClassVar[str] = WIRE

    def __init__(
        self, csp: Csp, session: CspSession, exchange: Exchange, variables: Variables, ack: int
    ) -> None:
        super().__init__()
        self._csp = csp
        self._session = session
        self._exchange = exchange
        self._variables = variables
        self._ack = ack
        exchange.on_drop = self._dropped

    # -- what the session says ----------------------------------------------------------------------

    def admitted(self) -> None:
        """See `Stream`."""
        self._session.change(self._variables, self._ack)
        self._session.comet = self

    def taken(self) -> None:
        """See `Stream`."""
        if self._exchange.answered:
            return
        self._exchange.release_request()
        if self._variables.duration:
            self._csp.after(self._variables.duration, self.complete)
        else:
            self.complete()

    def write(self, first_seq: int, packets: Sequence[Packet]) -> bool:
        """See `Stream`; it takes no more."""
        self._session.note_sent(first_seq, packets)
        if self._exchange.answered:  # rule 4
            return False
        self._answer(write_batch(first_seq, packets), first_seq - 1 + len(packets))
        self._csp.gate.leave(self)
        return False

    def beat(self) -> None:
        """See `Stream`; the client gives the sign by coming again."""
        self.complete()

    def release(self) -> None:
        """See `Stream`."""
        if not self._exchange.answered:
            self._answer(EMPTY, 0)

    def refuse(self, error: ProtocolError) -> None:
        """See `Stream`."""
        if self._exchange.answered:
            return
        if error.condition != ENDED:
            self._forget()
            self._exchange.refuse(error)
            return
        session = self._session
        session.end()
        session.change(self._variables, self._ack)
        self._answer(session.last_batch(), session.null)

    def complete(self) -> None:
        """Answer with nothing, and leave the session without a carrier."""
        if not self._exchange.answered:
            self._answer(EMPTY, 0)
            self._csp.gate.leave(self)

    def _answer(self, batch: bytes, last_id: int) -> None:
        self._forget()
        variables = self._variables
        body = variables.begin() + variables.batch(batch, last_id)
        self._exchange.respond(200, body, variables.content_type)

    def _forget(self) -> None:
        self._csp.not_after(self._variables.duration, self.complete)
        if self._session.comet is self:
            self._session.comet = None

    # -- what the connection says -----------------------------------------------------------------------

    def _dropped(self) -> None:
        self._forget()
        self._csp.gate.leave(self)
        self._exchange.leave_unanswered()


class CspForm(Form):
    """What a stream looks like.

    Args:
        variables: say so.
    """

    __slots__ = ("_variables",)

    def __init__(self, variables: Variables) -> None:
        super().__init__(variables.content_type, variables.batch(EMPTY, 0), json)
        self._variables = variables

    def hello(self, first_seq: int, recorder: Placing | None = None) -> bytes:  # noqa: ARG002 - the packets have it
        """See `Form`."""
        return self._variables.begin()

    def packets(self, first_seq: int, packets: Sequence[Packet], *, follows: bool) -> bytes:  # noqa: ARG002
        """See `Form`."""
        return self._variables.batch(write_batch(first_seq, packets), first_seq - 1 + len(packets))

    def error(self, error: ProtocolError) -> bytes:  # noqa: ARG002 - the next request is told
        """See `Form`."""
        return b""


class StreamedComet(BodyStream):
    """One that goes on behind a batch; for its arguments see `HeldComet`."""

    __slots__ = ("_ack", "_csp", "_session", "_variables")

    wire: ClassVar[str] = WIRE

    def __init__(
        self, csp: Csp, session: CspSession, exchange: Exchange, variables: Variables, ack: int
    ) -> None:
        super().__init__(exchange, CspForm(variables), csp.gate)
        self._csp = csp
        self._session = session
        self._variables = variables
        self._ack = ack

    # -- what the session says ----------------------------------------------------------------------

    def admitted(self) -> None:
        """See `Stream`."""
        self._session.change(self._variables, self._ack)
        self._session.comet = self

    def taken(self) -> None:
        """See `Stream`."""
        super().taken()
        self._exchange.release_request()
        if self._session.comet is self:
            self._csp.after(self._variables.duration, self.complete)
            self._show_soon()

    def write(self, first_seq: int, packets: Sequence[Packet]) -> bool:
        """See `Stream`."""
        self._session.note_sent(first_seq, packets)
        if self._is_over:  # rule 4
            return False
        takes_more = super().write(first_seq, packets)
        if self._csp.is_much(self._session):
            self.complete()
            return False
        self._csp.not_after(self._variables.interval, self._show)
        self._show_soon()
        return takes_more

    def beat(self) -> None:
        """See `Stream`."""
        if not self._is_over:
            super().beat()

    def release(self) -> None:
        """See `Stream`; it may not have begun."""
        self._forget()
        if self._exchange.answered:
            super().release()
        else:
            variables = self._variables
            body = variables.begin() + variables.batch(EMPTY, 0)
            self._exchange.respond(200, body, variables.content_type)

    def refuse(self, error: ProtocolError) -> None:
        """See `Stream`."""
        self._forget()
        if error.condition != ENDED:
            super().refuse(error)
            return
        session, variables = self._session, self._variables
        session.end()
        session.change(variables, self._ack)
        if self._response is not None:
            self._end(self._behind + variables.batch(write_batch(0, (), session.null), session.null))
        elif not self._exchange.answered:
            body = variables.begin() + variables.batch(session.last_batch(), session.null)
            self._exchange.respond(200, body, variables.content_type)

    def complete(self) -> None:
        """Finish, and leave the session without a carrier."""
        if self._session.comet is self:
            self.release()
            self._csp.gate.leave(self)

    @property
    def _is_over(self) -> bool:
        """Whether nothing can be written to it any more."""
        response = self._response
        return self._exchange.answered if response is None else response.finished

    def _show_soon(self) -> None:
        if self._variables.interval:
            self._csp.after(self._variables.interval, self._show)

    def _show(self) -> None:
        if not self._is_over:  # both may be due at once
            self.beat()
            self._show_soon()

    def _forget(self) -> None:
        self._csp.not_after(self._variables.duration, self.complete)
        self._csp.not_after(self._variables.interval, self._show)
        if self._session.comet is self:
            self._session.comet = None

    # -- what the connection says -----------------------------------------------------------------------

    def _dropped(self) -> None:
        self._forget()
        super()._dropped()
