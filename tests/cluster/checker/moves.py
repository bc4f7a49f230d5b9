"""What may happen next in a world."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cometary.cluster.owner_events import ClientSign
from tests.cluster.checker.holding import (
    AT,
    awaits_receipts,
    doubts_of,
    record_of,
    recorded_receipts,
    requests_of,
    under_way,
)
from tests.cluster.checker.scopes import Budget, Scope
from tests.cluster.checker.world import Answer, Holder, Line, Message, World

Move = tuple[Any, ...]
UNANSWERED = 2
LIVES = ("owned", "unsynced")
HARM = frozenset(
    {"crash", "lease over", "cut", "copy", "copy operation", "lose", "drain", "end", "line breaks"}
)
"""Moves by which nothing gets better."""


def moves(world: World, scope: Scope) -> Iterable[Move]:
    """Return every move, each as its name and what it is about."""
    if not world.client.over:
        yield from client_moves(world, scope)
    yield from network_moves(world)
    for holder in world.holders:
        yield from node_moves(world, holder, scope)
        yield from harm_to(world, holder)
    for operation in world.operations:
        yield ("engine answers" if operation.reply else "engine does", operation)
        if world.left[Budget.OPERATIONS] and not operation.reply and not operation.copy:
            yield ("copy operation", operation)
    yield from engine_moves(world, scope)


def client_moves(world: World, scope: Scope) -> Iterable[Move]:
    client = world.client
    sends = any(waiting.packets for waiting in client.waiting)
    if len(client.waiting) < UNANSWERED:
        if all(waiting.packets for waiting in client.waiting):
            yield ("client asks",)
        if client.sent < scope.inbound and not sends:
            yield ("client sends",)
    yield from line_moves(world, scope)
    for waiting in client.waiting:
        if waiting.cut or not is_somewhere(world, waiting.rid):
            yield ("client asks again", waiting.rid)
        elif world.left[Budget.CUTS]:
            yield ("cut", waiting.rid)


def line_moves(world: World, scope: Scope) -> Iterable[Move]:
    """Return what the client may do with a stream, and what may happen to it."""
    client = world.client
    line = client.line
    if line is None:
        if client.lines < scope.streams:
            yield ("client attaches",)
        return
    if line.frames:
        yield ("client reads",)
    if line.generation and client.ack > line.told:
        yield ("client signs",)
    if not is_carried(world, line):
        yield ("line ends",)
    elif world.left[Budget.CUTS]:
        yield ("line breaks",)


def is_carried(world: World, line: Line) -> bool:
    """Whether a node has a stream, or is to get it, that the client has a use for."""
    if line.generation and line.generation < world.client.resumption.generation:
        return False
    if any(
        isinstance(each, ClientSign) and each.exchange[:2] == ("attach", line.number)
        for each in world.network
    ):
        return True
    return any(
        line.number in (holder.desk.stream, holder.desk.greeted)
        or any(isinstance(each, ClientSign) for each, _ in doubts_of(holder))
        for holder in world.holders
    )


def hears(holder: Holder, message: Message) -> bool:
    """Whether a node may get a message: what is said on a stream comes to the node that has it."""
    if not isinstance(message, ClientSign) or message.exchange[0] == "attach":
        return True
    generation: int = message.exchange[2]
    return record_of(holder).generation == generation


def is_somewhere(world: World, rid: int) -> bool:
    if any(rid_of(message) == rid and not is_copy(message) for message in world.network):
        return True
    return any(request.rid == rid for holder in world.holders for request in requests_of(holder))


def rid_of(message: Message) -> int:
    """Return the id of the request that it is, or answers; 0 if it is none."""
    return 0 if isinstance(message, ClientSign) else message.rid


def is_copy(message: Message) -> bool:
    """Whether nobody waits for it: a copy, or what is said on a stream."""
    return message.ghost if isinstance(message, Answer) else bool(message.exchange)


def network_moves(world: World) -> Iterable[Move]:
    for message in world.network:
        if world.left[Budget.COPIES] and not is_copy(message):
            yield ("copy", message)
        if isinstance(message, Answer):
            yield ("client gets", message)
        else:
            holders = [each for each in world.holders if hears(each, message)]
            yield from [("node hears", record_of(each).generation, message) for each in holders]


def node_moves(world: World, holder: Holder, scope: Scope) -> Iterable[Move]:
    """Return what a node may do; one that is not the owner any more as well."""
    generation, machine = record_of(holder).generation, holder.machine
    if holder.desk.held is not None:
        yield ("wait is over", generation)
    for request in machine[AT["_waiting"]]:
        yield ("waits too long", generation, request)
    if holder.calling is not None and not awaits_receipts(holder.calling, holder.receipts):
        yield ("handler returns", generation)
        if scope.yields and machine[AT["_call"]] == "running":
            yield ("handler waits", generation)
    if machine[0] == "owned" and holder.desk.read < world.engine.log:
        yield ("node reads", generation)
    if world.pushed < scope.pushes and machine[0] != "ending":
        yield ("application sends", generation)
    if under_way(holder) is not None and not is_under_way(world, holder):
        yield ("node sends its change again", generation)
    yield from receipt_moves(holder)
    yield from what_a_node_learns(world, holder)


def receipt_moves(holder: Holder) -> Iterable[Move]:
    """Return what may happen to the receipts of a session."""
    if holder.receipts is None:
        return
    generation, recorded = record_of(holder).generation, recorded_receipts(holder)
    if holder.touched:
        yield ("node records receipts", generation)
    if holder.receiving:
        yield ("receipt was given", generation)
    for each in holder.receipts.due:
        if each.number in holder.dying or each.number > recorded.last:
            continue
        if not each.begun and holder.machine[0] != "leaving":
            yield ("receipt begins", generation, each.number)
        elif recorded.has_begun(each.number) and not holder.receiving and is_owned(holder):
            yield ("receipt is given", generation, each.number, each.receipt.id)


def is_owned(holder: Holder) -> bool:
    """Whether a node has the session, as far as it can know."""
    return holder.leased and all(asked is not None for asked, _ in doubts_of(holder))


def has_begun(holder: Holder) -> bool:
    """Whether a handler of a receipt is called there, or about to be."""
    return holder.receipts is not None and any(
        each.begun and each.number not in holder.dying for each in holder.receipts.due
    )


def is_under_way(world: World, holder: Holder) -> bool:
    key = record_of(holder)[:2]
    return any((each.generation, each.version) == key and not each.copy for each in world.operations)


def what_a_node_learns(world: World, holder: Holder) -> Iterable[Move]:
    generation, engine = record_of(holder).generation, world.engine
    if engine.record is not None and generation != engine.record.generation and not engine.lost:
        yield ("node learns that it is no owner", generation)
    if not holder.leased:
        yield ("lease renewed", generation)
    if engine.lost and not any(request is None for request, _ in holder.machine[AT["_doubts"]]):
        yield ("node learns that the engine was away", generation)


def harm_to(world: World, holder: Holder) -> Iterable[Move]:
    """Return what may happen to a node; to an owner not while the engine lacks what it has lost."""
    generation, engine, left = record_of(holder).generation, world.engine, world.left
    if engine.lost and (engine.record is None or generation >= engine.record.generation):
        return
    if left[Budget.CRASHES]:
        yield ("crash", generation)
    if left[Budget.LEASES] and holder.leased:
        yield ("lease over", generation)
    if left[Budget.DRAINS] and holder.machine[0] in LIVES and not has_begun(holder):
        yield ("drain", generation)
    if left[Budget.ENDS] and holder.desk.held is None and holder.machine[0] in LIVES:
        yield ("end", generation)


def engine_moves(world: World, scope: Scope) -> Iterable[Move]:
    engine, record = world.engine, world.engine.record
    if engine.log < scope.published:
        yield ("publish",)
    if record is None or engine.lost:
        return
    owners = [each for each in world.holders if record_of(each).generation == record.generation]
    room = len(world.holders) < scope.holders
    if room and not record.gone and not any(owner.leased for owner in owners):
        yield ("adopt",)
    if world.left[Budget.LOSSES] and owners and record_of(owners[0]).version:
        yield ("lose",)
