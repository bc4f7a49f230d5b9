"""An opening whose answer goes on as a stream of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.sessions.resuming import Resuming
from cometary.transport.wires.comet.bodies import welcome_members
from cometary.transport.wires.comet.endpoint import CometOpening
from cometary.transport.wires.streams.body_stream import BodyStream
from cometary.transport.wires.streams.resuming import ResumingBodyStream

if TYPE_CHECKING:
    from cometary.gate.gate import Gate
    from cometary.gate.opening import Welcome
    from cometary.transport.http.exchange import Exchange
    from cometary.transport.wires.comet.shapes import Body
    from cometary.transport.wires.streams.forms import Form


class StreamOpening(CometOpening):
    """One that came as an HTTP exchange."""

    __slots__ = ("_form",)

    def __init__(self, exchange: Exchange, form: Form, gate: Gate, body: Body) -> None:
        super().__init__(exchange, form.codec, gate, body)
        self._form = form

    def opened(self, welcome: Welcome) -> None:
        """Tell the client of its session."""
        first = self._form.body(welcome_members(welcome))
        exchange, form, gate = self._exchange, self._form, self._gate
        if welcome.generation is None:
            self.stream = BodyStream(exchange, form, gate, first)
        else:
            self.stream = ResumingBodyStream(exchange, form, gate, Resuming(welcome.generation), first)
