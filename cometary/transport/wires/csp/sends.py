"""What else a client of CSP asks for: a session, that what it sends be taken, and the end.

1.  A client cannot know how many messages one request may bring, and sends again what was refused, the same batch. So
    what it sends is submitted in as many requests as it takes, one after the other. Only when the last is answered have
    the packets been received. If one is refused before, the batch comes again, and what the session was handed of it
    (`CspSession.taken`) is left out then. What the client shows of itself is judged with the first of them.
2.  The last word of a client, by which it acknowledges the end, is a request to a session that has ended. It is
    answered as ever; only what brings something is refused there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from cometary.errors import ProtocolError
from cometary.gate.opening import Opening
from cometary.sessions import Request
from cometary.transport.codecs import json
from cometary.transport.http.credentials import HttpCredentials
from cometary.transport.wires.csp.comets import ENDED, WIRE
from cometary.transport.wires.csp.messages import NOTHING, read_packet, split
from cometary.transport.wires.csp.packets import news_of
from cometary.transport.wires.csp.session import CspSession
from cometary.transport.wires.streams.endpoint import bearer_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.gate.opening import Welcome
    from cometary.packets.packet import Packet
    from cometary.transport.http.exchange import Exchange
    from cometary.transport.wires.csp.csp import Csp
    from cometary.transport.wires.csp.packets import Batch
    from cometary.transport.wires.csp.variables import Variables

OK: Final = b'"OK"'


class CspOpening(Opening):
    """A client asks for a session.

    Args:
        csp: what all sessions have in common.
        exchange: what was asked.
        variables: what the answer looks like.
        token: what the client gives as such.
    """

    __slots__ = ("_csp", "_exchange", "_variables")

    def __init__(self, csp: Csp, exchange: Exchange, variables: Variables, token: Any) -> None:
        super().__init__(1, HttpCredentials(exchange, token), WIRE, None, csp.policy)
        self._csp = csp
        self._exchange = exchange
        self._variables = variables
        exchange.on_drop = lambda: csp.gate.withdraw(self)

    def opened(self, welcome: Welcome) -> None:
        """See `Opening`."""
        self._csp.remember(CspSession(welcome.sid, self._variables, self._csp.forget))
        result = self._variables.result(json.encode({"session": welcome.sid}))
        self._exchange.respond(200, result, self._variables.content_type)

    def refuse(self, error: ProtocolError) -> None:
        """See `Opening`."""
        self._exchange.refuse(error)


class Send:
    """A request to /send, or to /close.

    Args:
        csp: what all sessions have in common.
        session: the session.
        exchange: what was asked.
        variables: what the answer looks like.
        ack: the number of the last packet that the client has.
        batch: what it sends.
        close: whether the session is to end.
    """

    __slots__ = (
        "_batch",
        "_close",
        "_csp",
        "_exchange",
        "_last",
        "_let_in",
        "_messages",
        "_rest",
        "_session",
        "_variables",
        "ack",
    )

    def __init__(
        self,
        csp: Csp,
        session: CspSession,
        exchange: Exchange,
        variables: Variables,
        ack: int,
        *,
        batch: Batch = (),
        close: bool = False,
    ) -> None:
        self.ack = ack
        self._csp = csp
        self._session = session
        self._exchange = exchange
        self._variables = variables
        self._batch = batch
        self._close = close
        self._messages: Sequence[bytes] = ()
        self._last = 0
        self._let_in = False
        self._rest = NOTHING

    @property
    def address(self) -> str:
        """The address that it came from."""
        return self._exchange.peer

    def submit(self) -> None:
        """Hand it to the session."""
        session = self._session
        try:
            self._last, data, ends = news_of(self._batch, session.received)
            self._messages, self._rest = split(session.rest, data, self._csp.longest_message)
        except ProtocolError as error:
            self.refuse(error)
            return
        self._close |= ends
        self._submit_part()

    def _submit_part(self) -> None:
        session, gate = self._session, self._csp.gate
        end = session.taken + gate.most_packets
        messages = self._messages[session.taken : end]
        try:
            packets = [read_packet(message) for message in messages]
        except ProtocolError as error:
            self.refuse(error)
            return
        part = Part(self, session.rid + 1, packets, sum(map(len, messages)))
        part.close = self._close and end >= len(self._messages)
        if self._let_in:
            gate.submit_further(session.sid, part)
        else:
            gate.submit(session.sid, part, credentials_of(self._exchange))

    def took(self, part: Part, first_seq: int, packets: Sequence[Packet]) -> None:
        """Take note that a part was taken; what the session sends with its end waits for the client's next /comet."""
        session = self._session
        self._let_in = True
        session.rid = part.rid
        session.taken += len(part.packets)
        if part.close:
            session.note_sent(first_seq, packets)
            session.end()
        if session.taken < len(self._messages):
            self._submit_part()
        else:
            self._receive()

    def _receive(self) -> None:
        session = self._session
        try:
            self._csp.rests.keep(session, NOTHING if self._close else self._rest)
        except ProtocolError as error:
            self.refuse(error)
            return
        session.received = self._last
        session.taken -= len(self._messages)
        self._confirm()
        session.settled()

    def refuse(self, error: ProtocolError) -> None:
        """Answer with an error, having been submitted."""
        if error.condition == ENDED:
            self._session.end()
        if error.condition == ENDED and not any(data for _, data in self._batch):
            self._confirm()
        else:
            self.turn_away(error)
        self._session.settled()

    def turn_away(self, error: ProtocolError) -> None:
        """Answer with an error, without having been submitted."""
        self._exchange.refuse(error)

    def _confirm(self) -> None:
        self._session.change(self._variables, self.ack)
        self._exchange.respond(200, self._variables.result(OK), self._variables.content_type)


class Part(Request):
    """As much of what a client sends as one request may bring (rule 1).

    Args:
        send: what it is a part of.
        rid: its request id.
        packets: what it brings.
        size: bytes of these.
    """

    __slots__ = ("_send",)

    holds: ClassVar[bool] = False

    def __init__(self, send: Send, rid: int, packets: Sequence[Packet], size: int) -> None:
        super().__init__(rid, send.ack, packets, size=size)
        self._send = send

    @property
    def address(self) -> str:
        """The address that it came from."""
        return self._send.address

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:
        """See `Request`."""
        self._send.took(self, first_seq, packets)

    def refuse(self, error: ProtocolError) -> None:
        """See `Request`."""
        self._send.refuse(error)


def credentials_of(exchange: Exchange) -> HttpCredentials:
    """Return what a client shows of itself with a request of its session."""
    return HttpCredentials(exchange, bearer_token(exchange.headers))
