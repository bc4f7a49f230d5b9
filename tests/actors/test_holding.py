"""What an actor has handled, or has been, is not kept alive by it, nor by who keeps its reference."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import Any

import pytest
from trio.testing import wait_all_tasks_blocked

from cometary.actors import Actor, ThreadingActor, system
from cometary.errors import ActorEndedError
from cometary.supervision import ChildSpec, DynamicSupervisor, Supervisor, start_child, supervise


class Parcel:
    """A message, or whatever else, that is large."""


class Plain(Actor):
    def __init__(self) -> None:
        super().__init__()
        self.parcel = Parcel()

    def on_receive(self, message: Any) -> Any:
        if message == "crash":
            raise LookupError(message)


class Async(Plain):
    async def on_receive(self, message: Any) -> Any:
        if message == "crash":
            raise LookupError(message)


class Crasher(Actor):
    def on_receive(self, message: Any) -> Any:
        local = message
        raise LookupError("crash", type(local).__name__)


class AsyncCrasher(Crasher):
    async def on_receive(self, message: Any) -> Any:
        super().on_receive(message)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


async def gone(kept: weakref.ref[Any]) -> bool:
    await wait_all_tasks_blocked()
    gc.collect()
    return kept() is None


@pytest.mark.parametrize("kind", [Plain, Async, Supervisor, DynamicSupervisor])
async def test_an_actor_that_waits_holds_no_message(kind: type[Actor]) -> None:
    async with system():
        ref = await kind.start_async()
        for send in (ref.tell, ref.ask):
            parcel = Parcel()
            kept = weakref.ref(parcel)
            send(parcel)
            del parcel
            assert await gone(kept)


async def test_a_threading_actor_that_waits_holds_no_message() -> None:
    class Threaded(ThreadingActor):
        def on_receive(self, message: Any) -> Any:
            pass

    async with system(), supervise([]) as root:
        ref = await start_child(root, ChildSpec("one", Threaded))
        parcel = Parcel()
        kept = weakref.ref(parcel)
        ref.tell(parcel)
        del parcel
        await ref.ask("done?")
        assert await gone(kept)


@pytest.mark.parametrize("kind", [Crasher, AsyncCrasher])
async def test_a_reference_that_is_kept_does_not_hold_what_its_actor_crashed_of(kind: type[Actor]) -> None:
    async with system():
        ref = kind.start()
        parcel = Parcel()
        kept = weakref.ref(parcel)
        ref.tell(parcel)
        del parcel
        assert await gone(kept)
        with pytest.raises(ActorEndedError, match="it ended: crashed: LookupError") as caught:
            ref.tell("x")
        assert caught.value.reason == "crashed"
        assert isinstance(caught.value.__cause__, LookupError)
        assert caught.value.__cause__.args == ("crash", "Parcel")
