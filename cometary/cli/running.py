"""A server as a process: from the line that says it is ready to the exit status.

1. The first SIGTERM or SIGINT, from the very start on, stops the server gracefully: exit status 0.
2. From then on both signals have their default action again. So a second one ends the process
   at once, by the kernel, even if the event loop hangs; that is what it is for.
3. SIGHUP has the certificate of TLS and its key read again, for new connections. If that fails the log
   says why, and the old ones stay. Nothing else is read again: without TLS the signal is logged, and changes nothing.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from dataclasses import replace
from errno import EADDRINUSE
from functools import partial
from platform import python_version
from typing import Final

import trio

from cometary import server
from cometary.app import App
from cometary.cli.logs import set_up_logging
from cometary.errors import ConfigError
from cometary.log import get_logger
from cometary.server.collector import spare_the_collector
from cometary.settings import Settings
from cometary.transport.net.inherited import Inherited
from cometary.version import kind, version

logger = get_logger("cometary.cli")

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def run(settings: Settings, app: App | None, *, any_control: bool = False) -> int:
    """Serve until a signal comes.

    Args:
        settings: how the server is set up.
        app: the application; None for none.
        any_control: whether the control interface takes any free port where the one of the settings is taken.

    Returns:
        The exit status: 0 after a graceful stop, 1 when an address could not be listened on, 2 when
        settings and application do not go together.
    """
    set_up_logging(settings.log_level, settings.log_format)
    spare_the_collector()
    return trio.run(_serve_until_signal, settings, app, any_control)


async def _serve_until_signal(settings: Settings, app: App | None, any_control: bool) -> int:  # noqa: FBT001
    inherited = Inherited(os.environ, os.getpid(), reuse_port=settings.reuse_port == "on")
    # Opened before anything is started, so that a signal in between is kept, not lost.
    with closing(inherited), trio.open_signal_receiver(*SIGNALS, signal.SIGHUP) as signals:
        async with trio.open_nursery() as nursery:
            try:
                running = await _start(nursery, settings, app, inherited, any_control=any_control)
            except OSError as error:
                sys.stderr.write(f"cometary: cannot listen on {error.filename}: {error.strerror}\n")
                return 1
            except ConfigError as error:
                sys.stderr.write(f"cometary: {error}\n")
                return 2
            with suppress(OSError):  # whoever started it need not listen
                sys.stdout.write(f"cometary: comet {running.comet}, control {running.control}\n")
                sys.stdout.flush()
            logger.info("started", text=f"{version()}, on Python {python_version()}", build=kind())
            await _first(signals, running)
            running.stop()
    return 0


async def _start(
    nursery: trio.Nursery, settings: Settings, app: App | None, inherited: Inherited, *, any_control: bool
) -> server.Running:
    """Start the server."""
    serve = partial(server.serve, network=inherited.network())
    try:
        running: server.Running = await nursery.start(serve, settings, app)
    except OSError as error:
        if not (any_control and error.errno == EADDRINUSE and error.filename == str(settings.control)):
            raise
        free = replace(settings, control=settings.control._replace(port=0))
        running = await nursery.start(serve, free, app)
    for address in inherited.unused:
        text = f"the socket at {address} was handed over, but nothing is to listen there"
        logger.warning("socket unused", text=text, address=address)
    return running


async def _first(signals: AsyncIterator[int], running: server.Running) -> None:
    """Wait for a signal, and give both their default action for the next one (rule 2)."""
    while await anext(signals) == signal.SIGHUP:
        _reload(running)
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_DFL)


def _reload(running: server.Running) -> None:
    try:
        if running.reload():
            logger.info("certificate read", text="the certificate and its key were read again")
        else:
            text = "SIGHUP is ignored: to read the configuration again, restart"
            logger.warning("signal ignored", text=text)
    except ConfigError as error:
        text = f"the certificate stays as it was: {error}"
        logger.error("certificate not read", text=text, where=error.where, error=error.problem)  # noqa: TRY400
