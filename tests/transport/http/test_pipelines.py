"""Pipelines and half-closes, cut anywhere: answers as a naive model of a server says, in order, and no others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import pytest
import trio
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cometary.transport.http.exchange import Exchange
from cometary.transport.http.limits import Limits
from cometary.transport.http.stream import Stream
from cometary.transport.net.poller import EpollPoller, Poller, SelectorPoller
from tests.transport.wire import Client, Holder, echo, get, post, serving

REQUESTS: Final = {
    "at once": post(b"at once"),
    "large": post(b"large" * 2_000),
    "later": post(b"later"),
    "held": post(b"held"),
    "to close": post(b"to close", b"Connection: close"),
    "malformed": b"malformed\r\n\r\n",
    "1.0": b"POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\n1.0",
    "upgrade": post(b"upgrade", b"Connection: Upgrade", b"Upgrade: h2c"),
    "wish": get(b"/wish", b"Connection: Upgrade", b"Upgrade: x"),
    "wish-later": get(b"/wish-later", b"Connection: Upgrade", b"Upgrade: x"),
    "streamed": post(b"streamed"),
}
LAST: Final = {"to close", "malformed", "1.0"}
"""After these nothing is served."""
WISHES: Final = {"wish", "wish-later"}
"""After these nothing is read until they are answered."""

PATIENCE: Final = 20
"""Seconds after which what has not come is not going to."""

ENDS: Final = ("nothing", "half-close")


class Pipeline(NamedTuple):
    """What a client sends: requests, then perhaps a part of one, in pieces, and what it does then."""

    kinds: list[str]
    tail: bytes
    cuts: list[float]
    end: str

    @property
    def pieces(self) -> list[bytes]:
        """The bytes, in pieces."""
        data = b"".join(REQUESTS[kind] for kind in self.kinds) + self.tail
        places = sorted({0, len(data), *(int(cut * len(data)) for cut in self.cuts)})
        return [data[begin:end] for begin, end in pairwise(places)]


def model(pipeline: Pipeline) -> tuple[list[str], bool]:
    """What a server answers that takes one request after the other, and whether it closes."""
    answered: list[str] = []
    for kind in pipeline.kinds:
        if kind == "held":
            return answered, pipeline.end == "half-close"
        answered.append(kind)
        if kind in LAST:
            return answered, True
    return answered, pipeline.end == "half-close"


class Later(Holder):
    """Answers at once, in the next turn of the loop, or never, as the body says."""

    def __init__(self, start_soon: Callable[..., None]) -> None:
        super().__init__()
        self._start_soon = start_soon

    def __call__(self, exchange: Exchange) -> None:
        if exchange.body == b"later" or exchange.path == "/wish-later":
            self._start_soon(self._answer, exchange)
        elif exchange.body == b"streamed":
            self._start_soon(write_stream, exchange.stream(200, b"text/plain"), exchange.body)
        elif exchange.body == b"held":
            super().__call__(exchange)
        else:
            self._respond(exchange)

    async def _answer(self, exchange: Exchange) -> None:
        await trio.lowlevel.checkpoint()
        self._respond(exchange)

    def _respond(self, exchange: Exchange) -> None:
        exchange.respond(200, exchange.body or exchange.path[1:].encode(), b"text/plain")


async def write_stream(stream: Stream, data: bytes) -> None:
    """Write `data` in two pieces, each when the stream takes it."""
    for piece in (data[:3], data[3:]):
        if stream.full:
            stream.on_writable = stream.on_drop = (may_go_on := trio.Event()).set
            await may_go_on.wait()
            if stream.full:  # it was dropped
                return
        stream.write(piece)
        await trio.lowlevel.checkpoint()
    stream.finish()


async def answers(
    pipeline: Pipeline, new_poller: Callable[[], Poller], unanswered: int
) -> tuple[list[str], bool, Holder]:
    """What a real server answers, and whether it closes, and what held the rest."""
    async with trio.open_nursery() as nursery:
        holder = Later(nursery.start_soon)
        async with serving(holder, limits=Limits(unanswered=unanswered), new_poller=new_poller) as server:
            client = await server.connect()
            for piece in pipeline.pieces:
                await client.send(piece)
                await trio.testing.wait_all_tasks_blocked(0.001)
            if pipeline.end == "half-close":
                client.half_close()
            await wait_for(client, *model(pipeline))
            received, closed = await what_is_there(client)
            return [*map(kind_of, split(received))], closed, holder


async def wait_for(client: Client, answered: list[str], closes: bool) -> None:
    """Wait until that much has come, or the end."""
    with trio.move_on_after(PATIENCE):
        while closes or len(split(client.received)) < len(answered):
            if not await client.read_some():
                return


async def what_is_there(client: Client) -> tuple[bytes, bool]:
    """What a client has received and not taken yet, and whether the server has closed."""
    closed = False

    async def read() -> None:
        nonlocal closed
        await client.rest()
        closed = True

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked(0.001)
        nursery.cancel_scope.cancel()
    return client.received, closed


def split(received: bytes) -> Sequence[tuple[int, bytes]]:
    """The responses: status and body of each."""
    responses: list[tuple[int, bytes]] = []
    while b"\r\n\r\n" in received:
        head, _, rest = received.partition(b"\r\n\r\n")
        if b"\r\nTransfer-Encoding: chunked" in head:
            if b"0\r\n\r\n" not in rest:
                break
            chunks, _, received = rest.partition(b"0\r\n\r\n")
            responses.append((int(head[9:12]), b"".join(chunks.split(b"\r\n")[1::2])))
            continue
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        if len(rest) < length:
            break
        responses.append((int(head[9:12]), rest[:length]))
        received = rest[length:]
    return responses


def kind_of(response: tuple[int, bytes]) -> str:
    status, body = response
    return "malformed" if status == 400 else {b"large" * 2_000: "large"}.get(body, body.decode())


pipelines = st.builds(
    Pipeline,
    st.lists(st.sampled_from([*REQUESTS]), min_size=1, max_size=9),
    st.sampled_from([b"", b"\r\n", b"G", post(b"tail")[:-1], get()[:-1]]),
    st.lists(st.floats(0, 1), max_size=3),
    st.sampled_from(ENDS),
)


@pytest.mark.parametrize(
    ("new_poller", "unanswered"),
    # Of a connection that is not read, the other one cannot see the end.
    [(EpollPoller, 3), (EpollPoller, 8), (SelectorPoller, 20)],
)
def test_every_request_that_can_be_answered_is_in_order_whatever_comes_with_it(
    new_poller: Callable[[], Poller], unanswered: int
) -> None:
    @settings(max_examples=100, deadline=None)
    @given(pipelines)
    def check(pipeline: Pipeline) -> None:
        if new_poller is SelectorPoller:  # nor of one that is ending, when more has come than it reads
            assume("held" not in pipeline.kinds or not (LAST | WISHES) & {*pipeline.kinds})
        answered, closed, holder = trio.run(answers, pipeline, new_poller, unanswered)
        assert (answered, closed) == model(pipeline)
        if pipeline.end == "half-close":
            assert holder.dropped == holder.held

    check()


@pytest.mark.parametrize("last", ["to close", "malformed", "1.0"])
@pytest.mark.parametrize("before", [1, 2, 50])
async def test_requests_before_the_last_one_are_answered(last: str, before: int) -> None:
    async with serving(echo) as server:
        client = await server.connect()
        await client.send(REQUESTS["at once"] * before + REQUESTS[last] + REQUESTS["at once"])
        responses = split(await client.rest())
        assert [*map(kind_of, responses)] == ["at once"] * before + [last]


async def test_a_held_last_request_waits_behind_others_that_are_answered() -> None:
    holder = Holder()
    async with serving(holder, limits=Limits(unanswered=3)) as server:
        client = await server.connect()
        await client.send(post(b"held") * 4 + post(b"last", b"Connection: close"))
        for number in range(5):
            await server.settle()
            assert len(holder.held) == min(number + 3, 5)
            holder.held[number].respond(200, b"%d" % number)
        assert [body for _, body in split(await client.rest())] == [b"0", b"1", b"2", b"3", b"4"]


async def test_who_half_closes_gets_an_answer_that_was_on_its_way() -> None:
    holder = Holder(silent=True)
    async with serving(holder) as server:
        client = await server.connect()
        await client.send(post(b"a") + post(b"b"))
        await server.settle()
        client.half_close()
        await server.settle()
        assert holder.dropped == holder.held
        for exchange in reversed(holder.held):
            exchange.respond(200, exchange.body)
        assert [body for _, body in split(await client.rest())] == [b"a", b"b"]
        await server.settle()
        assert server.switchboard.open_connections == 0


async def test_who_half_closes_is_not_waited_for_long(mock_clock: trio.testing.MockClock) -> None:
    holder = Holder(silent=True)
    async with serving(holder, limits=Limits(linger_seconds=2)) as server:
        client = await server.connect()
        await client.send(post())
        await server.settle()
        client.half_close()
        for _ in range(2):
            await server.settle()
            assert len(holder.dropped) == 1
            assert server.switchboard.open_connections == 1
            mock_clock.jump(1)
        await server.settle()
        assert server.switchboard.open_connections == 0


async def test_a_half_closed_connection_that_is_waited_for_costs_no_turn_of_the_loop() -> None:
    looks: list[int] = []

    class Watched(EpollPoller):
        def poll(self, limit: int) -> list[tuple[int, int]]:
            looks.append(limit)
            return super().poll(limit)

    async with serving(Holder(silent=True), new_poller=Watched) as server:
        client = await server.connect()
        await client.send(post())
        await server.settle()
        client.half_close()
        await server.settle()
        looks.clear()
        for _ in range(50):
            await trio.lowlevel.checkpoint()
        assert looks == []


async def test_a_reset_after_a_half_close_is_noticed() -> None:
    async with serving(Holder(silent=True)) as server:
        client = await server.connect()
        await client.send(post())
        await server.settle()
        client.half_close()
        await server.settle()
        assert server.switchboard.open_connections == 1
        client.reset()
        await server.settle()
        assert server.switchboard.open_connections == 0


async def test_who_half_closes_before_it_reads_gets_all_of_a_large_answer() -> None:
    async with serving(lambda exchange: exchange.respond(200, b"x" * 10_000_000)) as server:
        client = await server.connect()
        await client.send(post() * 3)
        client.half_close()
        await server.settle()
        assert [len(body) for _, body in split(await client.rest())] == [10_000_000] * 3


async def test_a_stop_answers_every_request_that_is_in(autojump_clock: trio.testing.MockClock) -> None:
    """Also those that came in one piece, and those whose answers come out of order: only the last one closes."""
    holder = Holder()
    async with serving(holder) as server:
        client = await server.connect()
        await client.send(post(b"a") + post(b"b"))
        await server.settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.switchboard.aclose, 10)
            await server.settle()
            holder.held[1].respond(200, b"b")
            await client.send(post(b"too late"))
            await server.settle()
            holder.held[0].respond(200, b"a")
            assert [body for _, body in split(await client.rest())] == [b"a", b"b"]
            await client.stream.aclose()
        assert len(holder.held) == 2


async def test_while_it_stops_a_pipeline_is_answered_to_its_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    holder = Holder()
    first = True

    def hold_first(exchange: Exchange) -> None:
        nonlocal first
        if first:
            first = False
            holder(exchange)
        else:
            echo(exchange)

    async with serving(hold_first) as server:
        client, other = await server.connect(), await server.connect()
        await other.send(post())
        await server.settle()
        await client.send(post(b"half")[:-1])
        await server.settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.switchboard.aclose, 10)
            await server.settle()
            await client.send(post(b"half")[-1:] + post(b"b") + post(b"c"))
            assert [body for _, body in split(await client.rest())] == [b"half", b"b", b"c"]
            await client.stream.aclose()
            holder.held[0].respond(200)
            await other.stream.aclose()


async def test_a_body_that_waits_to_be_asked_for_behind_a_held_request_is_when_that_is_answered(
    mock_clock: trio.testing.MockClock,
) -> None:
    holder = Holder()
    async with serving(holder) as server:
        client = await server.connect()
        request = post(b"body", b"Expect: 100-continue")
        await client.send(post(b"held") + request[:-4])
        for _ in range(30):  # longer than a body may take
            await server.settle()
            mock_clock.jump(1)
        await server.settle()
        assert await what_is_there(client) == (b"", False)
        holder.held[0].respond(200)
        assert (await client.response()).status == 200
        assert (await client.response()).status == 100
        await client.send(request[-4:])
        await server.settle()
        holder.held[1].respond(200, holder.held[1].body)
        assert (await client.response()).body == b"body"


async def test_a_body_that_was_asked_for_has_to_come(mock_clock: trio.testing.MockClock) -> None:
    async with serving(echo) as server:
        client = await server.connect()
        assert (await client.ask(post(b"body", b"Expect: 100-continue")[:-4])).status == 100
        for _ in range(12):
            await server.settle()
            mock_clock.jump(1)
        await server.settle()
        assert server.switchboard.open_connections == 0


@pytest.mark.parametrize("header", [b"Expect: 100-continue", b"Connection: Upgrade\r\nUpgrade: h2c"])
async def test_what_http_1_0_does_not_have_is_ignored_in_it(header: bytes) -> None:
    async with serving(echo) as server:
        client = await server.connect()
        await client.send(b"POST / HTTP/1.0\r\n%b\r\nContent-Length: 4\r\n\r\n" % header)
        await server.settle()
        assert await what_is_there(client) == (b"", False)
        response = await client.ask(b"body")
        assert (response.status, response.body) == (200, b"body")
        assert await client.closed()
