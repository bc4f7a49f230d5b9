"""The control interface above the workers: whom it asks, and what it makes of their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import pytest

from cometary.errors import ProtocolError
from cometary.packets.receipts import ReceiptLog
from cometary.sessions.ids import WORKERS
from cometary.transport.codecs import cbor, json
from cometary.transport.http.exchange import Exchange, Headers
from cometary.workers import control
from cometary.workers.control import WorkersControl
from cometary.workers.messages import Answered
from cometary.workers.relay import Relay
from tests.transport.wire import WholeAnswers

Answers = Callable[[int, Exchange], tuple[int, Any]]


class Asked:
    """The workers that take clients, and what they are asked.

    Args:
        answers: what each of them says.
        ready: their numbers.
    """

    def __init__(self, answers: Answers, ready: Sequence[int]) -> None:
        self.ready = ready
        self.receipts = ReceiptLog()
        self.calls: list[tuple[int, str, str]] = []
        self.headers: list[Mapping[bytes, bytes]] = []
        self._answers = answers

    def ask(
        self,
        worker: int,
        exchange: Exchange,
        headers: Mapping[bytes, bytes],
        answered: Callable[[Answered], object],
    ) -> None:
        self.calls.append((worker, exchange.method, exchange.path))
        self.headers.append(headers)
        status, value = self._answers(worker, exchange)
        answered(Answered(0, status, json.encode(value), json.content_type, ()))


class Wire(WholeAnswers):
    """A connection that keeps the answer."""

    answer: tuple[int, Any] | None = None

    def carry(
        self,
        exchange: Exchange,
        status: int,
        body: bytes,
        content_type: bytes,
        headers: Headers,
    ) -> None:
        self.answer = status, json.decode(body)


class Called:
    """One call, and what came of it."""

    def __init__(
        self,
        answers: Answers,
        method: str,
        path: str,
        body: bytes = b"",
        *headers: bytes,
        ready: Sequence[int] = (1, 2),
    ) -> None:
        self.asked, self.wire = Asked(answers, ready), Wire()
        self.beside: list[tuple[Any, ...]] = []
        endpoint = WorkersControl(
            cast("Relay", self.asked), "/folder", 2, lambda: {"id": "above"}, self._keep
        )
        content_type = {b"content-type": headers[0]} if headers else {}
        exchange = Exchange(method, path, b"", {b"host": b"h", **content_type}, body=body)
        exchange.arrive(self.wire, "peer")
        endpoint(exchange)

    def _keep(self, *call: Any) -> None:
        self.beside.append(call)


@pytest.mark.parametrize("path", ["/reload", "/drain"])
@pytest.mark.parametrize("worker", [1, 2])
def test_what_all_have_to_do_is_not_done_when_one_refuses(path: str, worker: int) -> None:
    refused = {"error": "bad-request"}
    call = Called(lambda each, _: (400, refused) if each == worker else (200, {"a": 1}), "POST", path)
    assert call.wire.answer == (400, refused)


@pytest.mark.parametrize("path", ["/readyz", "/statistics"])
def test_head_is_answered_as_get(path: str) -> None:
    call = Called(lambda _, __: (200, {"a": 1}), "HEAD", path)
    assert call.wire.answer is not None
    assert call.wire.answer[0] == 200
    assert call.asked.calls == [(1, "HEAD", path), (2, "HEAD", path)]


@pytest.mark.parametrize(("status", "shown"), [(401, False), (403, False), (404, True)])
def test_only_who_may_make_calls_is_told_where_one_worker_is_asked(status: int, *, shown: bool) -> None:
    call = Called(lambda _, __: (status, {"error": "any", "detail": ""}), "GET", "/else")
    assert call.wire.answer is not None
    assert call.wire.answer[0] == status
    assert ("unix:/folder" in call.wire.answer[1]["detail"]) is shown


def saying(number: int) -> Answers:
    """All workers answer this."""
    return lambda _, __: (200, {"number": number})


def test_that_the_process_above_is_well_it_says_itself() -> None:
    call = Called(saying(1), "GET", "/healthz", ready=())
    assert call.wire.answer == (200, {"status": "ok"})
    assert call.asked.calls == []


@pytest.mark.parametrize("ready", [(), (1,)])
def test_it_is_not_ready_before_all_workers_are(ready: Sequence[int]) -> None:
    call = Called(saying(1), "GET", "/readyz", ready=ready)
    assert call.wire.answer == (503, {"status": "starting"})
    assert call.asked.calls == []


@pytest.mark.parametrize("path", ["/update", "/batch"])
def test_what_is_published_goes_to_one_worker_always_the_same(path: str) -> None:
    call = Called(saying(1), "POST", path, ready=(2, 3))
    assert call.wire.answer == (200, {"number": 1})
    assert call.asked.calls == [(2, "POST", path)]


@pytest.mark.parametrize("path", ["/update", "/batch", "/kick", "/send"])
def test_nothing_is_published_or_done_by_a_get(path: str) -> None:
    call = Called(saying(1), "GET", path, json.encode({"sid": SID}))
    assert call.asked.calls == [(1, "GET", "/-")]


@pytest.mark.parametrize("path", ["/update", "/send", "/statistics", "/receipts"])
def test_without_any_worker_it_is_told_to_come_again_soon(path: str) -> None:
    with pytest.raises(ProtocolError, match="No worker is running") as raised:
        Called(saying(1), "POST" if path in {"/update", "/send"} else "GET", path, ready=())
    assert (raised.value.condition, raised.value.retry_after) == ("shutting-down", 1)


def test_what_tells_of_the_server_is_told_without_the_workers_that_cannot_say_it() -> None:
    call = Called(
        lambda each, _: (500, {}) if each == 1 else (200, {"sessions": [{"a": 1}]}), "GET", "/sessions"
    )
    assert call.wire.answer == (200, {"sessions": [{"a": 1, "worker": 2}]})


def test_if_no_worker_can_say_it_the_first_one_tells_why() -> None:
    call = Called(lambda each, _: (400 + each, {"number": each}), "GET", "/statistics")
    assert call.wire.answer == (401, {"number": 1})


def test_the_tree_is_that_of_the_process_above_with_those_of_the_workers() -> None:
    assert Called(saying(1), "GET", "/tree").wire.answer == (200, {"id": "above"})


@pytest.mark.parametrize(("path", "accept"), [("/metrics", b"text/plain"), ("/tree", b"application/json")])
def test_workers_are_asked_for_what_can_be_put_together(path: str, accept: bytes) -> None:
    call = Called(lambda _, __: (400, {}), "GET", path)
    assert call.asked.headers == [{b"host": b"h", b"accept": accept}] * 2


@pytest.mark.parametrize(("status", "told"), [(404, True), (403, False)])
def test_receipts_are_told_to_whom_a_worker_would_tell_its_own(status: int, *, told: bool) -> None:
    call = Called(lambda _, __: (status, {"error": "any"}), "GET", "/receipts")
    assert call.wire.answer is not None
    assert (call.wire.answer[0], "cursor" in call.wire.answer[1]) == (200 if told else status, told)


SID = "x" * 23 + WORKERS[1]


class Handed(Wire):
    """A connection that is handed over."""

    concluded = False

    def conclude(self, exchange: Exchange) -> None:
        self.concluded = exchange.successor is not None


@pytest.mark.parametrize(
    ("query", "body", "worker"),
    [
        (b"", b"", 1),
        (b"worker=2", b"", 2),
        (b"worker=9", b"", 1),
        (b"worker=" + b"9" * 9999, b"", 1),
        (b"worker=x", b"no JSON", 1),
        (b"worker=1", json.encode({"sid": SID}), 2),
    ],
)
def test_a_page_of_the_inspector_asks_one_worker(query: bytes, body: bytes, worker: int) -> None:
    asked, wire = Asked(lambda _, __: (200, {}), (1, 2)), Handed()
    endpoint = WorkersControl(cast("Relay", asked), "/folder", 2, dict, lambda *_: None)
    exchange = Exchange("POST", "/inspector/comet", query, {b"host": b"h"}, body=body)
    exchange.arrive(wire, "peer")
    assert endpoint._inspected(exchange) == worker
    endpoint(exchange)
    assert wire.concluded
    assert exchange.headers[b"connection"] == b"close"


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        (json.encode({"packets": [[[1 << 70]]], "sid": SID}), [2]),
        (json.encode({"sid": None, "name": "n"}), [1, 2]),
        (json.encode({"sid": SID, "name": "n"}), [2]),
        (json.encode({"sid": "x" * 23 + WORKERS[2]}), [1]),
        (json.encode({}), [1]),
        (json.encode({"sid": 1}), [1]),
        (json.encode([SID]), [1]),
        (b"[" * 100_000, [1]),
        (b"\xff", [1]),
        (b"", [1]),
    ],
)
def test_a_call_about_a_session_goes_to_its_worker_and_a_wrong_one_to_any(
    body: bytes, asked: list[int]
) -> None:
    call = Called(lambda _, __: (200, {}), "POST", "/kick", body)
    assert [worker for worker, _, _ in call.asked.calls] == asked


def test_so_does_one_in_cbor_once_a_worker_has_let_the_caller_in() -> None:
    def answer(_: int, asked: Exchange) -> tuple[int, Any]:
        return (200, {}) if asked.method == "POST" else (404, {"error": "not-found"})

    call = Called(answer, "POST", "/kick", cbor.encode({"sid": SID, "a": b"b"}), cbor.content_type)
    assert call.asked.calls == [(1, "GET", "/-"), (2, "POST", "/kick")]
    assert call.wire.answer == (200, {})


def test_a_body_in_cbor_is_not_looked_at_before_its_caller_was_let_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control, "msgspec", None)  # what would look at it
    body = cbor.encode({"sid": SID})
    call = Called(lambda _, __: (401, {"error": "unauthorized"}), "POST", "/kick", body, cbor.content_type)
    assert call.wire.answer == (401, {"error": "unauthorized"})
    assert call.asked.calls == [(1, "GET", "/-")]


def test_only_who_is_to_be_kicked_may_be_given_by_name() -> None:
    call = Called(lambda _, __: (400, {"error": "bad-request"}), "POST", "/send", json.encode({"name": "n"}))
    assert (call.wire.answer, len(call.asked.calls)) == ((400, {"error": "bad-request"}), 1)


async def test_long_answers_are_put_together_beside_everything_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control, "AT_ONCE", 10)
    call = Called(lambda _, __: (200, {"sessions": [{"a": 1}]}), "GET", "/sessions")
    assert call.wire.answer is None
    [(async_fn, *args)] = call.beside
    await async_fn(*args)
    listed = [{"a": 1, "worker": 1}, {"a": 1, "worker": 2}]
    assert call.wire.answer == (200, {"sessions": listed})
