"""Clients that send as much as they can: what it costs them, and nobody else."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from cometary import Session
from tests.protocol.client import Answer, Comet, Connection, Recorder, serving

LOBBY = "chat/lobby"


@pytest.fixture
def room() -> Recorder:
    """The README's application: what one says, all hear."""
    recorder = Recorder()

    @recorder.app.signon
    def joined(session: Session) -> None:
        session.connect(LOBBY)

    @recorder.app.packet("chat/*")
    def chat(session: Session, path: str, message: object) -> None:
        recorder.app.update(path, {"from": session.name, "text": message})

    return recorder


def echo(session: Session, path: str, message: object) -> None:
    """Send it back."""
    session.send(path, message)


class Reader:
    """A client that polls as it should, in a task of its own."""

    def __init__(self, client: Comet) -> None:
        self.client = client
        self.got: list[Any] = []
        self._more = trio.Event()

    async def until(self, count: int) -> None:
        """Wait until so many have come."""
        while len(self.got) < count:
            await self._more.wait()

    async def run(self, pause: float = 0) -> None:
        while True:
            self.got += [message["text"] for message in await self.client.poll()]
            self._more.set()
            self._more = trio.Event()
            await trio.sleep(pause)


async def burst(client: Comet, count: int, size: int = 1) -> list[Answer]:
    """Send `count` packets in requests as large as may be, each when the one before has been answered."""
    answers: list[Answer] = []
    for first in range(0, count, 250):
        numbers = range(first, min(first + 250, count))
        answers.append(
            await client.ask(*[(LOBBY, [number, "x" * size]) for number in numbers], ack=client.ack)
        )
        if answers[-1].status == 200 and answers[-1].body["packets"]:
            client.ack = answers[-1].body["seq"] + len(answers[-1].body["packets"]) - 1
    return answers


async def talk(client: Comet) -> None:
    """Say all that one may at once, then go on reading."""
    await burst(client, 1000)
    await Reader(client).run()


async def test_a_flood_ends_nobody_who_reads(room: Recorder) -> None:
    """Each of some senders says as much at once as it may: far more than a queue holds."""
    async with serving(room.app, queue_packets=100, packet_burst=1000) as world:
        readers = [Reader(await world.open()) for _ in range(10)]
        async with trio.open_nursery() as nursery:
            for reader in readers:
                nursery.start_soon(reader.run)
            await world.settle()
            for _ in range(5):
                nursery.start_soon(talk, await world.open())
            for reader in readers:
                await reader.until(5000)
            nursery.cancel_scope.cancel()
        for reader in readers:
            assert reader.got == readers[0].got, "not all hear the same in the same order"
        assert sorted(number for number, _ in readers[0].got) == sorted([*range(1000)] * 5)
        assert room.ended == []


async def test_who_is_away_is_not_waited_for(room: Recorder, mock_clock: trio.testing.MockClock) -> None:
    async with serving(room.app, queue_packets=100) as world:
        await world.open()
        sender = await world.open()
        await world.pass_time(mock_clock, 11)
        [answer] = await burst(sender, 250)
        assert answer.status == 200
        await world.settle()
        assert [reason for reason, _ in room.ended] == ["overflow"]


async def test_who_reads_too_slowly_delays_others_only_for_a_while(
    room: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(room.app, queue_packets=100) as world:
        slow, sender, quick = await world.open(), await world.open(), await world.open()
        held = await slow.hold()
        await quick.hold()
        await burst(sender, 250)
        assert await slow.receive(held) != []
        assert room.ended == []
        [unhandled] = [each["unhandled"] for each in await world.sessions() if each["unhandled"]]
        assert unhandled > 0
        await world.pass_time(mock_clock, 11)
        assert "overflow" in [reason for reason, _ in room.ended]
        assert [each["unhandled"] for each in await world.sessions() if each["unhandled"]] == []


async def test_nobody_else_is_held_up_by_a_slow_reader(room: Recorder) -> None:
    room.app.packet("other/*")(echo)
    async with serving(room.app, queue_packets=100) as world:
        await (await world.open()).hold()
        await burst(await world.open(), 250)
        other = await world.open()
        assert await other.poll(("other/1", 1)) != []


async def test_an_echo_holds_its_own_sender_only(recorder: Recorder) -> None:
    recorder.app.packet("echo")(echo)
    async with serving(recorder.app, queue_packets=100) as world:
        client = await world.open()
        await client.hold()
        await client.hold(*[("echo", number) for number in range(250)], ack=0)
        [session] = await world.sessions()
        assert session["queued"] <= 200
        assert session["unhandled"] > 0
        got: list[Any] = []
        while len(got) < 250:
            got += await client.poll()
        assert got == list(range(250))
        assert recorder.ended == []


async def test_what_is_parked_keeps_its_order_and_is_not_lost(room: Recorder) -> None:
    async with serving(room.app, queue_packets=20) as world:
        client = await world.open()
        for number in range(200):
            room.app.update(LOBBY, {"text": number})
        await world.settle()
        got: list[Any] = []
        while len(got) < 200:
            got += [message["text"] for message in await client.poll()]
        assert got == list(range(200))
        assert room.ended == []


# -- how many packets --------------------------------------------------------------------------------


async def test_packets_beyond_the_rate_are_put_off_and_nothing_is_lost(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app, packets_per_second=10, packet_burst=30) as world:
        client = await world.open()
        await client.hold(*[("a", number) for number in range(30)])
        answer = await client.ask(*[("a", number) for number in range(30, 40)])
        assert answer.error == (429, "too-many-requests")
        assert answer.headers["retry-after"] == "1"
        client.rid -= 1
        assert len(recorder.packets) == 30
        await world.pass_time(mock_clock, 1)
        await client.hold(*[("a", number) for number in range(30, 40)])
        assert recorder.packets == [("a", number) for number in range(40)]


async def test_a_request_that_came_early_is_counted_in_its_turn(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    async with serving(recorder.app, packets_per_second=1, packet_burst=10) as world:
        client = await world.open()
        client.rid += 1
        early = await client.hold(*[("a", number) for number in range(10)])
        client.rid -= 2
        await client.hold(*[("a", number) for number in range(5)])
        assert (await early.answer()).error == (429, "too-many-requests")
        assert len(recorder.packets) == 5


async def test_so_is_what_the_application_has_not_handled(recorder: Recorder) -> None:
    gate = trio.Event()

    @recorder.app.packet("slow")
    async def wait(_session: Session, _path: str, _message: object) -> None:
        await gate.wait()

    async with serving(recorder.app, requests=6, packets_per_second=0) as world:
        client = await world.open()
        first = client.rid
        early: list[Connection] = []
        for ahead in (6, 5, 4, 3, 2):
            client.rid = first + ahead - 1
            early.append(await client.hold(*[("a", number) for number in range(250)]))
        client.rid = first
        await client.hold(("slow", 0), *[("a", number) for number in range(200)])
        [session] = await world.sessions()
        assert session["unhandled"] <= 1000
        assert (await early[1].answer()).error == (429, "too-many-requests")
        gate.set()


async def test_repeating_packets_over_and_over_is_over_active(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    async with serving(recorder.app) as world:
        client = await world.open()
        connections = [await client.hold(("a", 1))]
        for _ in range(25):
            client.rid -= 1
            connections.append(await client.hold(("a", 1)))
        await world.settle()  # the last ones may not have been read yet
        recorder.sessions[0].kick()
        statuses = Counter([(await connection.answer()).status for connection in connections])
        assert statuses == {200: 20, 429: 5, 410: 1}
        assert recorder.packets == [("a", 1)]


async def test_so_is_asking_for_the_same_packets_without_acknowledging_them(
    recorder: Recorder, mock_clock: MockClock
) -> None:
    async with serving(recorder.app) as world:
        client = await world.open()
        recorder.sessions[0].send("a", "x" * 100_000)
        answers = [await client.ask() for _ in range(21)]
        assert [answer.status for answer in answers] == [200] * 20 + [429]


# -- turns ---------------------------------------------------------------------------------------------


async def test_packets_are_handed_over_a_few_at_a_time_and_those_of_others_between_them(
    recorder: Recorder,
) -> None:
    async with serving(recorder.app, packets_per_second=0) as world:
        one, other = await world.open(), await world.open()
        bodies = [
            client.body(*[(name, number) for number in range(250)])
            for client, name in ((one, "one"), (other, "other"))
        ]
        for client, body in zip((one, other), bodies, strict=True):
            await client.connection.send(body)
        await world.settle()
        for name in ("one", "other"):
            assert [message for path, message in recorder.packets if path == name] == list(range(250))
        changes = sum(before[0] != after[0] for before, after in pairwise(recorder.packets))
        assert changes >= 4


# -- back-ends ---------------------------------------------------------------------------------------


async def test_a_back_end_that_sends_faster_than_is_routed_waits(room: Recorder) -> None:
    async with serving(room.app) as world:
        reader = Reader(await world.open())
        connections = [await world.connect(control=True) for _ in range(10)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader.run)
            for place, connection in enumerate(connections):
                updates = [{"path": LOBBY, "message": {"text": [place, number]}} for number in range(1500)]
                await connection.send(updates, path="/update")
            for connection in connections:
                assert (await connection.answer()).body == {"updates": 1500}
            await reader.until(15_000)
            nursery.cancel_scope.cancel()
        for place in range(10):
            assert [n for p, n in reader.got if p == place] == list(range(1500))
        assert room.ended == []
