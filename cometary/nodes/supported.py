"""What does not work with several nodes yet: it is refused, in one line, when the server starts.

What it has in common is that one process alone knows something of it: the state of a connection, or who is where.
That a node is a single process is checked by `cometary.workers.supported`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cometary.errors import ConfigError

if TYPE_CHECKING:
    from cometary.app import App
    from cometary.settings import Settings

NODE: Final = "node"

NOT_GIVEN: Final = (
    *("tls_cert", "bosh", "stomp", "stomp_websocket", "socketio", "csp"),
    *("dudley", "imperio", "imperio_http", "firenze", "dolores"),
)
"""Options that have to be left out."""


def check(settings: Settings, app: App | None) -> None:
    """Check that a server may be one of several nodes.

    Args:
        settings: how it is set up.
        app: its application, with what the configuration declares beside it; None if there is neither.

    Raises:
        ConfigError: it may not; the operator's fault.
    """
    given = [name for name in NOT_GIVEN if getattr(settings, name) is not None]
    given += ["token_once"] if settings.token_once == "on" else []  # noqa: S105 - it is no secret
    for name in given:
        raise unsupported(f"the option {name.replace('_', '-')} does")
    if app is not None:
        _check_application(app)


def _check_application(app: App) -> None:
    if app.namespaces:
        raise unsupported("namespaces, and so Socket.IO, do")


def unsupported(what: str) -> ConfigError:
    """Return the error for something that does not work; `what` ends with `do` or `does`."""
    return ConfigError(NODE, f"{what} not work with several nodes yet; leave it out, or run one server")
