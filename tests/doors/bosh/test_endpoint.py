"""What the endpoint keeps of requests, without a socket."""

from __future__ import annotations

import gc
import weakref

import pytest

from cometary.config import Address
from cometary.doors.bosh.bodies import Body
from cometary.doors.bosh.endpoint import BoshEndpoint, BoshRequest
from cometary.doors.bosh.sessions import Sessions
from cometary.doors.bosh.upstream import Server
from cometary.gate.rate_limit import OpenLimiter
from cometary.transport.http.exchange import Exchange, Headers
from tests.doors.bosh.driver import OFFER
from tests.transport.wire import WholeAnswers


class Carrier(WholeAnswers):
    """A carrier that keeps nothing."""

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        """Take an answer."""


@pytest.mark.parametrize("said", [b"sid='unknown'", b"to='unknown.example'"])
def test_a_request_goes_when_it_is_answered_not_when_the_collector_comes(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Strangers can send large bodies faster than the collector, which counts objects, takes notice."""
    gone: list[weakref.ref[BoshRequest]] = []

    class Watched(BoshRequest):
        def __init__(self, body: Body, exchange: Exchange, now: float) -> None:
            super().__init__(body, exchange, now)
            gone.append(weakref.ref(self))

    monkeypatch.setattr("cometary.doors.bosh.endpoint.BoshRequest", Watched)
    sessions = Sessions(Server(Address("127.0.0.1", 5222)), most=1)
    endpoint = BoshEndpoint(sessions, OFFER, OpenLimiter(0, lambda: 0.0), ready=lambda: True, now=lambda: 0.0)
    body = b"<body xmlns='http://jabber.org/protocol/httpbind' rid='5' %b/>" % said
    exchange = Exchange("POST", "/http-bind", b"", {}, body=body)
    exchange.arrive(Carrier(), "127.0.0.1")
    gc.disable()
    try:
        endpoint(exchange)
        assert exchange.answered
        assert [each() for each in gone] == [None]
    finally:
        gc.enable()
