"""A server as a process: from the line that says it is ready to the exit status.

1. The first SIGTERM or SIGINT, from the very start on, stops the server gracefully: exit status 0.
2. From then on both signals have their default action again. So a second one makes the kernel end the
   process at once, even if the event loop hangs; that is its purpose.
3. SIGHUP has the configuration read again, and the files of TLS. If that fails the log says why, and all stays as
   it was.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing, suppress
from dataclasses import replace
from errno import EADDRINUSE
from functools import partial
from platform import python_version
from typing import Final

import trio

from cometary import server
from cometary.app import App
from cometary.cli.as_node import PartAsNode, part_of
from cometary.cli.as_worker import serve_as_worker
from cometary.cli.logs import set_level, set_up_logging
from cometary.cli.notifying import Notifier
from cometary.config import Address
from cometary.errors import ConfigError, EngineError, NodeNameError
from cometary.log import get_logger
from cometary.server.collector import spare_the_collector
from cometary.server.reloading import Source
from cometary.settings import Settings
from cometary.transport.net.inherited import Inherited
from cometary.version import kind, version
from cometary.workers.part import take_part

logger = get_logger("cometary.cli")

MOST_OPEN_FILES: Final = 1 << 20
"""More would cost time in each child process that closes whatever may be open."""

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def run(
    settings: Settings,
    app: App | None,
    *,
    read: Callable[[], Settings] | None = None,
    any_control: bool = False,
) -> int:
    """Serve until a signal comes.

    Args:
        settings: how the server is set up.
        app: the application; None for none.
        read: reads the settings again; None if they are not.
        any_control: whether the control interface uses any free port if the one in the settings is taken.

    Returns:
        The exit status: 0 after a graceful stop, 1 when an address could not be listened on, the
        engine cannot be used, or another node has taken the name of this one, 2 when
        settings and application do not go together.
    """
    set_up_logging(settings.log_level, settings.log_format)
    raise_open_files()
    spare_the_collector()
    source = None if read is None else Source(read, _take)
    return trio.run(_serve_until_signal, settings, app, source, any_control)


def raise_open_files() -> None:
    """Let this process have as many open files as it may ask for: each connection is one.

    Most systems start programs with 1,024, for the sake of those that call select(2), but let them ask for many more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # the system has a lower limit of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _take(settings: Settings) -> None:
    set_level(settings.log_level)


async def _serve_until_signal(
    settings: Settings,
    app: App | None,
    source: Source | None,
    any_control: bool,  # noqa: FBT001
) -> int:
    part = take_part(os.environ)
    if part is not None:
        return await serve_as_worker(settings, app or App(), part, source)
    inherited = Inherited(os.environ, os.getpid(), reuse_port=settings.reuse_port == "on")
    notifier = Notifier(os.environ, os.getpid())
    trio.lowlevel.spawn_system_task(notifier.keep_alive)
    # Opened before anything is started, so that a signal in between is kept, not lost.
    with closing(inherited), trio.open_signal_receiver(*SIGNALS, signal.SIGHUP) as signals:
        try:
            async with part_of(settings, app) as node:
                serve = partial(
                    server.serve,
                    network=inherited.network(),
                    source=source,
                    colleagues=node.colleagues,
                    cluster=node.cluster,
                )
                start = partial(_start, serve=serve, settings=settings, app=app, any_control=any_control)
                return await _run(start, signals, notifier, inherited, node)
        except (OSError, ConfigError) as error:
            return _status_of(error)


async def _run(
    start: Callable[[trio.Nursery], Awaitable[server.Running]],
    signals: AsyncIterator[int],
    notifier: Notifier,
    inherited: Inherited,
    node: PartAsNode,
) -> int:
    async with trio.open_nursery() as nursery:
        try:
            running = await start(nursery)
            _tell_of_unused(inherited)
        except (OSError, EngineError, ConfigError) as error:
            return _status_of(error)
        with suppress(OSError):  # the one that started it need not listen
            sys.stdout.write(f"cometary: comet {running.comet}, control {running.control}\n")
            sys.stdout.flush()
        logger.info("started", text=f"{version()}, on Python {python_version()}", build=kind())
        notifier.ready(f"comet {running.comet}")
        ousted = await _until_stop(_first(signals, running, notifier), node)
        notifier.stopping()
        running.stop()
    return 0 if ousted is None else _status_of(ousted)


async def _until_stop(signal_came: Awaitable[None], node: PartAsNode) -> NodeNameError | None:
    """Wait for a signal, or until another node takes this one's name; returns what to say about that."""
    errors: list[NodeNameError] = []

    async def watch(ousted: Callable[[], Awaitable[NodeNameError]], scope: trio.CancelScope) -> None:
        errors.append(await ousted())
        scope.cancel()

    async with trio.open_nursery() as nursery:
        if node.ousted is not None:
            nursery.start_soon(watch, node.ousted, nursery.cancel_scope)
        await signal_came
        nursery.cancel_scope.cancel()
    return errors[0] if errors else None


def _status_of(error: Exception) -> int:
    """Say why the server does not start, and return the exit status."""
    if isinstance(error, OSError):
        sys.stderr.write(f"cometary: cannot listen on {error.filename}: {error.strerror}\n")
        return 1
    sys.stderr.write(f"cometary: {error}\n")
    return 2 if isinstance(error, ConfigError) else 1


async def _start(
    nursery: trio.Nursery,
    *,
    serve: Callable[..., Awaitable[None]],
    settings: Settings,
    app: App | None,
    any_control: bool,
) -> server.Running:
    """Start the server."""
    try:
        running: server.Running = await nursery.start(serve, settings, app)
    except OSError as error:
        control = settings.control
        taken = error.errno == EADDRINUSE and error.filename == str(control)
        if not (any_control and taken and isinstance(control, Address)):
            raise
        free = replace(settings, control=control._replace(port=0))
        running = await nursery.start(serve, free, app)
    return running


def _tell_of_unused(inherited: Inherited) -> None:
    for address in inherited.unused:
        text = f"the socket at {address} was handed over, but nothing is to listen there"
        logger.warning("socket unused", text=text, address=address)


async def _first(signals: AsyncIterator[int], running: server.Running, notifier: Notifier) -> None:
    """Wait for a signal, and give both their default action for the next one (rule 2)."""
    try:
        while await anext(signals) == signal.SIGHUP:
            notifier.reloading()
            _reload(running)
            notifier.ready(f"comet {running.comet}")
    finally:
        for signum in SIGNALS:
            signal.signal(signum, signal.SIG_DFL)


def _reload(running: server.Running) -> None:
    try:
        running.reload()
    except ConfigError as error:
        text = f"the configuration stays as it was: {error}"
        logger.error("configuration not read", text=text, where=error.where, error=error.problem)  # noqa: TRY400
