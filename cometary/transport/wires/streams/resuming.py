"""A stream as the body of a response, of a client that can go on with its session elsewhere.

1.  Its hello says the session's generation, and its packets where the client is behind them (`Form.placed`).
2.  Should its session go elsewhere before the response has begun, another node is to answer it as it came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from cometary.errors import ElsewhereError, ProtocolError
from cometary.transport.wires.streams.body_stream import BodyStream
from cometary.transport.wires.streams.forms import Form

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.gate.gate import Gate
    from cometary.packets.packet import Packet
    from cometary.sessions.resuming import Placing, Resuming
    from cometary.transport.http.exchange import Exchange


class PlacingForm(Form):
    """A form that says where the client is.

    Args:
        form: the form.
        recorder: knows that.
    """

    __slots__ = ("_form", "_recorder")

    def __init__(self, form: Form, recorder: Placing) -> None:
        super().__init__(form.content_type, form.beat, form.codec, form.end)
        self._form = form
        self._recorder = recorder

    def hello(self, first_seq: int, recorder: Placing | None = None) -> bytes:
        """See `Form.hello`."""
        return self._form.hello(first_seq, recorder or self._recorder)

    def packets(self, first_seq: int, packets: Sequence[Packet], *, follows: bool) -> bytes:
        """See `Form.packets`."""
        return self._form.placed(first_seq, packets, self._recorder, follows=follows)

    def body(self, members: dict[str, object]) -> bytes:
        """See `Form.body`."""
        return self._form.body(members)


class ResumingBodyStream(BodyStream):
    """See above.

    Args:
        exchange: what was asked.
        form: what the body looks like.
        gate: leads to the session.
        resuming: where the client is.
        first: what comes before all else, such as the answer to an opening.

    Attributes:
        resuming: the same.
    """

    __slots__ = ("_came", "_recorder", "resuming")

    resumes: ClassVar[bool] = True

    def __init__(
        self, exchange: Exchange, form: Form, gate: Gate, resuming: Resuming, first: bytes = b""
    ) -> None:
        super().__init__(exchange, form, gate, first)
        self.resuming = resuming
        self._recorder: Placing | None = None
        self._came = None if gate.forward_of is None or first else (exchange.headers, exchange.body)

    @property
    def recorder(self) -> Placing | None:
        """What knows where the client is; whoever takes the stream sets it."""
        return self._recorder

    @recorder.setter
    def recorder(self, recorder: Placing) -> None:
        self._recorder = recorder
        self._form = PlacingForm(self._form, recorder)

    def taken(self) -> None:
        """See `Stream`: from now on it has begun."""
        super().taken()
        self._came = None

    def given_back(self) -> Exchange | None:
        """See `Stream`, and rule 2."""
        exchange = self._exchange
        if self._came is None or self._response is not None or exchange.carrier is None:
            return None
        exchange.headers, exchange.body = self._came
        exchange.on_drop = None
        return exchange

    def refuse(self, error: ProtocolError) -> None:
        """Tell the client of an error; or have another node answer, if that has the session."""
        if isinstance(error, ElsewhereError):
            self.given_back()
        super().refuse(error)
