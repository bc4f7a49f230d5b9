"""`--reload`, for development: the server in a process of its own, which is restarted whenever a file changes.

1.  It watches the sources (`SUFFIXES`) in and below the working directory and the application's, except for what
    editors, version control and Python keep there (`watchfiles.DefaultFilter`). A log or a database that the server
    itself writes there is not a source: otherwise it would keep restarting.
2.  The server is told to stop as usual (SIGTERM), so every session hears of it; the next one starts once it has
    stopped. Clients come back at once: `drain` is 0 unless it was given.
3.  A server that ends by itself, say because the application cannot be imported, has already said why. The next
    change starts it again.
4.  Signals that end a program come to this process, as does the hangup of a closed terminal: the server runs in a
    session of its own, so that a Ctrl-C does not reach it twice. It is told to stop, and its exit status is returned.
    A second signal is passed on, which ends it at once.
5.  However this process ends, no server is left behind. If it is killed, the server notices by its standard input,
    whose other end this process holds (`cometary.cli.restarted`), and stops.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio

from cometary.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from watchfiles import Change

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
FLAG: Final = "--reload"
SUFFIXES: Final = (".py", ".html", ".css", ".js", ".mjs", ".svg", ".toml")
MOST_NAMED: Final = 3
"""How many changed files are named."""


def run(arguments: Sequence[str], given: Mapping[str, str], *, drains: bool) -> int:
    """Serve until a signal comes, and again after each change.

    Args:
        arguments: the command line; its command and options are the server's.
        given: what it says, by the options' names.
        drains: whether the option `drain` was given.

    Returns:
        The exit status of the last server.

    Raises:
        ConfigError: the library that watches files is not installed.
    """
    try:
        from watchfiles import DefaultFilter, awatch  # noqa: PLC0415 - it comes with an extra
    except ImportError:
        raise ConfigError(FLAG, "it needs the extra: pip install 'cometary[reload]'") from None
    quick = [] if drains else ["--drain", "0"]
    rest = [argument for argument in arguments if argument != FLAG]
    command = [sys.executable, "-m", "cometary.cli.restarted", *rest, *quick]
    paths, default = watched(given), DefaultFilter()

    def is_source(change: Change, path: str) -> bool:
        return path.endswith(SUFFIXES) and default(change, path)

    return trio.run(
        _serve_again, command, lambda: awatch(*paths, watch_filter=is_source, raise_interrupt=False)
    )


def watched(given: Mapping[str, str]) -> list[Path]:
    """Return what is watched (rule 1)."""
    found = {Path.cwd()}
    module, _, _ = given.get("app", "").rpartition(":")
    if module.endswith(".py"):
        found.add(Path(module).resolve().parent)
    if "config" in given:
        found.add(Path(given["config"]).resolve().parent)
    return sorted(path for path in found if path.exists())


Watch = Callable[[], "AsyncIterable[set[tuple[Change, str]]]"]


async def _serve_again(command: Sequence[str], watch: Watch) -> int:
    server, status = _Server(command), 0
    with trio.open_signal_receiver(*SIGNALS) as signals:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_restart_after_changes, server, watch)
                await anext(signals)
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):  # rule 5
                status = await _end(server, signals)
    return status


async def _restart_after_changes(server: _Server, watch: Watch) -> None:
    await server.start()
    async for changes in watch():
        names = sorted({Path(path).name for _, path in changes})
        more = "" if len(names) <= MOST_NAMED else " and more"
        sys.stderr.write(f"cometary: {', '.join(names[:MOST_NAMED])}{more} changed: starting again\n")
        await server.stop()
        await server.start()


async def _end(server: _Server, signals: AsyncIterator[int]) -> int:
    """Have the server stop, and end it at once if another signal comes (rule 4); returns its exit status."""

    async def pass_on() -> None:
        async for _ in signals:
            server.tell_to_stop()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(pass_on)
        status = await server.stop()
        nursery.cancel_scope.cancel()
    return status


class _Server:
    """The processes that serve, one after the other.

    Args:
        command: starts it.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process: trio.Process | None = None
        self._told = False

    async def start(self) -> None:
        """Start one."""
        options: dict[str, Any] = {"stdin": subprocess.PIPE, "start_new_session": True}
        self._process = await trio.lowlevel.open_process(self._command, **options)
        self._told = False

    async def stop(self) -> int:
        """Have it stop, unless it has, or was told to already; returns its exit status, or 0 if there is none."""
        if self._process is None:
            return 0
        if not self._told:
            self.tell_to_stop()
        return await self._process.wait()

    def tell_to_stop(self) -> None:
        """Tell it to stop; told again, it ends at once."""
        self._told = True
        if self._process is not None:
            self._process.terminate()
