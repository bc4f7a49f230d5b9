"""A stream as the body of a response.

1.  The response begins when the session has taken the stream, and so knows from which number on: until then it may
    be refused as any request is.
2.  Its hello goes out at once, before anybody has anything to say.
3.  It keeps what came while the response was full: the batch that the session had begun, and no more, since the
    session then waits until the response takes more. When it is released, that is left out: the next carrier brings
    it.
4.  What was sent and not acknowledged is kept by the session. So a response that breaks loses nothing, wherever it
    does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

from cometary.sessions.events import Stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.errors import ProtocolError
    from cometary.gate.gate import Gate
    from cometary.packets.packet import Packet
    from cometary.transport.http.exchange import Exchange, Headers
    from cometary.transport.http.stream import Stream as Response
    from cometary.transport.wires.streams.forms import Form

HEADERS: Final[Headers] = ((b"X-Accel-Buffering", b"no"),)
"""nginx passes on what it gets at once, whatever it is set to."""


@mypyc_attr(allow_interpreted_subclasses=True)
class BodyStream(Stream):
    """A stream that is the response to an exchange.

    Args:
        exchange: what was asked.
        form: what the body looks like.
        gate: leads to the session.
        first: what comes before all else, such as the answer to an opening.
    """

    __slots__ = ("_behind", "_exchange", "_form", "_gate", "_next", "_response")

    def __init__(self, exchange: Exchange, form: Form, gate: Gate, first: bytes = b"") -> None:
        super().__init__()
        self._exchange = exchange
        self._form = form
        self._gate = gate
        self._behind = first
        self._next = 0
        self._response: Response | None = None
        exchange.on_drop = self._dropped

    @property
    def gone(self) -> bool:
        """See `Stream`."""
        return self._exchange.carrier is None

    # -- what the session says ----------------------------------------------------------------

    def taken(self) -> None:
        """Begin, unless something was to be written at once, or the session has refused it."""
        if self._response is None and not self._exchange.answered:
            self._begin(self.carried + 1)

    def write(self, first_seq: int, packets: Sequence[Packet]) -> bool:
        """Send packets numbered from `first_seq`; returns whether it takes more."""
        response = self._response
        if response is None:
            response = self._begin(first_seq)
        piece = self._form.packets(first_seq, packets, follows=first_seq == self._next)
        self._next = first_seq + len(packets)
        if not response.full:
            return response.write(piece)
        self._behind += piece
        return False

    def beat(self) -> None:
        """Ask the client for a sign of life."""
        response = self._response
        if response is not None and not response.full:
            response.write(self._form.beat)

    def release(self) -> None:
        """Finish: another carrier has come, or the client is silent."""
        self._end(b"")

    def refuse(self, error: ProtocolError) -> None:
        """Tell the client of an error, and finish."""
        if self._response is not None:
            self._end(self._behind + self._form.error(error))
        elif not self._exchange.answered:
            self._exchange.refuse(error, self._form.codec)

    def _begin(self, first_seq: int) -> Response:
        self._next = first_seq
        exchange, form = self._exchange, self._form
        self._response = response = exchange.stream(200, form.content_type, HEADERS)
        response.on_writable = self._go_on
        hello = self._behind + form.hello(first_seq)
        self._behind = b""
        if response.full:
            self._behind = hello
        else:
            response.write(hello)
        return response

    def _end(self, last: bytes) -> None:
        response = self._response
        self._behind = b""
        if response is not None:
            response.finish(last)

    # -- what the connection says -------------------------------------------------------------

    def _go_on(self) -> None:
        response = self._response
        if response is None:
            return
        behind, self._behind = self._behind, b""
        if not behind or response.write(behind):
            self._gate.writable(self)

    def _dropped(self) -> None:
        self._gate.leave(self)
        self._exchange.leave_unanswered()
