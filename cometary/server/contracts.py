"""The contracts of one server: what the operator says of paths, and what the application declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.cluster.settings import RECORDED
from cometary.errors import ConfigError
from cometary.packets.contract_table import Contracts
from cometary.packets.settings import read_contracts

if TYPE_CHECKING:
    from cometary.app import App
    from cometary.settings import Settings


def contracts_of(settings: Settings, app: App | None) -> Contracts:
    """Return them.

    Args:
        settings: how the server is set up.
        app: its application; None for none.

    Raises:
        ConfigError: a path is durable, and this server records nothing; the operator's fault.
    """
    declared = [] if app is None else app.contracts.declared
    # What the operator says comes first: of the contracts that cover a path, the first one holds.
    contracts = Contracts([*read_contracts(settings.paths), *declared], settings.queue_bytes)
    if contracts.durable and settings.sessions not in RECORDED:
        raise ConfigError(
            "sessions", "a path is declared durable: that needs recorded sessions (resume or mirror)"
        )
    return contracts
