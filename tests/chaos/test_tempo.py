"""A run on a busy machine goes more slowly, and does as much."""

from __future__ import annotations

from functools import partial

import pytest
import trio

from cometary.chaos.shared import find
from cometary.chaos.tempo import GROWS, LONGEST, SILENT, SLOWEST, Tempo, answers_of
from cometary.errors import TargetError


def test_periods_grow_while_the_machine_is_late_and_shrink_back_to_what_was_planned() -> None:
    tempo = Tempo()
    tempo.measured(0.3)
    tempo.measured(2)
    assert tempo.stretch == GROWS**2
    for _ in range(100):
        tempo.measured(0.1)
    assert tempo.stretch == 1
    assert tempo.slowest == GROWS**2


def test_they_do_not_grow_for_ever() -> None:
    tempo = Tempo()
    for _ in range(100):
        tempo.measured(1)
    assert tempo.stretch == SLOWEST


def test_many_sessions_begin_slowly() -> None:
    assert Tempo(2000).stretch == 4
    assert Tempo(200).stretch == 1


@pytest.mark.parametrize("stretch", [1, 3])
async def test_the_time_of_the_run_is_as_much_longer(stretch: int, autojump_clock: object) -> None:
    tempo = Tempo()
    tempo.stretch = stretch
    before = trio.current_time()
    await tempo.pass_by(10)
    assert trio.current_time() - before == pytest.approx(10 * stretch)
    assert tempo.passed == pytest.approx(10)


async def test_a_server_that_answers_nothing_is_no_busy_machine(autojump_clock: object) -> None:
    tempo = Tempo()
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        target = await find(f"http://127.0.0.1:{listener.socket.getsockname()[1]}/comet", anywhere=False)
        before = trio.current_time()
        with pytest.raises(TargetError, match="has answered nothing for 60 s"):
            await tempo.run(partial(answers_of, target))
    assert SILENT <= trio.current_time() - before < SILENT + 2 * LONGEST
    assert tempo.answers.longest == LONGEST
