"""A counterexample in words, with the request ids as the client counts them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.sessions.checker.clients import Client, Move
from tests.sessions.checker.counting import renumbering
from tests.sessions.checker.states import frozen_world
from tests.sessions.checker.world import World

if TYPE_CHECKING:
    from tests.sessions.checker.model import SessionModel


WITH_MOOD = {
    "arrives",
    "handler's end arrives",
    "handler raises",
    "actor dies",
    "sign-off arrives",
    "goes on",
}
STREAMS = {
    "attaches": "the client attaches a stream",
    "stream arrives": "the stream arrives",
    "frame arrives": "what was written arrives",
    "client acknowledges": "the client acknowledges on the stream",
    "acknowledgement arrives": "the acknowledgement arrives",
    "stream fills": "the stream fills",
    "stream drains": "the stream drains",
    "stream goes on": "the stream has its turn",
    "stream breaks": "the stream breaks",
    "stream is reported broken": "the stream is reported broken",
}
WORDS = {"replies": "replies", "slow": "takes its time", "crashes": "crashes"}


def told(model: SessionModel, moves: Sequence[Move]) -> list[str]:
    """Make the moves once more and say what each is about."""
    if not moves:  # the trouble was there from the beginning
        return []
    sentences: list[str] = []
    ids: dict[int, int] = {}  # what the client calls a request, by what the present state calls it
    state = model.initial()
    for move in moves[:-1]:
        before, _ = model.thaw(state)
        world, client = model.thaw(state)
        make(model, move, world, client, ids)
        sentences.append(in_words(move, before, ids))
        if world.keeper.ended is None:
            number = renumbering(world, client)
            ids = {number(rid): name for rid, name in ids.items() if is_about(rid, world, client)}
        state = frozen_world(world, client)
    for move in moves[-1:]:
        before, _ = model.thaw(state)
        with suppress(Exception):  # it may be what leads to trouble
            make(model, move, *model.thaw(state), ids)
        sentences.append(in_words(move, before, ids))
    return sentences


def make(model: SessionModel, move: Move, world: World, client: Client, ids: dict[int, int]) -> None:
    name_new_ones(ids, client)
    model.make(move, world, client)
    name_new_ones(ids, client)


def name_new_ones(ids: dict[int, int], client: Client | None) -> None:
    for rid in sorted(client.rids() if client else ()):  # after the end there is no client
        if rid not in ids:
            ids[rid] = max(ids.values(), default=0) + 1


def is_about(rid: int, world: World, client: Client | None) -> bool:
    return (client is not None and rid in client.rids()) or any(one.rid == rid for one in world.exchanges)


def in_words(move: Move, world: World, ids: dict[int, int]) -> str:
    name, *rest = move
    mood: tuple[str, ...] = rest[-1] if name in WITH_MOOD else ()
    handler = f"; the handler {' and '.join([WORDS[word] for word in mood])}" if mood else ""
    if name == "asks":
        packets = f", {rest[0]} packet{'s' if rest[0] > 1 else ''}" if rest[0] else ""
        return f"the client asks: request {max(ids.values())}{packets}{', close' if rest[1] else ''}"
    if name == "asks again":
        return f"the client asks again: request {ids[rest[0]]}"
    if name in STREAMS:
        return STREAMS[name]
    if rest and isinstance(rest[0], int):
        one = world.exchanges[rest[0]]
        return (
            f"{'request' if one.awaited else 'the ghost of request'} {ids.get(one.rid, '')} {name}{handler}"
        )
    if rest and isinstance(rest[0], str):
        return f"the timer {rest[0]}: {name}"
    return f"the {name}{handler}"
