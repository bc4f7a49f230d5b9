"""Event managers: handlers come and go, and each fails alone. After the rules of gen_event."""

from __future__ import annotations

import gc
import signal
import weakref
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary.actors import Actor, ActorDeadError, Bounded, Down, Exit, sys, system, system_in_thread
from cometary.behaviours import (
    REMOVE,
    EventHandler,
    EventManager,
    HandlerRemoved,
    Swap,
    add_handler,
    call_handler,
    notify,
    remove_handler,
    swap_handler,
    sync_notify,
    which_handlers,
)
from cometary.errors import StrayExitError, TooManyChildrenError, UsageError
from cometary.supervision import ChildSpec, supervise, which_children

log: list[Any] = []


@pytest.fixture(autouse=True)
def empty_log() -> None:
    log.clear()


class Handler(EventHandler):
    """Notes what it hears, and does what it hears."""

    def __init__(self, name: str = "a") -> None:
        self.name = name

    def on_start(self, previous: Any) -> None:
        if self.name == "fail":
            raise LookupError("at start")
        log.append((self.name, "start", previous))

    def on_event(self, event: Any) -> Any:
        log.append((self.name, event))
        match event:
            case ("crash", self.name):
                raise LookupError("in event")
            case ("do", self.name, outcome):
                return outcome
            case _:
                return None

    def on_call(self, request: Any) -> Any:
        if request == "crash":
            raise LookupError("in call")
        if request == "exit":
            raise SystemExit(1)
        return self.name, request

    def on_stop(self, exit: Exit) -> Any:  # noqa: A002
        log.append((self.name, "stop", exit.reason))
        if self.name == "bad":
            raise LookupError("at stop")
        return f"{self.name} was here"


class Owner(Actor):
    """Adds handlers as its own, and notes what it is told of them."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []

    async def on_receive(self, message: Any) -> Any:
        match message:
            case ("add", manager, name):
                await add_handler(manager, Handler(name), id=name, owner=self)
            case ("add and crash", manager, name):
                add_handler(manager, Handler(name), id=name, owner=self)
                raise RuntimeError("crash")
            case ("swap", manager, old, name):
                await swap_handler(manager, old, Handler(name), id=name, owner=self)
            case "got":
                return self.got
            case "crash":
                raise RuntimeError("crash")
            case _:
                self.got.append(message)
        return None


async def managed(*names: str) -> Any:
    manager = EventManager.start()
    for name in names:
        await add_handler(manager, Handler(name), id=name)
    log.clear()
    return manager


def rude(_: object) -> type:
    raise RuntimeError("rude")


async def test_each_handler_hears_each_event_in_the_order_of_coming() -> None:
    async with system():
        manager = await managed("a", "b")
        assert await which_handlers(manager) == ("a", "b")
        notify(manager, 1)
        await sync_notify(manager, 2)
        assert log == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]


async def test_what_a_manager_is_told_is_an_event_whatever_it_is() -> None:
    rude_class = type("Rude", (), {"__class__": property(rude)})

    async with system():
        manager = await managed()
        heard = list[Any]()

        class Listener(EventHandler):
            def on_event(self, event: Any) -> Any:
                heard.append(type(event))

        await add_handler(manager, Listener())
        manager.tell("x")
        manager.tell(rude_class())
        await sync_notify(manager, None)
        assert heard == [str, rude_class, type(None)]


async def test_a_handler_is_known_by_its_class_unless_it_has_an_id() -> None:
    async with system():
        manager = EventManager.start()
        await add_handler(manager, Handler())
        await add_handler(manager, Handler(), id=7)
        assert await which_handlers(manager) == (Handler, 7)
        with pytest.raises(UsageError, match="already"):
            await add_handler(manager, Handler())


async def test_one_that_fails_to_start_is_not_added() -> None:
    async with system():
        manager = await managed("a")
        with pytest.raises(LookupError, match="at start"):
            await add_handler(manager, Handler("fail"))
        assert await which_handlers(manager) == ("a",)


async def test_one_that_crashes_is_removed_alone(caplog: pytest.LogCaptureFixture) -> None:
    async with system():
        manager = await managed("a", "b", "c")
        await sync_notify(manager, ("crash", "b"))
        assert [entry[0] for entry in log] == ["a", "b", "b", "c"]
        assert log[2] == ("b", "stop", "crashed")
        assert await which_handlers(manager) == ("a", "c")
    assert "Handler 'b' of EventManager" in caplog.text
    assert "in event" in caplog.text


@pytest.mark.parametrize("wrong", [1, "REMOVE", False, Handler])
async def test_one_that_returns_what_it_may_not_has_crashed(wrong: Any) -> None:
    async with system():
        manager = await managed("a")
        await sync_notify(manager, ("do", "a", wrong))
        assert log[-1] == ("a", "stop", "crashed")
        assert await which_handlers(manager) == ()


async def test_one_that_is_async_has_crashed() -> None:
    class Async(EventHandler):
        async def on_event(self, event: Any) -> Any:
            await trio.lowlevel.checkpoint()

        async def on_call(self, request: Any) -> Any:
            await trio.lowlevel.checkpoint()

    class AsyncStart(EventHandler):
        async def on_start(self, previous: Any) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
            await trio.lowlevel.checkpoint()

    async with system():
        manager = EventManager.start()
        await add_handler(manager, Async())
        await sync_notify(manager, 1)
        assert await which_handlers(manager) == ()
        await add_handler(manager, Async())
        with pytest.raises(UsageError, match="on_call of an event handler cannot be async"):
            await call_handler(manager, Async, 1)
        with pytest.raises(UsageError, match="on_start of an event handler cannot be async"):
            await add_handler(manager, AsyncStart())


async def test_one_that_raises_while_it_ends_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async with system():
        manager = await managed("bad", "b")
        assert await remove_handler(manager, "bad") is None
        assert await which_handlers(manager) == ("b",)
    assert "Handler 'bad' of EventManager" in caplog.text
    assert "at stop" in caplog.text


async def test_a_handler_removes_itself() -> None:
    async with system():
        manager = await managed("a", "b")
        await sync_notify(manager, ("do", "a", REMOVE))
        assert ("a", "stop", "normal") in log
        assert await which_handlers(manager) == ("b",)


async def test_to_remove_one_answers_what_it_leaves_behind() -> None:
    async with system():
        manager = await managed("a")
        assert await remove_handler(manager, "a") == "a was here"
        assert log == [("a", "stop", "normal")]
        with pytest.raises(UsageError, match="no handler 'a'"):
            await remove_handler(manager, "a")


async def test_one_handler_is_asked() -> None:
    async with system():
        manager = await managed("a", "b")
        assert await call_handler(manager, "b", 1) == ("b", 1)
        with pytest.raises(UsageError, match="no handler"):
            await call_handler(manager, "c", 1)


async def test_one_that_crashes_when_asked_is_removed_and_the_caller_told() -> None:
    async with system():
        manager = await managed("a", "b", "c")
        with pytest.raises(LookupError, match="in call"):
            await call_handler(manager, "b", "crash")
        with pytest.raises(StrayExitError):
            await call_handler(manager, "c", "exit")
        assert await which_handlers(manager) == ("a",)


async def test_a_handler_without_methods_of_its_own_does_nothing() -> None:
    async with system():
        manager = EventManager.start()
        await add_handler(manager, EventHandler())
        await sync_notify(manager, 1)
        with pytest.raises(UsageError, match="no on_call"):
            await call_handler(manager, EventHandler, 1)


async def test_one_takes_the_place_of_another_with_what_that_left() -> None:
    async with system():
        manager = await managed("a", "b")
        await swap_handler(manager, "a", Handler("c"), id="c")
        assert log == [("a", "stop", "swapped"), ("c", "start", "a was here")]
        assert await which_handlers(manager) == ("b", "c")


async def test_a_swap_adds_the_new_one_also_without_an_old_one() -> None:
    async with system():
        manager = await managed()
        await swap_handler(manager, "nobody", Handler("c"), id="c")
        assert log == [("c", "start", None)]


async def test_a_swap_removes_the_old_one_also_if_the_new_one_fails() -> None:
    async with system():
        manager = await managed("a")
        with pytest.raises(LookupError, match="at start"):
            await swap_handler(manager, "a", Handler("fail"))
        assert await which_handlers(manager) == ()


async def test_a_swap_for_an_id_that_is_taken_is_refused_and_has_not_happened() -> None:
    async with system():
        manager = await managed("a", "b")
        with pytest.raises(UsageError, match="already"):
            await swap_handler(manager, "a", Handler("c"), id="b")
        assert await which_handlers(manager) == ("a", "b")


async def test_a_handler_has_another_take_its_place() -> None:
    async with system():
        manager = await managed("a")
        await sync_notify(manager, ("do", "a", Swap(Handler("b"))))
        assert log[1:] == [("a", "stop", "swapped"), ("b", "start", "a was here")]
        assert await call_handler(manager, "a", 1) == ("b", 1)
        await sync_notify(manager, ("do", "b", Swap(Handler("c"), "c")))
        assert await which_handlers(manager) == ("c",)


async def test_one_that_wants_another_to_take_its_place_ends_once_though_that_fails_to_start() -> None:
    async with system():
        manager = await managed("a")
        await sync_notify(manager, ("do", "a", Swap(Handler("fail"))))
        assert log[1:] == [("a", "stop", "swapped")]
        assert await which_handlers(manager) == ()


async def test_nothing_is_kept_of_one_that_has_gone() -> None:
    async with system():
        manager = await managed()
        handler = Handler("a")
        gone = weakref.ref(handler)
        await add_handler(manager, handler)
        await remove_handler(manager, Handler)
        del handler
        gc.collect()
        assert gone() is None


async def test_one_that_another_has_removed_does_not_hear_of_the_event() -> None:
    async with system():
        manager = await managed("b")

        class Remover(EventHandler):
            def on_event(self, event: Any) -> Any:
                remove_handler(manager, "b")

        await add_handler(manager, Remover())
        await sync_notify(manager, 1)
        await sync_notify(manager, 2)
        assert log == [("b", 1), ("b", "stop", "normal")]


# -- owners ----------------------------------------------------------------------------------


async def test_the_end_of_the_owner_removes_its_handlers() -> None:
    async with system():
        manager, owner = await managed("other"), Owner.start()
        for name in ("a", "b"):
            await owner.ask(("add", manager, name))
        log.clear()
        owner.kill()
        await wait_all_tasks_blocked()
        assert await which_handlers(manager) == ("other",)
        assert log == [("a", "stop", "killed"), ("b", "stop", "killed")]


async def test_the_owner_is_told_when_its_handler_goes_however_it_goes() -> None:
    async with system():
        manager, owner = await managed(), Owner.start()
        for name in ("a", "b", "c", "d"):
            await owner.ask(("add", manager, name))
        await sync_notify(manager, ("crash", "a"))
        await remove_handler(manager, "b")
        await sync_notify(manager, ("do", "c", Swap(Handler("e"), "e")))
        await manager.stop()
        told: list[HandlerRemoved] = await owner.ask("got")
        assert [(each.id, each.exit.reason) for each in told] == [
            ("a", "crashed"),
            ("b", "normal"),
            ("c", "swapped"),
            ("e", "normal"),
            ("d", "normal"),
        ]
        assert str(told[0].exit.error) == "in event"
        assert all(each.manager == manager for each in told)


async def test_an_owner_that_has_lost_one_of_its_handlers_still_owns_the_other() -> None:
    async with system():
        manager, owner = await managed(), Owner.start()
        for name in ("a", "b"):
            await owner.ask(("add", manager, name))
        await remove_handler(manager, "a")
        owner.kill()
        await wait_all_tasks_blocked()
        assert await which_handlers(manager) == ()


async def test_an_owner_without_handlers_is_not_watched() -> None:
    async with system():
        manager, owner = await managed(), Owner.start()
        for name in ("a", "b"):
            await owner.ask(("add", manager, name))
        assert manager.actor_inbox.monitored_actors() == (owner,)
        await remove_handler(manager, "a")
        assert manager.actor_inbox.monitored_actors() == (owner,)
        await remove_handler(manager, "b")
        assert manager.actor_inbox.monitored_actors() == ()
        assert manager.actor_inbox.actor._owned == {}


async def test_the_next_incarnation_of_an_owner_is_not_told_of_what_the_former_owned() -> None:
    async with system(), supervise([ChildSpec("owner", Owner)]) as root:
        [info] = await which_children(root)
        manager, owner = await managed(), info.ref
        assert owner is not None
        await owner.ask(("add", manager, "a"))
        owner.tell("crash")
        assert await owner.ask("got") == []
        assert log[-1] == ("a", "stop", "crashed")
        assert await which_handlers(manager) == ()


async def test_what_a_former_incarnation_has_asked_for_is_not_added_for_the_next() -> None:
    async with system(), supervise([ChildSpec("owner", Owner)]) as root:
        [info] = await which_children(root)
        manager, owner = await managed(), info.ref
        assert owner is not None
        await owner.ask(("add", manager, "a"))
        await sys.suspend(manager)
        remove_handler(manager, "a")
        owner.tell(("add and crash", manager, "b"))
        await wait_all_tasks_blocked()
        await sys.resume(manager)
        assert await which_handlers(manager) == ()
        assert log[-1] == ("b", "stop", "noproc")
        assert manager.actor_inbox.monitored_actors() == ()
        assert await owner.ask("got") == []


async def test_an_owner_may_take_over_by_a_swap() -> None:
    async with system():
        manager, owner = await managed("a"), Owner.start()
        await owner.ask(("swap", manager, "a", "b"))
        await remove_handler(manager, "b")
        [told] = await owner.ask("got")
        assert told == HandlerRemoved(manager, "b", told.exit)


async def test_an_owner_that_has_ended_already_has_no_handler() -> None:
    class Ended(Actor):
        def on_receive(self, message: Any) -> Any:
            return self

    async with system():
        manager, ref = await managed(), Ended.start()
        actor: Actor = await ref.ask(None)
        await ref.stop()
        await add_handler(manager, Handler(), owner=actor)
        await wait_all_tasks_blocked()
        assert await which_handlers(manager) == ()


async def test_a_full_mailbox_takes_the_news() -> None:
    async with system():
        manager, owner = await managed(), Owner.with_mailbox(Bounded(1, "drop_newest")).start()
        await owner.ask(("add", manager, "a"))
        await sys.suspend(owner)
        owner.tell("x")
        await remove_handler(manager, "a")
        await sys.resume(owner)
        await wait_all_tasks_blocked()
        assert [type(each) for each in await owner.ask("got")] == [str, HandlerRemoved]


@pytest.mark.parametrize("hook", ["on_event", "on_call", "on_stop"])
def test_a_ctrl_c_while_a_handler_runs_is_nobodys_crash(hook: str) -> None:
    def interrupt(*_: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    async def main() -> None:
        async with system():
            manager = EventManager.start()
            await add_handler(manager, type("Interrupted", (EventHandler,), {hook: interrupt})(), id="x")
            if hook == "on_event":
                notify(manager, 1)
            elif hook == "on_call":
                manager_call = call_handler(manager, "x", 1)
                await manager_call.ready()
            else:
                remove_handler(manager, "x")
            await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)


class Interrupting:
    """An id; whoever hashes it again once it is in use is interrupted."""

    in_use = False

    def __hash__(self) -> int:
        if self.in_use:
            signal.raise_signal(signal.SIGINT)
        return 1


def test_nor_is_one_while_the_id_of_a_handler_that_goes_is_hashed() -> None:
    async def main() -> None:
        async with system():
            manager, id_ = EventManager.start(), Interrupting()
            await add_handler(manager, Handler(), id=id_)
            id_.in_use = True
            notify(manager, ("do", "a", REMOVE))
            await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)


async def test_the_wait_for_the_handlers_can_be_cancelled() -> None:
    async with system():
        manager = await managed("a")
        await sys.suspend(manager)
        with trio.CancelScope() as scope:
            scope.cancel()
            await sync_notify(manager, 1)
        assert scope.cancelled_caught
        await sys.resume(manager)
        await sync_notify(manager, 2)
        assert log == [("a", 1), ("a", 2)]


# -- the manager -----------------------------------------------------------------------------


async def test_its_end_ends_the_handlers_the_youngest_first() -> None:
    async with system():
        manager = await managed("a", "b")
        await manager.stop(exit="shutdown")
        assert log == [("b", "stop", "shutdown"), ("a", "stop", "shutdown")]
        with pytest.raises(ActorDeadError):
            await which_handlers(manager)


async def test_it_takes_no_more_handlers_than_it_may_have() -> None:
    async with system():
        manager = EventManager.start(max_handlers=1)
        await add_handler(manager, Handler("a"))
        with pytest.raises(TooManyChildrenError):
            await add_handler(manager, Handler("b"), id="b")
        await swap_handler(manager, Handler, Handler("b"), id="b")
        assert await which_handlers(manager) == ("b",)


async def test_it_is_known_by_its_name_and_shows_its_handlers() -> None:
    async with system():
        EventManager.with_name("events").start()
        handler = Handler()
        await add_handler("events", handler, id="a")
        notify("events", 1)
        assert await sys.get_state("events") == {"a": handler}
        assert log[-1] == ("a", 1)


def test_threads_use_it_too() -> None:
    with system_in_thread():
        manager = EventManager.start()
        add_handler(manager, Handler("a"), id="a")
        sync_notify(manager, 1)
        assert log[-1] == ("a", 1)
        assert which_handlers(manager) == ("a",)


async def test_the_end_of_what_a_subclass_monitors_is_an_event() -> None:
    class Watching(EventManager):
        def on_start(self) -> None:
            self.monitor("watched", "mine")

    async with system():
        watched = Owner.with_name("watched").start()
        manager = Watching.start()
        await add_handler(manager, Handler())
        watched.kill()
        await wait_all_tasks_blocked()
        assert isinstance(log[-1][1], Down)
