"""Which endpoint gets which request, and what the others get."""

from __future__ import annotations

from cometary.transport.http.exchange import Endpoint, Exchange
from cometary.transport.http.router import Router
from tests.transport.wire import get, post, serving


def named(name: bytes) -> Endpoint:
    def endpoint(exchange: Exchange) -> None:
        exchange.respond(200, name, b"text/plain")

    return endpoint


def routes() -> Router:
    router = Router()
    router.add("POST", "/comet", named(b"comet"))
    router.add("GET", "/", named(b"page"))
    router.add("GET", "/static/a.css", named(b"static"))
    return router


async def answer_to(request: bytes) -> tuple[int, bytes]:
    async with serving(routes()) as server:
        response = await (await server.connect()).ask(request)
        return response.status, response.body


async def test_an_exact_path_finds_its_endpoint_whatever_the_query() -> None:
    assert await answer_to(post(path=b"/comet")) == (200, b"comet")
    assert await answer_to(post(path=b"/comet?a=b?c")) == (200, b"comet")


async def test_a_target_in_absolute_form_is_its_path() -> None:
    assert await answer_to(post(path=b"http://test:80/comet?x")) == (200, b"comet")
    assert await answer_to(get(b"http://test")) == (200, b"page")


async def test_an_unknown_path_is_not_found() -> None:
    for path in (b"/nothing", b"/comet/", b"/Comet", b"/com%65t", b"//comet", b"/static"):
        status, body = await answer_to(post(path=path))
        assert (status, b'"not-found"' in body) == (404, True)


async def test_another_method_is_told_which_ones_there_are() -> None:
    async with serving(routes()) as server:
        client = await server.connect()
        response = await client.ask(get(b"/comet"))
        assert response.status == 405
        assert response.headers["allow"] == "post"
        assert b'"method-not-allowed"' in response.body
        assert (await client.ask(post())).headers["allow"] == "get, head"


async def test_head_is_answered_wherever_get_is() -> None:
    async with serving(routes()) as server:
        client = await server.connect()
        await client.send(b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n")
        response = await client.response(to_head=True)
        assert (response.status, response.headers["content-length"]) == (200, "4")
        assert (await client.ask(get())).body == b"page"  # nothing was left over
