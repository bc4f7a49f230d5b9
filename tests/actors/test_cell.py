"""What a cell promises to the supervisor above it: references, mail and order across restarts."""

from __future__ import annotations

import contextlib
import logging
import signal
import weakref
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import Actor, ActorDeadError, ActorRef, Exit, register, system, whereis
from cometary.errors import NoSystemError
from tests.actors.reviver import Reviver


class Phoenix(Actor):
    """Remembers what it did in a list that outlives it."""

    def __init__(self, trail: list[object]) -> None:
        super().__init__()
        self.trail = trail

    def on_start(self) -> None:
        self.trail.append("start")

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            message(self)
        self.trail.append(message)
        return message

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        self.trail.append("failure")


class AsyncPhoenix(Phoenix):
    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


KINDS = pytest.mark.parametrize("kind", [Phoenix, AsyncPhoenix], ids=["def", "async def"])


class Waiting:
    """A parent that decides nothing."""

    def __init__(self) -> None:
        self.exits: list[Exit] = []

    def ends_for_good(self, ref: Any, exit: Any, /) -> bool:  # noqa: A002
        return False

    def child_exited(self, ref: ActorRef[Any], exit: Exit, /) -> None:  # noqa: A002
        self.exits.append(exit)


def crash(_: Actor) -> None:
    raise LookupError("as told")


@KINDS
async def test_the_reference_the_mail_and_the_name_survive(
    kind: type[Phoenix], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    trail: list[object] = []
    async with system(stop_timeout=0) as actors:
        parent = Reviver(actors, trail, ends=3)
        ref, _ = actors.launch(kind, (trail,), {}, parent)
        register("phoenix", ref)
        ref.tell(1)
        ref.tell(crash)
        ref.tell(2)
        assert await ref.ask(3) == 3
        assert whereis("phoenix") is ref
        assert trail == ["start", 1, "failure", "start", 2, 3]
        assert [exit_.reason for exit_ in parent.exits] == ["crashed"]
        assert parent.exits[0].last_message is crash


@KINDS
async def test_mail_that_is_not_kept_is_answered(
    kind: type[Phoenix], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    trail: list[object] = []
    async with system(stop_timeout=0) as actors:
        ref, _ = actors.launch(kind, (trail,), {}, Reviver(actors, trail, keep_mail=False, ends=3))
        ref.tell(crash)
        behind = ref.ask("behind", block=False)
        with pytest.raises(ActorDeadError):
            await behind
        assert await ref.ask("new") == "new"
        assert trail == ["start", "failure", "start", "new"]


@KINDS
async def test_a_kill_from_its_own_handler_restarts_after_the_handler(kind: type[Phoenix]) -> None:
    def kill(actor: Phoenix) -> None:
        actor.actor_ref.kill()
        actor.trail.append("still here")

    trail: list[object] = []
    async with system(stop_timeout=0) as actors:
        ref, _ = actors.launch(kind, (trail,), {}, Reviver(actors, trail, ends=3))
        await ref.ask(kill)
        await ref.ask("next")
        assert trail == ["start", "still here", kill, "start", "next"]


@KINDS
async def test_an_actor_killed_while_it_waits_for_its_turn_is_revived_once(kind: type[Phoenix]) -> None:
    trail: list[object] = []
    async with system(stop_timeout=0) as actors:
        ref, started = actors.launch(kind, (trail,), {}, Reviver(actors, trail, ends=3))
        await started
        for number in range(3):
            ref.tell(number)
        ref.kill()
        assert await ref.ask("x") == "x"
        assert trail == ["start", "start", 0, 1, 2, "x"]
        await wait_all_tasks_blocked()
        assert await ref.ask("y") == "y"


@KINDS
async def test_burying_closes_for_good(kind: type[Phoenix]) -> None:
    trail: list[object] = []
    async with system(stop_timeout=0) as actors:
        ref, _ = actors.launch(kind, (trail,), {}, Reviver(actors, trail, ends=3))
        for _ in range(3):
            ref.kill()
            await wait_all_tasks_blocked()
        assert not ref.is_alive()
        with pytest.raises(ActorDeadError):
            ref.tell("x")
        assert not actors.actors


@KINDS
async def test_tasks_of_the_last_incarnation_are_gone_before_the_next_begins(
    kind: type[Phoenix], autojump_clock: MockClock
) -> None:
    async def linger(trail: list[object]) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(3)
            trail.append("task gone")

    def start_task(actor: Phoenix) -> None:
        actor.start_task(linger, actor.trail)

    trail: list[object] = []
    async with system(stop_timeout=0) as actors:
        ref, _ = actors.launch(kind, (trail,), {}, Reviver(actors, trail, ends=3))
        await ref.ask(start_task)
        await wait_all_tasks_blocked()
        ref.kill()
        assert ref.is_alive()
        assert await ref.ask("x") == "x"
        assert trail == ["start", start_task, "task gone", "start", "x"]


@KINDS
async def test_a_constructor_that_fails_on_revival_leaves_the_cell_waiting(kind: type[Phoenix]) -> None:
    trail: list[object] = []
    async with system(stop_timeout=0) as actors:
        ref, _ = actors.launch(kind, (trail,), {}, Waiting())
        ref.kill()
        await wait_all_tasks_blocked()
        answer = ref.ask("kept")
        with pytest.raises(TypeError):
            actors.revive(ref, (), {}, keep_mail=True)
        await actors.revive(ref, (trail,), {}, keep_mail=True)
        assert await answer == "kept"
    with pytest.raises(NoSystemError):
        actors.revive(ref, (trail,), {}, keep_mail=True)


@KINDS
async def test_of_what_has_ended_already_no_end_is_told_again_and_nothing_logged(
    kind: type[Phoenix], caplog: pytest.LogCaptureFixture
) -> None:
    trail: list[object] = []
    parent = Waiting()
    async with system(stop_timeout=0) as actors:
        ref, started = actors.launch(kind, (trail,), {}, parent)
        await started
        for end in (ref.kill, ref.kill, lambda: ref.exit("out of paper")):
            end()
            await wait_all_tasks_blocked()
        assert [exit_.reason for exit_ in parent.exits] == ["killed"]
        await actors.revive(ref, (trail,), {}, keep_mail=True)
        assert await ref.ask("x") == "x"
    assert caplog.text == ""


@KINDS
async def test_what_was_watched_while_it_was_built_is_watched_no_more_if_that_fails(
    kind: type[Phoenix],
) -> None:
    class Failing(kind):  # type: ignore[misc, valid-type]
        def __init__(self, watched: ActorRef[Any]) -> None:
            super().__init__([])
            self.monitor(watched)
            raise LookupError("as told")

    async with system() as actors:
        watched, _ = actors.launch(kind, ([],), {})
        with pytest.raises(LookupError):
            Failing.start(watched)
        assert watched.actor_inbox.watching_actors() == ()


@KINDS
async def test_who_has_ended_watches_nobody(kind: type[Phoenix]) -> None:
    async with system() as actors:
        (watched, _), (watcher, _) = actors.launch(kind, ([],), {}), actors.launch(kind, ([],), {})

        def watch(actor: Phoenix) -> None:
            actor.monitor(watched)

        await watcher.ask(watch)
        assert watched.actor_inbox.watching_actors() == (watcher,)
        watcher.kill()
        await watcher.stopped()
        assert watched.actor_inbox.watching_actors() == ()


@KINDS
def test_a_ctrl_c_while_it_is_asked_whether_it_traps_exits_ends_the_system(kind: type[Phoenix]) -> None:
    def interrupt(_: Actor) -> bool:
        signal.raise_signal(signal.SIGINT)
        return True

    interrupted: Any = type("Interrupted", (kind,), {"trap_exits": property(interrupt)})

    async def main() -> None:
        async with system():
            (await interrupted.start_async([])).exit("why")
            await trio.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        trio.run(main, clock=MockClock(autojump_threshold=0))


@KINDS
async def test_who_revives_one_that_kills_itself_while_it_is_built_is_told(kind: type[Phoenix]) -> None:
    class Mortal(kind):  # type: ignore[misc, valid-type]
        def __init__(self, trail: list[object]) -> None:
            super().__init__(trail)
            if self.actor_inbox.life:
                self.actor_ref.kill()

    trail: list[object] = []
    async with system(stop_timeout=0) as actors:
        parent = Waiting()
        ref, started = actors.launch(Mortal, (trail,), {}, parent)
        await started
        ref.kill()
        await wait_all_tasks_blocked()
        again = actors.revive(ref, (trail,), {}, keep_mail=True)
        assert again.done()
        with pytest.raises(ActorDeadError):
            await again
        assert (len(parent.exits), trail) == (2, ["start"])
        ref.actor_inbox.bury()


@KINDS
async def test_one_that_killed_itself_while_it_was_built_and_lives_again_is_the_systems_like_all(
    kind: type[Phoenix],
) -> None:
    class Hesitant(kind):  # type: ignore[misc, valid-type]
        def __init__(self, trail: list[object]) -> None:
            super().__init__(trail)
            trail.append("built")
            if trail == ["built"]:
                self.actor_ref.kill()

    trail: list[object] = []
    async with system(stop_timeout=0) as actors:
        ref, started = actors.launch(Hesitant, (trail,), {}, Reviver(actors, trail))
        with pytest.raises(ActorDeadError):
            await started
        assert await ref.ask("x") == "x"
        assert list(actors.actors) == [ref]
    assert not ref.is_alive()
    assert trail == ["built", "built", "start", "x"]


@KINDS
async def test_a_timer_goes_on_across_a_restart(kind: type[Phoenix], autojump_clock: MockClock) -> None:
    def set_timer(actor: Phoenix) -> None:
        actor.timer("ring").start(10)

    trail: list[object] = []
    async with system(stop_timeout=0) as actors:
        ref, _ = actors.launch(kind, (trail,), {}, Reviver(actors, trail, ends=3))
        await ref.ask(set_timer)
        ref.kill()
        await trio.sleep(11)
        assert trail == ["start", set_timer, "start", "ring"]


@KINDS
async def test_the_end_of_the_system_ends_supervised_actors_too(
    kind: type[Phoenix], autojump_clock: MockClock
) -> None:
    trail: list[object] = []
    async with system(stop_timeout=1) as actors:
        parent = Reviver(actors, trail, ends=3)
        ref, _ = actors.launch(kind, (trail,), {}, parent)
    assert not ref.is_alive()
    assert trail == ["start"]


class Failing(Actor):
    """Raises where it is told to."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def _fail(self, here: str) -> None:
        if self.where == here:
            raise LookupError(here)

    def on_start(self) -> None:
        self._fail("on_start")

    def on_receive(self, message: Any) -> Any:
        self._fail("on_receive")

    def on_stop(self) -> None:
        self._fail("on_stop")

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        raise ZeroDivisionError("on_failure")


class AsyncFailing(Failing):
    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


@pytest.mark.parametrize("where", ["on_start", "on_receive", "on_stop"])
@pytest.mark.parametrize("kind", [Failing, AsyncFailing], ids=["def", "async def"])
async def test_what_an_actor_without_a_parent_raises_is_logged_wherever_it_does(
    kind: Any, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with system():
        ref = kind.start(where)
        ref.tell("work")
        with contextlib.suppress(ActorDeadError, LookupError):
            await ref.stop()
        await wait_all_tasks_blocked()
    told = [str(line.exc_info[1]) for line in caplog.records if line.exc_info]
    assert told == ([where, "on_failure"] if where == "on_receive" else [where])


@pytest.mark.parametrize("kind", [Failing, AsyncFailing], ids=["def", "async def"])
async def test_what_goes_to_whoever_asked_is_logged_as_of_no_interest_to_most(
    kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with system():
            with pytest.raises(LookupError):
                await kind.start("on_receive").ask("work")
    (line,) = [line for line in caplog.records if line.exc_info]
    assert line.levelno == logging.INFO
    assert line.getMessage().startswith("Exception returned from ")


async def test_an_async_actor_lets_go_of_a_message_before_the_next_one_comes() -> None:
    class Letter:
        """Something that can be looked for."""

    class Reader(Actor):
        async def on_receive(self, message: Any) -> None:
            """Keep nothing of it."""

    async with system():
        ref = Reader.start()
        letter = Letter()
        read = weakref.ref(letter)
        ref.tell(letter)
        del letter
        await wait_all_tasks_blocked()
        assert read() is None


async def test_an_async_actor_is_handed_a_message_as_it_is_sent_one() -> None:
    trail: list[object] = []
    async with system():
        ref = AsyncPhoenix.start(trail)
        ref.actor_inbox.hand("by hand")
        ref.tell("by mail")
        await wait_all_tasks_blocked()
    assert trail == ["start", "by hand", "by mail"]
