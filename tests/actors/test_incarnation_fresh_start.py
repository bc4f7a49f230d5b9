"""What ended an incarnation, or was for it alone, does not reach the next one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import Actor, ActorRef, ActorSystem, Down, Exit, ExitSignal, groups, system
from tests.actors.reviver import Reviver


class Heir(Actor):
    """Does what it is told to, and writes down all else; the next incarnation writes on."""

    trap_exits = True

    def __init__(self, trail: list[Any]) -> None:
        super().__init__()
        self.trail = trail

    def on_start(self) -> None:
        self.trail.append("start")

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        self.trail.append(message)
        return None


class AsyncHeir(Heir):
    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


def doing(what: Callable[[Heir], object]) -> Callable[[Heir], object]:
    return what


KINDS = pytest.mark.parametrize("kind", [Heir, AsyncHeir], ids=["def", "async def"])


async def heir(
    kind: type[Heir], actors: ActorSystem, *, keep_mail: bool = True
) -> tuple[ActorRef[Any], list[Any]]:
    trail: list[Any] = []
    ref, started = actors.launch(kind, (trail,), {}, Reviver(actors, trail, keep_mail=keep_mail))
    await started
    await wait_all_tasks_blocked()
    trail.clear()
    return ref, trail


@KINDS
@pytest.mark.parametrize("keep_mail", [True, False])
async def test_timers_end_with_the_mail(
    kind: type[Heir], autojump_clock: MockClock, *, keep_mail: bool
) -> None:
    def set_timers(actor: Heir) -> None:
        actor.timer("old").start(10)

    def set_another(actor: Heir) -> None:
        actor.timer("new").start(10)

    async with system(stop_timeout=0) as actors:
        ref, trail = await heir(kind, actors, keep_mail=keep_mail)
        await ref.ask(set_timers)
        ref.kill()
        while trail != ["start"]:
            await trio.lowlevel.checkpoint()
        await ref.ask(set_another)
        await trio.sleep(11)
        assert trail == (["start", "old", "new"] if keep_mail else ["start", "new"])


@KINDS
async def test_downs_and_exit_signals_are_for_the_incarnation_that_asked_for_them(kind: type[Heir]) -> None:
    async with system(stop_timeout=0) as actors:
        ref, trail = await heir(kind, actors)
        watched, linked = Heir.start([]), Heir.start([])
        for actor in (watched, linked):
            await actor.ask("up?")
        await ref.ask(doing(lambda actor: actor.monitor(watched)))
        await ref.ask(doing(lambda actor: actor.link(linked)))

        def end_all_and_crash(_: Heir) -> None:
            watched.kill()
            linked.kill()
            ref.exit("told so")
            raise LookupError("crash")

        ref.tell(end_all_and_crash)
        ref.tell("kept")
        await wait_all_tasks_blocked()
        assert trail == ["start", "kept"]


@KINDS
async def test_downs_and_exit_signals_of_this_incarnation_arrive(kind: type[Heir]) -> None:
    async with system(stop_timeout=0) as actors:
        ref, trail = await heir(kind, actors)
        ref.kill()
        other = Heir.start([])
        await ref.ask(doing(lambda actor: actor.monitor(other)))
        await ref.ask(doing(lambda actor: actor.link(other)))
        await other.stop()
        await wait_all_tasks_blocked()
        assert trail == ["start", Down(other, Exit("normal")), ExitSignal(other, Exit("normal"))]


@KINDS
async def test_changes_of_a_group_are_for_the_incarnation_that_monitors_it(kind: type[Heir]) -> None:
    async with system(stop_timeout=0) as actors:
        ref, trail = await heir(kind, actors)
        member = Heir.start([])
        groups().monitor("all", ref)

        def let_join_and_crash(_: Heir) -> None:
            groups().join("all", member)
            raise LookupError("crash")

        ref.tell(let_join_and_crash)
        await wait_all_tasks_blocked()
        assert groups().monitor("all", ref) == [member]
        await wait_all_tasks_blocked()
        assert trail == ["start"]


@KINDS
async def test_an_order_of_an_incarnation_to_stop_is_for_itself(kind: type[Heir]) -> None:
    def stop_and_crash(actor: Heir) -> None:
        actor.stop()
        raise LookupError("crash")

    async with system(stop_timeout=0) as actors:
        ref, trail = await heir(kind, actors)
        ref.tell(stop_and_crash)
        ref.tell("kept")
        await wait_all_tasks_blocked()
        assert trail == ["start", "kept"]
        await ref.ask(doing(lambda actor: actor.stop()))
        await wait_all_tasks_blocked()
        assert trail == ["start", "kept", "start"]


@KINDS
async def test_what_an_actor_crashed_of_is_told_as_it_received_it(kind: type[Heir]) -> None:
    class Frail(kind):  # type: ignore[valid-type, misc]
        def on_receive(self, message: Any) -> Any:
            if message.__class__ is Down:
                raise LookupError("crash")
            return Heir.on_receive(self, message)

    async with system():
        other = Heir.start([])
        frail = Frail.start([])
        await frail.ask(doing(lambda actor: actor.monitor(other)))
        other.kill()
        exit_ = await frail.stopped()
        assert exit_.last_message == Down(other, Exit("killed"))
