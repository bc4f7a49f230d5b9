"""Pages with every kind of trouble against a server in this process, in virtual time and over real sockets.

An honest server passes. One that loses, doubles or reorders is found out.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from cometary.app import App
from cometary.chaos.application import add_echo, echo
from cometary.chaos.fleet import Fleet
from cometary.chaos.habits import MODES, troubles_of
from cometary.chaos.ledger import Counts
from cometary.chaos.page import OVERSLEPT
from cometary.chaos.plan import Plan
from cometary.chaos.shared import Shared, find
from cometary.errors import TargetError
from cometary.sessions import Session
from cometary.sessions.crash_injector import CrashInjector
from cometary.sessions.session_arbiter import SessionArbiter
from tests.protocol.client import serving

STEP = 0.05
"""Seconds by which the clock goes on when nothing happens any more."""


class Run:
    """A fleet, and the server that it runs against."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.crashed = 0

    @property
    def wrong(self) -> tuple[Counts, Counts]:
        return self.fleet.up(), self.fleet.down()


async def turn(clock: trio.testing.MockClock) -> None:
    """Let time go by, with all that happens on the loopback meanwhile."""
    while True:
        await trio.testing.wait_all_tasks_blocked(0.001)
        clock.jump(STEP)


async def run(
    clock: trio.testing.MockClock,
    mode: str,
    app: App,
    *,
    seconds: float = 20,
    pages: int = 8,
    beside: str = "",
    **settings: Any,
) -> Run:
    plan = Plan(mode=mode, sessions=pages, kill_every=2, every=0.3, seconds=seconds)
    settings = {"wait": 8, "die": 4, **settings}
    async with serving(app, **settings) as world, trio.open_nursery() as nursery:
        nursery.start_soon(turn, clock)
        shared = Shared()
        if beside:
            shared.beside = await find(world.running.urls[beside], anywhere=False)
        target = await find(world.running.comet, anywhere=False)
        result = Run(Fleet(plan, target, 1, shared))
        with shared.scope:
            async with result.fleet.running():
                if plan.crashes:
                    nursery.start_soon(crash, CrashInjector(world.running._manager), result)
                await trio.sleep(seconds)
                result.fleet.calm_down()
                await result.fleet.come_home(10)
        shared.zombies.close()
        nursery.cancel_scope.cancel()
    if shared.fatal is not None:
        raise shared.fatal
    return result


async def crash(injector: CrashInjector, result: Run) -> None:
    while True:
        await trio.sleep(0.1)
        result.crashed += injector.crash(1)


@pytest.mark.parametrize(
    "mode", [mode for mode, pages in MODES.items() if not (pages[0].speaks or pages[0].resumes)]
)
async def test_nothing_is_lost_doubled_or_reordered(mode: str, mock_clock: trio.testing.MockClock) -> None:
    app = App()
    add_echo(app)
    result = await run(mock_clock, mode, app)
    up, down = result.wrong
    assert (up.wrong, down.wrong) == (0, 0)
    assert up.sent == up.received > 300
    assert down.sent == down.received > up.sent  # the beats
    assert result.fleet.shared.ended == {}
    assert set(result.fleet.shared.troubles) == troubles_of(mode) - {"crashed", "killed"}
    if mode not in {"slow", "late-poll", "flood", "kill-worker"}:
        assert result.fleet.cuts > 30
    if mode not in {"slow", "flood", "kill-worker"}:
        assert result.fleet.shared.replays.count > 0
    if mode in {"half-open", "mixed"}:
        zombies = result.fleet.shared.zombies
        assert zombies.left == zombies.closed > 5
        assert (
            zombies.longest <= 4 + 2 + 1 + 0.5
        )  # the die timer, from when the page came back, a second, a look
    assert (result.crashed > 10) is (mode in {"crash", "mixed"})


async def test_a_server_that_ends_those_who_read_is_found_out_by_a_flood(
    mock_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_: SessionArbiter) -> bool:
        return False

    monkeypatch.setattr(SessionArbiter, "may_fall_behind", never)
    app = App()
    add_echo(app)
    result = await run(mock_clock, "flood", app, queue_packets=20, seconds=5)
    assert result.fleet.shared.ended["flood: overflow"]


async def test_sessions_that_do_not_open_end_the_run(mock_clock: trio.testing.MockClock) -> None:
    with pytest.raises(TargetError) as given_up:
        await run(mock_clock, "jitter", App(), max_sessions=3, die=100)
    assert str(given_up.value).startswith(
        "3 of 8 sessions are open, and no other in 20 s: the server refused, "
    )
    assert str(given_up.value).endswith(" times too-many-sessions")


async def test_a_page_that_lingers_comes_back_near_the_end_of_the_die_timer(
    mock_clock: trio.testing.MockClock,
) -> None:
    app = App()
    add_echo(app)
    opened: list[Session] = []
    states: list[str] = []
    app.signon(opened.append)

    @app.task
    async def look(running: Any) -> None:
        while True:
            await trio.sleep(1)
            states.extend(running.machine(session).state.name for session in opened)

    await run(mock_clock, "late-poll", app)
    assert states.count("have_packet") + states.count("waiting") > len(states) / 4


def losing(number: int, session: Session, path: str, message: object) -> None:
    if number % 10:
        echo(session, path, message)


def doubling(number: int, session: Session, path: str, message: object) -> None:
    echo(session, path, message)
    if number % 10 == 0:
        echo(session, path, message)


def reordering(number: int, session: Session, path: str, message: object) -> None:
    if number % 10 == 0:
        session.data["kept"] = message
        return
    echo(session, path, message)
    if "kept" in session.data:
        echo(session, path, session.data.pop("kept"))


@pytest.mark.parametrize(
    ("handler", "fault"), [(losing, "lost"), (doubling, "doubled"), (reordering, "reordered")]
)
async def test_a_server_that_fails_is_found_out(
    handler: Callable[..., None], fault: str, mock_clock: trio.testing.MockClock
) -> None:
    app = App()
    numbers = itertools.count(1)

    @app.packet("chaos/up")
    def up(session: Session, path: str, message: object) -> None:
        handler(next(numbers), session, path, message)

    counts, down = (await run(mock_clock, "jitter", app, pages=4)).wrong
    assert getattr(counts, fault) > 5
    assert counts.wrong - getattr(counts, fault) <= counts.sent / 10 * (fault == "reordered")
    assert down.wrong == 0


async def test_an_application_without_the_echo_is_told_so(mock_clock: trio.testing.MockClock) -> None:
    with pytest.raises(TargetError, match="forbidden"):
        await run(mock_clock, "jitter", App(), pages=2)


async def test_sessions_that_end_are_told_of(mock_clock: trio.testing.MockClock) -> None:
    app = App()
    add_echo(app)
    kicked: list[Session] = []

    @app.packet("chaos/up")
    def kick(session: Session, _path: str, message: list[int]) -> None:
        if message[0] == 5 and not kicked:
            kicked.append(session)
            session.kick()

    result = await run(mock_clock, "jitter", app, pages=3)
    assert result.fleet.shared.ended == {"jitter: kicked": 1}


async def test_a_bench_that_comes_too_late_does_not_blame_the_server(
    mock_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = App()
    add_echo(app)
    monkeypatch.setattr("cometary.chaos.page.LINGERING", (1.5, 1.6))
    result = await run(mock_clock, "late-poll", app, pages=3)
    assert result.fleet.shared.ended == {f"late-poll: {OVERSLEPT}": 3}
