"""Small children that write down what happens to them, for tests about those who supervise them."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, ParamSpec

import trio

from cometary.actors import Actor, ActorRef, ActorSystem, system
from cometary.supervision import ChildSpec, DynamicSupervisor, Supervisor, supervise, which_children

P = ParamSpec("P")
settled = trio.testing.wait_all_tasks_blocked


class Diary(list[str]):
    """What happened, in order; and which children fail at their start, and how often."""

    def __init__(self) -> None:
        super().__init__()
        self.failing_starts: dict[str, int] = {}
        self._written = trio.Event()

    def append(self, line: str) -> None:
        """Write a line."""
        super().append(line)
        self._written.set()

    async def next_line(self) -> None:
        """Wait until another line is written."""
        self._written = trio.Event()
        await self._written.wait()

    def note_start(self, name: str) -> None:
        """Write down a start, which fails if it is to."""
        if self.failing_starts.get(name, 0) > 0:
            self.failing_starts[name] -= 1
            self.append(f"failed {name}")
            raise OSError(f"{name} cannot start")
        self.append(f"start {name}")

    def read(self) -> list[str]:
        """Return what has happened since this was last asked."""
        read = list(self)
        self.clear()
        return read


class Worker(Actor):
    """Crashes, stops, or writes down what it is told."""

    def __init__(self, name: str, diary: Diary) -> None:
        super().__init__()
        self.name = name
        self.diary = diary

    def on_start(self) -> None:
        self.diary.note_start(self.name)

    def on_stop(self) -> None:
        self.diary.append(f"stop {self.name}")

    def on_receive(self, message: Any) -> Any:
        if message == "crash":
            raise RuntimeError(f"{self.name} was told to crash")
        if message == "leave":
            self.stop()
        else:
            self.diary.append(f"{self.name} got {message}")
        return message


class Clerk(Worker):
    """A worker with a task of its own."""

    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


class SlowStart(Clerk):
    """A clerk that takes two seconds to start."""

    async def on_start(self) -> None:  # type: ignore[override]
        await trio.sleep(2)
        super().on_start()


class Sleeper(Worker):
    """A worker that sleeps for as many seconds as it is told."""

    async def on_receive(self, message: Any) -> Any:
        await trio.sleep(message)


class DeepSleeper(Worker):
    """A worker that cannot be woken while it sleeps."""

    async def on_receive(self, message: Any) -> Any:
        with trio.CancelScope(shield=True):
            await trio.sleep(message)


class Delicate(Worker):
    """A worker whose constructor fails when the diary says so."""

    def __init__(self, name: str, diary: Diary) -> None:
        super().__init__(name, diary)
        diary.note_start(f"constructor of {name}")


def worker(name: str, diary: Diary, kind: type[Worker] = Worker, **options: Any) -> ChildSpec:
    """The specification of a worker called `name`."""
    return ChildSpec(name, kind, (name, diary), **options)


def crowd(**options: Any) -> ChildSpec:
    """The specification of a dynamic supervisor."""
    return ChildSpec("crowd", DynamicSupervisor, kwargs=options)


def the_actor(ref: ActorRef[Any]) -> DynamicSupervisor:
    """The dynamic supervisor itself, as code on the loop may hold it."""
    actor = ref.actor_inbox.actor
    assert isinstance(actor, DynamicSupervisor)
    return actor


async def child(supervisor: ActorRef[Any], name: str) -> ActorRef[Any]:
    """Return the reference of the child called `name`, which must live."""
    refs = {info.id: info.ref for info in await which_children(supervisor)}
    ref = refs[name]
    assert ref is not None
    return ref


async def tell(supervisor: ActorRef[Any], name: str, *messages: object) -> None:
    """Send messages to a child, and wait until all that follows from them has happened."""
    ref = await child(supervisor, name)
    for message in messages:
        ref.tell(message)
    await settled()


@asynccontextmanager
async def company(*children: ChildSpec, **options: Any) -> AsyncGenerator[ActorRef[Supervisor]]:
    """Run a system with one supervisor; afterwards nothing may be left."""
    async with system() as actors:
        async with supervise(children, **options) as root:
            yield root
        assert_deserted(actors)


def assert_deserted(actors: ActorSystem) -> None:
    """Check that no actor lives."""
    assert not actors.actors


def leaving_nothing(test: Callable[P, Awaitable[None]]) -> Callable[P, Awaitable[None]]:
    """Run a test inside an actor system in which no actor may be left at its end."""

    @functools.wraps(test)
    async def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async with system() as actors:
            await test(*args, **kwargs)
            assert_deserted(actors)

    return run
