"""What does not work with several workers yet: it is refused, in one line, when the server starts.

What it has in common is that one process alone knows something of it: the state of a connection, or who is where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cometary.cluster.settings import WITHIN
from cometary.errors import ConfigError
from cometary.packets.contract_table import Contracts
from cometary.packets.settings import read_contracts

if TYPE_CHECKING:
    from cometary.app import App
    from cometary.settings import Settings

WORKERS: Final = "workers"

NOT_GIVEN: Final = (
    *("bosh", "stomp", "stomp_websocket", "socketio", "csp", "manhole"),
    *("dudley", "imperio", "imperio_http", "firenze", "dolores"),
)
"""Options that have to be left out."""

OFF: Final = ("reuse_port", "token_once")
"""Options that have to be off."""


def check(settings: Settings, app: App | None) -> None:
    """See whether a server may have several workers.

    Args:
        settings: how it is set up.
        app: its application, with what the configuration declares beside it; None if there is neither.

    Raises:
        ConfigError: it may not; the operator's fault.
    """
    check_settings(settings)
    if app is not None:
        check_application(app)


def check_settings(settings: Settings) -> None:
    """See whether the settings are for several workers.

    Raises:
        ConfigError: they are not; the operator's fault.
    """
    given = [name for name in NOT_GIVEN if getattr(settings, name) is not None]
    given += [name for name in OFF if getattr(settings, name) == "on"]
    given += ["engine"] if settings.engine != WITHIN else []
    for name in given:
        raise unsupported(f"the option {name.replace('_', '-')} does")


def check_application(app: App) -> None:
    """See whether an application is for several workers.

    Raises:
        ConfigError: it is not; the operator's fault.
    """
    if app.namespaces:
        raise unsupported("namespaces, and so Socket.IO, do")


def contracts_of(settings: Settings, app: App | None) -> Contracts:
    """Return the contracts of paths that each worker will have."""
    declared = [] if app is None else app.contracts.declared
    return Contracts([*read_contracts(settings.paths), *declared])


def unsupported(what: str) -> ConfigError:
    """Return the error for something that does not work; `what` ends with `do` or `does`."""
    return ConfigError(
        WORKERS, f"{what} not work with several processes yet; leave it out, or run one process"
    )
