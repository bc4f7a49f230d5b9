"""What ends a program, and as what: an exit in its own code, and a signal."""

# Hostile on purpose, and in lambdas: the types of what is wrong are not known.
# pyright: reportUnknownLambdaType=false
# pyright: reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnusedClass=false
# pyright: reportPossiblyUnboundVariable=false
# pyright: reportAssignmentType=false
# pyright: reportArgumentType=false
from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial
from typing import Any

import pytest
import trio

from cometary.actors import Actor, system
from cometary.errors import UsageError
from cometary.escapes import escapes, exit_in
from tests.servers import ENVIRONMENT

PROGRAM = """
import os, signal, sys, trio
from cometary.actors import Actor, system

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    trio.lowlevel.current_task()  # the signal is handled before this, in the main thread

class Plain(Actor):
    def on_receive(self, message):
        return message()

class Async(Actor):
    async def on_receive(self, message):
        return message()

async def main():
    async with system():
        {body}

{before}
try:
    trio.run(main)
except KeyboardInterrupt:
    print("interrupted")
"""


def run(body: str, before: str = "") -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(body=body, before=before)
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=ENVIRONMENT,
    )


@pytest.mark.parametrize("kind", ["Plain", "Async"])
def test_ctrl_c_while_a_handler_runs_leaves_the_system_as_itself(kind: str) -> None:
    ran = run(f"{kind}.start().tell(interrupt); await trio.sleep_forever()")
    assert (ran.stdout, ran.stderr, ran.returncode) == ("interrupted\n", "", 0)


def test_ctrl_c_while_the_block_waits_leaves_the_system_as_itself() -> None:
    ran = run("interrupt(); await trio.sleep_forever()")
    assert (ran.stdout, ran.stderr, ran.returncode) == ("interrupted\n", "", 0)


def test_sys_exit_in_the_block_is_the_program_s() -> None:
    ran = run("Plain.start(); sys.exit(3)")
    assert (ran.stdout, ran.stderr, ran.returncode) == ("", "", 3)


@pytest.mark.parametrize("kind", ["Plain", "Async"])
def test_sys_exit_in_a_handler_is_its_actor_s(kind: str) -> None:
    ran = run(
        f"await {kind}.start().ask(partial(sys.exit, 3)).ready(); print('on')",
        "from functools import partial",
    )
    assert (ran.stdout, ran.returncode) == ("on\n", 0)
    assert "SystemExit: 3" in ran.stderr


@pytest.mark.parametrize("kind", ["Plain", "Async"])
def test_a_handler_of_sigterm_that_exits_ends_the_program_wherever_it_strikes(kind: str) -> None:
    ran = run(
        f"{kind}.start().tell(lambda: os.kill(os.getpid(), signal.SIGTERM)); await trio.sleep_forever()",
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(4))",
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == ("", "", 4)


def caught(function: Any) -> BaseException:
    try:
        function()
    except BaseException as error:  # noqa: BLE001 - that is what it is for
        return error
    raise AssertionError


def leave(*_: object) -> None:
    raise SystemExit


class Leaving:
    def __call__(self, *_: object) -> None:
        raise SystemExit

    def leave(self, *_: object) -> None:
        raise SystemExit


@pytest.mark.parametrize("handler", [leave, Leaving(), Leaving().leave, partial(leave, 1)])
async def test_an_exit_is_known_by_the_handler_of_signals_that_raised_it(handler: Any) -> None:
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        error = caught(lambda: signal.raise_signal(signal.SIGUSR1))
    finally:
        known = exit_in(error)
        signal.signal(signal.SIGUSR1, before)
    assert known is error
    assert exit_in(BaseExceptionGroup("x", [LookupError(), BaseExceptionGroup("y", [error])])) is None
    assert exit_in(caught(leave)) is None
    assert exit_in(caught(lambda: int("x"))) is None


async def test_in_trio_only_a_real_ctrl_c_is_one() -> None:
    def pretend() -> None:
        raise KeyboardInterrupt

    real = caught(lambda: signal.raise_signal(signal.SIGINT))
    assert exit_in(real) is real
    assert exit_in(BaseExceptionGroup("x", [LookupError(), real])) is real
    assert exit_in(caught(pretend)) is None
    assert await trio.to_thread.run_sync(exit_in, real) is None  # a thread is interrupted by nobody


def test_where_python_s_own_handler_is_installed_each_keyboard_interrupt_counts() -> None:
    error = KeyboardInterrupt()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert exit_in(error) is error


async def test_a_cancellation_is_trio_s_while_the_task_is_cancelled() -> None:
    kept: list[BaseException] = []
    seen: list[bool] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as error:
            kept.append(error)
            seen += [escapes(error), escapes(BaseExceptionGroup("x", [LookupError(), error]))]
            seen.append(escapes(GeneratorExit()))
            raise
    assert seen == [True, True, False]
    assert not escapes(kept[0])


def test_what_closes_a_coroutine_goes_on() -> None:
    assert escapes(GeneratorExit())


def test_a_system_without_trio_says_so() -> None:
    with pytest.raises(UsageError, match="runs on Trio's loop"):
        system().__aenter__().send(None)


async def test_a_blocking_call_says_what_to_write_instead() -> None:
    class Plain(Actor):
        def on_receive(self, message: Any) -> Any:
            return message()

    async with system():
        other = Plain.start()
        for call in (
            lambda: other.ask("x", block=True),
            lambda: other.stop(block=True),
            lambda: other.ask("x").get(),
        ):
            with pytest.raises(UsageError, match="async def"):
                await Plain.start().ask(call)
            with pytest.raises(UsageError, match="write `await"):
                call()
