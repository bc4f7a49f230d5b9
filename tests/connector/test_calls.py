"""What each call asks and returns: the same through both connectors, against a stand-in server."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any

import cbor2
import pytest
import trio

from cometary.connector import AsyncConnector, Connector
from cometary.connector.calls import HistoryPage, PresencePage
from cometary.errors import AskError, ConnectorError, ControlError, UnknownSessionError, UsageError
from tests.connector.stand_in import StandIn

A_1 = {"path": "a", "message": 1}


class OnTrio:
    """An `AsyncConnector` called as if it were blocking: each call is a run of its own."""

    run: Callable[..., Any] = staticmethod(trio.run)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._made_with = arguments, options

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def perform(*arguments: Any, **wishes: Any) -> Any:
            positional, options = self._made_with
            async with AsyncConnector(*positional, **options) as connector:
                return await getattr(connector, name)(*arguments, **wishes)

        def call(*arguments: Any, **wishes: Any) -> Any:
            return self.run(partial(perform, *arguments, **wishes))

        return call

    def close(self) -> None:
        """Each call has closed its own."""


class OnAsyncio(OnTrio):
    """The same on asyncio."""

    @staticmethod
    def run(function: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return asyncio.run(function())


@pytest.fixture(params=[Connector, OnTrio, OnAsyncio])
def kind(request: pytest.FixtureRequest) -> Any:
    """Each kind of connector."""
    return request.param


@pytest.fixture
def connector(kind: Any, stand_in: StandIn) -> Iterator[Any]:
    """A connector to the stand-in."""
    made = kind(stand_in.url, timeout=5)
    yield made
    made.close()


PAGE: dict[str, Any] = {"packets": [], "at": "e-1", "complete": True}
RESULTS: dict[str, Any] = {"results": [{}, {"error": "bad-request", "detail": "no"}]}
PRESENT: dict[str, Any] = {"count": 1, "members": [{"name": "n"}]}
REPLAY = {"last": 3, "since": {"a": "e-1"}}
CALLS: list[tuple[str, tuple[Any, ...], Any, Any, Any]] = [
    ("update", ("a/b", {"x": 1}), {"path": "a/b", "message": {"x": 1}}, {"updates": 1}, 1),
    ("update", ("a",), {"path": "a", "message": None}, {"updates": 1}, 1),
    ("updates", ([("a", 1), ("é", None)],), [A_1, {"path": "é", "message": None}], {"updates": 2}, 2),
    ("updates", ([],), [], {"updates": 0}, 0),
    ("connect", ("s", ["a", "b"]), {"sid": "s", "paths": ["a", "b"]}, {"paths": ["a", "b"]}, ["a", "b"]),
    ("disconnect", ("s", ("a",)), {"sid": "s", "paths": ["a"]}, {"paths": ["b"]}, ["b"]),
    ("send", ("s", [("a", 1)]), {"sid": "s", "packets": [A_1]}, {"packets": 1}, 1),
    ("kick", ("s",), {"sid": "s"}, {}, None),
    (
        "batch",
        ([("a", 1), {"path": "b", "ttl": 3}],),
        [A_1, {"path": "b", "ttl": 3}],
        RESULTS,
        RESULTS["results"],
    ),
    ("presence", ("a", 3), {"path": "a", "most": 3}, PRESENT, PresencePage(1, [{"name": "n"}])),
    ("history", ("a", 3), {"path": "a", "last": 3}, PAGE, HistoryPage([], "e-1", complete=True)),
]

WISHES = {"receipt": "one", "ttl": 5, "key": "k"}
ONCE = {"exclude": "s", "idempotency_key": "i"}
CALLS_WITH_WISHES: list[tuple[str, tuple[Any, ...], dict[str, Any], Any]] = [
    ("update", ("a", 1), WISHES, {**A_1, **WISHES}),
    ("update", ("a", 1), ONCE, {**A_1, **ONCE}),
    ("update", ("a", 1), {"ttl": 0.5}, {**A_1, "ttl": 0.5}),
    ("send", ("s", [("a", 1)]), WISHES, {"sid": "s", "packets": [{**A_1, **WISHES}]}),
]


@pytest.mark.parametrize(("name", "arguments", "asked", "answer", "expected"), CALLS)
def test_a_call_posts_what_the_table_of_calls_says(
    connector: Any, stand_in: StandIn, *, name: str, arguments: Any, asked: Any, answer: Any, expected: Any
) -> None:
    stand_in.answers(answer)
    assert getattr(connector, name)(*arguments) == expected
    [received] = stand_in.received
    assert (received.method, received.path) == ("POST", "/update" if name == "updates" else f"/{name}")
    assert received.headers["content-type"] == "application/json"
    assert json.loads(received.body) == asked


def test_a_session_is_kicked_by_its_public_name(connector: Any, stand_in: StandIn) -> None:
    stand_in.answers({})
    connector.kick(name="n")
    assert json.loads(stand_in.received[0].body) == {"name": "n"}


@pytest.mark.parametrize("whom", [{}, {"sid": "s", "name": "n"}])
def test_whom_to_kick_is_said_once(connector: Any, stand_in: StandIn, whom: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="by one of them"):
        connector.kick(**whom)
    assert stand_in.received == []


@pytest.mark.parametrize(
    ("call", "answer", "expected"),
    [
        ("sessions", {"sessions": [{"name": "a", "queued": 0}]}, [{"name": "a", "queued": 0}]),
        ("tree", {"id": "cometary", "children": []}, {"id": "cometary", "children": []}),
        ("healthz", {"status": "ok"}, "ok"),
        ("statistics", {"sessions": 1, "delivered": 2}, {"sessions": 1, "delivered": 2}),
    ],
)
def test_a_question_is_a_get_without_a_body(
    connector: Any, stand_in: StandIn, call: str, answer: Any, expected: Any
) -> None:
    stand_in.answers(answer)
    assert getattr(connector, call)() == expected
    [received] = stand_in.received
    assert (received.method, received.path, received.body) == ("GET", f"/{call}", b"")


@pytest.mark.parametrize(("name", "arguments", "wishes", "asked"), CALLS_WITH_WISHES)
def test_wishes_go_with_each_packet(
    connector: Any, stand_in: StandIn, *, name: str, arguments: Any, wishes: Any, asked: Any
) -> None:
    stand_in.answers({"updates": 1, "packets": 1})
    assert getattr(connector, name)(*arguments, **wishes) == 1
    assert json.loads(stand_in.received[0].body) == asked


def test_an_answer_is_a_value_or_an_error_that_says_whose_fault_it_is(
    connector: Any, stand_in: StandIn
) -> None:
    stand_in.answers({"value": [1]})
    assert connector.ask("s", "a", 1, timeout=3) == [1]
    assert json.loads(stand_in.received[0].body) == {"sid": "s", **A_1, "timeout": 3}
    stand_in.answers({"error": "timeout", "detail": "late", "fault": "nobody"})
    with pytest.raises(AskError, match="late") as caught:
        connector.ask("s", "a")
    assert (caught.value.fault, caught.value.condition) == ("nobody", "timeout")


def test_positions_go_with_the_calls_about_what_is_kept(connector: Any, stand_in: StandIn) -> None:
    stand_in.answers({"paths": ["a"]})
    connector.connect("s", ["a"], **REPLAY)
    stand_in.answers(PAGE)
    connector.history("a", since="e-1")
    connect, history = (json.loads(received.body) for received in stand_in.received)
    assert connect == {"sid": "s", "paths": ["a"], **REPLAY}
    assert history == {"path": "a", "last": 100, "since": "e-1"}


@pytest.mark.parametrize(
    ("arguments", "wishes", "path"),
    [
        ((), {}, "/receipts?wait=0"),
        (("ab-1",), {"wait": 2.5}, "/receipts?after=ab-1&wait=2.5"),
        (("a&b",), {}, "/receipts?after=a%26b&wait=0"),
    ],
)
def test_receipts_come_with_a_cursor(
    connector: Any, stand_in: StandIn, *, arguments: Any, wishes: Any, path: str
) -> None:
    stand_in.answers({"receipts": [{"id": "one"}], "cursor": "ab-2", "missed": 3})
    page = connector.receipts(*arguments, **wishes)
    assert (page.receipts, page.cursor, page.missed) == ([{"id": "one"}], "ab-2", 3)
    assert stand_in.received[0].path == path


@pytest.mark.parametrize("holding", [b"\0\xff", {"deep": [bytearray(b"x")]}])
def test_a_message_that_holds_bytes_goes_as_cbor(connector: Any, stand_in: StandIn, holding: Any) -> None:
    stand_in.body, stand_in.content_type = cbor2.dumps({"updates": 1}), "application/cbor"
    assert connector.update("a", holding) == 1
    [received] = stand_in.received
    assert received.headers["content-type"] == "application/cbor"
    assert cbor2.loads(received.body) == {"path": "a", "message": holding}


def test_the_secret_goes_with_every_call(kind: Any, stand_in: StandIn) -> None:
    connector = kind(stand_in.url, secret="s3cret")
    stand_in.answers({"status": "ok"})
    connector.healthz()
    connector.close()
    assert stand_in.received[0].headers["authorization"] == "Bearer s3cret"


def test_without_a_secret_none_is_sent(connector: Any, stand_in: StandIn) -> None:
    stand_in.answers({"status": "ok"})
    connector.healthz()
    assert "authorization" not in stand_in.received[0].headers


def test_proxies_of_the_environment_are_not_used(
    kind: Any, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    stand_in.answers({"status": "ok"})
    connector = kind(stand_in.url)
    assert connector.healthz() == "ok"
    connector.close()


def test_a_refusal_is_a_control_error_with_its_condition(connector: Any, stand_in: StandIn) -> None:
    stand_in.answers({"error": "forbidden-path", "detail": "No such path.", "more": 1}, 400)
    with pytest.raises(ControlError) as caught:
        connector.update("a", 1)
    error = caught.value
    assert (error.condition, error.status, error.detail) == ("forbidden-path", 400, "No such path.")
    assert str(error) == "forbidden-path (400): No such path."
    assert not isinstance(error, UnknownSessionError)


def test_a_session_that_is_gone_has_an_error_of_its_own(connector: Any, stand_in: StandIn) -> None:
    stand_in.answers({"error": "unknown-session", "detail": "No session has this sid."}, 404)
    with pytest.raises(UnknownSessionError) as caught:
        connector.send("gone", [("a", 1)])
    assert caught.value.condition == "unknown-session"


def test_a_server_that_fails_is_not_the_callers_fault(connector: Any, stand_in: StandIn) -> None:
    stand_in.answers({"error": "shutting-down", "detail": "Soon over."}, 503)
    with pytest.raises(ConnectorError, match=r"^shutting-down \(503\): Soon over\.$"):
        connector.kick("s")


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (200, "text/html", b"<h1>It works!</h1>"),
        (502, "text/html", b"<h1>Bad Gateway</h1>"),
        (404, "application/json", b'{"message": "another kind of server"}'),
        (200, "application/json", b"{}"),
        (200, "application/json", b"[]"),
        (200, "application/json", b"null"),
        (200, "application/json", b'{"updates": "1"}'),
        (200, "application/json", b"\xff"),
        (200, "application/cbor", b"\xff"),
        (200, "application/cbor", b""),
        (301, "application/json", b"{}"),
    ],
)
def test_what_is_no_control_listener_is_found_out(
    connector: Any, stand_in: StandIn, status: int, content_type: str, body: bytes
) -> None:
    stand_in.status, stand_in.content_type, stand_in.body = status, content_type, body
    with pytest.raises(ConnectorError, match=rf"/update: a response \(status {status}\)"):
        connector.update("a", 1)


def test_no_server_at_all(kind: Any) -> None:
    with socket.socket() as taken:  # bound but not listening: connecting is refused, by nobody else
        taken.bind(("127.0.0.1", 0))
        connector = kind(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ConnectorError, match=r"^/healthz got no response: .+"):
            connector.healthz()
        connector.close()


def test_a_server_that_never_answers_is_given_up_after_the_timeout(kind: Any, stand_in: StandIn) -> None:
    stand_in.silent = True
    connector = kind(stand_in.url, timeout=0.5)
    with pytest.raises(ConnectorError, match=r"^/healthz got no response: .+"):
        connector.healthz()
    connector.close()
    assert len(stand_in.received) == 1, "a call must never be repeated by itself"


def test_a_message_that_nothing_can_carry_is_the_callers_fault(connector: Any, stand_in: StandIn) -> None:
    for message, error in [
        ({1, 2}, TypeError),
        (math.nan, ValueError),
        ("\ud800", ValueError),
        (object(), TypeError),
    ]:
        with pytest.raises(error):
            connector.update("a", message)
    assert stand_in.received == []


def test_one_string_is_not_taken_for_several_paths(connector: Any, stand_in: StandIn) -> None:
    for call in (connector.connect, connector.disconnect):
        with pytest.raises(TypeError, match="write \\[path\\]"):
            call("s", "news")
    assert stand_in.received == []


@pytest.mark.parametrize("packets", [("a", 1), ("ab", 1), {"ab": 1}, "ab", ["ab"], [("a", 1, 2)], [("a",)]])
def test_one_packet_is_not_taken_for_several(connector: Any, stand_in: StandIn, packets: Any) -> None:
    for call in (connector.updates, partial(connector.send, "s")):
        with pytest.raises(TypeError, match="write \\[\\(path, message\\)\\]"):
            call(packets)
    assert stand_in.received == []


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8081", "localhost", "", "ftp://127.0.0.1", "http://", "http://[::1"]
)
@pytest.mark.parametrize("connector_class", [Connector, AsyncConnector])
def test_what_is_no_url_of_a_server_is_refused_at_once(connector_class: Any, url: str) -> None:
    with pytest.raises(UsageError):
        connector_class(url)


def test_what_has_an_idempotency_key_is_tried_again_and_nothing_else(
    connector: Any, stand_in: StandIn
) -> None:
    stand_in.answers({"updates": 1})
    stand_in.failing = 2
    assert connector.update("a", 1, idempotency_key="k") == 1
    assert len(stand_in.received) == 3
    stand_in.received.clear()
    stand_in.answers({"error": "internal-error", "detail": "always"}, status=500)
    with pytest.raises(ConnectorError):
        connector.update("a", 1)
    assert len(stand_in.received) == 1


def test_the_time_out_bounds_all_attempts_together(kind: Any, stand_in: StandIn) -> None:
    stand_in.answers({"error": "internal-error", "detail": "always"}, status=500)
    connector = kind(stand_in.url, timeout=0.3)
    started = time.monotonic()
    with pytest.raises(ConnectorError):
        connector.update("a", 1, idempotency_key="k")
    assert len(stand_in.received) > 1
    assert time.monotonic() - started < 5
    connector.close()


@pytest.mark.parametrize(
    ("name", "argument", "wish"),
    [("update", 1, "tll"), ("send", [("a", 1)], "exclude"), ("send", [("a", 1)], "tll")],
)
def test_a_wish_that_there_is_not_is_refused_before_anything_is_sent(
    connector: Any, stand_in: StandIn, name: str, argument: object, wish: str
) -> None:
    with pytest.raises(TypeError, match=wish):
        getattr(connector, name)("a", argument, **{wish: 1})
    assert stand_in.received == []
