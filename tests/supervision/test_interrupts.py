"""An operator's Ctrl+C ends the program, in whatever of a child's or an observer's code it comes."""

from __future__ import annotations

import signal
from typing import Any

import pytest
import trio

from cometary.supervision import start_child, subscribe
from cometary.supervision.function import function_name
from tests.supervision.company import Diary, Worker, child, company, crowd, tell, worker


def interrupt(*_: Any) -> Any:
    signal.raise_signal(signal.SIGINT)


class Interrupted(Worker):
    """It is interrupted while it is made: at once, or the second time."""

    def __init__(self, name: str, diary: Diary) -> None:
        super().__init__(name, diary)
        diary.append("made")
        if name == "at once" or diary.count("made") == 2:
            interrupt()


async def start(root: Any, _: Any) -> None:
    await start_child(root, worker("at once", Diary(), Interrupted))


async def restart(root: Any, _: Any) -> None:
    await start_child(root, worker("a", Diary(), Interrupted))
    await tell(root, "a", "crash")


async def restart_one_of_many(_: Any, many: Any) -> None:
    (await start_child(many, Interrupted, "a", Diary())).tell("crash")


async def observe(root: Any, many: Any) -> None:
    subscribe(root, interrupt)
    (await start_child(many, Worker, "a", Diary())).tell("crash")


@pytest.mark.parametrize("work", [start, restart, restart_one_of_many, observe])
def test_it_is_no_crash_of_a_child_and_keeps_nobody_waiting(work: Any) -> None:
    async def main() -> None:
        async with company(crowd(intensity=5)) as root:
            await work(root, await child(root, "crowd"))
            await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)


def test_nor_of_what_is_told_of_those_who_give_up() -> None:
    async def main() -> None:
        async with company(crowd(per="child", intensity=0, on_give_up=interrupt)) as root:
            (await start_child(await child(root, "crowd"), Worker, "a", Diary())).tell("crash")
            await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)


class Nameless:
    """Who asks for its name is interrupted."""

    def __getattribute__(self, _: str) -> Any:
        interrupt()

    def __call__(self) -> None:
        """Do nothing."""


def test_nor_of_the_name_of_a_function() -> None:
    with pytest.raises(KeyboardInterrupt):
        function_name(Nameless())
