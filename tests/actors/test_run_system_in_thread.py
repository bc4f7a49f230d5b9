"""A system in a background thread: Pykka's blocking interface, from any number of threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trio

from cometary.actors import Actor, ActorDeadError, ActorRef, current_system, system_in_thread
from cometary.errors import NoSystemError, UsageError


class Counter(Actor):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def on_receive(self, message: Any) -> Any:
        self.count += message
        return self.count


class Waiter(Actor):
    async def on_receive(self, message: Any) -> Any:
        if message == "wait":
            await trio.sleep_forever()
        return message


def test_several_threads_ask_one_actor_at_once() -> None:
    def add(number: int) -> int:
        return int(ref.ask(number, timeout=30))

    with system_in_thread(), ThreadPoolExecutor(8) as pool:
        ref = Counter.start()
        answers = list(pool.map(add, [1] * 400))
        assert sorted(answers) == list(range(1, 401))
        assert ref.proxy().count.get(timeout=30) == 400


def test_several_threads_start_and_stop_actors_at_once() -> None:
    def live(_: int) -> bool:
        ref = Counter.start()
        return bool(ref.ask(1, timeout=30) == 1 and ref.stop(timeout=30) and not ref.is_alive())

    with system_in_thread() as actors, ThreadPoolExecutor(8) as pool:
        assert all(pool.map(live, range(200)))
        assert not actors.actors


def test_a_proxys_attribute_can_be_set_where_blocking_is_allowed() -> None:
    with system_in_thread():
        proxy = Counter.start().proxy()
        proxy.count = 41
        assert proxy.on_receive(1).get(timeout=30) == 42


def test_leaving_the_block_tells_threads_that_still_wait() -> None:
    outcome: list[BaseException] = []

    def wait() -> None:
        try:
            ref.ask("wait")
        except ActorDeadError as error:
            outcome.append(error)

    with system_in_thread(stop_timeout=0.01):
        ref = Waiter.start()
        assert ref.ask("are you there?", timeout=30)
        thread = threading.Thread(target=wait)
        thread.start()
        while not ref.actor_inbox.replying:  # until the actor is in its handler
            threading.Event().wait(0.001)
    thread.join(60)
    assert len(outcome) == 1


def test_after_the_block_the_actors_are_dead_and_there_is_no_system() -> None:
    with system_in_thread():
        ref = Counter.start()
    assert not ref.is_alive()
    with pytest.raises(ActorDeadError):
        ref.tell(1)
    with pytest.raises(ActorDeadError):
        ref.ask(1)
    assert ref.stop() is False
    ref.kill()
    with pytest.raises(ActorDeadError):
        ref.proxy()
    with pytest.raises(NoSystemError):
        Counter.start()
    assert "cometary-actors" not in {thread.name for thread in threading.enumerate()}


def test_an_exception_of_the_block_comes_out() -> None:
    refs: list[ActorRef[Counter]] = []

    def main() -> None:
        with system_in_thread():
            refs.append(Counter.start())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        main()
    assert not refs[0].is_alive()


def test_what_ends_the_system_too_early_is_raised_at_the_end() -> None:
    async def fail() -> None:
        raise LookupError

    def main() -> None:
        with system_in_thread() as actors:
            ref = Waiter.start()
            answer = ref.ask("wait", block=False)
            actors.start_soon(fail)
            with pytest.raises(ActorDeadError):
                answer.get(timeout=30)

    with pytest.RaisesGroup(LookupError, flatten_subgroups=True):
        main()


def test_two_threads_have_each_their_own_system() -> None:
    both_open = threading.Barrier(2, timeout=30)

    def own(_: int) -> bool:
        with system_in_thread() as mine:
            both_open.wait()
            found = current_system() is mine and Counter.start().actor_inbox.system is mine
            both_open.wait()
            return found

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(own, range(2))) == [True, True]


def test_other_threads_and_other_loops_use_it_too() -> None:
    async def main() -> None:
        ref = Counter.start()  # without waiting for the other loop
        assert await ref.ask(1, timeout=30) == 1
        assert await ref.stop() is True
        assert (await ref.stopped()).reason == "normal"

    with system_in_thread():
        trio.run(main)


async def test_on_the_loop_it_is_refused() -> None:
    with pytest.raises(UsageError, match="async with system"), system_in_thread():
        pass


@pytest.mark.parametrize("kind", [Counter, Waiter])
def test_an_actor_monitors_one_of_another_system(kind: type[Actor]) -> None:
    class Watcher(Actor):
        def __init__(self, ref: Any) -> None:
            super().__init__()
            self.monitor(ref)

        def on_receive(self, message: Any) -> Any:
            if message == "wait":
                self.reply = self.reply_later()
                return None
            return self.reply.set(message)

    with system_in_thread():
        watched: ActorRef[Any] = kind.start()
        with system_in_thread():
            watcher = Watcher.start(watched)
            down = watcher.ask("wait", block=False)
            watched.stop()
            assert down.get(timeout=30).ref is watched
