"""The stream endpoint by itself."""

from __future__ import annotations

from typing import cast

import pytest

from cometary.gate.gate import Gate
from cometary.transport.codecs import json
from cometary.transport.http.exchange import Exchange, Headers
from cometary.transport.wires.streams.endpoint import StreamEndpoint
from tests.transport.wire import WholeAnswers


class Wire(WholeAnswers):
    """A carrier on which nothing is sent."""

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        raise NotImplementedError


class Attaching:
    """A gate, as far as it is asked."""

    def __init__(self) -> None:
        self.attached: list[tuple[str, int]] = []

    def attach(self, sid: str, _stream: object, ack: int, _credentials: object) -> None:
        self.attached.append((sid, ack))


@pytest.mark.parametrize("gone", [False, True])
def test_a_client_that_has_gone_while_it_waited_for_its_turn_takes_no_carrier_away(gone: bool) -> None:
    gate = Attaching()
    endpoint = StreamEndpoint(cast("Gate", gate))
    events = {b"accept": b"text/event-stream", b"x-comet-session": b"sid", b"last-event-id": b"3"}
    get = Exchange("GET", "/comet", b"", events)
    lines = {b"accept": b"application/x-ndjson"}
    post = Exchange("POST", "/comet", b"", lines, body=b'{"sid":"sid","ack":4}')
    for exchange in (get, post):
        exchange.arrive(Wire(), "127.0.0.1")
        if gone:
            exchange.drop()
    endpoint(get)
    assert endpoint.take(post, json, None)
    assert gate.attached == ([] if gone else [("sid", 3), ("sid", 4)])
