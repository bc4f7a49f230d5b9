"""Which worlds are one: what can have no effect any more is left out, and ids are counted from the last answer."""

from __future__ import annotations

from cometary.cluster.change import Change
from cometary.cluster.owner_events import ClientSign
from cometary.cluster.record import Record
from tests.cluster.checker.holding import record_of, shifted_holder, under_way, with_record
from tests.cluster.checker.moves import hears, is_copy
from tests.cluster.checker.world import (
    BASE,
    Answer,
    Message,
    Operation,
    World,
    shifted,
    shifted_change,
    shifted_record,
    shifted_request,
)


def canonical(world: World, *, unfenced: bool, mirror: bool = False) -> World:
    """Return the world that stands for all that are like it.

    Args:
        world: the world.
        unfenced: whether an operation counts that comes too late.
        mirror: whether each request is a change, so that there is no end of versions.
    """
    by = BASE - world.client.resumption.done
    if by:
        world = shifted_world(world, by)
    if mirror:
        world = with_small_versions(world)
    asked = {waiting.rid for waiting in world.client.waiting}
    network = {each for each in world.network if matters(each, asked, world)}
    operations = {each for each in world.operations if unfenced or counts(each, world)}
    return world._replace(
        holders=tuple(sorted(world.holders, key=lambda each: record_of(each).generation)),
        network=tuple(sorted(network, key=hash)),
        operations=tuple(sorted(operations, key=hash)),
    )


def matters(message: Message, asked: set[int], world: World) -> bool:
    """Whether a message can still have any effect."""
    client = world.client
    if client.over:
        return False
    if isinstance(message, ClientSign):
        waits = client.line is not None and client.line.number == message.exchange[1]
        return waits and any(hears(each, message) for each in world.holders)
    if isinstance(message, Answer) and message.ghost and message.rid not in asked:
        return bool(message.packets) or message.generation > client.resumption.generation
    return is_copy(message) or message.rid in asked


def counts(operation: Operation, world: World) -> bool:
    """Whether an operation can still change anything, or anybody waits for its reply."""
    key = (operation.generation, operation.version)
    if any(record_of(each)[:2] == key and under_way(each) is not None for each in world.holders):
        return True
    record = world.engine.record
    return operation.reply is None and (record is None or record[:2] == key)


def shifted_world(world: World, by: int) -> World:
    """Return a world with smaller ids."""
    client, engine = world.client, world.engine
    client = client._replace(
        resumption=client.resumption._replace(done=BASE),
        next=client.next + by,
        waiting=tuple([each._replace(rid=shifted(each.rid, by)) for each in client.waiting]),
    )
    engine = engine._replace(
        record=engine.record and shifted_record(engine.record, by),
        before=engine.before and shifted_record(engine.before, by),
    )
    return world._replace(
        engine=engine,
        holders=tuple([shifted_holder(each, by) for each in world.holders]),
        operations=tuple([each._replace(what=shifted_what(each.what, by)) for each in world.operations]),
        network=tuple([shifted_message(each, by) for each in world.network]),
        client=client,
    )


def shifted_what(what: Change | Record, by: int) -> Change | Record:
    return shifted_change(what, by) if isinstance(what, Change) else shifted_record(what, by)


def shifted_message(message: Message, by: int) -> Message:
    if isinstance(message, ClientSign):
        return message
    if isinstance(message, Answer):
        return message._replace(rid=shifted(message.rid, by))
    return shifted_request(message, by)


APART = 3
"""By how much versions differ at most: what counts is their order, and which one comes behind which."""


def with_small_versions(world: World) -> World:
    """Return a world with versions that are no larger than they have to be."""
    records = [record_of(each) for each in world.holders]
    records += [each for each in (world.engine.record, world.engine.before) if each is not None]
    known = sorted({each.version for each in records} | {each.version for each in world.operations})
    small, last = dict[int, int](), 0
    for version in known:
        last = small[version] = last + min(version - (max(small) if small else 0), APART)
    if known == [*small.values()]:
        return world
    engine = world.engine
    return world._replace(
        engine=engine._replace(
            record=engine.record and with_version(engine.record, small),
            before=engine.before and with_version(engine.before, small),
        ),
        holders=tuple([with_record(each, with_version(record_of(each), small)) for each in world.holders]),
        operations=tuple(
            [
                each._replace(
                    version=small[each.version],
                    what=with_version(each.what, small) if isinstance(each.what, Record) else each.what,
                )
                for each in world.operations
            ]
        ),
    )


def with_version(record: Record, small: dict[int, int]) -> Record:
    return record._replace(version=small[record.version])
