"""Starting actors: what is told to whom, and when it fails."""

from __future__ import annotations

import gc
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import Actor, ActorDeadError, ActorRef, current_system, register, system, whereis
from cometary.errors import ActorEndedError, NoSystemError, UsageError
from tests.actors.unwinding import linger


class Quiet(Actor):
    def on_receive(self, message: Any) -> Any:
        return message


class AsyncQuiet(Actor):
    async def on_receive(self, message: Any) -> Any:
        return message


KINDS = pytest.mark.parametrize("kind", [Quiet, AsyncQuiet], ids=["def", "async def"])


@KINDS
async def test_arguments_that_nothing_takes_are_refused(kind: type[Quiet]) -> None:
    class Passing(kind):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

    wrong: list[Any] = [((1,), {}), ((), {"name": "store"})]
    async with system() as actors:
        for args, kwargs in wrong:
            text = rf"{kind.__name__} takes no arguments: .* {kind.__name__}\.with_name\(…\)\.start\(\)"
            with pytest.raises(UsageError, match=text):
                kind.start(*args, **kwargs)
        assert not list(actors.actors)
        passing: Any = Passing
        assert await passing.start("x", name="y").ask("passed on, as Pykka's actors may") is not None


async def test_start_async_returns_when_on_start_has_run() -> None:
    class Slow(AsyncQuiet):
        async def on_start(self) -> None:  # type: ignore[override]
            await wait_all_tasks_blocked()
            ready.append(self.actor_ref)

    ready: list[ActorRef[Any]] = []
    async with system():
        assert [await Slow.start_async()] == ready


async def test_an_actor_that_has_started_holds_nothing_that_it_does_not_use() -> None:
    async with system():
        ref = await Quiet.start_async()
        await ref.ask("x")
        cell = ref.actor_inbox
        held = [*gc.get_referents(cell), *gc.get_referents(cell.actor)]
    # Neither an empty list for mail nor a dictionary: Python makes that when somebody looks at it.
    assert not [each for each in held if isinstance(each, list | dict)]


@KINDS
async def test_start_async_raises_what_on_start_raised(kind: type[Actor]) -> None:
    class Broken(kind):  # type: ignore[valid-type, misc]
        def on_start(self) -> None:
            raise LookupError("no such thing")

    async with system() as actors:
        with pytest.raises(LookupError, match="no such thing"):
            await Broken.start_async()
        assert not actors.actors


@pytest.mark.parametrize("named", [False, True])
async def test_a_start_that_is_cancelled_leaves_nothing_behind(
    autojump_clock: MockClock, *, named: bool
) -> None:
    class Slow(AsyncQuiet):
        async def on_start(self) -> None:  # type: ignore[override]
            refs.append(self.actor_ref)
            try:
                await trio.sleep(10)
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(1)

    refs: list[ActorRef[Any]] = []
    async with system() as actors:
        with trio.move_on_after(5) as scope:
            await (Slow.with_name("slow") if named else Slow).start_async()
        assert scope.cancelled_caught
        assert trio.current_time() == 6
        assert not refs[0].is_alive()
        assert not actors.actors
        assert whereis("slow") is None


@KINDS
async def test_start_async_raises_what_the_constructor_raised(kind: type[Actor]) -> None:
    class Broken(kind):  # type: ignore[valid-type, misc]
        def __init__(self) -> None:
            super().__init__()
            raise LookupError("no such thing")

    async with system() as actors:
        with pytest.raises(LookupError, match="no such thing"):
            await Broken.start_async()
        assert not actors.actors


@KINDS
async def test_whoever_asks_an_actor_whose_constructor_fails_is_told(kind: type[Actor]) -> None:
    class Broken(kind):  # type: ignore[valid-type, misc]
        def __init__(self) -> None:
            super().__init__()
            answers.append(self.actor_ref.ask("are you there?"))
            raise LookupError

    answers: list[Any] = []
    async with system():
        with pytest.raises(LookupError):
            Broken.start()
        with pytest.raises(ActorDeadError):
            await answers[0]


@KINDS
async def test_a_start_fails_when_the_actor_is_killed_before_on_start(kind: type[Actor]) -> None:
    async with system() as actors:
        ref, started = actors.launch(kind, (), {})
        ref.kill()
        with pytest.raises(ActorDeadError):
            await started
        assert not actors.actors


@KINDS
async def test_whoever_is_told_of_a_failed_start_may_have_its_name(
    kind: type[Actor], autojump_clock: trio.testing.MockClock
) -> None:
    """However long the tasks of the actor that failed take to unwind."""

    class Broken(kind):  # type: ignore[valid-type, misc]
        def on_start(self) -> None:
            register("mine", self.actor_ref)
            self.start_task(linger)
            self.start_task(trio.sleep, 1)
            raise LookupError("no such thing")

    async with system():
        for _ in range(2):
            with pytest.raises(LookupError, match="no such thing"):
                await Broken.start_async()
            assert whereis("mine") is None


@KINDS
async def test_an_actor_may_kill_itself_while_it_is_being_built(kind: type[Actor]) -> None:
    class Suicidal(kind):  # type: ignore[valid-type, misc]
        def __init__(self) -> None:
            super().__init__()
            self.actor_ref.kill()

        def on_start(self) -> None:
            started.append(self)

    started: list[Actor] = []
    async with system() as actors:
        with pytest.raises(ActorDeadError):
            await Suicidal.start_async()
        assert not actors.actors
    assert not started


@KINDS
async def test_an_actor_may_kill_itself_in_on_start(kind: type[Actor]) -> None:
    class Suicidal(kind):  # type: ignore[valid-type, misc]
        def on_start(self) -> None:
            self.actor_ref.kill()

    async with system() as actors:
        if kind is Quiet:
            with pytest.raises(ActorEndedError, match="killed"):
                await Suicidal.start_async()
        else:  # its task has run on_start before it notices the cancellation
            await (await Suicidal.start_async()).stopped()
        assert not actors.actors


@KINDS
async def test_an_actor_starts_others_wherever_it_may_run_code(kind: type[Actor]) -> None:
    class Parent(kind):  # type: ignore[valid-type, misc]
        def __init__(self) -> None:
            super().__init__()
            self.children = [kind.start()]

        def on_start(self) -> None:
            self.children.append(kind.start())

        def more(self) -> int:
            self.children.append(kind.start())
            return len([each for each in self.children if each.is_alive()])

    async with system() as actors:
        parent = Parent.start()
        assert await parent.proxy().more() == 3
        assert len(actors.actors) == 4


@KINDS
async def test_calling_the_base_constructor_is_not_needed(kind: type[Actor]) -> None:
    class Forgetful(kind):  # type: ignore[valid-type, misc]
        def __init__(self) -> None:
            self.word = "hello"

        def greet(self) -> str:
            return self.word

    async with system():
        assert await Forgetful.start().proxy().greet() == "hello"


async def test_without_a_system_there_is_nowhere_to_start() -> None:
    with pytest.raises(NoSystemError):
        Quiet.start()
    with pytest.raises(NoSystemError):
        current_system()


async def test_an_actor_may_be_built_without_being_started() -> None:
    async with system() as actors:
        assert Quiet().on_receive(3) == 3
        assert not actors.actors


def test_async_hooks_need_an_async_handler() -> None:
    with pytest.raises(UsageError, match="on_receive must be `async def` too"):
        type("Mixed", (Quiet,), {"on_stop": AsyncQuiet.on_receive})
