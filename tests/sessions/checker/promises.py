"""What must be true of a session whenever nothing is being handled."""

from __future__ import annotations

from typing import Any

from cometary.sessions.actor import EXPIRY
from cometary.sessions.machine import EARLY, HOLD_OR_DIE
from tests.sessions.checker.played import EXPIRING, THERE, timer_of
from tests.sessions.checker.world import World


def check(world: World) -> None:
    """Check what must be true whenever nothing is being handled."""
    assert world.owed is None, f"the application is not told that the call for {world.owed} has failed"
    if world.keeper.ended is None:
        check_living(world)
    else:
        check_ended(world)


def check_living(world: World) -> None:
    keeper, machine = world.keeper, world.keeper.machine
    outbox, window, held, stream = machine.outbox, machine.window, machine.held, machine.stream
    check_receipts(world)
    assert outbox.acknowledged == world.acknowledged, "an acknowledgement was ignored, or too much presumed"
    assert [packet.message for packet in outbox.packets] == list(
        range(world.acknowledged + 1, world.pushed + 1)
    ), f"the outbox is not what was sent and not acknowledged: {outbox.packets}"
    assert len(outbox) <= world.settings.max_queued_packets, "more waits than may"
    waits = [one for one in world.exchanges if one.where == THERE and not one.told]
    early = [one for one in waits if one is not held]
    assert held is None or held in waits, "a request is held that is answered or gone"
    assert all(window.early(one.rid) for one in early), f"two requests are held, or one is forgotten: {waits}"
    assert len({one.rid for one in early}) == len(early), "two sendings of one early request wait"
    check_streams(world)
    unsent = outbox.has_more(outbox.sent if stream is None else stream.carried)
    carries = held or (stream and not (stream.full or stream.more))
    state = "have_request" if carries else "have_packet" if unsent else "waiting"
    cut = (
        machine.state.name == "waiting" and unsent and stream is None and outbox.sent > outbox.acknowledged
    )  # its rule 1
    over = (
        machine.state.name == "have_packet" and state == "waiting" and world.packets is EXPIRING
    )  # its rule 8
    left = machine.state.name == "have_packet" and state == "waiting" and stream is not None
    assert cut or over or left or machine.state.name == state, (
        f"the state is {machine.state.name} and should be {state}"
    )
    assert not carries or not unsent, "there is a carrier, and something to send"
    policy = machine.policy
    hold = policy.grace if stream and stream.asked else policy.beat if stream else machine.wait
    check_timer(world, HOLD_OR_DIE, hold if carries else policy.die)
    if early:
        check_timer(world, EARLY, machine.wait)
    if world.packets is EXPIRING and unsent:
        running = EXPIRY in keeper.timers and keeper.timers[EXPIRY].running
        assert running or EXPIRY in map(timer_of, world.late), "a packet waits that will never expire"
    if keeper.unhandled:
        goes_on = world.running is not None or world.done is not None or keeper.waits
        assert goes_on, "the application is never called again"


def check_receipts(world: World) -> None:
    """What was acknowledged is delivered; what goes beyond that is presumed, and counts as acknowledged from now on."""
    known, world.acknowledged = world.acknowledged, max(world.acknowledged, world.presumed)
    told = [(number, "delivered") for number in range(world.before + 1, known + 1)]
    told += [(number, "presumed") for number in range(max(known, world.before) + 1, world.acknowledged + 1)]
    assert world.receipts == (told if world.tracked else []), f"receipts: {world.receipts}"


def check_streams(world: World) -> None:
    machine = world.keeper.machine
    attached = [line for line in world.lines if line.attached]
    assert attached == ([] if machine.stream is None else [machine.stream]), (
        f"{len(attached)} streams are attached; the session has {machine.stream}"
    )
    assert machine.held is None or machine.stream is None, "there are two carriers"
    known = world.acknowledged if machine.policy.resends else world.carried
    for line in attached:
        assert line.carried <= max(line.last, line.ack, known), (
            f"a stream need not carry {line.carried}, although nobody has"
        )


def check_timer(world: World, name: str, seconds: float) -> None:
    timer = world.keeper.timers.get(name)
    messages = [one for one in world.late if timer_of(one) == name]
    if timer is not None and timer.running:
        messages.append(timer.message)
    live = [one for one in messages if one in world.keeper.machine.running_timers]
    assert live, f"no timer {name} runs in the state {world.keeper.machine.state.name}"
    assert live[0].seconds == seconds, f"the timer {name} runs for {live[0].seconds} s, not {seconds} s"


def check_ended(world: World) -> None:
    assert not any(timer.running for timer in world.keeper.timers.values()), "a timer runs on after the end"
    waits: list[Any] = [one for one in world.exchanges if one.where == THERE and not one.told]
    waits += [line for line in world.lines if line.attached]
    assert not waits, f"the session has ended, and nobody answers {waits}"
    busy = world.running is not None or bool(world.done) or world.keeper.waits
    assert world.is_signed_off or world.signing_off or (busy and world.keeper.unhandled), (
        "the application will not hear of the end"
    )
    over = world.is_signed_off and not busy
    assert world.stopped == over, (
        f"the actor of the ended session {'stops too early' if world.stopped else 'stays'}"
    )
