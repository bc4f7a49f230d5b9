"""Messages in few words, for reports, traces and logs: they may be long, and they may be secret."""

from __future__ import annotations

from typing import Any

from cometary.log import show


def format_message(actor_class: type[Any], message: object) -> str | None:
    """Show a message in the way that the actor's class wants; never fails.

    A class that handles secrets has a static `format_message(message) -> str` of its own. Without
    one, a message is shown as its type and a shortened `repr`; None for None.
    """
    if message is None:
        return None
    own = getattr(actor_class, "format_message", None)
    if own is None:
        return f"{type(message).__name__}: {show(message)}"
    try:
        return str(own(message))
    except Exception as error:  # noqa: BLE001 - a report must not be lost because it cannot be shown
        return f"{type(message).__name__} (format_message raised {type(error).__name__})"
