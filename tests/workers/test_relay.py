"""What the process above passes on: who is told of whom, and where a connection goes whose worker has ended."""

from __future__ import annotations

import os
from typing import Any

import pytest

from cometary.sessions.ids import WORKERS
from cometary.sessions.locator import Elsewhere
from cometary.workers.colleagues import Colleagues
from cometary.workers.messages import Begins, Begun, Handed, Lifetime, Message, Ready, decode
from cometary.workers.relay import Relay
from tests.workers.house import nothing_in_common


class Kept:
    """A link that keeps what is sent."""

    full = False

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def send(self, message: Message, descriptor: int = -1) -> None:
        self.sent.append(message)
        if descriptor >= 0:
            os.close(descriptor)

    def put(self, payload: bytes) -> None:
        self.sent.append(decode(payload))


@pytest.fixture
async def begun() -> tuple[Relay, list[Kept]]:
    """Two workers that take clients."""
    relay, links = Relay(lambda _: None, nothing_in_common()), [Kept(), Kept()]
    for number, link in enumerate(links, 1):
        kept: Any = link
        relay.joined(number, kept)
        await relay.take(number, Begins(), -1)
        await relay.take(number, Ready(), -1)
    return relay, links


async def test_all_are_told_who_has_begun_and_who_has_ended(begun: tuple[Relay, list[Kept]]) -> None:
    relay, [first, second] = begun
    lifetime = Lifetime("epoch", 0, 0)
    assert first.sent == [lifetime, Begun((1,)), Begins(), Begun((1, 2))]
    assert second.sent == [lifetime, Begun((1, 2)), Begins()]
    relay.left(1)
    assert second.sent[-1] == Begun((2,))


async def test_a_connection_for_one_that_has_ended_goes_to_another_which_knows_of_that(
    begun: tuple[Relay, list[Kept]],
) -> None:
    relay, [_, second] = begun
    relay.left(1)
    handed = Handed(1, "peer", b"read", 0)
    await relay.take(2, handed, os.open(os.devnull, os.O_RDONLY))
    assert second.sent[-2:] == [Begun((2,)), handed]


async def test_connections_for_one_that_has_ended_are_shared_out_among_the_others(
    begun: tuple[Relay, list[Kept]],
) -> None:
    relay, links = begun
    for _ in range(4):
        await relay.take(1, Handed(3, "peer", b"read", 0), os.open(os.devnull, os.O_RDONLY))
    assert [sum(isinstance(each, Handed) for each in link.sent) for link in links] == [2, 2]


def test_the_sessions_of_a_worker_are_there_as_long_as_that_is() -> None:
    link: Any = Kept()
    colleagues = Colleagues(2, 2, link, lambda _, __: None)
    sid = "x" * 23 + WORKERS[0]
    assert colleagues.place_of(sid) is None
    colleagues.begun = frozenset({1, 2})
    assert isinstance(colleagues.place_of(sid), Elsewhere)
    assert colleagues.place_of("x" * 23 + WORKERS[1]) is None
    colleagues.begun = frozenset({2})
    assert colleagues.place_of(sid) is None
