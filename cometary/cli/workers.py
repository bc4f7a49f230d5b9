"""`--workers N`: this process above N others, each of which runs the same command.

1.  The first SIGTERM or SIGINT stops all gracefully: exit status 0. The second one ends the workers at once. The same
    holds while workers start.
2.  SIGHUP is passed on to each worker, which has its configuration read again.
3.  Errors in the settings, or the application, are reported here, once. An error that only a worker finds is reported
    by that worker, whose exit status is used.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import Final

import trio

from cometary.app import App
from cometary.cli.logs import set_up_logging
from cometary.cli.notifying import Notifier
from cometary.cluster.settings import EMBEDDED, WITHIN
from cometary.errors import ChildStartError, RestartIntensityError, WorkerEndedError
from cometary.escapes import leaves
from cometary.nodes.supported import check as check_node
from cometary.packets.contract_table import Contracts
from cometary.server.cluster import choose_cluster
from cometary.server.contracts import contracts_of
from cometary.settings import Settings
from cometary.transport.net.inherited import Inherited
from cometary.workers.above import Above, above
from cometary.workers.embedded_engine import program
from cometary.workers.supported import check, unsupported_with_engine

ANY: Final = "unix:///engine"
"""In place of an engine that is not there yet."""

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def run(settings: Settings, app: App | None, words: Sequence[str]) -> int:
    """Serve by several processes until a signal comes.

    Args:
        settings: how each is set up.
        app: the application and what the configuration declares, which each of them loads; here it is only looked at.
        words: the command line.

    Returns:
        The exit status: 0 after a graceful stop, 1 when an address could not be listened on, or workers ended again and
        again, else that of a worker that did not start.

    Raises:
        ConfigError: something is not supported with several workers.
    """
    check_with_engine(settings, app)
    set_up_logging(settings.log_level, settings.log_format)
    contracts = contracts_of(settings, app)
    return trio.run(_serve_until_signal, settings, [sys.executable, "-m", "cometary", *words], contracts)


def check_with_engine(settings: Settings, app: App | None) -> None:
    """Check that a server may have several workers, which are nodes if there is an engine.

    Raises:
        ConfigError: it may not; the operator's fault.
    """
    check(settings)
    if settings.engine != WITHIN:
        check_node(settings, app, unsupported_with_engine)
        embedded = settings.engine == EMBEDDED
        choose_cluster(replace(settings, engine=ANY) if embedded else settings)
        if embedded:
            program()


async def _serve_until_signal(settings: Settings, command: Sequence[str], contracts: Contracts) -> int:
    inherited = Inherited(os.environ, os.getpid())
    notifier = Notifier(os.environ, os.getpid())
    trio.lowlevel.spawn_system_task(notifier.keep_alive)
    with closing(inherited), trio.open_signal_receiver(*SIGNALS, signal.SIGHUP) as signals:
        try:
            async with above(settings, command, inherited.network(), contracts) as it:
                leave = trio.Event()
                trio.lowlevel.spawn_system_task(_obey, signals, it, leave)
                async with it.running():
                    if not leave.is_set():
                        _tell(it, settings, notifier)
                    await leave.wait()
                    notifier.stopping()
        except OSError as error:
            sys.stderr.write(f"cometary: cannot listen on {error.filename}: {error.strerror}\n")
            return 1
        except (ChildStartError, RestartIntensityError) as error:
            return _status_of(error)
    return 0


def _tell(it: Above, settings: Settings, notifier: Notifier) -> None:
    with suppress(OSError):  # the one that started it need not listen
        sys.stdout.write(f"cometary: comet {it.comet}, control {it.control}\n")
        sys.stdout.flush()
    notifier.ready(f"comet {it.comet}, {settings.workers} workers")


async def _obey(signals: AsyncIterator[int], it: Above, leave: trio.Event) -> None:
    with suppress(StopAsyncIteration, trio.ClosedResourceError):
        while True:
            if await anext(signals) == signal.SIGHUP:
                it.reload()
            elif leave.is_set():
                it.kill()
            else:
                leave.set()
                it.tell_to_stop()


def _status_of(error: BaseException) -> int:
    """Return the exit status for workers that do not start, or have ended too often."""
    cause: BaseException | None = error
    while cause is not None:
        for each in leaves(cause):
            if isinstance(each, WorkerEndedError):
                status = each.status
                return status if status is not None and status > 0 else 1
        cause = cause.__cause__
    return 1
