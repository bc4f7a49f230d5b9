"""Cancel at every await: a whole tree is cancelled at each of its steps in turn, while all sorts of things go on.

Whichever it is, the cancellation comes through, every call is answered, and nothing is left: no
actor, no task, nothing that a child held. No error is lost: what a child raised is reported.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import Actor, ActorRef, Future, current_system, system
from cometary.errors import CometaryError
from cometary.supervision import (
    Backoff,
    ChildSpec,
    DynamicSupervisor,
    SupervisorSpec,
    delete_child,
    restart_child,
    start_child,
    supervise,
    terminate_child,
    which_children,
)
from tests.actors.unwinding import CancelAtStep


class Ledger:
    """Counts what is held, what was raised, and keeps every answer that was asked for."""

    def __init__(self) -> None:
        self.held = 0
        self.raised = 0
        self.finished = False
        self.refs: set[ActorRef[Any]] = set()
        self.answers: list[Future[Any]] = []

    def ask(self, ref: ActorRef[Any], message: Any) -> Future[Any]:
        answer: Future[Any] = ref.ask(message, block=False)
        self.answers.append(answer)
        return answer


class Holder(Actor):
    """Holds something for as long as it lives; takes its time for everything."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger
        ledger.refs.add(self.actor_ref)

    async def on_start(self) -> None:  # type: ignore[override]
        self.start_task(self.hold)
        await trio.sleep(1)

    async def hold(self) -> None:
        self.ledger.held += 1
        try:
            await trio.sleep_forever()
        finally:
            self.ledger.held -= 1

    async def on_stop(self) -> None:  # type: ignore[override]
        await trio.sleep(1)

    async def on_receive(self, message: Any) -> Any:
        if message == "crash":
            self.ledger.raised += 1
            raise LookupError("as told")
        await trio.sleep(message)
        return message


class Plain(Actor):
    """Runs on the scheduler."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger
        ledger.refs.add(self.actor_ref)

    def on_receive(self, message: Any) -> Any:
        if message == "crash":
            self.ledger.raised += 1
            raise LookupError("as told")
        return message


async def hold(ledger: Ledger, *, task_status: trio.TaskStatus[None]) -> None:
    ledger.held += 1
    try:
        await trio.sleep(1)
        task_status.started()
        await trio.sleep_forever()
    finally:
        ledger.held -= 1


def children(ledger: Ledger) -> list[ChildSpec]:
    pair = [ChildSpec(name, Holder, (ledger,)) for name in ("x", "y")]
    return [
        ChildSpec("function", hold, (ledger,)),
        ChildSpec("team", SupervisorSpec(pair, strategy="one_for_all", backoff=Backoff(1, 2))),
        ChildSpec("crowd", DynamicSupervisor, kwargs={"per": "child", "backoff": Backoff(1, 2)}),
        ChildSpec("plain", Plain, (ledger,)),
    ]


async def child(supervisor: ActorRef[Any], name: str) -> ActorRef[Any]:
    (ref,) = [info.ref for info in await which_children(supervisor) if info.id == name]
    assert ref is not None
    return ref


async def scenario(ledger: Ledger) -> None:
    async with supervise(children(ledger), strategy="rest_for_one", intensity=10) as root:
        team, crowd, plain = [await child(root, name) for name in ("team", "crowd", "plain")]
        for ref in (await child(team, "x"), plain):
            ref.tell("crash")
            ledger.ask(ref, 1)  # answered by the next incarnation
        one = await start_child(crowd, Holder, ledger)
        two = await start_child(crowd, Plain, ledger)
        one.tell("crash")
        two.tell("crash")
        await ledger.ask(two, 2)
        ledger.ask(one, 1000)
        await terminate_child(crowd, two)
        await start_child(root, ChildSpec("late", Holder, (ledger,), shutdown=1))
        ledger.ask(await child(root, "late"), 1000)
        await terminate_child(root, "late")  # which is killed when its time is up
        with suppress(CometaryError):
            await restart_child(root, "team")
        await delete_child(root, "late")
        team.kill()
        await trio.sleep(5)
        (await child(team, "y")).tell("crash")
        await trio.sleep(0.5)  # in the middle of a back-off
    ledger.finished = True


def run_cancelled_at(step: int, caplog: pytest.LogCaptureFixture) -> bool:
    """Run the scenario; returns whether it has as many steps."""
    ledger, scope = Ledger(), trio.CancelScope()
    instrument = CancelAtStep(scope, step)

    async def main() -> None:
        trio.lowlevel.add_instrument(instrument)
        with trio.fail_after(600), scope:
            async with system():
                actors = current_system()
                try:
                    await scenario(ledger)
                finally:
                    assert not actors.actors
        trio.lowlevel.remove_instrument(instrument)

    caplog.clear()
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert ledger.held == 0
    assert not [str(ref) for ref in ledger.refs if ref.is_alive()]
    assert not [answer for answer in ledger.answers if not answer.done()]
    told = [record for record in caplog.records if "LookupError" in record.getMessage()]
    assert len(told) == ledger.raised
    assert ledger.finished is not scope.cancelled_caught
    return scope.cancel_called


def test_a_cancellation_at_any_step_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    step = 1
    while run_cancelled_at(step, caplog):
        step += 1
    assert step > 100, "the scenario has many steps"
