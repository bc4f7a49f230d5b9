"""What must hold, where it could break."""

from __future__ import annotations

from tests.cluster.checker.holding import record_of
from tests.cluster.checker.scopes import Scope
from tests.cluster.checker.world import SIGN_OFF, Client, Engine, World


def takes(client: Client, packet: bytes, engine: Engine, *, mirrored: bool) -> Client:
    """The client takes a packet; of a mirrored session one of a path's log is recorded like any other."""
    if packet[:1] == b"L":
        assert int(packet[1:]) == client.read + 1, f"of the path's log {packet!r} comes after {client.read}"
        client = client._replace(read=client.read + 1)
        if not mirrored:
            return client
    assert packet not in client.got, f"packet {packet!r} comes twice"
    place = len(client.got)
    due = engine.sent[place : place + 1]
    assert due == (packet,), f"packet {packet!r} comes where {due} is recorded"
    return client._replace(got=(*client.got, packet))


def called(world: World, item: bytes, generation: int, scope: Scope) -> World:
    """A handler is called."""
    number = scope.inbound if item == SIGN_OFF else int(item) - 1
    times = list(world.called)
    times[number] += 1
    if not scope.redo:
        assert times[number] == 1, f"the handler is called twice for packet {item!r}"
    told = [max(pair) for pair in zip(world.called, world.reported, strict=True)]
    assert item == SIGN_OFF or all(told[:number]), f"{item!r} is handled before an older packet"
    record = world.engine.record
    if record is not None and not world.engine.lost:
        assert generation >= record.generation, f"another node owns the session, and {item!r} is called for"
    return world._replace(called=tuple([min(count, 2) for count in times]))


def reported(world: World, item: bytes, generation: int, scope: Scope) -> World:
    """A death is reported: once by each owner that may not know of another's report."""
    number = scope.inbound if item == SIGN_OFF else int(item) - 1
    by, me = list(world.reported), 1 << generation
    assert not by[number] & me, f"a death is reported twice for packet {item!r}"
    by[number] |= me
    return world._replace(reported=tuple(by))


def given(world: World, receipt: str, generation: int) -> World:
    """A handler is called for a receipt."""
    number = int(receipt[1:]) - 1
    times = list(world.given)
    times[number] += 1
    assert times[number] == 1, f"the handler is called twice for the receipt of {receipt}"
    record = world.engine.record
    if record is not None and not world.engine.lost:
        assert generation >= record.generation, (
            f"another node owns the session, and {receipt} has its receipt"
        )
    return world._replace(given=tuple(times))


def buried(world: World, receipt: str, generation: int) -> World:
    """It is reported that such a handler died with its node."""
    number = int(receipt[1:]) - 1
    by, me = list(world.dead), 1 << generation
    assert not by[number] & me, f"a death is reported twice for the receipt of {receipt}"
    by[number] |= me
    return world._replace(dead=tuple(by))


def recorded(engine: Engine, world: World) -> Engine:
    """Note what is recorded for the client, and whether the engine has all again that it had."""
    record = engine.record
    assert record is not None
    sent = engine.sent[: record.base] + record.out if not record.gone else engine.sent
    if not engine.lost:
        assert sent[: len(engine.sent)] == engine.sent, f"the record had {engine.sent}, and now {sent}"
    whole = all(record[:2] >= record_of(each)[:2] for each in world.holders)
    if engine.lost and not whole:
        return engine  # nothing of it is confirmed (R9)
    longer = sent if len(sent) > len(engine.sent) else engine.sent
    assert len(set(longer)) == len(longer), f"a packet is in the record twice: {longer}"
    return engine._replace(sent=longer, lost=False)
