"""Counting from later on: what a session of any length has in common with a young one.

1.  Packets are numbered from the last one that is acknowledged or handed over, request ids from the next one
    that is expected, and tokens of timers are kept as current or stale. So worlds that behave alike are one
    state, and a session of any length has finitely many.
2.  That is sound because the session only ever compares numbers with its own counters. Ids that it has seen
    keep their order, and packets that are older than the last count as that one.
"""

# What is taken apart here may be of any class.
# pyright: basic

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache
from typing import Any

from cometary.fsm import StartTimer
from cometary.sessions import Failure, Packet
from cometary.sessions.actor import LookForExpired
from cometary.sessions.tracking import forget
from tests.sessions.checker.clients import OLDEST, Client, older
from tests.sessions.checker.lines import Line
from tests.sessions.checker.played import SERIES
from tests.sessions.checker.world import World

EXPECTED = 9
"""What the id of the next request always becomes: there is room for those before it that are still about."""


def rebase(world: World, client: Client) -> None:
    """Use smaller numbers for everything."""
    number = renumbering(world, client)
    down, up = world.acknowledged - OLDEST, world.handed - OLDEST
    world.handed -= up
    world.acknowledged -= down
    world.pushed -= down
    world.carried -= down
    world.running = rebased(world.running, up)
    rebase_keeper(world, number, down, up)
    rebase_timers(world)
    client.rebase(number, up, down)
    for one in world.exchanges:
        one.rid = number(one.rid)
        one.ack = max(one.ack - down, 0)  # 0: older than what was acknowledged last
        one.packets = older(one.packets, up)
        if isinstance(one.reply, tuple):
            one.reply = later(one.reply, down)
    for line in world.lines:
        rebase_line(line, down)


def rebase_line(line: Line, down: int) -> None:
    """Use smaller numbers for a stream; what is below the last acknowledgement is all the same."""
    line.carried = max(line.carried - down, OLDEST)
    line.last = max(line.last - down, OLDEST)
    line.ack, line.said = max(line.ack - down, 0), max(line.said - down, 0)
    if line.coming is not None:
        line.coming = max(line.coming - down, 0)
    frames = [later(frame, down) if isinstance(frame, tuple) else frame for frame in line.frames]
    line.frames = [frame for frame in frames if not isinstance(frame, tuple) or frame[1]]


def rebase_keeper(world: World, number: Callable[[int], int], down: int, up: int) -> None:
    keeper = world.keeper
    keeper.machine.settings = None  # they are the same for all
    outbox, window = keeper.machine.outbox, keeper.machine.window
    outbox.acknowledged -= down
    outbox.sent -= down
    outbox.presumed = 0
    outbox.packets[:] = [renumbered(packet, down) for packet in outbox.packets]
    if outbox.tracking is not None:
        outbox.tracking.settle = forget  # until it is thawed
        outbox.tracking.expired = 0
    if window._early:
        window._early = {number(rid): request for rid, request in window._early.items()}
    window.expected = EXPECTED
    if keeper._todo:
        keeper._todo = type(keeper._todo)([(rebased(item, up), size) for item, size in keeper._todo])
    keeper.begun = rebased(keeper.begun, up)
    keeper._releases = keeper._release_second = 0


def renumbering(world: World, client: Client) -> Callable[[int], int]:
    """Return what makes request ids small: those that the server has seen keep their order and no more."""
    expected = world.keeper.machine.window.expected
    seen = {rid for rid in (*client.rids(), *[one.rid for one in world.exchanges]) if rid < expected}
    ranks = {rid: EXPECTED - rank for rank, rid in enumerate(sorted(seen, reverse=True), 1)}
    return lambda rid: ranks[rid] if rid < expected else rid - expected + EXPECTED


def later(reply: tuple[int, tuple[Any, ...]], down: int) -> tuple[int, tuple[Any, ...]]:
    """Return an answer with smaller numbers, without what is older than the oldest."""
    first, packets = reply
    if not packets:
        return reply
    first -= down
    skip = max(OLDEST - first, 0)
    kept = tuple([renumbered(packet, down) for packet in packets[skip:]])
    return (first + skip, kept) if kept else (0, ())


@cache
def started(name: Hashable, seconds: float | None, token: int) -> StartTimer:
    return StartTimer(name, seconds, None, None, token)


def rebase_timers(world: World) -> None:
    """Give the tokens of running timers small numbers, and stale ones none."""
    machine = world.keeper.machine
    current = sorted(machine._fsm_timers, key=lambda timer: str(timer.name))
    tokens = {timer.token: number for number, timer in enumerate(current, 1)}

    def small(timer: StartTimer | LookForExpired) -> StartTimer | LookForExpired:
        if not isinstance(timer, StartTimer):
            return timer
        token = tokens.get(timer.token, 0)
        return started(timer.name, timer.seconds if token else 1.0, token)

    for timer in world.keeper.timers.values():
        timer.message = small(timer.message) if timer.running else None
        timer.starts = 0
    world.late = [small(timer) for timer in world.late]
    if current:
        machine._fsm_timers = tuple([small(timer) for timer in current])
    machine._fsm_token = len(tokens)


# -- packets and calls -------------------------------------------------------------------------------


def renumbered(packet: Any, by: int) -> Any:
    """Return a packet with a smaller number."""
    return SERIES[packet.path][packet.message - by]


def rebased(call: Any, by: int) -> Any:
    """Return a call of the application with smaller numbers, as far as it has any."""
    if isinstance(call, Packet):
        return renumbered(call, by)
    if isinstance(call, Failure) and call.packet is not None:
        return call._replace(packet=renumbered(call.packet, by))
    return call
