"""Which pages' requests are served."""

from __future__ import annotations

import pytest

from cometary.errors import ProtocolError
from cometary.transport.http.cors import CorsPolicy
from cometary.transport.http.exchange import Exchange
from tests.transport.wire import echo, get, post, serving

FRIEND = b"Origin: https://friend.example"
STRANGER = b"Origin: https://stranger.example"
FRIENDS = CorsPolicy(["https://friend.example"])


async def test_a_request_without_origin_is_served() -> None:
    async with serving(echo, cors=FRIENDS) as server:
        response = await (await server.connect()).ask(post(b"x"))
        assert response.status == 200
        assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("origin", [b"http://test", b"https://TEST"])
async def test_a_page_of_the_same_host_is_served(origin: bytes) -> None:
    async with serving(echo) as server:
        assert (await (await server.connect()).ask(post(b"x", b"Origin: " + origin))).status == 200


@pytest.mark.parametrize(("origin", "status"), [(b"http://test", 403), (b"https://test", 200)])
async def test_where_tls_is_spoken_a_page_of_the_same_name_without_it_is_a_strangers(
    origin: bytes, status: int
) -> None:
    async with serving(echo, cors=CorsPolicy(secure=True)) as server:
        assert (await (await server.connect()).ask(post(b"x", b"Origin: " + origin))).status == status


async def test_a_page_of_an_allowed_origin_may_read_the_answer() -> None:
    async with serving(echo, cors=FRIENDS) as server:
        response = await (await server.connect()).ask(post(b"x", FRIEND))
        assert response.status == 200
        assert response.headers["access-control-allow-origin"] == "https://friend.example"
        assert response.headers["vary"] == "origin"


@pytest.mark.parametrize(
    "origin", [STRANGER, b"Origin: null", b"Origin: http://test:81", b"Origin: test", b"Origin:"]
)
async def test_a_page_of_another_origin_is_refused_before_anything_happens(origin: bytes) -> None:
    served: list[object] = []
    async with serving(served.append, cors=FRIENDS) as server:
        response = await (await server.connect()).ask(post(b"x", origin))
        assert response.status == 403
        assert b'"forbidden"' in response.body
        assert "access-control-allow-origin" not in response.headers
        assert served == []


async def test_errors_may_be_read_by_allowed_pages_too() -> None:
    async with serving(echo, cors=FRIENDS) as server:
        client = await server.connect()
        response = await client.ask(
            b"POST / HTTP/1.1\r\nHost: test\r\n" + FRIEND + b"\r\nContent-Length: 999999999\r\n\r\n"
        )
        assert response.status == 413
        assert response.headers["access-control-allow-origin"] == "https://friend.example"


async def test_an_allowed_page_may_read_how_long_it_has_to_wait() -> None:
    def refuse(exchange: Exchange) -> None:
        exchange.refuse(ProtocolError("too-many-sessions", "full", retry_after=7))

    async with serving(refuse, cors=FRIENDS) as server:
        response = await (await server.connect()).ask(post(b"x", FRIEND))
        assert response.status == 503
        assert response.headers["retry-after"] == "7"
        assert response.headers["access-control-expose-headers"] == "retry-after"


PREFLIGHT = (
    b"OPTIONS /comet HTTP/1.1\r\nHost: test\r\nAccess-Control-Request-Method: POST\r\n"
    b"Access-Control-Request-Headers: content-type\r\n%b\r\n\r\n"
)


async def test_a_preflight_of_an_allowed_origin_is_answered_and_no_business_of_the_application() -> None:
    served: list[object] = []
    async with serving(served.append, cors=FRIENDS) as server:
        response = await (await server.connect()).ask(PREFLIGHT % FRIEND)
        assert response.status == 204
        assert response.headers["access-control-allow-origin"] == "https://friend.example"
        assert "post" in response.headers["access-control-allow-methods"]
        assert "content-type" in response.headers["access-control-allow-headers"]
        assert served == []


async def test_a_preflight_of_another_origin_is_refused() -> None:
    async with serving(echo, cors=FRIENDS) as server:
        response = await (await server.connect()).ask(PREFLIGHT % STRANGER)
        assert response.status == 403
        assert "access-control-allow-methods" not in response.headers


async def test_any_origin_can_be_allowed() -> None:
    async with serving(echo, cors=CorsPolicy(["*"])) as server:
        response = await (await server.connect()).ask(get(b"/", STRANGER))
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers


async def test_credentials_can_be_allowed_to_named_origins() -> None:
    cors = CorsPolicy(["https://friend.example"], credentials=True)
    async with serving(echo, cors=cors) as server:
        response = await (await server.connect()).ask(get(b"/", FRIEND))
        assert response.headers["access-control-allow-credentials"] == "true"


def test_credentials_cannot_be_allowed_to_everybody() -> None:
    with pytest.raises(ValueError, match="credentials"):
        CorsPolicy(["*"], credentials=True)


async def test_what_everybody_may_have_can_be_asked_for_by_any_page_but_not_read_by_it() -> None:
    public = CorsPolicy(["https://friend.example"], public_reads=True, effects=("/comet",))
    async with serving(echo, cors=public) as server:
        client = await server.connect()
        response = await client.ask(get(b"/static/font", STRANGER))
        assert response.status == 200
        assert "access-control-allow-origin" not in response.headers
        await client.send(b"HEAD /static/font HTTP/1.1\r\nHost: test\r\n%b\r\n\r\n" % STRANGER)
        assert (await client.response(to_head=True)).status == 200
        assert (await client.ask(post(b"x", STRANGER, path=b"/static/font"))).status == 403


async def test_where_a_get_takes_effect_a_strangers_is_refused_all_the_same() -> None:
    public = CorsPolicy(["https://friend.example"], public_reads=True, effects=("/comet",))
    async with serving(echo, cors=public) as server:
        client = await server.connect()
        statuses = [(await client.ask(get(b"/comet", origin))).status for origin in (STRANGER, FRIEND)]
        assert statuses == [403, 200]
        assert (await client.ask(get(b"/comet", b"Origin: http://test"))).status == 200


async def test_without_public_reads_not_even_a_get_is_served_to_a_stranger() -> None:
    async with serving(echo, cors=FRIENDS) as server:
        assert (await (await server.connect()).ask(get(b"/", STRANGER))).status == 403


async def test_an_options_request_that_asks_for_no_method_is_no_preflight() -> None:
    async with serving(echo, cors=FRIENDS) as server:
        response = await (await server.connect()).ask(
            b"OPTIONS / HTTP/1.1\r\nHost: test\r\n%b\r\n\r\n" % FRIEND
        )
        assert response.status == 200  # it is for the application
        assert "access-control-allow-methods" not in response.headers
        assert response.headers["access-control-allow-origin"] == "https://friend.example"
