"""What does not work with several nodes yet: it is refused, in one line, when the server starts.

What it has in common is that one process alone knows something of it: the state of a connection, or who is where.
What else does not work with workers that are nodes is checked by `cometary.workers.supported`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cometary.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.app import App
    from cometary.settings import Settings

NODE: Final = "node"

NOT_GIVEN: Final = (
    *("tls_cert", "bosh", "stomp", "stomp_websocket", "socketio", "csp"),
    *("dudley", "imperio", "imperio_http", "firenze", "dolores"),
)
"""Options that have to be left out."""


def unsupported(what: str) -> ConfigError:
    """Return the error for something that does not work; `what` ends with `do` or `does`."""
    return ConfigError(NODE, f"{what} not work with several nodes yet; leave it out, or run one server")


def check(settings: Settings, app: App | None, error: Callable[[str], ConfigError] = unsupported) -> None:
    """Check that a server may be one of several nodes.

    Args:
        settings: how it is set up.
        app: its application, with what the configuration declares beside it; None if there is neither.
        error: returns the error for something that does not work; see `unsupported`.

    Raises:
        ConfigError: it may not; the operator's fault.
    """
    given = [name for name in NOT_GIVEN if getattr(settings, name) is not None]
    given += ["token_once"] if settings.token_once == "on" else []  # noqa: S105 - it is no secret
    for name in given:
        raise error(f"the option {name.replace('_', '-')} does")
    if app is not None and app.namespaces:
        raise error("namespaces, and so Socket.IO, do")
