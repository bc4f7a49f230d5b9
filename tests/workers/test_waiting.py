"""What passes between workers: in its order, to those who may have it, and held up by nobody who hangs."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import pytest
import trio
import trio.testing

from cometary.packets.published import Published
from cometary.workers import link as links
from cometary.workers.link import HEAD, Link
from cometary.workers.messages import (
    Begins,
    Begun,
    Handed,
    Lifetime,
    Message,
    Numbered,
    Numbering,
    Ready,
    decode,
)
from cometary.workers.relay import LAST_CHANCE, LOOKS, PAUSE, Relay
from tests.workers.house import nothing_in_common


async def nobody(_: Message, __: int) -> None:
    await trio.lowlevel.checkpoint()


@contextmanager
def joined(relay: Relay, *workers: int) -> Generator[list[Link]]:
    """Have workers join, which take nothing as long as their links do not run."""
    with ExitStack() as at_the_end:
        ends = list[Link]()
        for worker in workers:
            here, there = socket.socketpair()
            at_the_end.enter_context(there)
            ends.append(Link(here, nobody))
            at_the_end.callback(ends[-1]._close)
            relay.joined(worker, ends[-1])
        yield ends


def waiting(link: Link) -> list[Message]:
    """Return what waits to be sent."""
    return [decode(frame[HEAD:]) for frame, _ in link._frames]


async def ready(relay: Relay, *workers: int) -> None:
    for worker in workers:
        await relay.take(worker, Begins(), -1)
        await relay.take(worker, Ready(), -1)


async def test_a_worker_that_starts_is_told_first_that_it_may_have_sessions() -> None:
    relay = Relay(lambda _: None, nothing_in_common())
    update = Published(b"", "news")
    with joined(relay, 1, 2) as (_, second):
        await ready(relay, 1)
        await relay.take(1, update, -1)
        await relay.take(2, Begins(), -1)
        await relay.take(1, update, -1)
        lifetime = Lifetime("epoch", 0, 0)
        assert waiting(second) == [Begun((1,)), lifetime, Begun((1, 2)), Begins(), update]


async def test_what_is_for_one_worker_does_not_wait_for_another_that_takes_nothing(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    monkeypatch.setattr(links, "MOST", 1000)
    relay = Relay(lambda _: None, nothing_in_common())
    with joined(relay, 1, 2, 3) as (_, stuck, third):
        await ready(relay, 1, 2, 3)
        before = autojump_clock.current_time()
        with trio.fail_after(1):
            for _ in range(2):
                await relay.take(1, Published(b"x" * 1500, "news"), -1)
        assert stuck.full
        third._kept = 0  # it has taken all
        handed = Handed(3, "", b"", 0)
        await relay.take(1, handed, os.open(os.devnull, os.O_RDONLY))
        assert waiting(third)[-1] == handed
        assert autojump_clock.current_time() == before
        await relay.take(1, Published(b"x" * 1500, "news"), -1)
        third._kept = 0
        with trio.move_on_after(1) as waits:
            await relay.take(1, Published(b"", "news"), -1)
        assert waits.cancelled_caught, "it is kept without bound"
        stuck._close()
        with trio.fail_after(1):
            await relay.take(1, Published(b"", "news"), -1)


@pytest.mark.parametrize(("takes", "said"), [(False, [2]), (True, [])])
async def test_others_wait_for_one_that_takes_something_and_for_none_that_hangs(
    takes: bool, said: list[int], monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    monkeypatch.setattr(links, "MOST", 1000)
    hangs = list[int]()
    relay = Relay(hangs.append, nothing_in_common())
    numbering = Numbering(0, "kept", 9, b"x" * 5000)
    with joined(relay, 1, 2) as (first, second):
        await ready(relay, 1, 2)
        await relay.take(1, numbering, -1)
        for _ in range(9):
            first._kept = 0
            await trio.sleep(0.7)
            if takes:
                second._count(1)
                second._kept = 4500
            with trio.move_on_after(1):
                await relay.take(1, numbering, -1)
        assert sorted(set(hangs)) == said
        if said:
            assert autojump_clock.current_time() < 9 * (0.7 + LAST_CHANCE) + 0.5, "others have waited for it"
        sent = [each.number for each in waiting(second) if isinstance(each, Numbered)]
        assert sent == list(range(1, 11 if said else 2))


async def test_a_worker_that_takes_nothing_is_said_to_hang_and_not_the_one_in_its_place(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    monkeypatch.setattr(links, "MOST", 10)
    hangs = list[int]()
    relay = Relay(hangs.append, nothing_in_common())
    with joined(relay, 1, 2) as (first, second):
        await ready(relay, 1, 2)
        first.put(b"x" * 100)
        second.put(b"x" * 100)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(relay.watch, 1, first)
            nursery.start_soon(relay.watch, 2, second)
            await trio.sleep(PAUSE * LOOKS - 1)
            assert not hangs
            relay.left(1)
            with joined(relay, 1):
                await ready(relay, 1)
                await trio.sleep(PAUSE)
                assert hangs == [2]
                await trio.sleep(PAUSE * LOOKS)
                assert hangs == [2]
                nursery.cancel_scope.cancel()
    assert autojump_clock.current_time() >= PAUSE * LOOKS


async def test_a_connection_that_was_lost_on_its_way_is_not_passed_on() -> None:
    relay = Relay(lambda _: None, nothing_in_common())
    with joined(relay, 1, 2) as (_, second):
        await ready(relay, 1, 2)
        await relay.take(1, Handed(2, "", b"", 0), -1)
        assert waiting(second)[-1] == Begins()
