"""States: a world with its client as one value, and back.

1.  Packets are numbered from the last one that is acknowledged or handed over, request ids from the next one
    that is expected, and tokens of timers are kept as current or stale. So worlds that behave alike are one
    state, and a session of any length has finitely many.
2.  That is sound because the session only ever compares numbers with its own counters. Ids that it has seen
    keep their order, and packets that are older than the last count as that one.
3.  Sendings are in the order of what they are, not of when they were made.
4.  After the end only what is still on its way matters.
"""

# What is taken apart here may be of any class.
# pyright: basic

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache, partial
from operator import attrgetter
from typing import Any

from cometary.fsm import StartTimer
from cometary.sessions import Failure, Packet, SessionSettings
from cometary.sessions.keeper import SignedOff
from cometary.sessions.tracked import TrackedPacket
from cometary.sessions.tracking_outbox import TrackingOutbox, forget
from cometary.testing.frozen import Freezer
from tests.sessions.checker.clients import OLDEST, Client, older
from tests.sessions.checker.parts import Parts
from tests.sessions.checker.played import COMING, SERIES, UP, Exchange, HandlerCrash
from tests.sessions.checker.world import FLAGS, World

State = tuple[Any, ...]
"""Whether the session has ended, whether all has arrived, and everything else."""

EXPECTED = 9
"""What the id of the next request always becomes: there is room for those before it that are still about."""


REVIVED: list[Exchange] = []
"""The sendings of the world that is being thawed."""


flags_of = attrgetter(*FLAGS)


def place_of(one: Exchange) -> int:
    assert one.place is not None, f"the session keeps {one}, which is answered or gone"
    return one.place


def frozen_world(world: World, client: Client) -> State:
    """Return the canonical state; the world is used up."""
    ended = world.keeper.ended is not None
    settled = ended or has_all_arrived(world, client)
    exchanges = [one for one in world.exchanges if one.matters]
    if ended:
        exchanges = forget_what_is_over(world, exchanges)
    else:
        world.exchanges = exchanges
        rebase(world, client)
    if len(exchanges) > 1:
        exchanges.sort(key=sort_key)
    for place, one in enumerate(exchanges):
        one.place = place
    freeze = FREEZER.freeze
    return (
        ended,
        settled,
        tuple([values_of(one) for one in exchanges]),
        freeze(world.keeper),
        None if ended else freeze(client),
        freeze(world.running),
        tuple(sorted(world.late, key=str)),
        (world.actor._handler_runs, world.actor._fails),
        flags_of(world),
    )


def thawed_world(
    state: State, settings: SessionSettings, parts: Parts, *, tracked: bool
) -> tuple[World, Client]:
    """Return a world that is in `state`, and its client."""
    _, _, exchanges, keeper, client, running, late, actor, flags = state
    REVIVED[:] = [exchange_of(values) for values in exchanges]
    thaw = FREEZER.thaw
    world = World(settings, parts, thaw(keeper), tracked=tracked)
    world.running = thaw(running)
    world.exchanges = REVIVED[:]
    for one in world.exchanges:
        one.world = world
    world.late = list(late)
    world.actor._handler_runs, world.actor._fails = actor
    vars(world).update(zip(FLAGS, flags, strict=True))
    world.before = world.acknowledged
    machine = world.keeper.machine
    if machine is not None:
        machine.settings = settings
        if isinstance(machine.outbox, TrackingOutbox):
            machine.outbox._settle = partial(world.settle, world.keeper)
    return world, thaw(client)


# -- sendings and packets ----------------------------------------------------------------------------


def values_of(one: Exchange) -> tuple[Any, ...]:
    reply: Any = one.reply
    if isinstance(reply, tuple):
        reply = (reply[0], tuple([name_of(packet) for packet in reply[1]]))
    packets = tuple([packet.message for packet in one.packets])
    return one.where, one.awaited, one.rid, one.ack, packets, one.close, reply


def exchange_of(values: tuple[Any, ...]) -> Exchange:
    where, awaited, rid, ack, packets, close, reply = values
    one = Exchange(None, rid, ack, [UP[number] for number in packets], close=close)
    one.where, one.awaited, one.reply = where, awaited, reply
    if isinstance(reply, tuple):
        one.reply = (reply[0], tuple([packet_of(name) for name in reply[1]]))
    return one


def sort_key(one: Exchange) -> tuple[Any, ...]:
    *values, reply = values_of(one)
    return (*values, str(reply))


def name_of(packet: Packet) -> tuple[str, int]:
    return packet.path, packet.message


def packet_of(name: tuple[str, int]) -> Packet:
    return SERIES[name[0]][name[1]]


def renumbered(packet: Any, by: int) -> Any:
    """Return a packet with a smaller number."""
    return SERIES[packet.path][packet.message - by]


# -- calls of the application ------------------------------------------------------------------------


def essence_of(failure: Failure) -> tuple[Any, ...]:
    packet = None if failure.packet is None else name_of(failure.packet)
    return failure.hook, packet, failure.reason, tuple([name_of(packet) for packet in failure.undelivered])


def failure_of(essence: tuple[Any, ...]) -> Failure:
    hook, packet, reason, undelivered = essence
    return Failure(
        hook,
        HandlerCrash(),
        packet=None if packet is None else packet_of(packet),
        reason=reason,
        undelivered=[packet_of(name) for name in undelivered],
    )


FREEZER = Freezer(
    atoms=(Packet, TrackedPacket, StartTimer),  # nobody changes one
    special={Exchange: (place_of, REVIVED.__getitem__), Failure: (essence_of, failure_of)},
)


def rebased(call: Any, by: int) -> Any:
    """Return a call of the application with smaller numbers, as far as it has any."""
    if isinstance(call, Packet):
        return renumbered(call, by)
    if isinstance(call, Failure) and call.packet is not None:
        return call._replace(packet=renumbered(call.packet, by))
    return call


# -- counting from later on --------------------------------------------------------------------------


def has_all_arrived(world: World, client: Client) -> bool:
    busy = world.keeper.unhandled or world.running is not None
    return world.handed == client.sent and client.ack == world.pushed and not busy


def rebase(world: World, client: Client) -> None:
    number = renumbering(world, client)
    down, up = world.acknowledged - OLDEST, world.handed - OLDEST
    world.handed -= up
    world.acknowledged -= down
    world.pushed -= down
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


def rebase_keeper(world: World, number: Callable[[int], int], down: int, up: int) -> None:
    keeper = world.keeper
    keeper.machine.settings = None  # they are the same for all
    outbox, window = keeper.machine.outbox, keeper.machine.window
    outbox.acknowledged -= down
    outbox.sent -= down
    outbox.packets[:] = [renumbered(packet, down) for packet in outbox.packets]
    if isinstance(outbox, TrackingOutbox):
        outbox._settle = forget  # until it is thawed
    if window._early:
        window._early = {number(rid): request for rid, request in window._early.items()}
    window.expected = EXPECTED
    if keeper._todo:
        keeper._todo = type(keeper._todo)([(rebased(item, up), size) for item, size in keeper._todo])
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
    current = machine._fsm_timers or {}
    tokens = {current[name].token: number for number, name in enumerate(sorted(current), 1)}

    def small(timer: StartTimer) -> StartTimer:
        token = tokens.get(timer.token, 0)
        return started(timer.name, timer.seconds if token else 1.0, token)

    for timer in world.keeper.timers.values():
        timer.message = small(timer.message) if timer.running else None
    world.late = [small(timer) for timer in world.late]
    if current:
        machine._fsm_timers = {name: small(timer) for name, timer in current.items()}
    machine._fsm_token = len(tokens)


# -- after the end -----------------------------------------------------------------------------------


def forget_what_is_over(world: World, exchanges: list[Exchange]) -> list[Exchange]:
    keeper = world.keeper
    keeper.timers = {}
    if keeper.sign_off is None:
        keep_the_outbox_alone(keeper.machine)
    else:
        keeper.machine = None
        if world.is_signed_off:
            keeper.sign_off = SignedOff(keeper.ended, ())
        if not keeper.unhandled:
            world.pushed = world.handed = world.acknowledged = 0
    if world.stopped:
        world.done = None
    world.late = []
    coming = [one for one in exchanges if one.where == COMING]
    for one in coming:
        one.awaited = True
        one.rid, one.ack, one.packets = 2, 0, ()
    return coming


def keep_the_outbox_alone(machine: Any) -> None:
    machine.settings = None
    if isinstance(machine.outbox, TrackingOutbox):
        machine.outbox._settle = forget  # until it is thawed
    machine.window = machine.held = machine._fsm_timers = None
    machine._fsm_token = 0
    machine.state = machine.waiting
