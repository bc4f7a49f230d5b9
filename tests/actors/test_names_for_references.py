"""A name stands wherever a reference may, is shown with it, and says what is wrong if nobody has it."""

from __future__ import annotations

import copy
import logging
import pickle
from typing import Any

import pykka
import pytest
from pykka.messages import ProxyCall
from trio.testing import wait_all_tasks_blocked

from cometary.actors import (
    KILLED,
    Actor,
    ActorDeadError,
    ActorRef,
    Down,
    Exit,
    Via,
    ask,
    register,
    registered,
    send,
    stop,
    sys,
    system,
    unregister,
    whereis,
)
from cometary.errors import ActorEndedError, NameTakenError, UsageError
from tests.actors.worlds import World, everywhere


class Store(Actor):
    trap_exits = True

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        self.got.append(message)
        if message == "crash":
            raise LookupError("lost")
        return message


class AsyncStore(Store):
    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


KINDS = pytest.mark.parametrize("kind", [Store, AsyncStore], ids=["def", "async def"])


@everywhere
async def test_an_actor_is_told_asked_and_stopped_by_its_name(world: World) -> None:
    ref = world.actor(Store).with_name("store").start()
    send("store", 1)
    send(ref, 2)
    assert await world.answer(ask("store", 3)) == 3
    assert await world.answer(ask(ref, 4, timeout=30)) == 4
    assert (await world.answer(sys.get_state("store")))["got"] == [1, 2, 3, 4]
    assert registered() == ["store"]
    assert await world.answer(stop("store", exit="shutdown"))
    assert registered() == []


@everywhere
async def test_a_name_that_nobody_has_is_noproc(world: World) -> None:
    for call in (send, ask):
        with pytest.raises(ActorDeadError, match="no actor is called 'store'"):
            call("store", "anybody?")
    for look in (stop, sys.get_state, sys.suspend, sys.trace, sys.statistics):
        with pytest.raises(ActorEndedError, match="no actor is called 'store'") as caught:
            look("store")
        assert caught.value.reason == "noproc"
    ref = world.actor(Store).start()
    for method in ("monitor", "link"):
        with pytest.raises(ActorEndedError, match="no actor is called 'store'"):
            await world.answer(ref.ask(call_of(method, "store")))
    for harmless in ("demonitor", "unlink"):
        await world.answer(ref.ask(call_of(harmless, "store")))


def call_of(method: str, *args: Any) -> Any:
    return ProxyCall(attr_path=(method,), args=args, kwargs={})


async def test_what_is_no_name_and_no_reference_of_ours_is_refused() -> None:
    no_key: Any = []
    async with system():
        with pytest.raises(TypeError, match="unhashable"):
            send(no_key, "anybody?")
        with pytest.raises(ActorEndedError, match="no actor is called <"):
            send(Store.start().proxy(), "a proxy is no reference")


@KINDS
async def test_who_is_monitored_or_linked_may_be_named(kind: type[Store]) -> None:
    async with system():
        watcher, ref = Store.start().proxy(), kind.with_name("store").start()
        await watcher.monitor("store")
        await watcher.link("store")
        ref.kill()
        await ref.stopped()
        await wait_all_tasks_blocked()
        assert [type(each).__name__ for each in await watcher.got] == ["Down", "ExitSignal"]
        assert [each.ref for each in await watcher.got] == [ref, ref]


async def test_who_is_not_monitored_or_linked_any_more_may_be_named() -> None:
    async with system():
        watcher, ref = Store.start().proxy(), Store.with_name("store").start()
        for begin, end in (("monitor", "demonitor"), ("link", "unlink")):
            await getattr(watcher, begin)(ref)
            await getattr(watcher, end)("store")
        ref.kill()
        await ref.stopped()
        await wait_all_tasks_blocked()
        assert await watcher.got == []


async def test_a_name_in_a_registry_of_ones_own_stands_there_too() -> None:
    async with system() as actors:
        via = Via(actors.names, "store")
        ref, watcher = Store.with_name(via).start(), Store.start().proxy()
        assert await ask(via, 1) == 1
        await watcher.monitor(via)
        await stop(via)
        await wait_all_tasks_blocked()
        assert await watcher.got == [Down(ref, Exit("normal"))]


async def test_a_trace_stays_with_the_actor_that_had_the_name_when_it_began() -> None:
    async with system():
        first = Store.with_name("store").start()
        async with sys.trace_events("store") as events:
            unregister("store")
            register("store", Store.start())
            first.tell(1)
            assert (await anext(events)).ref is first
        assert not (await sys.get_status(first)).traced


# -- shown ------------------------------------------------------------------------------------


@KINDS
async def test_an_actor_is_shown_with_its_names(kind: type[Store], caplog: pytest.LogCaptureFixture) -> None:
    async with system() as actors:
        ref = kind.with_name("store").start()
        assert str(ref) == f"{kind.__name__} 'store' ({ref.actor_urn})"
        register(("store", 2), ref)
        register(Via(actors.names, "third"), ref)
        assert str(ref) == f"{kind.__name__} 'store' ('store', 2) 'third' ({ref.actor_urn})"
        status = await sys.get_status(ref)
        assert status.names == ("store", "('store', 2)", "third")
        waiting = ref.ask("crash"), ref.ask("too late")
        with pytest.raises(LookupError):
            await waiting[0]
        ref.tell("crash")
        with pytest.raises(ActorEndedError, match=f"^{kind.__name__} 'store' .* it ended: crashed"):
            await ref.ask("much too late")
        exit_ = await ref.stopped()
        assert exit_.names == ("store", "('store', 2)", "third")
        assert str(ref) == f"{kind.__name__} ({ref.actor_urn})"
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert f"{kind.__name__} 'store' " in record.getMessage()
    assert vars(record)["structured"]["names"] == ("store", "('store', 2)", "third")


async def test_of_many_names_few_are_shown() -> None:
    async with system():
        ref = Store.start()
        for number in range(100):
            register(number, ref)
        assert str(ref) == f"Store 0 1 2 ({ref.actor_urn})"
        assert registered() == list(range(100))
        await ref.stop()
        assert registered() == []


async def test_a_name_that_cannot_be_shown_harms_nobody() -> None:
    class Shy:
        def __repr__(self) -> str:
            raise LookupError("no")

    async with system():
        ref = Store.with_name(Shy()).start()
        assert "Store <Shy instance" in str(ref)
        with pytest.raises(ActorEndedError, match="no actor is called <Shy instance"):
            send(Shy(), "anybody?")
        ref.kill()
        assert (await ref.stopped()).reason == KILLED.reason


# -- who was there first ----------------------------------------------------------------------


async def test_who_finds_a_name_taken_is_told_by_whom() -> None:
    async with system():
        ref = Store.with_name("store").start()
        for attempt in (Store.with_name("store").start, lambda: register("store", Store.start())):
            with pytest.raises(NameTakenError, match="'store' is the name of Store 'store'") as caught:
                attempt()
            assert caught.value.ref is ref
            assert whereis("store") is ref


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy])
async def test_a_copy_of_that_error_tells_it_too(twin: Any) -> None:
    async with system():
        ref = Store.start()
        error = NameTakenError("taken", ref)
        error.add_note("a note")
        assert twin(error).ref is ref
        assert twin(error).__notes__ == ["a note"]


async def test_in_another_process_that_error_says_all_but_who() -> None:
    async with system():
        error: Any = pickle.loads(pickle.dumps(NameTakenError("taken", Store.start())))  # noqa: S301 - its own
        assert (type(error), str(error), error.ref) == (NameTakenError, "taken", None)


async def test_a_reference_of_another_sort_is_refused() -> None:
    class Thread(pykka.ThreadingActor):
        pass

    thread: Any = Thread.start()
    try:
        async with system():
            ref: ActorRef[Any] = Store.start()
            for call in (send, ask):
                with pytest.raises(UsageError, match="no reference to one of Cometary's own actors"):
                    call(thread, "anybody?")
            with pytest.raises(UsageError, match="no reference to one of Cometary's own actors"):
                await ref.ask(call_of("monitor", thread))
    finally:
        thread.stop()
