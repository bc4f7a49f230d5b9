"""The control interface above the workers: whom it asks, and what it makes of their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

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
    """Two workers that take clients, and what they are asked.

    Args:
        answers: what each of them says.
    """

    def __init__(self, answers: Answers) -> None:
        self.ready = [1, 2]
        self.calls: list[tuple[int, str, str]] = []
        self._answers = answers

    def ask(
        self,
        worker: int,
        exchange: Exchange,
        headers: Mapping[bytes, bytes],
        answered: Callable[[Answered], object],
    ) -> None:
        self.calls.append((worker, exchange.method, exchange.path))
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

    def __init__(self, answers: Answers, method: str, path: str, body: bytes = b"", *headers: bytes) -> None:
        self.asked, self.wire = Asked(answers), Wire()
        self.beside: list[tuple[Any, ...]] = []
        endpoint = WorkersControl(cast("Relay", self.asked), "/folder", 2, dict, self._keep)
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
    call = Called(lambda _, __: (status, {"error": "any", "detail": ""}), "GET", "/receipts")
    assert call.wire.answer is not None
    assert call.wire.answer[0] == status
    assert ("unix:/folder" in call.wire.answer[1]["detail"]) is shown


SID = "x" * 23 + WORKERS[1]


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        (json.encode({"packets": [[[1 << 70]]], "sid": SID}), [2]),
        (json.encode({"sid": None, "name": "n"}), [1, 2]),
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
