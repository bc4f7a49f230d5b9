"""Which endpoint gets which request, and what the others get."""

from __future__ import annotations

import pytest

from cometary.errors import ProtocolError
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


def absent(exchange: Exchange) -> None:
    raise ProtocolError("not-found" if exchange.path == "/absent" else "forbidden", "no")


async def asked(router: Router, *paths: bytes) -> list[tuple[int, bytes]]:
    async with serving(router) as server:
        client = await server.connect()
        answers = [await client.ask(get(path)) for path in paths]
        return [(answer.status, answer.body if answer.status == 200 else b"") for answer in answers]


async def test_all_other_paths_may_be_for_one_endpoint(caplog: pytest.LogCaptureFixture) -> None:
    router = Router(named(b"files"))
    router.add("GET", "/comet", named(b"comet"))
    assert await asked(router, b"/comet", b"/a.css") == [(200, b"comet"), (200, b"files")]
    assert not caplog.records


async def test_a_site_has_what_is_nowhere_else_and_nothing_that_was_refused() -> None:
    router = Router(absent, named(b"site"))
    router.add("GET", "/comet", named(b"comet"))
    assert await asked(router, b"/comet", b"/absent", b"/secret") == [
        (200, b"comet"),
        (200, b"site"),
        (403, b""),
    ]
    assert await asked(Router(absent), b"/absent", b"/secret") == [(404, b""), (403, b"")]


def test_at_its_own_paths_what_is_said_of_foreign_pages_holds_and_beside_a_site_nowhere_else() -> None:
    alone, beside = Router(), Router(site=named(b"site"))
    for router in (alone, beside):
        router.add("GET", "/comet", named(b"comet"))
    assert [router.guards(path) for router in (alone, beside) for path in ("/comet", "/other")] == [
        *(True, True),
        *(True, False),
    ]


async def test_a_head_of_its_own_is_not_answered_by_get_whichever_is_added_first() -> None:
    for first, second in (("GET", "HEAD"), ("HEAD", "GET")):
        router = Router()
        router.add(first, "/", named(first.encode()))
        router.add(second, "/", named(second.encode()))
        async with serving(router) as server:
            client = await server.connect()
            await client.send(b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n")
            assert (await client.response(to_head=True)).headers["content-length"] == "4"
            assert (await client.ask(get())).body == b"GET"
