"""What holds for every request of a listener, and that a remembered head makes no difference to it."""

from __future__ import annotations

import logging
import signal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cometary.errors import ProtocolError
from cometary.transport.codecs import json, negotiate
from cometary.transport.http.cors import CorsPolicy
from cometary.transport.http.exchange import Endpoint, Exchange, Headers
from cometary.transport.http.forwarded import TrustedProxies
from cometary.transport.http.head_memory import HeadMemory
from cometary.transport.http.hosts import HostRule
from cometary.transport.http.limits import Limits
from cometary.transport.http.request_parser import RequestParser
from cometary.transport.http.router import Router
from cometary.transport.http.service import Service
from cometary.transport.http.stream import Stream
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


def condition_of(body: bytes) -> Any:
    told: Any = json.decode(body)
    return told["error"]


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
    for times in (1, 2):
        assert len(answers(served, *(known.exchange(request) for _ in range(3)))) == 3
        assert len(asked) == times
        served.change()


@pytest.mark.parametrize("error", [ZeroDivisionError(), SystemExit(2), ExceptionGroup("two", [ValueError()])])
def test_what_an_endpoint_raises_is_the_servers_failure_and_logged(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Exchange) -> None:
        raise error

    [(status, body, _)] = answers(Service(fail), Exchange("GET", "/a", b"", {}))
    assert (status, condition_of(body)) == (500, "internal-error")
    [record] = caplog.records
    assert record.getMessage() == "GET /a failed"
    assert record.exc_info is not None
    assert vars(record)["structured"].items() >= {"method": "GET", "path": "/a"}.items()


def test_what_it_raises_when_it_has_answered_is_logged_and_changes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answer_and_fail(exchange: Exchange) -> None:
        exchange.respond(200, b"yes")
        raise ProtocolError("bad-request", "too late") if exchange.query else ZeroDivisionError

    told = answers(Service(answer_and_fail), *(Exchange("GET", "/", query, {}) for query in (b"", b"q")))
    assert told == [(200, b"yes", ())] * 2
    assert [record.getMessage() for record in caplog.records] == ["GET / failed"]


def test_an_endpoint_may_be_made_to_wait_its_turn() -> None:
    waiting: list[tuple[Endpoint, Exchange]] = []

    def metered(endpoint: Endpoint) -> Endpoint:
        return lambda exchange: waiting.append((endpoint, exchange))

    served = Service(lambda exchange: exchange.respond(200), metered=metered)
    wire, exchange = Wire(), Exchange("GET", "/", b"", {})
    exchange.arrive(wire, "")
    served.serve(exchange)
    assert wire.answers == []
    [(endpoint, waited)] = waiting
    endpoint(waited)
    assert len(wire.answers) == 1


@pytest.mark.parametrize(
    ("condition", "uploads", "told"),
    [
        (
            "too-large",
            0,
            "a body of 70 bytes for /a is refused as too large; the option `body-bytes` could allow it",
        ),
        (
            "too-large",
            9,
            "a body of 70 bytes for /a is refused as too large; the option `upload-bytes` could allow it",
        ),
        ("bad-request", 0, None),
    ],
)
def test_a_malformed_request_is_refused_and_the_option_named_that_could_allow_its_body(
    condition: str, uploads: int, told: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cometary.transport")
    exchange = Exchange("POST", "/a", b"", {b"content-length": b"70"})
    exchange.fault = ProtocolError(condition, "It is.")
    [(status, body, _)] = answers(Service(unreached, uploads=lambda _: uploads), exchange)
    assert (status, condition_of(body)) == (exchange.fault.status, condition)
    assert [record.getMessage() for record in caplog.records] == ([told] if told else [])


def test_where_no_bodies_are_taken_as_they_come_the_option_for_all_others_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "cometary.transport")
    exchange = Exchange("POST", "/a", b"", {b"content-length": b"70"})
    exchange.fault = ProtocolError("too-large", "It is.")
    answers(Service(unreached), exchange)
    assert [vars(record)["structured"]["option"] for record in caplog.records] == ["body-bytes"]


def test_what_a_browser_asks_before_a_page_may_is_no_request_of_the_endpoint(
    caplog: pytest.LogCaptureFixture,
) -> None:
    served = Service(unreached, CorsPolicy(["https://other.test"]))
    asked = {b"origin": b"https://other.test", b"access-control-request-method": b"POST"}
    [(status, _, _)] = answers(served, Exchange("OPTIONS", "/", b"", asked))
    assert status == 204
    assert caplog.records == []


def test_what_is_found_out_once_is_on_the_answers_to_all_requests_with_the_same_head() -> None:
    memory, served = HeadMemory(), service()
    request = written({"first": "POST /comet", "Host": "here.test", "Origin": "https://other.test"}, b"abc")
    memory.learn(request, parse(request))
    known: Any = memory.recall(request)
    first, second = answers(served, known.exchange(request), known.exchange(request))
    assert first == second
    assert (b"Access-Control-Allow-Origin", b"https://other.test") in second[2]


def unreached(_: Exchange) -> None:
    raise AssertionError("the endpoint was called")


def test_another_host_and_another_origin_are_refused_first_and_told_with_their_options(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "cometary.transport")
    served = Service(unreached, hosts=HostRule(["here.test"]))
    strange = [
        {b"host": b"there.test"},
        {b"host": b"here.test", b"origin": b"https://bad.test"},
    ]
    told = answers(served, *(Exchange("POST", "/", b"", headers) for headers in strange))
    assert [status for status, _, _ in told] == [403, 403]
    assert [vars(record)["structured"]["option"] for record in caplog.records] == ["hosts", "origins"]


def test_where_origins_are_not_guarded_any_page_may_ask() -> None:
    served = Service(lambda exchange: exchange.respond(200), guards=lambda path: path != "/open")
    headers = {b"host": b"here.test", b"origin": b"https://bad.test"}
    told = answers(served, *(Exchange("POST", path, b"", headers) for path in ("/open", "/other")))
    assert [status for status, _, _ in told] == [200, 403]


def test_origins_that_change_hold_for_heads_that_are_remembered_as_well() -> None:
    memory, request = (
        HeadMemory(),
        written({"first": "POST /comet", "Host": "here.test", "Origin": "https://bad.test"}, b"abc"),
    )
    memory.learn(request, parse(request))
    known: Any = memory.recall(request)
    served = service()

    def told() -> list[int]:
        return [status for status, _, _ in answers(served, known.exchange(request), known.exchange(request))]

    assert told() == [403, 403]
    served.change(["https://bad.test"])
    assert told() == [200, 200]
    served.change()
    assert told() == [200, 200]
    served.change(["https://other.test"])
    assert told() == [403, 403]
    assert served.allows(b"https://other.test", b"here.test")
    assert not served.allows(b"https://bad.test", b"here.test")


def test_a_request_that_another_node_has_judged_by_its_head_is_answered() -> None:
    served = Service(lambda exchange: exchange.respond(200, b"yes"), hosts=HostRule(["here.test"]))
    wire, exchange = (
        Wire(),
        Exchange("POST", "/", b"", {b"host": b"there.test", b"origin": b"https://bad.test"}),
    )
    exchange.arrive(wire, "")
    served.serve_forwarded(exchange)
    assert wire.answers == [(200, b"yes", ())]


def test_what_raises_at_a_request_that_another_node_has_judged_is_answered_for() -> None:
    served, wire = Service(Coded()), Wire()
    for number in range(2):
        exchange = Exchange("POST", "/", b"", {b"content-type": b"image/png"}, body=b"%d" % number)
        exchange.arrive(wire, "")
        served.serve_forwarded(exchange)
    assert [status for status, _, _ in wire.answers] == [415, 415]


def test_an_exit_that_a_signal_has_asked_for_is_no_failure_of_an_endpoint() -> None:
    def leave(*_: object) -> None:
        raise SystemExit

    before = signal.signal(signal.SIGUSR1, leave)
    try:
        served = Service(lambda _: signal.raise_signal(signal.SIGUSR1))
        exchange = Exchange("GET", "/", b"", {})
        for serve in (served.serve, served.serve_forwarded):
            with pytest.raises(SystemExit):
                serve(exchange)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not exchange.answered


def test_a_client_is_taken_for_whoever_has_called_unless_somebody_is_trusted_to_say_otherwise() -> None:
    served, exchange = Service(unreached), Exchange("GET", "/", b"", {b"x-forwarded-for": b"192.0.2.1"})
    assert served.client_of(exchange, "127.0.0.1") == "127.0.0.1"
    served.proxies = TrustedProxies(["127.0.0.1"])
    assert served.client_of(exchange, "127.0.0.1") == "192.0.2.1"
    assert served.client_of(exchange, "127.0.0.2") == "127.0.0.2"


def test_a_stream_whose_endpoint_fails_is_cut_off() -> None:
    closed: list[Exchange] = []

    class Cut(Wire):
        def begin(self, exchange: Exchange, status: int, content_type: bytes, headers: Headers) -> bytes:
            return b""

        def push(self, exchange: Exchange, stream: Stream) -> bool:
            return True

        def close(self) -> None:
            closed.append(exchange)

    def begin_and_fail(exchange: Exchange) -> None:
        exchange.stream(200, b"text/plain")
        raise ProtocolError("bad-request", "too late")

    exchange = Exchange("GET", "/", b"", {})
    exchange.arrive(Cut(), "")
    Service(begin_and_fail).serve(exchange)
    assert closed == [exchange]
