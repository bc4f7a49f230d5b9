"""Doors that other packages bring: those in the entry point group `cometary.doors`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from cometary.doors.door import Door
from cometary.errors import ConfigError

GROUP: Final = "cometary.doors"


@cache
def installed_doors() -> tuple[type[Door], ...]:
    """Return the doors of other packages in this environment, in the order of their names.

    Raises:
        ConfigError: one of them is not a door, or cannot be imported: its author's fault.
    """
    return tuple(_load(entry) for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name))


def _load(entry: EntryPoint) -> type[Door]:
    where = f"door {entry.name} ({entry.value})"
    try:
        found: object = entry.load()
    except Exception as error:  # whatever a module does when it is imported
        raise ConfigError(where, f"cannot be imported: {type(error).__name__}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Door)):
        raise ConfigError(where, "is not a subclass of cometary.doors.door.Door")
    return found
