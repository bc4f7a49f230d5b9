"""The control interface of several workers: it asks the workers that a call concerns, and answers for all.

1.  A call about one session goes to the worker that has it, which its id says.
    One that is answered bit by bit (`/trace`) goes there with its connection, which is closed behind the answer, and so
    does what a page of the inspector asks, which looks at one worker.
2.  What is published goes to one worker, always the same as long as that is there: it sends it to the others. So
    updates of one back-end keep their order, and an idempotency key is known where it comes again.
3.  Questions about the server are put to all, and answered as one. The receipts of all are kept here, and told to those
    to whom a worker would tell its own.
4.  Secrets and rights are judged by the workers, by the rules of a single server; hosts by the listener here, as any
    listener does, and without secrets by the workers as well. What cannot be answered for several workers is refused,
    and says where one of them can be asked, if a worker does not refuse the caller.
5.  A body in CBOR has to be decoded in full to know whose it is. So a worker is asked first whether the caller may make
    calls at all.
6.  Little is done here, in one process, that costs more for longer calls or answers: of a body only the part that says
    whose it is is read, and long answers are put together in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import msgspec
import trio

from cometary.doors.control.endpoint import HEALTH, READINESS, is_inspector
from cometary.doors.control.receipts import ReceiptsEndpoint
from cometary.errors import ElsewhereError, ProtocolError
from cometary.log import get_logger
from cometary.sessions.ids import worker_of
from cometary.transport.codecs import json, negotiate
from cometary.transport.http.exchange import Exchange
from cometary.transport.http.query import members_of
from cometary.transport.net.departing import Departing
from cometary.workers.merging import MERGED
from cometary.workers.messages import Answered, Handed

if TYPE_CHECKING:
    import socket

    from cometary.transport.net.channel import Channel, Floor, Successor
    from cometary.workers.relay import Relay

PUBLISHING: Final = frozenset({"/update", "/batch"})
KICK: Final = "/kick"
"""The one call of a session that may give its public name in place of its id."""

OF_A_SESSION: Final = frozenset({"/send", "/connect", "/disconnect", "/ask", KICK})
KEPT: Final = frozenset({"/history", "/presence"})
RECEIPTS: Final = "/receipts"
SESSION: Final = "/session"
TRACE: Final = "/trace"
CRASH: Final = "/crash"
METRICS: Final = "/metrics"
TREE: Final = "/tree"
OK: Final = 200
NOT_FOUND: Final = 404
UNAVAILABLE: Final = 503

ALL_GOOD: Final = frozenset({READINESS, "/drain", "/reload"})
"""The calls that are good only if they are at all workers."""

LONGEST_NUMBER: Final = 4
"""Digits."""

NOWHERE: Final = "/-"
"""A path at which there is nothing: whoever is told so by a worker may make calls."""

AT_ONCE: Final = 64 * 1024
"""Bytes of answers that are put together at once."""


class Whose(msgspec.Struct):
    """What is read of a call about one session."""

    sid: str | None = None
    name: str | msgspec.UnsetType | None = msgspec.UNSET


read_whose: Final = msgspec.json.Decoder(Whose).decode

FAILED: Final = Answered(
    0,
    500,
    b'{"error":"internal-error","detail":"The server failed; its log says why."}',
    b"application/json",
    (),
)

logger = get_logger("cometary.workers")


class WorkersControl:
    """Answers the calls of back-ends and operators.

    Args:
        relay: reaches the workers.
        folder: where each has a control interface of its own.
        workers: how many there are.
        tree: returns the supervision tree of this process.
        start_soon: runs an async function beside everything else.
    """

    def __init__(
        self,
        relay: Relay,
        folder: str,
        workers: int,
        tree: Callable[[], dict[str, Any]],
        start_soon: Callable[..., None],
    ) -> None:
        self._relay = relay
        self._folder = folder
        self._workers = workers
        self._tree = tree
        self._start_soon = start_soon
        self._receipts = ReceiptsEndpoint(relay.receipts, start_soon)
        self._turns = count()

    def close(self) -> None:
        """Answer the calls that are held, and hold no further ones."""
        self._receipts.close()

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange`, now or later.

        Raises:
            ProtocolError: `shutting-down`: nobody's fault.
        """
        path = exchange.path
        if path == HEALTH:
            exchange.respond(200, json.encode({"status": "ok"}))
        elif path == READINESS and len(self._relay.ready) < self._workers:
            exchange.respond(UNAVAILABLE, json.encode({"status": "starting"}))
        elif exchange.method == "POST" and path in PUBLISHING | KEPT:
            self._ask_one(exchange, self._some_worker())
        elif exchange.method == "POST" and path in OF_A_SESSION:
            self._ask_its_worker(exchange)
        elif exchange.method == "POST" and path == CRASH:
            self._ask_one(exchange, self._next_worker())
        elif exchange.method == "GET" and path == RECEIPTS:
            self._if_let_in(exchange, self._receipts)
        elif exchange.method == "GET" and path == TRACE:
            self._trace(exchange)
        elif is_inspector(exchange):
            self._pass_on(exchange, self._inspected(exchange))
        elif (method_of(exchange), path) in MERGED:
            self._ask_all(exchange)
        else:
            self._if_let_in(exchange, self._say_where)

    def _if_let_in(self, exchange: Exchange, go_on: Callable[[Exchange], None]) -> None:
        """Go on if a worker does not refuse the caller; else answer as it does."""

        def tell(answer: Answered) -> None:
            if answer.status != NOT_FOUND:
                _answer(exchange, answer)
                return
            try:
                go_on(exchange)
            except ProtocolError as error:  # meanwhile the last worker has ended
                exchange.refuse(error)

        asked = Exchange("GET", NOWHERE, b"", exchange.headers)
        asked.peer = exchange.peer
        self._relay.ask(self._some_worker(), asked, exchange.headers, tell)

    def _say_where(self, exchange: Exchange) -> None:
        where = f"unix:{self._folder}/worker-1.sock"
        detail = (
            f"Workers do not answer this call together. Each answers it by itself, at {where}, and so on."
        )
        exchange.refuse(ProtocolError("not-found", detail))

    def _trace(self, exchange: Exchange) -> None:
        """Hand the connection over to the worker that knows the session; a worker says what is wrong if none does."""
        asked = Exchange("GET", SESSION, exchange.query, exchange.headers)
        asked.peer = exchange.peer
        workers = self._relay.ready or [self._some_worker()]
        answers: dict[int, Answered] = {}

        def take(worker: int, answer: Answered) -> None:
            answers[worker] = answer
            if len(answers) == len(workers):
                knows = [each for each in workers if answers[each].status == OK]
                self._pass_on(exchange, (knows or workers)[0])

        for worker in workers:
            self._relay.ask(worker, asked, exchange.headers, partial(take, worker))

    def _inspected(self, exchange: Exchange) -> int:
        """Return the worker whose inspector is asked: that of the page's session, or the one that the URL names."""
        whose = worker_of(read_sid(exchange.body))
        named = members_of(exchange.query).get("worker", "")
        wanted = whose or (int(named) if named.isdecimal() and len(named) < LONGEST_NUMBER else 0)
        return wanted if wanted in self._relay.ready else self._some_worker()

    def _pass_on(self, exchange: Exchange, worker: int) -> None:
        """Hand the connection over to a worker, for this call: the next one on it would be asked of that alone."""
        exchange.headers = {**exchange.headers, b"connection": b"close"}
        exchange.refuse(ElsewhereError(partial(self._successor, worker)))

    def _successor(self, worker: int, read: bytes) -> Successor:
        def succeed(sock: socket.socket, peer: str, floor: Floor, beyond: bytes) -> Channel:
            def hand_over(rest: bytes, descriptor: int) -> None:
                self._relay.hand_over(Handed(worker, peer, rest, 0, control=True), descriptor)

            return Departing(sock, floor, read + beyond, hand_over)

        return succeed

    def _next_worker(self) -> int:
        """Return whose turn it is."""
        ready = self._relay.ready or [self._some_worker()]
        return ready[next(self._turns) % len(ready)]

    def _some_worker(self) -> int:
        for worker in self._relay.ready:
            return worker
        raise ProtocolError("shutting-down", "No worker is running at the moment.", retry_after=1)

    def _ask_its_worker(self, exchange: Exchange) -> None:
        codec = negotiate(exchange.headers.get(b"content-type", b""))
        if codec is json:
            self._ask_whose(read_whose, exchange)
        else:
            self._if_let_in(
                exchange, partial(self._ask_whose, lambda body: msgspec.convert(codec.decode(body), Whose))
            )

    def _ask_whose(self, read: Callable[[bytes], Whose], exchange: Exchange) -> None:
        worker = self._worker_of(read, exchange.body)
        if worker is None and exchange.path == KICK:
            self._ask_all(exchange)
        else:
            self._ask_one(exchange, worker or self._some_worker())

    def _worker_of(self, read: Callable[[bytes], Whose], body: bytes) -> int | None:
        """Return the worker of the session that a body names, or any that says what is wrong; None if it has a name."""
        some = self._some_worker()
        try:
            whose = read(body)
        except (ProtocolError, msgspec.MsgspecError, UnicodeError, RecursionError):
            return some
        if whose.sid is None and whose.name is not msgspec.UNSET:
            return None
        worker = worker_of(whose.sid or "")
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
        if len(bad) == len(answers) or (bad and exchange.path in ALL_GOOD):
            _answer(exchange, bad[0])
            return
        good = {worker: each for worker, each in zip(workers, answers, strict=True) if each.status == OK}
        above = self._tree() if exchange.path == TREE else {}
        merging = MERGED[method_of(exchange), exchange.path]
        merge = partial(merging, [*good], [*good.values()], lambda: above)
        if sum(len(each.body) for each in answers) <= AT_ONCE:
            _answer(exchange, _merged(exchange.path, merge))
        else:
            self._start_soon(_answer_beside, exchange, merge)


def read_sid(body: bytes) -> str:
    """Return the id of the session that a body in JSON names; an empty text if it names none."""
    try:
        return read_whose(body).sid or ""
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""


def method_of(exchange: Exchange) -> str:
    """Return how a call is answered: HEAD as GET is, and its answer is sent without its body."""
    return "GET" if exchange.method == "HEAD" else exchange.method


async def _answer_beside(exchange: Exchange, merge: Callable[[], Answered]) -> None:
    _answer(exchange, await trio.to_thread.run_sync(_merged, exchange.path, merge))


def _merged(path: str, merge: Callable[[], Answered]) -> Answered:
    try:
        return merge()
    except Exception:
        logger.exception("answers not merged", text=f"the workers' answers to {path} do not fit together")
        return FAILED


def _answer(exchange: Exchange, answer: Answered) -> None:
    exchange.respond(answer.status, answer.body, answer.content_type, answer.headers)
