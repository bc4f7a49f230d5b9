"""Requests whose head is remembered are answered as they are when each goes through every step."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cometary.errors import ProtocolError
from cometary.transport.codecs import negotiate
from cometary.transport.http.cors import CorsPolicy
from cometary.transport.http.exchange import Endpoint, Exchange, Headers
from cometary.transport.http.head_memory import HeadMemory
from cometary.transport.http.hosts import HostRule
from cometary.transport.http.limits import Limits
from cometary.transport.http.request_parser import RequestParser
from cometary.transport.http.router import Router
from cometary.transport.http.service import Service
from tests.transport.wire import WholeAnswers

Answer = tuple[int, bytes, Headers]


class Wire(WholeAnswers):
    """A carrier that takes note of what is answered."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        self.answers.append((status, body, headers))


class Coded:
    """An endpoint whose head decides the codec; it refuses a body that says so."""

    def __call__(self, exchange: Exchange) -> None:
        self._answer(exchange, negotiate(exchange.headers.get(b"content-type", b"")).name)

    def resolve(self, exchange: Exchange) -> Endpoint:
        name = negotiate(exchange.headers.get(b"content-type", b"")).name
        return lambda each: self._answer(each, name)

    def _answer(self, exchange: Exchange, codec: str) -> None:
        if exchange.body == b"bad":
            raise ProtocolError("bad-request", "it says so")
        exchange.respond(200, f"{codec} {exchange.path}".encode() + exchange.body, headers=((b"X", b"1"),))


def service() -> Service:
    router = Router(site=lambda exchange: exchange.respond(404, b"site"))
    router.add("POST", "/comet", Coded())
    router.add("GET", "/plain", lambda exchange: exchange.respond(200, exchange.query))
    cors = CorsPolicy(["https://other.test"], public_reads=True, effects=("/comet",))
    return Service(router, cors, HostRule(["here.test"]), guards=router.guards)


def parse(request: bytes) -> Exchange:
    (exchange,) = RequestParser(Limits()).feed(request)
    return exchange


def answers(served: Service, *exchanges: Exchange) -> list[Answer]:
    wire = Wire()
    for exchange in exchanges:
        exchange.arrive(wire, "")
        served.serve(exchange)
    return wire.answers


heads = st.fixed_dictionaries(
    {
        "first": st.sampled_from(
            ["POST /comet", "GET /comet", "OPTIONS /comet", "GET /plain?a", "HEAD /plain", "POST /other"]
        ),
        "Host": st.sampled_from(["here.test", "there.test", "127.0.0.1:1"]),
    },
    optional={
        "Origin": st.sampled_from(["https://other.test", "https://bad.test", "http://here.test"]),
        "Access-Control-Request-Method": st.just("POST"),
        "Content-Type": st.sampled_from(["application/json", "application/cbor", "image/png", "text/plain"]),
    },
)
bodies = st.sampled_from([b"abc", b"bad", b"xyz"])


def written(head: dict[str, str], body: bytes) -> bytes:
    lines = [f"{head['first']} HTTP/1.1", *(f"{name}: {head[name]}" for name in head if name != "first")]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


@settings(max_examples=300)
@given(st.lists(heads, min_size=1, max_size=2), st.lists(bodies, min_size=2, max_size=4))
def test_a_remembered_head_makes_no_difference_to_any_answer(
    some: list[dict[str, str]], contents: list[bytes]
) -> None:
    memory, served = HeadMemory(), service()
    for number, content in enumerate(contents * 2):
        request = written(some[number % len(some)], content)
        known = memory.recall(request)
        if known is None:
            memory.learn(request, parse(request))
            exchange = parse(request)
        else:
            exchange = known.exchange(request)
        assert answers(served, exchange) == answers(service(), parse(request))


def test_the_steps_before_the_endpoint_are_gone_through_once_for_each_head() -> None:
    asked: list[Exchange] = []

    class Counting:
        def __call__(self, exchange: Exchange) -> None:
            raise AssertionError("what answers was not looked for")

        def resolve(self, exchange: Exchange) -> Endpoint:
            asked.append(exchange)
            return lambda each: each.respond(200)

    request = written({"first": "POST /comet", "Host": "here.test"}, b"abc")
    memory = HeadMemory()
    memory.learn(request, parse(request))
    known = memory.recall(request)
    assert known
    served = Service(Counting())
    assert len(answers(served, *(known.exchange(request) for _ in range(3)))) == 3
    assert len(asked) == 1
