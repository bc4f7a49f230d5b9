"""The attributes of an object as a dictionary, to be looked at and replaced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

DEBUG: Final = "_sys_debug"
"""Where an actor that is traced or counted keeps that."""

_RUNTIME: Final = frozenset({"_cell", DEBUG, "on_receive", "_handle_receive"})

Hidden = Callable[[str], bool]


def of_the_runtime(name: str) -> bool:
    """Whether an actor's attribute is the runtime's, not the user's."""
    return name in _RUNTIME


def read(owner: object, hidden: Hidden = of_the_runtime) -> dict[str, Any]:
    """Return the attributes, but for the hidden ones, in a new dictionary; the values are the owner's own."""
    attributes = {name: getattr(owner, name) for name in _slots(type(owner)) if hasattr(owner, name)}
    attributes.update(getattr(owner, "__dict__", {}))
    return {name: value for name, value in attributes.items() if not hidden(name)}


def write(owner: object, state: object, hidden: Hidden = of_the_runtime) -> None:
    """Give the owner these attributes and, but for the hidden ones, none but these.

    Raises:
        TypeError: if `state` is no dictionary with names for its keys; nothing has changed.
        AttributeError: if the owner cannot have one of them; nothing has changed.
    """
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in cast("Any", state)):
        raise TypeError(f"attributes come as a dictionary by their names, not as {state!r}")
    new = cast("dict[str, Any]", state)
    before = read(owner, hidden)
    try:
        _replace(owner, new, hidden)
    except BaseException:
        _replace(owner, before, hidden)
        raise


def _replace(owner: object, new: dict[str, Any], hidden: Hidden) -> None:
    for name in read(owner, hidden).keys() - new.keys():
        delattr(owner, name)
    for name, value in new.items():
        if not hidden(name):
            setattr(owner, name, value)


def _slots(owner_class: type) -> list[str]:
    names: list[str] = []
    for base in owner_class.__mro__:
        slots: Any = vars(base).get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
    return [name for name in names if not name.startswith("__")]
