"""The control interface of several workers: it asks those whom a call concerns, and answers for all.

1.  A call about one session goes to the worker that has it, which its id says.
2.  What is published goes to one worker, always the same as long as that is there: it sends it to the others. So
    updates of one back-end keep their order, and an idempotency key is known where it comes again.
3.  What tells of the server is asked of all, and told as one.
4.  Secrets, rights and hosts are judged by the workers, by the rules of a single server. What cannot be answered for
    several workers is refused, and says where one of them can be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from cometary.doors.control.endpoint import HEALTH, READINESS
from cometary.errors import ProtocolError
from cometary.sessions.ids import worker_of
from cometary.transport.codecs import json, negotiate
from cometary.workers.merging import MERGED

if TYPE_CHECKING:
    from cometary.transport.http.exchange import Exchange
    from cometary.workers.messages import Answered
    from cometary.workers.relay import Relay

PUBLISHING: Final = frozenset({"/update", "/batch"})
OF_A_SESSION: Final = frozenset({"/send", "/connect", "/disconnect", "/ask", "/kick"})
METRICS: Final = "/metrics"
OK: Final = 200
UNAVAILABLE: Final = 503


class WorkersControl:
    """Answers the calls of back-ends and operators.

    Args:
        relay: reaches the workers.
        folder: where each has a control interface of its own.
        workers: how many there are.
        tree: returns the supervision tree of this process.
    """

    def __init__(self, relay: Relay, folder: str, workers: int, tree: Callable[[], dict[str, Any]]) -> None:
        self._relay = relay
        self._folder = folder
        self._workers = workers
        self._tree = tree

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange`, now or later.

        Raises:
            ProtocolError: `not-found` or `shutting-down`; the caller's fault, or nobody's.
        """
        path = exchange.path
        if path == HEALTH:
            exchange.respond(200, json.encode({"status": "ok"}))
        elif path == READINESS and len(self._relay.ready) < self._workers:
            exchange.respond(UNAVAILABLE, json.encode({"status": "starting"}))
        elif exchange.method == "POST" and path in PUBLISHING:
            self._ask_one(exchange, self._some_worker())
        elif exchange.method == "POST" and path in OF_A_SESSION and (worker := self._worker_of(exchange)):
            self._ask_one(exchange, worker)
        elif (exchange.method, path) in MERGED:
            self._ask_all(exchange)
        else:
            where = f"{self._folder}/worker-1.sock"
            detail = f"This is not answered for several workers; one of them answers it at unix:{where}, and so on."
            raise ProtocolError("not-found", detail)

    def _some_worker(self) -> int:
        for worker in self._relay.ready:
            return worker
        raise ProtocolError("shutting-down", "No worker is there at the moment.", retry_after=1)

    def _worker_of(self, exchange: Exchange) -> int | None:
        """Return the worker of the session that a body names, or any that says what is wrong; None if it has a name."""
        some = self._some_worker()
        codec = negotiate(exchange.headers.get(b"content-type", b""))
        try:
            body = codec.decode(exchange.body)
        except ProtocolError:
            return some
        said = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
        sid = said.get("sid")
        if sid is None and "name" in said:
            return None
        worker = worker_of(sid) if isinstance(sid, str) else None
        return worker if worker in self._relay.ready else some

    def _ask_one(self, exchange: Exchange, worker: int) -> None:
        self._relay.ask(worker, exchange, exchange.headers, partial(_answer, exchange))

    def _ask_all(self, exchange: Exchange) -> None:
        workers = self._relay.ready or [self._some_worker()]
        answers: dict[int, Answered] = {}
        headers = {
            **exchange.headers,
            b"accept": b"text/plain" if exchange.path == METRICS else json.content_type,
        }

        def take(worker: int, answer: Answered) -> None:
            answers[worker] = answer
            if len(answers) == len(workers):
                self._answer_all(exchange, [answers[each] for each in workers], workers)

        for worker in workers:
            self._relay.ask(worker, exchange, headers, partial(take, worker))

    def _answer_all(self, exchange: Exchange, answers: Sequence[Answered], workers: Sequence[int]) -> None:
        """Answer with what the good answers say together; with a bad one if there are none, or all have to be good."""
        bad = [each for each in answers if each.status != OK]
        if len(bad) == len(answers) or (bad and exchange.path == READINESS):
            _answer(exchange, bad[0])
            return
        good = {worker: each for worker, each in zip(workers, answers, strict=True) if each.status == OK}
        merge = MERGED[exchange.method, exchange.path]
        _answer(exchange, merge([*good], [*good.values()], self._tree))


def _answer(exchange: Exchange, answer: Answered) -> None:
    exchange.respond(answer.status, answer.body, answer.content_type, answer.headers)
