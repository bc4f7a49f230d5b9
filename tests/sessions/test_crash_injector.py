"""Crashes on request: every session has its turn, and none more of them than it survives."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import Exit, system
from cometary.app import App
from cometary.errors import SabotageError
from cometary.sessions import SessionManager
from cometary.sessions.crash_injector import CrashInjector
from cometary.sessions.supervisor import PERIOD
from tests.sessions.house import Visitor, hosting

SESSIONS = 6


@pytest.fixture
async def manager(caplog: pytest.LogCaptureFixture) -> AsyncIterator[SessionManager]:
    caplog.set_level(logging.CRITICAL)
    async with system(), hosting(App()) as manager:
        yield manager


async def crashed(manager: SessionManager, injector: CrashInjector, count: int) -> tuple[int, set[str]]:
    """Crash some; returns how many it says there were, and which sessions have another actor since."""
    before = {keeper.name: keeper.ref.actor_inbox.life for keeper in manager.directory}
    number = injector.crash(count)
    await wait_all_tasks_blocked()
    after = {keeper.name: keeper.ref.actor_inbox.life for keeper in manager.directory}
    return number, {name for name in before if after[name] != before[name]}


async def test_who_was_crashed_on_request_has_ended_of_that(manager: SessionManager) -> None:
    visitor, exits = Visitor(manager), list[Exit]()
    await wait_all_tasks_blocked()

    def note(_ref: object, ended: Exit) -> None:
        exits.append(ended)

    visitor.keeper.ref.actor_inbox.watch(note)
    assert CrashInjector(manager).crash(1) == 1
    await wait_all_tasks_blocked()
    [ended] = exits
    assert isinstance(ended.error, SabotageError)
    assert ended.last_message is None


async def test_each_session_is_crashed_once_before_any_is_again(
    manager: SessionManager, autojump_clock: MockClock
) -> None:
    visitors = [Visitor(manager) for _ in range(SESSIONS)]
    injector = CrashInjector(manager)
    first, second = [await crashed(manager, injector, SESSIONS // 2) for _ in range(2)]
    assert first[0] == len(first[1]) == second[0] == SESSIONS // 2
    assert first[1] | second[1] == {visitor.keeper.name for visitor in visitors}
    assert await crashed(manager, injector, SESSIONS) == (0, set())
    await trio.sleep(PERIOD)
    assert (await crashed(manager, injector, 2 * SESSIONS))[0] == SESSIONS


async def test_no_session_is_given_up_however_often_it_is_asked_for(
    manager: SessionManager, autojump_clock: MockClock
) -> None:
    visitors = [Visitor(manager) for _ in range(SESSIONS)]
    injector = CrashInjector(manager)
    for _ in range(50):
        injector.crash(SESSIONS)
        await trio.sleep(PERIOD / 7)
    assert [visitor.keeper.ended for visitor in visitors] == [None] * SESSIONS


async def test_who_has_ended_since_the_round_began_is_passed_over(
    manager: SessionManager, autojump_clock: MockClock
) -> None:
    visitors = [Visitor(manager) for _ in range(SESSIONS)]
    injector = CrashInjector(manager)
    assert injector.crash(1) == 1
    for visitor in visitors[1:]:
        visitor.keeper.end("kicked")
    await wait_all_tasks_blocked()
    assert injector.crash(SESSIONS) <= 1


async def test_without_sessions_there_is_nobody_to_crash(
    manager: SessionManager, autojump_clock: MockClock
) -> None:
    assert CrashInjector(manager).crash(3) == 0
