"""An answer of the control interface, in the place of a connection."""

from __future__ import annotations

from cometary.transport.http.exchange import Exchange, Headers
from tests.transport.wire import WholeAnswers


class Answered(WholeAnswers):
    """A carrier that notes the answer."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        self.status, self.body = status, body
