"""The command `cometary`: `serve`, `demo`, `check-config`, `attach`, `new`, calls such as `update`, and more.

Anything wrong with the input, wherever it was given, is one line on standard error and exit status 2.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from cometary.cli import attaching, calls, chaos, checking, looking, new, operating, tokens
from cometary.cli.arguments import RELOAD, parse
from cometary.cli.streams import open_standard_streams
from cometary.errors import ConfigError
from cometary.settings import Settings, is_given, load
from cometary.workers.part import is_worker

OTHERS: Final[Mapping[str, Callable[[Mapping[str, Any], Mapping[str, str]], int]]] = {
    "attach": attaching.run,
    "chaos": chaos.run,
    "new": new.run,
    "token": tokens.run,
    "check-config": checking.run,
    **{command: partial(operating.run, command) for command in operating.HELP},
}
"""The commands that neither run a server, nor ask one, nor send through one."""

DEMO: Final = "cometary.demo:app"
DEMO_ENDPOINT: Final = "/comet"
"""Where its page looks for the comet endpoint."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; `arguments` are those of the process unless given.

    Returns:
        The exit status: 0 after a graceful stop, 1 when an address could not be listened on, 2
        when some input was wrong; `chaos.run` and `calls.run` have their own.
    """
    open_standard_streams()
    try:
        command, given = parse(arguments)
        if command in OTHERS:
            return OTHERS[command](given, os.environ)
        if command in looking.COMMANDS:
            return printing(looking.run, command, given)
        if command in calls.COMMANDS:
            return printing(calls.run, command, given)
        if given.pop(RELOAD, False):
            load(given, os.environ)  # errors are reported once, and at once
            words = sys.argv[1:] if arguments is None else arguments
            from cometary.cli import auto_reload  # noqa: PLC0415 - it brings Trio along; see `_serve`

            return auto_reload.run(words, given, drains=is_given("drain", given, os.environ))
        return _start(command, given, sys.argv[1:] if arguments is None else arguments)
    except ConfigError as error:
        sys.stderr.write(f"cometary: {error}\n")
        return 2


def printing(
    run: Callable[[str, Mapping[str, Any], Mapping[str, str]], int], command: str, given: Mapping[str, Any]
) -> int:
    """Do what a command says that prints, until its reader has read enough, as `head` has; returns the exit status."""
    try:
        status = run(command, given, os.environ)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more when it ends, and would tell of the same error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _start(command: str, given: Mapping[str, str], words: Sequence[str]) -> int:
    settings = load(given, os.environ)
    if settings.workers > 1 and not is_worker(os.environ):
        from cometary.cli import workers  # noqa: PLC0415 - see `_serve`
        from cometary.cli.loading import load_all  # noqa: PLC0415

        if command == "demo":
            raise ConfigError("workers", "the demo is one process: it counts what it does")
        return workers.run(settings, load_all(settings, settings.app), words)
    if command == "demo":
        any_control = not is_given("control", given, os.environ)
        return _serve(settings, _demo(settings), given, any_control=any_control)
    return _serve(settings, settings.app, given)


def _demo(settings: Settings) -> str:
    if settings.comet != DEMO_ENDPOINT:
        raise ConfigError("comet", f"the demo's page knows no endpoint but {DEMO_ENDPOINT}")
    return DEMO


def _serve(
    settings: Settings, name: str | None, given: Mapping[str, str], *, any_control: bool = False
) -> int:
    # These bring the whole server along, which `--help` or a wrong option need not wait for.
    from cometary.cli.loading import load_all  # noqa: PLC0415
    from cometary.cli.running import run  # noqa: PLC0415

    app = load_all(settings, name)
    return run(settings, app, read=lambda: load(given, os.environ), any_control=any_control)
