"""How everything here logs: structured events, made with structlog, sent through standard logging.

1.  An event has a name that stays the same (`child ended`) and fields that do not. Some have a
    sentence for people as well, their `text`.
2.  An event becomes one record of the standard logger of its package (`cometary.actors` and so
    on). The record's message is the sentence, or the name and the fields; all fields are in its
    attribute `structured`, a dictionary. So who sets up nothing gets readable lines on standard
    error, from warnings on; who sets up logging gets lines of their own; and who uses structlog
    adds the processor `structured` to the `foreign_pre_chain` of its `ProcessorFormatter`.
3.  What the user's programs handle (messages, states) gets into a field only as a shortened
    `repr`, or as the class concerned shows it. A redactor sees every event before anybody else.
"""

from __future__ import annotations

import logging
import reprlib
from collections.abc import Callable
from typing import Any, Final, cast

import structlog

Event = dict[str, Any]
Redactor = Callable[[Event], Event]

_NOT_FIELDS: Final = frozenset({"exc_info", "extra", "stack_info", "text"})
_CALLER: Final = 4  # structlog's frames between the caller and the standard logger, and one

_bounded = reprlib.Repr()
_bounded.maxstring = _bounded.maxother = 200

_redactor: Redactor | None = None


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger of structured events: `logger.warning("mailbox full", actor=…, dropped=3)`.

    Args:
        name: of the standard logger that they go to.
    """
    logger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[structlog.stdlib.filter_by_level, _redacted, _as_record],
        wrapper_class=structlog.stdlib.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    return cast("structlog.stdlib.BoundLogger", logger)


def set_redactor(redactor: Redactor | None) -> None:
    """Have `redactor(event)` decide what is logged of each event; None: everything.

    It is called in whichever thread logs, before the event is made into a record, with a
    dictionary of its own: `event` (the name), `text` (the sentence, if there is one), `exc_info`
    (if there is an exception, whose traceback shows its text), `extra` (other attributes of the
    record: the report as an object), and the fields. It returns what is to be logged. If it
    raises, only the event's name is logged, and that it did.
    """
    global _redactor  # noqa: PLW0603 - one for the process, as logging itself is
    _redactor = redactor


def structured(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Processor for structlog's `foreign_pre_chain`: put the fields of a record of ours into the event.

    The event's name becomes `event`, and the readable line `message`.
    """
    fields = getattr(event.get("_record"), "structured", None)
    if fields is not None:
        event["message"] = event["event"]
        event.update(fields)
    return event


def show(value: object) -> str:
    """Return the `repr` of anything, shortened; never fails."""
    try:
        return _bounded.repr(value)
    except Exception as error:  # noqa: BLE001 - a report must not be lost because of what it is about
        return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"


def _redacted(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if _redactor is None:
        return event
    try:
        return _redactor(dict(event))
    except Exception as error:  # noqa: BLE001 - neither may the event be lost, nor what it should have hidden be shown
        return {"event": event["event"], "redactor_failed": type(error).__name__}


def _as_record(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> tuple[tuple[str], dict[str, Any]]:
    fields = {name: value for name, value in event.items() if name not in _NOT_FIELDS}
    return (_line(event, fields),), {
        "exc_info": event.get("exc_info"),  # always: the standard logger's `exception` has one of its own
        "stack_info": event.get("stack_info", False),
        "stacklevel": _CALLER,
        "extra": {**event.get("extra", {}), "structured": fields},
    }


def _line(event: structlog.typing.EventDict, fields: Event) -> str:
    text = event.get("text")
    if text is not None:
        return str(text)
    shown = [
        f"{name}={value if isinstance(value, str) and value.isprintable() else show(value)}"
        for name, value in fields.items()
        if name != "event"
    ]
    return " ".join([str(fields.get("event", "")), *shown])
