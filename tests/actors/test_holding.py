"""What an actor has handled, or has been, is not kept alive by it, nor by who keeps its reference."""

from __future__ import annotations

import copy
import gc
import logging
import pickle
import weakref
from dataclasses import asdict, dataclass
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import Actor, ActorRef, Future, ThreadingActor, system, traversable
from cometary.errors import ActorEndedError, UsageError
from cometary.fsm import State, StateMachine
from cometary.supervision import Backoff, ChildSpec, DynamicSupervisor, Supervisor, start_child, supervise


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


# -- proxies ------------------------------------------------------------------------------


class Player:
    def __init__(self, title: str) -> None:
        self.title = title


class Jukebox(Plain):
    """Each of its lives has one attribute that the others do not have."""

    lives = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).lives += 1
        setattr(self, f"life{self.lives}", self.lives)
        self.player = traversable(Player(f"song {self.lives}"))

    def add(self, one: int, other: int) -> int:
        return one + other


@pytest.mark.parametrize("backoff", [None, Backoff(5, 5, jitter=0)])
async def test_a_proxy_is_for_every_incarnation(autojump_clock: MockClock, backoff: Any) -> None:
    class Box(Jukebox):
        pass

    async with system(), supervise([ChildSpec("box", Box)], intensity=9, backoff=backoff) as root:
        supervisor: Any = root.actor_inbox.actor
        ref: Any = supervisor.children[0].ref
        proxy: Any = ref.proxy()
        inner = proxy.player
        assert await proxy.life1 == 1
        assert await inner.title == "song 1"
        first = weakref.ref(ref.actor_inbox.actor)
        ref.tell("crash")
        while ref.actor_inbox.actor is first():
            await trio.lowlevel.checkpoint()
        assert ref.is_alive()
        meanwhile = ref.proxy()  # also while there is none: its mail waits
        assert await meanwhile.add(1, 2) == 3
        assert await proxy.life2 == 2
        assert await meanwhile.life2 == 2
        assert await inner.title == "song 2"
        assert proxy == meanwhile
        assert hash(proxy) == hash(meanwhile)
        with pytest.raises(AttributeError, match="life1"):
            _ = proxy.life1
        assert await gone(first)
    with pytest.raises(ActorEndedError):
        ref.proxy()


# -- copies -------------------------------------------------------------------------------


@dataclass
class Order:
    customer: ActorRef[Any]


class Waiting(StateMachine):
    OPEN = State(initial=True)

    def __init__(self, customer: ActorRef[Any], answer: Future[Any]) -> None:
        super().__init__()
        self.customers = [customer]
        self.answer = answer


async def test_a_reference_is_copied_as_the_value_that_it_is() -> None:
    async with system():
        ref = Plain.start()
        proxy = ref.proxy()
        answer: Future[Any] = Future()
        assert copy.copy(ref) is ref
        assert copy.deepcopy([ref]) == [ref]
        assert copy.deepcopy(proxy) is proxy
        assert copy.deepcopy(answer) is answer
        assert asdict(Order(ref)) == {"customer": ref}
        twin = Waiting(ref, answer).snapshot()
        assert twin.customers == [ref]
        assert twin.answer is answer


async def test_a_reference_that_cannot_leave_its_process_says_so() -> None:
    async with system():
        ref = Plain.start()
        for each in (ref, Order(ref), ref.proxy(), ref.ask("x")):
            with pytest.raises(UsageError, match="belongs to this process, and cannot be pickled: send"):
                pickle.dumps(each)
