"""From `MODULE:APP` to the application object that a user wrote."""

from __future__ import annotations

from typing import Final

from cometary.app import App
from cometary.errors import ConfigError
from cometary.importing import find_object

WHERE: Final = "MODULE:APP"


def load_app(name: str) -> App:
    """Import the application.

    Args:
        name: `MODULE:APP`; see `find_object`.

    Raises:
        ConfigError: there is no such application, or a declaration in it makes no sense. If its module
            raised anything else, the traceback is on standard error already.
    """
    found = find_object(name, WHERE)
    if not isinstance(found, App):
        raise ConfigError(WHERE, f"{name} is of type {type(found).__name__}, not cometary.App")
    return found
