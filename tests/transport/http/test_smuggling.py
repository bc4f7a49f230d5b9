"""Requests that another server might read differently, over a real socket.

Whatever such a request hides, the server answers at most once for it, with an error, and closes:
what it hides is never served as a request of its own.
"""

from __future__ import annotations

import pytest

from cometary.transport.http.exchange import Exchange
from cometary.transport.http.limits import Limits
from tests.transport.http.test_request_parser import MALFORMED
from tests.transport.wire import serving

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n"


@pytest.mark.parametrize("request_", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_hidden_request_is_never_served(request_: bytes) -> None:
    served: list[str] = []

    def serve(exchange: Exchange) -> None:
        served.append(exchange.path)
        exchange.respond(200)

    async with serving(serve) as server:
        client = await server.connect()
        limit = Limits().target_bytes  # the corpus has a target that is long for a parser's test
        await client.send(request_.replace(b"a" * 40, b"a" * limit) + SMUGGLED)
        response = await client.response()
        assert 400 <= response.status < 500
        assert response.headers["connection"] == "close"
        client.half_close()
        assert await client.closed()
        assert served == []
