"""Cancel at every await: a system is cancelled at each of its checkpoints in turn.

Whichever it is, the cancellation comes through, no caller is left waiting, no actor is left
alive, and what the actors hold is given back.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import Actor, ActorDeadError, ActorRef, Future, system
from tests.actors.unwinding import CancelAtStep


class Ledger:
    """Counts what is held, and keeps every answer that was asked for."""

    def __init__(self) -> None:
        self.held = 0
        self.refs: list[ActorRef[Any]] = []
        self.answers: list[Future[Any]] = []

    def ask(self, ref: ActorRef[Any], message: Any) -> Future[Any]:
        answer: Future[Any] = ref.ask(message, block=False)
        self.answers.append(answer)
        return answer


class Holder(Actor):
    """Holds something from its start to its end, whatever that is."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger
        ledger.refs.append(self.actor_ref)

    def on_start(self) -> None:
        self.start_task(self.hold)

    async def hold(self) -> None:
        self.ledger.held += 1
        try:
            await trio.sleep_forever()
        finally:
            self.ledger.held -= 1

    def on_receive(self, message: Any) -> Any:
        if message == "later":
            return self.reply_later()
        if message == "fail":
            raise LookupError("as told")
        return message


class AsyncHolder(Holder):
    async def on_start(self) -> None:  # type: ignore[override]
        super().on_start()
        await trio.lowlevel.checkpoint()

    async def on_receive(self, message: Any) -> Any:
        await trio.lowlevel.checkpoint()
        if message == "wait":
            await trio.sleep_forever()
        return super().on_receive(message)

    async def on_stop(self) -> None:  # type: ignore[override]
        await trio.lowlevel.checkpoint()


async def scenario(ledger: Ledger, batch: int) -> None:
    async with system() as actors:
        actors.scheduler.batch = batch
        refs: list[ActorRef[Any]] = [await Holder.start_async(ledger), await AsyncHolder.start_async(ledger)]
        for ref in refs:
            assert await ledger.ask(ref, "x") == "x"
            ledger.ask(ref, "later")
            with pytest.raises(LookupError):
                await ledger.ask(ref, "fail")
            ref.actor_inbox.system.start_soon(ref.stopped)
        crashing, killed = Holder.start(ledger), AsyncHolder.start(ledger)
        crashing.tell("fail")
        behind = ledger.ask(crashing, "behind")
        with pytest.raises(ActorDeadError):
            await behind
        waiting = ledger.ask(killed, "wait")
        await trio.testing.wait_all_tasks_blocked()
        killed.kill()
        with pytest.raises(ActorDeadError):
            await waiting
        await refs[0].stop()
        ledger.ask(refs[1], "wait")
        await trio.sleep(1)


def run_cancelled_at(step: int, batch: int) -> bool:
    """Run the scenario; returns whether it has as many steps."""
    ledger = Ledger()
    scope = trio.CancelScope()
    instrument = CancelAtStep(scope, step)

    async def main() -> None:
        trio.lowlevel.add_instrument(instrument)
        with trio.fail_after(60), scope:
            await scenario(ledger, batch)
        trio.lowlevel.remove_instrument(instrument)
        me = trio.lowlevel.current_task()
        assert not me.child_nurseries

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert ledger.held == 0
    assert not [str(ref) for ref in ledger.refs if ref.is_alive()]
    assert not [answer for answer in ledger.answers if not answer.done()]
    return scope.cancel_called


@pytest.mark.parametrize("batch", [1, 200], ids=["asking takes rounds of Trio", "asking takes none"])
def test_a_cancellation_at_any_step_leaves_nothing_behind(
    batch: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    step = 1
    while run_cancelled_at(step, batch):
        step += 1
    assert step > 40, "the scenario has many steps"
