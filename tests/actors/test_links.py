"""Links: who ends with whom, who is told instead, and that nothing is left behind."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from operator import methodcaller
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary.actors import (
    KILLED,
    NOPROC,
    NORMAL,
    SHUTDOWN,
    Actor,
    ActorDeadError,
    ActorRef,
    ActorSystem,
    Exit,
    ExitSignal,
    ThreadingActor,
    system,
    system_in_thread,
)
from cometary.actors.links import SignalQueue
from cometary.errors import UsageError
from tests.actors.reviver import Reviver
from tests.actors.unwinding import linger
from tests.orders import first_come_first_served


class Linked(Actor):
    """Links to whomever it is given; does what it is sent, and keeps everything else."""

    def __init__(self, *others: ActorRef[Any], trap: bool = False) -> None:
        super().__init__()
        self.trap_exits = trap
        self.got: list[object] = []
        for other in others:
            self.link(other)

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        self.got.append(message)
        return list(self.got)

    def on_stop(self) -> None:
        stopped.append(self)

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        failed.append(exception_value)


class AsyncLinked(Linked):
    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


stopped: list[Actor] = []
failed: list[object] = []
KINDS = pytest.mark.parametrize("kind", [Linked, AsyncLinked], ids=["def", "async def"])


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "cometary.actors")
    stopped.clear()
    failed.clear()


def crash(_: Actor) -> None:
    raise LookupError("as told")


def link_to_itself(actor: Actor) -> None:
    actor.link(actor.actor_ref)


def unlink_from_itself(actor: Actor) -> None:
    actor.unlink(actor.actor_ref)


def links_of(ref: ActorRef[Any]) -> int:
    links = ref.actor_inbox._links
    return 0 if links is None else len(links)


# -- who ends with whom -------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("reason", ["shutdown", "killed", "out of paper"])
@pytest.mark.parametrize("starter_ends", [True, False])
async def test_any_other_end_than_normal_takes_the_other_along(
    kind: Any, reason: str, *, starter_ends: bool
) -> None:
    async with system():
        one = await kind.start_async()
        two = await kind.start_async(one)
        first, second = (two, one) if starter_ends else (one, two)
        if reason == "killed":
            first.kill()
        else:
            first.stop(exit=reason)
        assert await second.stopped() == Exit(reason)
        assert not second.is_alive()
    assert len(stopped) == (reason != "killed")  # the one that was asked to stop, not the one taken along


@KINDS
async def test_a_crash_takes_the_other_along_with_its_error_and_without_its_account(
    kind: Any,
) -> None:
    async with system():
        one = kind.start()
        two = kind.start(one)
        one.tell(crash)
        first = await one.stopped()
        second = await two.stopped()
    assert second.reason == "crashed"
    assert first.error is failed[0]
    assert repr(second.error) == repr(first.error)
    assert (first.last_message, second.last_message) == (crash, None)
    assert len(failed) == 1  # `on_failure` is for one's own failures


@KINDS
async def test_a_normal_end_takes_nobody_along_and_ends_the_link(kind: Any) -> None:
    async with system():
        one = kind.start()
        two = kind.start(one)
        await one.stop()
        assert await two.ask("alive") == ["alive"]
        assert links_of(two) == 0


@KINDS
async def test_after_unlink_each_goes_its_own_way(kind: Any) -> None:
    async with system():
        one = kind.start()
        two = kind.start(one)
        await two.ask(methodcaller("unlink", one))
        await two.ask(methodcaller("unlink", one))  # harmless
        assert links_of(one) == links_of(two) == 0
        one.kill()
        await one.stopped()
        assert await two.ask("alive") == ["alive"]


@KINDS
async def test_either_side_may_unlink(kind: Any) -> None:
    async with system():
        one = kind.start()
        two = kind.start(one)
        await one.ask(methodcaller("unlink", two))
        two.kill()
        await two.stopped()
        assert await one.ask("alive") == ["alive"]


@KINDS
async def test_a_link_is_one_however_often_it_is_made(kind: Any) -> None:
    async with system():
        one = kind.start()
        two = kind.start(one, one, trap=True)
        await one.ask(methodcaller("link", two))
        await two.ask(methodcaller("link", one))
        assert links_of(one) == links_of(two) == 1
        one.kill()
        await one.stopped()
        assert await two.ask("x") == [ExitSignal(one, KILLED), "x"]


@KINDS
async def test_linking_to_oneself_changes_nothing(kind: Any) -> None:
    async with system():
        ref = kind.start(trap=True)
        await ref.ask(link_to_itself)
        assert links_of(ref) == 0
        await ref.ask(unlink_from_itself)
        await ref.stop()


@KINDS
async def test_linking_to_the_dead_ends_with_noproc(kind: Any) -> None:
    async with system():
        dead = kind.start()
        await dead.stop()
        ref = kind.start()
        await ref.ask(methodcaller("link", dead))
        assert await ref.stopped() == NOPROC
        trapping = kind.start(trap=True)
        await trapping.ask(methodcaller("link", dead))
        assert await trapping.ask("x") == [ExitSignal(dead, NOPROC), "x"]
        assert links_of(trapping) == 0


@KINDS
async def test_linking_to_the_dead_in_the_constructor_is_told_to_the_starter(kind: Any) -> None:
    async with system() as actors:
        dead = kind.start()
        await dead.stop()
        with pytest.raises(ActorDeadError, match="noproc"):
            await kind.start_async(dead)
        assert await kind.start(dead).stopped() == NOPROC
        assert not actors.actors


async def test_a_threading_actor_cannot_be_linked() -> None:
    class Thread(ThreadingActor):
        pass

    thread: Any = Thread.start()
    async with system():
        ref = Linked.start()
        with pytest.raises(UsageError, match="no reference to one of Cometary's"):
            await ref.ask(methodcaller("link", thread))
        assert links_of(ref) == 0
    thread.stop()


async def test_an_incarnation_that_has_ended_links_to_nobody() -> None:
    async with system():
        ref, other = await Linked.start_async(), Linked.start()
        actor: Any = ref.actor_inbox.actor
        await ref.stop()
        with pytest.raises(ActorDeadError):
            actor.link(other)
        with pytest.raises(ActorDeadError):
            actor.start_linked(Linked)
        actor.unlink(other)
        assert links_of(other) == 0


# -- many of them -------------------------------------------------------------------------


@KINDS
async def test_a_ring_of_links_ends_cleanly(kind: Any) -> None:
    async with system() as actors:
        ring = [kind.start() for _ in range(5)]
        for ref, following in zip(ring, [*ring[1:], ring[0]], strict=True):
            await ref.ask(methodcaller("link", following))
        ring[2].stop(exit="done for")
        assert [await ref.stopped() for ref in ring] == [Exit("done for")] * 5
        assert not actors.actors
        assert [links_of(ref) for ref in ring] == [0] * 5


async def test_a_chain_of_links_may_be_longer_than_the_stack_is_deep() -> None:
    async with system(stop_timeout=0) as actors:
        first = last = Linked.start()
        for _ in range(2 * sys.getrecursionlimit()):
            last = Linked.start(last)
        first.kill()
        assert await last.stopped() == KILLED
        assert not actors.actors


def test_a_signal_that_fails_does_not_hold_up_the_next_ones() -> None:
    queue = SignalQueue()
    delivered: list[object] = []

    def fail() -> None:
        queue.send(delivered.append, "behind")
        raise LookupError

    with pytest.raises(LookupError):
        queue.send(fail)
    queue.send(delivered.append, "next")
    assert delivered == ["behind", "next"]


async def test_the_dead_are_on_nobodys_list_of_links() -> None:
    async with system():
        hub = await Linked.start_async()
        for _ in range(20):
            await Linked.start(hub).stop()
        assert links_of(hub) == 0


# -- trapping exits -----------------------------------------------------------------------


@KINDS
async def test_whoever_traps_exits_gets_a_message_for_every_end(kind: Any) -> None:
    async with system():
        ends: list[Callable[[ActorRef[Any]], object]] = [
            lambda ref: ref.stop(),
            lambda ref: ref.stop(exit=SHUTDOWN),
            lambda ref: ref.kill(),
        ]
        trapping = kind.start(trap=True)
        refs = [kind.start() for _ in ends]
        for ref, end in zip(refs, ends, strict=True):
            await trapping.ask(methodcaller("link", ref))
            end(ref)
            await ref.stopped()
        exits = (NORMAL, SHUTDOWN, KILLED)
        expected = [ExitSignal(ref, exit_) for ref, exit_ in zip(refs, exits, strict=True)]
        assert await trapping.ask("x") == [*expected, "x"]
        assert links_of(trapping) == 0


async def test_trapping_may_be_declared_in_the_class() -> None:
    class Trapping(Linked):
        trap_exits = True

        def __init__(self) -> None:
            Actor.__init__(self)
            self.got = []

    async with system():
        ref = Trapping.start()
        ref.exit("whatever")
        assert await ref.ask("x") == [ExitSignal(None, Exit("whatever")), "x"]


@KINDS
async def test_the_kill_of_a_linked_actor_can_be_trapped(kind: Any) -> None:
    """Only the signal `kill` itself is untrappable; what comes along a link is `killed`."""
    async with system():
        one = kind.start()
        two = kind.start(one, trap=True)
        one.exit("kill")
        assert await one.stopped() == KILLED
        assert await two.ask("x") == [ExitSignal(one, KILLED), "x"]


# -- exit signals from outside --------------------------------------------------------------


@KINDS
async def test_an_exit_signal_ends_the_actor_at_once(kind: Any) -> None:
    async with system():
        ref = await kind.start_async()
        behind = ref.ask("behind")
        ref.exit("out of paper")
        assert await ref.stopped() == Exit("out of paper")
        with pytest.raises(ActorDeadError, match="out of paper"):
            await behind
        ref.exit("again")  # harmless
    assert not stopped


@KINDS
async def test_an_exit_signal_normal_is_ignored_or_trapped(kind: Any) -> None:
    async with system():
        ref, trapping = kind.start(), kind.start(trap=True)
        for each in (ref, trapping):
            each.exit("normal", sender=ref)
        assert await ref.ask("x") == ["x"]
        assert await trapping.ask("x") == [ExitSignal(ref, NORMAL), "x"]


@KINDS
async def test_kill_is_untrappable_and_becomes_killed(kind: Any) -> None:
    async with system():
        ref = kind.start(trap=True)
        ref.exit("kill")
        assert await ref.stopped() == KILLED


@KINDS
@pytest.mark.parametrize("reason", ["", None, 3, LookupError("not in here")])
async def test_an_exit_reason_is_an_exit_or_a_word(kind: Any, reason: Any) -> None:
    async with system():
        ref = kind.start()
        with pytest.raises(UsageError, match="an Exit or a word"):
            ref.exit(reason)
        with pytest.raises(UsageError, match="an Exit or a word"):
            ref.stop(exit=reason)
        assert ref.actor_inbox.empty()
        assert await ref.ask("x") == ["x"]


async def test_an_exit_signal_cancels_an_async_handler_and_does_not_call_it_a_failure() -> None:
    class Waiting(AsyncLinked):
        async def on_receive(self, message: Any) -> Any:
            await trio.sleep_forever()

    async with system():
        one = Linked.start()
        two = Waiting.start(one)
        answer = two.ask("wait")
        await wait_all_tasks_blocked()
        one.tell(crash)
        with pytest.raises(ActorDeadError, match="as told"):
            await answer
        assert (await two.stopped()).reason == "crashed"
    assert len(failed) == 1


# -- starting linked ----------------------------------------------------------------------


@KINDS
async def test_an_actor_may_be_started_linked(kind: Any) -> None:
    async with system():
        one = kind.start()
        two = await one.ask(methodcaller("start_linked", kind, trap=True))
        one.kill()
        await one.stopped()
        assert await two.ask("x") == [ExitSignal(one, KILLED), "x"]


@KINDS
async def test_what_the_on_start_of_an_actor_started_linked_raises_is_a_signal(kind: Any) -> None:
    class Broken(kind):  # type: ignore[misc]
        def on_start(self) -> None:
            raise LookupError("no such thing")

    async with system():
        ref = kind.start(trap=True)
        child = await ref.ask(methodcaller("start_linked", Broken))
        await child.stopped()
        (signal, _) = await ref.ask("x")
        assert signal.ref is child
        assert isinstance(signal.exit.error, LookupError)


@KINDS
async def test_a_constructor_that_fails_takes_those_along_that_it_linked_to(kind: Any) -> None:
    class Broken(kind):  # type: ignore[misc]
        def __init__(self, other: ActorRef[Any]) -> None:
            super().__init__(other)  # pyright: ignore[reportUnknownMemberType]
            raise LookupError("no such thing")

    async with system():
        other, starter = kind.start(), kind.start()
        with pytest.raises(LookupError):
            await starter.ask(methodcaller("start_linked", Broken, other))
        exit_ = await other.stopped()
        assert isinstance(exit_.error, LookupError)
        assert links_of(starter) == 0


# -- incarnations -------------------------------------------------------------------------


@KINDS
async def test_the_next_incarnation_is_linked_to_nobody(kind: Any) -> None:
    async with system(stop_timeout=0) as actors:
        parent = Reviver(actors, ends=4)
        ref, _ = actors.launch(kind, (), {}, parent)
        other = kind.start(ref, trap=True)
        ref.kill()
        assert await ref.ask("x") == ["x"]
        assert links_of(ref) == links_of(other) == 0
        other.stop(exit="whatever")
        await other.stopped()
        assert await ref.ask("y") == ["x", "y"]
        assert len(parent.exits) == 1


@KINDS
async def test_a_supervised_actor_that_is_taken_along_is_its_supervisors_business(kind: Any) -> None:
    async with system(stop_timeout=0) as actors:
        parent = Reviver(actors, ends=4)
        ref, _ = actors.launch(kind, (), {}, parent)
        other = kind.start(ref)
        other.stop(exit="whatever")
        await other.stopped()
        assert await ref.ask("x") == ["x"]
        assert parent.exits == [Exit("whatever")]


@KINDS
async def test_the_linked_are_told_before_the_supervisor_decides(kind: Any) -> None:
    """So what the next incarnation links to cannot be ended by its predecessor's signal after that."""
    async with system(stop_timeout=0) as actors:
        trapping = await kind.start_async(trap=True)
        parent = Reviver(actors, trapping, ends=4)
        ref, _ = actors.launch(kind, (trapping,), {}, parent)
        ref.kill()
        assert await ref.ask("x") == ["x"]
        assert await trapping.ask("x") == [ExitSignal(ref, KILLED), "x"]
        assert links_of(ref) == links_of(trapping) == 1


@KINDS
async def test_supervisors_hear_of_the_ends_in_the_order_of_the_ends(kind: Any) -> None:
    class Listening:
        def ends_for_good(self, ref: Any, exit: Any, /) -> bool:  # noqa: A002
            return False

        def child_exited(self, ref: ActorRef[Any], exit: Exit, /) -> None:  # noqa: A002
            heard.append(ref)
            ref.actor_inbox.bury()

    heard: list[ActorRef[Any]] = []
    async with system() as actors:
        refs: list[ActorRef[Any]] = []
        for _ in range(4):
            ref, started = actors.launch(kind, tuple(refs[-1:]), {}, Listening())
            await started
            refs.append(ref)
        refs[0].kill()
        await wait_all_tasks_blocked()
        assert heard == refs


@KINDS
async def test_an_incarnation_that_links_to_the_dead_while_it_is_built_never_begins(
    kind: Any,
) -> None:
    class Counted(kind):  # type: ignore[misc]
        def on_start(self) -> None:
            begun.append(self)

    begun: list[Actor] = []
    async with system() as actors:
        peer = kind.start()
        parent = Reviver(actors, peer, ends=4)
        ref, started = actors.launch(Counted, (), {}, parent)
        await started
        await peer.stop()
        ref.kill()
        await wait_all_tasks_blocked()
        assert not ref.is_alive()
        assert parent.exits == [KILLED, NOPROC, NOPROC, NOPROC]
        assert len(begun) == 1


@KINDS
async def test_linking_to_an_actor_between_two_incarnations_is_noproc(kind: Any) -> None:
    class Waiting:
        def ends_for_good(self, ref: Any, exit: Any, /) -> bool:  # noqa: A002
            return False

        def child_exited(self, ref: ActorRef[Any], exit: Exit, /) -> None:  # noqa: A002
            pass

    async with system(stop_timeout=0) as actors:
        ref, _ = actors.launch(kind, (), {}, Waiting())
        ref.kill()
        await wait_all_tasks_blocked()
        ref.exit("nobody is there to get it")
        assert await kind.start(ref, trap=True).ask("x") == [ExitSignal(ref, NOPROC), "x"]
        ref.actor_inbox.bury()


@KINDS
async def test_a_signal_waits_until_the_tasks_of_the_one_that_ended_are_gone(
    kind: Any, autojump_clock: trio.testing.MockClock
) -> None:
    async with system():
        one = kind.start()
        two = kind.start(one)
        await one.ask(methodcaller("start_task", linger))
        await wait_all_tasks_blocked()
        one.kill()
        await wait_all_tasks_blocked()
        assert two.is_alive()
        await two.stopped()
        assert trio.current_time() >= 3


@KINDS
async def test_at_the_end_of_the_system_only_those_that_trap_exits_are_sure_of_their_on_stop(
    kind: Any,
) -> None:
    first_come_first_served()
    async with system():
        older = await kind.start_async()
        trapping = await kind.start_async(older, trap=True)
        actors = [older.actor_inbox.actor, trapping.actor_inbox.actor]
        await kind.start_async(older, trapping)
    assert actors[1] in stopped
    if kind is Linked:  # the youngest has its turn first, and its end takes the eldest along
        assert actors[0] not in stopped


# -- two loops ----------------------------------------------------------------------------


@pytest.fixture
def loops() -> Iterator[tuple[ActorSystem, ActorSystem]]:
    with system_in_thread() as here, system_in_thread() as there:
        yield here, there


Loops = tuple[ActorSystem, ActorSystem]


def start(actors: ActorSystem, kind: Any, *args: Any) -> ActorRef[Any]:
    ref, _ = actors.launch(kind, args, {})
    return ref


@KINDS
@pytest.mark.parametrize("far_ends", [True, False])
def test_actors_on_two_loops_may_be_linked(kind: Any, loops: Loops, *, far_ends: bool) -> None:
    far = start(loops[1], kind)
    near = start(loops[0], kind, far)
    far.ask("has accepted")
    near.ask("knows it")
    ending, other = (far, near) if far_ends else (near, far)
    ending.stop(exit="whatever")
    assert trio.run(other.stopped) == Exit("whatever")
    assert links_of(near) == links_of(far) == 0


@KINDS
def test_a_far_link_that_is_cut_before_it_is_accepted_is_gone(kind: Any, loops: Loops) -> None:
    def link_and_unlink(actor: Actor) -> None:
        actor.link(far)
        actor.unlink(far)

    near, far = start(loops[0], kind), start(loops[1], kind)
    near.ask(link_and_unlink)
    for ref in (far, near, far):  # the link has gone there, come back, and gone there again
        ref.ask("x")
    assert links_of(near) == links_of(far) == 0


@KINDS
def test_an_end_before_a_far_link_is_accepted_takes_the_other_along(kind: Any, loops: Loops) -> None:
    def link_and_end(actor: Actor) -> None:
        actor.link(far)
        actor.actor_ref.exit("whatever")

    near, far = start(loops[0], kind), start(loops[1], kind)
    near.tell(link_and_end)
    assert trio.run(far.stopped) == Exit("whatever")


@KINDS
def test_linking_again_does_not_lose_a_signal_that_is_on_its_way(kind: Any, loops: Loops) -> None:
    gone = threading.Event()

    def told(_ref: ActorRef[Any], _exit: Exit) -> None:
        loops[1].call_soon(gone.set)  # soon: after those who are linked

    def link_again_when_it_has_ended(actor: Actor) -> None:
        far.stop(exit="whatever", block=False)
        loops[1].post(far.actor_inbox.watch, told)
        assert gone.wait(30)
        actor.link(far)

    far = start(loops[1], kind)
    near = start(loops[0], kind, far)
    far.ask("has accepted")
    near.ask("knows it")
    near.tell(link_again_when_it_has_ended)
    assert trio.run(near.stopped) == Exit("whatever")


@KINDS
def test_a_far_actor_that_is_dead_is_noproc(kind: Any, loops: Loops) -> None:
    near, far = start(loops[0], kind), start(loops[1], kind)
    far.stop()
    near.tell(methodcaller("link", far))
    assert trio.run(near.stopped) == NOPROC
