"""Messages in few words, for reports, traces and logs: they may be long, and they may be secret."""

from __future__ import annotations

from typing import Any

from cometary.escapes import class_name, exit_in, plain
from cometary.log import show


def format_message(actor_class: type[Any], message: object) -> str | None:
    """Show a message in the way that the actor's class wants; never fails.

    A class that handles secrets has a static `format_message(message) -> str` of its own. Without
    one, a message is shown as its type and a shortened `repr`; None for None.
    """
    if message is None:
        return None
    name = class_name(type(message))
    try:
        own = getattr(actor_class, "format_message", None)
        return f"{name}: {show(message)}" if own is None else plain(str(own(message)))
    except BaseException as error:
        if exit_in(error) is not None:
            raise
        return f"{name} (format_message raised {class_name(type(error))})"
