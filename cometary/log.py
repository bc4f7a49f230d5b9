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
4.  To log never fails: not with an exception that cannot be shown, and not with a handler or a filter of
    the user's that raises. What cannot be logged in full is logged in brief.
"""

from __future__ import annotations

import logging
import reprlib
import sys
import traceback
from collections.abc import Callable
from typing import Any, Final, cast

import structlog

from cometary.escapes import class_name, exit_in, plain, really, traceback_of

Event = dict[str, Any]
Redactor = Callable[[Event], Event]

_NOT_FIELDS: Final = frozenset({"exc_info", "extra", "stack_info", "text"})
_CALLER: Final = 5  # structlog's frames between the caller and the standard logger, ours, and one

MOST_FRAMES: Final = 50
"""Frames of a traceback that are shown of an exception which cannot be shown as usual."""

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
        wrapper_class=_Logger,
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
        return plain(_bounded.repr(value))
    except BaseException as error:
        if exit_in(error) is not None:
            raise
        return f"<{class_name(type(value))}, whose repr raised {class_name(type(error))}>"


def show_traceback(error: BaseException) -> str:
    """Return an exception with its traceback as text; never fails, whatever the exception's class does."""
    try:
        return "".join(traceback.format_exception(error))
    except BaseException as second:
        if exit_in(second) is not None:
            raise
        frames = "".join(traceback.format_tb(traceback_of(error), -MOST_FRAMES))
        return f"Traceback (most recent call last):\n{frames}{class_name(type(error))}: {show(error)}\n"


class _Logger(structlog.stdlib.BoundLogger):
    """The logger of an event; see rule 4."""

    def _proxy_to_logger(
        self, method_name: str, event: str | None = None, *event_args: str, **event_kw: Any
    ) -> Any:
        try:
            return super()._proxy_to_logger(method_name, event, *event_args, **event_kw)
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            problem = class_name(type(error))
        # Out here, where what is being handled is again what is to be logged.
        self._log_in_brief(method_name, event, event_kw, problem)
        return None

    def _log_in_brief(self, method: str, event: str | None, fields: Event, problem: str) -> None:
        text = str(event) if _redactor is not None else show_line(event, fields)
        try:
            getattr(self._logger, method.replace("exception", "error"))(
                "%s (not logged in full: that raised %s)", text, problem
            )
        except BaseException as error:
            if exit_in(error) is not None:
                raise  # else nobody hears of it: who set up logging like that has seen to that


def show_line(event: str | None, fields: Event) -> str:
    """Return an event as text, made of what is known to be safe: its sentence, and its exception."""
    text, error = fields.get("text"), fields.get("exc_info")
    error = sys.exc_info()[1] if error is True else error
    line = plain(text) if really(text, str) else str(event)
    return f"{line}\n{show_traceback(error)}" if really(error, BaseException) else line


def _redacted(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if _redactor is None:
        return event
    try:
        return _redactor(dict(event))
    except BaseException as error:
        if exit_in(error) is not None:
            raise
        # Neither may the event be lost, nor what it should have hidden be shown.
        return {"event": event["event"], "redactor_failed": class_name(type(error))}


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
