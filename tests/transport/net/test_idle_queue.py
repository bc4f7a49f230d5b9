"""Who is idle again and again expires once it has been idle for long enough, and nobody else does."""

from __future__ import annotations

import socket
from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.transport.net.channel import Channel
from cometary.transport.net.idle_queue import IdleQueue

NAMES = "abc"


@pytest.fixture(scope="module")
def sock() -> Generator[socket.socket]:
    with socket.socket() as sock:
        yield sock


def queue_of(duration: float = 10) -> tuple[IdleQueue, list[float]]:
    calls: list[float] = []

    def on_first(now: float) -> float:
        calls.append(now)
        return now

    return IdleQueue(duration, on_first), calls


def test_the_first_member_expires_by_the_time_that_the_look_out_says(sock: socket.socket) -> None:
    queue, member = IdleQueue(10, lambda _: 100), Channel(sock)
    queue.add(member, now=3)
    assert queue.expired(109) == []
    assert queue.expired(110) == [member]
    assert len(queue) == 0


def test_who_has_never_been_idle_is_busy(sock: socket.socket) -> None:
    channel = Channel(sock)
    assert (channel.idle, channel.idle_until, channel.idle_second) == (False, 0, 0)


def test_who_was_busy_meanwhile_has_the_whole_duration(sock: socket.socket) -> None:
    queue, member = queue_of()[0], Channel(sock)
    queue.add(member, now=0)
    queue.discard(member)
    queue.add(member, now=5)
    assert len(queue) == 1
    assert queue.expired(14.9) == []
    assert queue.expired(15) == [member]


def test_who_is_busy_leaves_the_queue_and_comes_back(sock: socket.socket) -> None:
    queue, calls = queue_of()
    member = Channel(sock)
    queue.add(member, now=0)
    queue.discard(member)
    assert queue.expired(10) == []
    assert len(queue) == 0
    queue.add(member, now=20)
    assert calls == [0, 20]
    assert queue.expired(30) == [member]


def test_who_is_taken_out_is_kept_by_nobody_and_does_not_expire(sock: socket.socket) -> None:
    (queue, _), (other, _), member = queue_of(), queue_of(7), Channel(sock)
    queue.add(member, now=0)
    other.remove(member)
    assert len(queue) == 1
    queue.remove(member)
    assert member.idle_until == 0
    queue.remove(member)
    assert len(queue) == 0
    assert queue.first is None
    assert queue.expired(100) == []


def test_all_who_are_late_expire_at_once_the_oldest_first(sock: socket.socket) -> None:
    queue, members = queue_of()[0], [Channel(sock) for _ in range(3)]
    queue.add(members[0], now=0)
    queue.add(members[1], now=0.5)
    queue.discard(members[0])
    queue.add(members[0], now=0.8)
    queue.add(members[2], now=3)
    assert queue.expired(50) == [members[1], members[0], members[2]]


def test_the_first_to_be_looked_at_is_the_one_that_came_first(sock: socket.socket) -> None:
    queue = queue_of()[0]
    assert queue.first is None
    for now in (3, 1, 2):
        queue.add(Channel(sock), now)
    assert queue.first == 11


@pytest.mark.parametrize(("again", "looked_at"), [(8, 18), (0.5, 11)])
def test_who_may_be_idle_for_longer_is_looked_at_then_and_not_before(
    again: float, looked_at: int, sock: socket.socket
) -> None:
    queue, member = queue_of()[0], Channel(sock)
    queue.add(member, now=0)
    queue.discard(member)
    queue.add(member, now=again)
    assert queue.expired(10.2) == []
    assert queue.first == looked_at


def test_the_very_first_second_is_a_second_too(sock: socket.socket) -> None:
    queue, member = queue_of(0.5)[0], Channel(sock)
    queue.add(member, now=0)
    assert queue.expired(0.9) == []
    assert queue.expired(1) == [member]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(NAMES), st.sampled_from(["add", "discard", "remove", "look"]), st.floats(0, 5)
        )
    )
)
def test_it_agrees_with_a_table_of_deadlines(steps: list[tuple[str, str, float]]) -> None:
    queue, _ = queue_of(7)
    with socket.socket() as sock:
        channels = {name: Channel(sock) for name in NAMES}
    model: dict[str, float] = {}
    now = 0.0
    for name, step, later in steps:
        now += later
        if step == "add" and name not in model:
            queue.add(channels[name], now)
            model[name] = now + 7
        elif step in {"discard", "remove"}:
            (queue.discard if step == "discard" else queue.remove)(channels[name])
            model.pop(name, None)
        elif step == "look":
            late = sorted((name for name, due in model.items() if due <= now), key=lambda one: model[one])
            assert queue.expired(now) == [channels[name] for name in late]
            model = {name: due for name, due in model.items() if due > now}
        assert len(queue) >= len(model)
        assert len(queue) == sum(channel.idle_second > 0 for channel in channels.values())
