"""What does not work with several workers yet: it is refused, in one line, when the server starts.

What it has in common is that one process alone knows something of it: the state of a connection, or who is where.
What does not work with several nodes does not work with workers and an engine either (`cometary.nodes.supported`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cometary.errors import ConfigError

if TYPE_CHECKING:
    from cometary.settings import Settings

WORKERS: Final = "workers"

NOT_GIVEN: Final = (
    *("node", "node_listen", "node_address", "stomp", "stomp_websocket"),
    *("dudley", "imperio", "imperio_http", "firenze", "dolores"),
)
"""Options that have to be left out."""

OFF: Final = ("reuse_port", "token_once", "socketio_recovery")
"""Options that have to be off."""


def check(settings: Settings) -> None:
    """Check that a server may have several workers.

    Args:
        settings: how it is set up.

    Raises:
        ConfigError: it may not; the operator's fault.
    """
    given = [name for name in NOT_GIVEN if getattr(settings, name) is not None]
    given += [name for name in OFF if getattr(settings, name) == "on"]
    for name in given:
        raise unsupported(f"the option {name.replace('_', '-')} does")


def unsupported_with_engine(what: str) -> ConfigError:
    """Return the same for something that does not work where workers are nodes."""
    return ConfigError(
        WORKERS, f"{what} not work with several processes and an engine yet; leave one of them out"
    )


def unsupported(what: str) -> ConfigError:
    """Return the error for something that does not work; `what` ends with `do` or `does`."""
    return ConfigError(
        WORKERS, f"{what} not work with several processes yet; leave it out, or run one process"
    )
