"""How much is read in one turn of the loop, and in which order the rest."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import trio

from cometary.errors import ProtocolError
from cometary.transport.http.body_queue import A_TURN, AT_ONCE, BARE, LONG, ROOM, SHORT, BodyQueue
from cometary.transport.http.exchange import Exchange, Headers
from tests.transport.wire import WholeAnswers


class Wire(WholeAnswers):
    """A connection that keeps what was answered."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.types: list[bytes] = []
        self.headers: list[Headers] = []

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        self.statuses.append(status)
        self.types.append(content_type)
        self.headers.append(headers)


@dataclass(slots=True)
class Reader:
    """An endpoint that notes what it has read, turn by turn."""

    turns: list[list[bytes]] = field(default_factory=lambda: [[]])

    def __call__(self, exchange: Exchange) -> None:
        self.turns[-1].append(exchange.body[:1])
        if exchange.body[:1] == b"!":
            raise ProtocolError("bad-request", "no")
        exchange.respond(200)


class Bench:
    """A queue whose turns are taken by hand."""

    def __init__(self, room: int = ROOM) -> None:
        self.started = 0
        self.queue = BodyQueue(self._start_soon, room)
        self.read = Reader()
        self.endpoint = self.queue.metered(self.read)

    def _start_soon(self, *_: object) -> None:
        self.started += 1

    def send(self, name: str, size: int, wire: Wire | None = None, content_type: bytes = b"") -> Wire:
        headers = {b"content-type": content_type}
        exchange = Exchange("POST", "/comet", b"", headers, body=name.encode() * size)
        wire = wire or Wire()
        exchange.arrive(wire, "192.0.2.1")
        self.endpoint(exchange)
        return wire

    def turn(self) -> str:
        self.read.turns.append([])
        self.queue.take_turn()
        return b"".join(self.read.turns[-1]).decode()

    @property
    def at_once(self) -> str:
        return b"".join(self.read.turns[0]).decode()


def test_what_comes_later_is_counted_from_where_the_turns_have_got_to() -> None:
    bench = Bench()
    bench.queue.credit = 0
    bench.send("a", A_TURN)
    bench.send("b", 2 * A_TURN)
    assert bench.turn() == "a"
    bench.queue.credit = 0
    bench.send("c", A_TURN + 1)
    assert [bench.turn(), bench.turn()] == ["b", "c"]


def test_what_is_little_is_read_at_once() -> None:
    bench = Bench()
    wires = [bench.send("a", 100) for _ in range(AT_ONCE // 100)]
    assert [wire.statuses for wire in wires] == [[200]] * len(wires)
    assert bench.started == 0


def test_each_turn_of_the_loop_as_much_may_be_read_at_once_while_nothing_waits() -> None:
    bench = Bench()
    for _ in range(10):
        bench.queue.begin_turn()
        bench.send("a", AT_ONCE)
    assert bench.at_once == "a" * 10
    bench.send("b", 1)
    bench.queue.begin_turn()
    bench.send("c", 1)
    assert bench.at_once == "a" * 10, "it stands behind what waits"
    assert bench.turn() == "bc"


def test_no_more_than_so_many_bytes_are_read_between_two_turns() -> None:
    bench = Bench()
    for _ in range(1_000):
        bench.send("a", 1_000)
    assert len(bench.at_once) == AT_ONCE // 1_000
    while left := bench.queue.waiting // 1_000:
        assert len(bench.turn()) == min(A_TURN // 1_000, left)
    assert bench.started == 1


@pytest.mark.parametrize("size", [A_TURN, A_TURN + 1, 256 * 1024])
def test_a_long_body_has_a_turn_of_its_own(size: int) -> None:
    bench = Bench()
    for name in "abc":
        bench.send(name, max(size, AT_ONCE + 1))
    assert (bench.turn(), bench.turn(), bench.turn(), bench.turn()) == ("a", "b", "c", "")


def test_a_short_body_does_not_wait_for_long_ones_that_came_before() -> None:
    bench = Bench()
    for name in "abcde":
        bench.send(name, 256 * 1024)
    bench.queue.credit = 0
    bench.send("s", 70)
    assert bench.turn() == "s"


def test_a_long_body_does_not_wait_for_ever_while_short_ones_come() -> None:
    bench = Bench()
    bench.send("l", 64 * 1024)
    turns = 0
    while "l" not in bench.turn():
        turns += 1
        for _ in range(32):
            bench.queue.credit = 0
            bench.send("s", 1_024)
    # As if a byte of each were read in rotation: while it is read, so are as many bytes of each of the others.
    assert turns <= 64 * 33 // 16 + 1


def test_requests_of_one_connection_stay_in_order() -> None:
    bench = Bench()
    wire = bench.send("a", 256 * 1024)
    bench.send("b", 10, wire)
    bench.send("c", 10)
    assert bench.at_once == "c"
    assert bench.turn() == "a"
    bench.send("d", 10, wire)
    assert bench.turn() == "bd"
    bench.send("e", 10, wire)
    assert bench.at_once == "c"
    assert bench.read.turns[-1][-1:] == [b"e"]


def test_a_pipeline_of_bare_requests_does_not_hold_up_others() -> None:
    bench = Bench()
    wire = Wire()
    for _ in range(600):
        bench.send("", 0, wire)
    assert wire.statuses == [200] * (AT_ONCE // BARE)
    bench.send("s", 70)
    assert bench.turn().startswith("s")


def test_what_fails_is_answered_and_the_next_has_its_turn() -> None:
    bench = Bench()
    bench.queue.credit = 0
    bad, good = bench.send("!", 10), bench.send("a", 10)
    assert bench.turn() == "!a"
    assert (bad.statuses, good.statuses) == ([400], [200])


def test_beyond_the_room_long_bodies_are_refused_first_and_short_ones_never() -> None:
    bench = Bench(room=16 * LONG)
    bench.queue.credit = 0
    while not (refused := bench.send("a", 2 * LONG)).statuses:
        assert bench.queue.waiting <= 12 * LONG
    assert refused.statuses == [429]
    while not (refused := bench.send("b", LONG)).statuses:
        assert bench.queue.waiting <= 16 * LONG
    assert refused.statuses == [429]
    bench.queue.credit = 0
    assert bench.send("c", SHORT).statuses == []
    assert bench.turn().startswith("c")


def test_what_just_fits_in_the_room_is_not_refused_and_what_does_not_is_told_when_to_come_back() -> None:
    bench = Bench(room=4 * LONG)
    bench.queue.credit = 0
    assert bench.queue.waiting == 0
    assert bench.send("a", 3 * LONG).statuses == []
    assert bench.send("b", LONG).statuses == []
    refused = bench.send("c", SHORT + 1, content_type=b"application/cbor")
    assert (refused.statuses, refused.types) == ([429], [b"application/cbor"])
    assert (b"Retry-After", b"1") in refused.headers[0]
    assert bench.queue.waiting == 4 * LONG
    assert bench.send("d", SHORT).statuses == []


def test_a_turn_may_be_used_up_to_the_last_byte() -> None:
    bench = Bench()
    bench.queue.credit = 0
    bench.send("a", A_TURN // 2)
    bench.send("b", A_TURN // 2)
    bench.send("c", A_TURN // 2 + 1)
    assert [bench.turn(), bench.turn()] == ["ab", "c"]


def test_after_a_turn_as_much_may_be_read_at_once_as_before() -> None:
    bench = Bench()
    bench.queue.credit = 0
    bench.send("a", 10)
    assert bench.turn() == "a"
    bench.send("b", AT_ONCE)
    assert bench.read.turns[-1] == [b"a", b"b"]


def test_what_has_been_said_of_refusals_is_remembered_from_turn_to_turn() -> None:
    bench = Bench()
    said = bench.queue.refusals
    bench.send("a", AT_ONCE + 1)
    bench.send("b", A_TURN)
    bench.turn()
    assert bench.queue.refusals is said


def test_a_body_whose_peer_has_gone_is_read_all_the_same() -> None:
    bench = Bench()
    exchange = Exchange("POST", "/comet", b"", {}, body=b"a" * (AT_ONCE + 1))
    exchange.arrive(Wire(), "192.0.2.1")
    bench.endpoint(exchange)
    exchange.drop()
    assert bench.turn() == "a"
    assert not bench.queue.last


async def test_turns_are_taken_until_nothing_waits_and_others_run_in_between(nursery: trio.Nursery) -> None:
    read = Reader()
    queue = BodyQueue(nursery.start_soon)
    endpoint = queue.metered(read)

    async def count_turns() -> None:
        while True:
            read.turns.append([])
            await trio.lowlevel.checkpoint()

    for again in range(2):
        nursery.start_soon(count_turns)
        for _ in range(10):
            endpoint(Exchange("POST", "/comet", b"", {}, body=b"a" * (AT_ONCE + 1)))
        while queue.waiting:
            await trio.lowlevel.checkpoint()
        assert max(map(len, read.turns)) <= 2, "Trio runs the tasks of a pass in any order"
        assert sum(map(len, read.turns)) == 10 * (again + 1)
    nursery.cancel_scope.cancel()


async def test_turns_are_taken_again_when_something_waits_again(nursery: trio.Nursery) -> None:
    read = Reader()
    queue = BodyQueue(nursery.start_soon)
    for times in (1, 2):
        queue.metered(read)(Exchange("POST", "/comet", b"", {}, body=b"a" * (AT_ONCE + 1)))
        await trio.testing.wait_all_tasks_blocked()
        assert read.turns == [[b"a"] * times]
