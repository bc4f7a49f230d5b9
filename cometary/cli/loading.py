"""From `MODULE:APP` to the application object that a user wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from cometary.app import App
from cometary.errors import ConfigError, UsageError
from cometary.importing import find_object

if TYPE_CHECKING:
    from cometary.settings import Settings

WHERE: Final = "MODULE:APP"


def load_app(name: str) -> App:
    """Import the application.

    Args:
        name: `MODULE:APP`; see `find_object`.

    Raises:
        ConfigError: there is no such application, or a declaration in it makes no sense. If its module
            raised anything else, the traceback is already on standard error.
    """
    found = find_object(name, WHERE)
    if not isinstance(found, App):
        raise ConfigError(WHERE, f"{name} is of type {type(found).__name__}, not cometary.App")
    return found


def load_all(settings: Settings, name: str | None) -> App | None:
    """Return the application with what the configuration declares beside it; None if there is neither.

    Args:
        settings: say which sockets and files are declared.
        name: that of the application; None if there is none.

    Raises:
        ConfigError: see `load_app`; or what is declared makes no sense.
    """
    app = None if name is None else load_app(name)
    if app is None and (settings.sockets or settings.files):
        app = App()
    if app is not None:
        for socket in settings.sockets:
            namespace, _, function = socket.partition("=")
            talk = cast("Callable[..., Any]", find_object(function, "sockets"))
            _declare("sockets", lambda: app.socket(namespace)(talk))  # noqa: B023 - it is called at once
        for files in settings.files:
            prefix, _, directory = files.partition("=")
            _declare("files", lambda: app.files(prefix, directory))  # noqa: B023 - the same
    return app


def _declare(where: str, declare: Callable[[], object]) -> None:
    try:
        declare()
    except UsageError as error:
        raise ConfigError(where, str(error)) from None
