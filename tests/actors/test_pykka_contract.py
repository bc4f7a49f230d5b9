"""What Pykka's documentation promises, on the loop and from other threads, for both kinds of handler."""

from __future__ import annotations

import logging
import threading
from logging.handlers import QueueHandler
from operator import add
from queue import SimpleQueue
from typing import Any

import pykka
import pytest
from pykka.messages import ProxyCall, ProxyGetAttr

from cometary.actors import Actor, ActorDeadError, ActorRef, get_all, traversable
from tests.actors.worlds import PATIENCE, World, everywhere


class Echo(Actor):
    def on_receive(self, message: Any) -> Any:
        return message


class Diary(Actor):
    """Writes down what happens to it in a list that outlives it."""

    def __init__(self, events: list[object]) -> None:
        super().__init__()
        self.events = events

    def on_start(self) -> None:
        self.events.append("started")

    def on_stop(self) -> None:
        self.events.append("stopped")

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        self.events.append(("failed", exception_type, str(exception_value), traceback is not None))

    def on_receive(self, message: Any) -> Any:
        if message == "fail":
            raise LookupError("as told")
        self.events.append(message)
        return message


async def is_gone(world: World, ref: ActorRef[Any]) -> None:
    assert await world.answer(ref.stop()) is False
    assert not ref.is_alive()


@everywhere
async def test_ask_returns_the_handlers_return_value(world: World) -> None:
    ref = world.actor(Echo).start()
    assert await world.answer(ref.ask("a message of any type")) == "a message of any type"
    assert await world.answer(ref.ask(None)) is None
    assert await world.answer(ref.ask(("a", 1), block=False)) == ("a", 1)


@everywhere
async def test_tell_returns_nothing_and_messages_are_handled_in_order(world: World) -> None:
    events: list[object] = []
    ref = world.actor(Diary).start(events)
    for number in range(250):  # more than one turn's quota
        ref.tell(number)
    await world.answer(ref.ask("last"))
    assert events == ["started", *range(250), "last"]


@everywhere
async def test_the_default_handler_logs_what_it_is_sent(world: World) -> None:
    records: SimpleQueue[logging.LogRecord] = SimpleQueue()
    handler = QueueHandler(records)
    logging.getLogger("pykka").addHandler(handler)
    try:
        ref = Actor.start()
        assert await world.answer(ref.ask("nobody expects this")) is None
    finally:
        logging.getLogger("pykka").removeHandler(handler)
    assert "nobody expects this" in records.get(timeout=PATIENCE).getMessage()


@everywhere
async def test_an_exception_reaches_the_caller_and_the_actor_lives_on(world: World) -> None:
    events: list[object] = []
    ref = world.actor(Diary).start(events)
    for _ in range(2):
        with pytest.raises(LookupError, match="as told"):
            await world.answer(ref.ask("fail"))
    assert await world.answer(ref.ask("still here")) == "still here"
    assert events == ["started", "still here"]


@everywhere
async def test_an_exception_nobody_waits_for_runs_on_failure_and_ends_the_actor(world: World) -> None:
    events: list[object] = []
    ref = world.actor(Diary).start(events)
    ref.tell("fail")
    reply = ref.ask("too late", block=False)
    with pytest.raises(ActorDeadError):
        await world.answer(reply)
    assert events == ["started", ("failed", LookupError, "as told", True)]
    await is_gone(world, ref)


@everywhere
async def test_an_exception_in_on_failure_changes_nothing(world: World) -> None:
    class Clumsy(Diary):
        def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
            raise RuntimeError("and again")

    ref = world.actor(Clumsy).start([])
    ref.tell("fail")
    with pytest.raises(ActorDeadError):
        await world.answer(ref.ask("too late", block=False))
    await is_gone(world, ref)


@everywhere
async def test_an_exception_in_on_start_ends_the_actor_without_on_failure(world: World) -> None:
    class Stillborn(Diary):
        def on_start(self) -> None:
            raise LookupError("no")

    events: list[object] = []
    ref = world.actor(Stillborn).start(events)
    with pytest.raises(ActorDeadError):
        await world.answer(ref.ask("hello", block=False))
    assert events == []
    await is_gone(world, ref)


@everywhere
async def test_an_exception_in_on_stop_does_not_keep_the_actor_alive(world: World) -> None:
    class Unwilling(Diary):
        def on_stop(self) -> None:
            raise LookupError("no")

    ref = world.actor(Unwilling).start([])
    with pytest.raises(LookupError, match="no"):  # Pykka only logs it
        await world.answer(ref.stop(block=False))
    await is_gone(world, ref)


@everywhere
async def test_stop_lets_earlier_messages_run_and_refuses_later_ones(world: World) -> None:
    events: list[object] = []
    ref = world.actor(Diary).start(events)
    ref.tell("before")
    earlier = ref.ask("also before", block=False)
    stopped = ref.stop(block=False)
    later = ref.ask("after", block=False)
    assert await world.answer(stopped) is True
    assert await world.answer(earlier) == "also before"
    with pytest.raises(ActorDeadError):
        await world.answer(later)
    assert events == ["started", "before", "also before", "stopped"]


@everywhere
async def test_an_actor_stops_itself_after_the_mail_it_has(world: World) -> None:
    class Mortal(Diary):
        def on_receive(self, message: Any) -> Any:
            if message == "die":
                self.stop()
            return super().on_receive(message)

    events: list[object] = []
    ref = world.actor(Mortal).start(events)
    assert await world.answer(ref.ask("die")) == "die"
    with pytest.raises(ActorDeadError):
        await world.answer(ref.ask("anyone?", block=False))
    assert events == ["started", "die", "stopped"]


@everywhere
async def test_a_dead_actor_refuses_tell_ask_and_proxy(world: World) -> None:
    ref = world.actor(Echo).start()
    await world.answer(ref.stop())
    with pytest.raises(ActorDeadError, match="not found"):
        ref.tell("x")
    with pytest.raises(ActorDeadError):
        await world.answer(ref.ask("x"))
    with pytest.raises(ActorDeadError):
        await world.answer(ref.ask("x", block=False))
    with pytest.raises(ActorDeadError):
        ref.proxy()


@everywhere
async def test_init_runs_in_the_callers_context_and_its_exception_reaches_the_caller(world: World) -> None:
    class Picky(Actor):
        def __init__(self, thread: int) -> None:
            super().__init__()
            self.same = thread == threading.get_ident()

        def on_receive(self, message: Any) -> Any:
            return self.same

    assert await world.answer(world.actor(Picky).start(threading.get_ident()).ask("same thread?")) is True
    with pytest.raises(TypeError):
        world.actor(Picky).start()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


@everywhere
async def test_references_are_for_passing_around(world: World) -> None:
    class Introducer(Actor):
        def on_receive(self, message: Any) -> Any:
            message.tell(self.actor_ref)

    events: list[object] = []
    introducer, diary = world.actor(Introducer).start(), world.actor(Diary).start(events)
    await world.answer(introducer.ask(diary))
    await world.answer(diary.ask("done"))
    assert events == ["started", introducer, "done"]
    assert introducer.actor_urn.startswith("urn:uuid:")
    assert introducer.actor_urn != diary.actor_urn
    assert str(introducer) == f"Introducer ({introducer.actor_urn})"
    assert repr(introducer) == f"<ActorRef for {introducer}>"
    assert introducer.actor_stopped.is_set() is False
    await world.answer(introducer.stop())
    assert introducer.actor_stopped.is_set() is True


# -- proxies ------------------------------------------------------------------------------


class Volume:
    def __init__(self) -> None:
        self.level = 1

    def up(self, by: int = 1) -> int:
        self.level += by
        return self.level


class Player(Actor):
    genre = "jazz"
    _secret = "x"

    def __init__(self) -> None:
        super().__init__()
        self.played = 0
        self.volume = traversable(Volume())
        self.shelf = Volume()

    def on_receive(self, message: Any) -> Any:
        return message

    def play(self, times: int, *, loud: bool = False) -> tuple[int, bool]:
        self.played += times
        return self.played, loud

    def fail(self) -> None:
        raise LookupError("no such record")

    def play_later(self) -> None:
        self.actor_ref.proxy().play(10)


@everywhere
async def test_a_proxy_calls_methods_and_reads_attributes(world: World) -> None:
    proxy = world.actor(Player).start().proxy()
    assert await world.answer(proxy.play(2)) == (2, False)
    assert await world.answer(proxy.play(times=1, loud=True)) == (3, True)
    assert await world.answer(proxy.played) == 3
    assert await world.answer(proxy.genre) == "jazz"
    with pytest.raises(AttributeError):
        _ = proxy.nothing
    with pytest.raises(AttributeError):
        _ = proxy._secret


@everywhere
async def test_a_proxied_methods_exception_reaches_the_caller(world: World) -> None:
    proxy = world.actor(Player).start().proxy()
    with pytest.raises(LookupError, match="no such record"):
        await world.answer(proxy.fail())
    assert await world.answer(proxy.played) == 0


@everywhere
async def test_a_deferred_call_waits_for_nothing_and_its_exception_ends_the_actor(world: World) -> None:
    ref = world.actor(Player).start()
    proxy = ref.proxy()
    assert proxy.play.defer(4) is None
    assert await world.answer(proxy.played) == 4
    proxy.fail.defer()
    with pytest.raises(ActorDeadError):
        await world.answer(proxy.played)
    await is_gone(world, ref)


@everywhere
async def test_a_traversable_attribute_can_be_called_through(world: World) -> None:
    proxy = world.actor(Player).start().proxy()
    assert await world.answer(proxy.volume.up(by=4)) == 5
    assert await world.answer(proxy.volume.level) == 5
    assert isinstance(await world.answer(proxy.shelf), Volume)


@everywhere
async def test_an_actor_schedules_work_for_itself_through_a_proxy(world: World) -> None:
    proxy = world.actor(Player).start().proxy()
    await world.answer(proxy.play_later())
    assert await world.answer(proxy.played) == 10


@everywhere
async def test_proxy_messages_can_be_sent_without_a_proxy(world: World) -> None:
    ref = world.actor(Player).start()
    ref.tell(ProxyCall(attr_path=("play",), args=(3,), kwargs={}))
    assert await world.answer(ref.ask(ProxyGetAttr(attr_path=("played",)))) == 3


@everywhere
async def test_proxies_of_one_actor_are_equal(world: World) -> None:
    ref = world.actor(Player).start()
    assert ref.proxy() == ref.proxy()
    assert hash(ref.proxy()) == hash(ref.proxy())
    assert ref.proxy() != world.actor(Player).start().proxy()


# -- futures ------------------------------------------------------------------------------


def above_ten(number: int) -> bool:
    return number > 10


def divide_by_zero(number: int) -> float:
    return number / 0


@everywhere
async def test_futures_are_mapped_filtered_joined_and_reduced(world: World) -> None:
    ref = world.actor(Echo).start()

    def ask(message: Any) -> Any:
        return ref.ask(message, block=False)

    assert await world.answer(ask(30).map(str)) == "30"
    assert await world.answer(ask(range(5, 15)).filter(above_ten)) == [11, 12, 13, 14]
    assert await world.answer(ask("abc").join(ask(123), ask(False))) == ["abc", 123, False]
    assert await world.answer(ask([1, 2, 3]).reduce(add)) == 6
    assert await world.answer(ask([1, 2, 3]).reduce(add, 5)) == 11
    assert await world.answer(ask([]).reduce(add, 5)) == 5
    chain = ask([1, 2]).map(sum).join(ask(3)).map(sum).map(str)
    assert await world.answer(chain) == "6"
    with pytest.raises(TypeError):
        await world.answer(ask(7).filter(bool))
    with pytest.raises(ZeroDivisionError):
        await world.answer(ask(7).map(divide_by_zero))


@everywhere
async def test_a_result_can_be_read_any_number_of_times(world: World) -> None:
    future = world.actor(Echo).start().ask([1], block=False)
    assert await world.answer(future) is await world.answer(future)


@everywhere
async def test_get_all_collects_in_order(world: World) -> None:
    ref = world.actor(Echo).start()
    futures = [ref.ask(number, block=False) for number in range(5)]
    assert await world.answer(get_all(futures)) == [0, 1, 2, 3, 4]


@everywhere
async def test_an_ask_times_out_and_the_actor_goes_on(world: World) -> None:
    class Slow(Actor):
        def on_receive(self, message: Any) -> Any:
            return self.reply_later()

    ref = world.actor(Slow).start()
    with pytest.raises(pykka.Timeout, match="seconds"):
        await world.answer(ref.ask("x", timeout=0.01))
    assert ref.is_alive()
