"""States: a world with its client as one value, and back.

1.  Numbers are counted from later on (`counting.py`).
2.  Sendings are in the order of what they are, not of when they were made.
3.  After the end only what is still on its way matters.
"""

# What is taken apart here may be of any class.
# pyright: basic

from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import Any, Final

from cometary.fsm import StartTimer
from cometary.packets.tracked import TrackedPacket
from cometary.sessions import Failure, Packet, SessionSettings
from cometary.sessions.keeper import SignedOff
from cometary.sessions.tracking import forget
from cometary.testing.frozen import Freezer
from tests.sessions.checker.clients import Client
from tests.sessions.checker.counting import rebase
from tests.sessions.checker.lines import Line
from tests.sessions.checker.parts import Parts
from tests.sessions.checker.played import COMING, SERIES, UP, Exchange, HandlerCrash
from tests.sessions.checker.world import FLAGS, World

State = tuple[Any, ...]
"""Whether the session has ended, whether all has arrived, and everything else."""

REVIVED: list[Exchange | Line] = []
"""The sendings and streams of the world that is being thawed."""


flags_of = attrgetter(*FLAGS)


def place_of(one: Exchange | Line) -> int:
    assert one.place is not None, f"the session keeps {one}, which is answered or gone"
    return one.place


def frozen_world(world: World, client: Client) -> State:
    """Return the canonical state; the world is used up."""
    world.keeper.received = 0  # only the log is told
    ended = world.keeper.ended is not None
    settled = ended or has_all_arrived(world, client)
    exchanges = [one for one in world.exchanges if one.matters]
    lines = world.lines = [line for line in world.lines if line.matters]
    if ended:
        exchanges = forget_what_is_over(world, exchanges)
        lines = [forgotten(line) for line in lines if line.where == COMING]
    else:
        world.exchanges = exchanges
        rebase(world, client)
    if len(exchanges) > 1:
        exchanges.sort(key=sort_key)
    if len(lines) > 1:
        lines.sort(key=lambda line: str(values_of_line(line)))
    carriers: list[Exchange | Line] = [*exchanges, *lines]
    for place, carrier in enumerate(carriers):
        carrier.place = place
    freeze = FREEZER.freeze
    return (
        ended,
        settled,
        (tuple([values_of(one) for one in exchanges]), tuple([values_of_line(line) for line in lines])),
        freeze(world.keeper),
        None if ended else freeze(client),
        freeze(world.running),
        tuple(sorted(world.late, key=str)),
        (world.actor._handover.runs, world.actor._handover.fails),
        flags_of(world),
    )


def thawed_world(
    state: State, settings: SessionSettings, packets: tuple[Packet, ...], parts: Parts
) -> tuple[World, Client]:
    """Return a world that is in `state`, and its client."""
    _, _, (exchanges, lines), keeper, client, running, late, actor, flags = state
    REVIVED[:] = [*[exchange_of(values) for values in exchanges], *[line_of(values) for values in lines]]
    thaw = FREEZER.thaw
    world = World(settings, packets, parts, thaw(keeper))
    world.running = thaw(running)
    world.exchanges = [one for one in REVIVED if isinstance(one, Exchange)]
    world.lines = [one for one in REVIVED if isinstance(one, Line)]
    for one in REVIVED:
        one.world = world
    world.late = list(late)
    world.actor._handover.runs, world.actor._handover.fails = actor
    vars(world).update(zip(FLAGS, flags, strict=True))
    world.before = world.acknowledged
    machine = world.keeper.machine
    if machine is not None:
        machine.settings = settings
        if machine.outbox.tracking is not None:
            machine.outbox.tracking.settle = partial(world.settle, world.keeper)
    return world, thaw(client)


# -- sendings and packets ----------------------------------------------------------------------------


def values_of(one: Exchange) -> tuple[Any, ...]:
    reply: Any = one.reply
    if isinstance(reply, tuple):
        reply = (reply[0], tuple([name_of(packet) for packet in reply[1]]))
    packets = tuple([packet.message for packet in one.packets])
    return one.where, one.awaited, one.rid, one.ack, packets, one.close, one.holds, reply


def exchange_of(values: tuple[Any, ...]) -> Exchange:
    where, awaited, rid, ack, packets, close, holds, reply = values
    one = Exchange(None, rid, ack, [UP[number] for number in packets], close=close, holds=holds)
    one.where, one.awaited, one.reply = where, awaited, reply
    if isinstance(reply, tuple):
        one.reply = (reply[0], tuple([packet_of(name) for name in reply[1]]))
    return one


LINE_FIELDS: Final = (
    *("where", "awaited", "told", "ack", "room", "full", "more", "last", "said", "coming"),
    *("carried", "heard", "asked"),
)
line_fields = attrgetter(*LINE_FIELDS)


def values_of_line(line: Line) -> tuple[Any, ...]:
    frames = [
        (frame[0], tuple([name_of(packet) for packet in frame[1]])) if isinstance(frame, tuple) else frame
        for frame in line.frames
    ]
    return line_fields(line), tuple(frames)


def line_of(values: tuple[Any, ...]) -> Line:
    line = Line(None, 0)
    for name, value in zip(LINE_FIELDS, values[0], strict=True):
        setattr(line, name, value)
    line.frames = [
        (frame[0], tuple([packet_of(name) for name in frame[1]])) if isinstance(frame, tuple) else frame
        for frame in values[1]
    ]
    return line


def forgotten(line: Line) -> Line:
    """Return a stream that comes after the end: they are all alike."""
    line.ack = line.said = 0
    line.coming = None
    line.awaited = True
    return line


def sort_key(one: Exchange) -> tuple[Any, ...]:
    *values, reply = values_of(one)
    return (*values, str(reply))


def name_of(packet: Packet) -> tuple[str, int]:
    return packet.path, packet.message


def packet_of(name: tuple[str, int]) -> Packet:
    return SERIES[name[0]][name[1]]


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
    special={
        **dict.fromkeys((Exchange, Line), (place_of, REVIVED.__getitem__)),
        Failure: (essence_of, failure_of),
    },
)


def has_all_arrived(world: World, client: Client) -> bool:
    busy = world.keeper.unhandled or world.running is not None
    return world.handed == client.sent and client.ack == world.pushed and not busy


# -- after the end -----------------------------------------------------------------------------------


def forget_what_is_over(world: World, exchanges: list[Exchange]) -> list[Exchange]:
    keeper = world.keeper
    keeper.hold_or_die = keeper._other_timers = None
    keeper.last_rid = None
    if not keeper.settled:
        keep_the_outbox_alone(keeper.machine)
    else:
        keeper.machine = None
        if world.is_signed_off:
            keeper.sign_off = SignedOff(keeper.ended, [])
        if not keeper.unhandled:
            world.pushed = world.handed = world.acknowledged = 0
    world.carried = 0
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
    if machine.outbox.tracking is not None:
        machine.outbox.tracking.settle = forget  # until it is thawed
        machine.outbox.tracking.expired = 0
    machine.window = machine.held = machine.stream = None
    machine._fsm_timers = ()
    machine._fsm_token = 0
    machine.state = machine.waiting
