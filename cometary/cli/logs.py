"""How the log is written: lines on standard error, for people or for programs."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final

import structlog

from cometary.background_log import LONGEST, BackgroundHandler, shortened
from cometary.log import structured

NEEDED: Final = ("time", "level", "logger", "event", "message", "exception")
TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def json_formatter() -> logging.Formatter:
    """Make a formatter that writes one JSON object a line, so that a traceback or a newline stays within it.

    An object has `time`, `level`, `logger` and `message`; `exception` if there is one; and, for
    what Cometary itself logs, `event` and the fields of the event.
    """
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structured,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            _add_time,
            structlog.processors.format_exc_info,
            _name_message,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _render,
        ],
    )


_as_json: Final = structlog.processors.JSONRenderer(ensure_ascii=False)


def _render(logger: object, method: str, event: structlog.typing.EventDict) -> str:
    """Write one object; if it would be too long, only its essential parts, shortened."""
    line = str(_as_json(logger, method, event))
    if len(line) <= LONGEST:
        return line
    kept = {name: shortened(str(event[name]), LONGEST // 16) for name in NEEDED if name in event}
    return str(_as_json(logger, method, {**kept, "shortened": True}))


def _add_time(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    moment = datetime.fromtimestamp(event["_record"].created, UTC)
    return {"time": moment.isoformat(timespec="milliseconds"), **event}


def _name_message(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    if "message" not in event:  # from another library: structlog takes its message for the event
        event["message"] = event.pop("event")
    return event


def set_up_logging(level: str, form: str) -> None:
    """Send everything that is logged in this process from `level` on to standard error.

    A thread writes it, so that nobody waits for its reader. An application that has already set up logging, when it
    was imported, keeps its own way.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        form: `text` or `json`.
    """
    handler = BackgroundHandler()
    handler.setFormatter(json_formatter() if form == "json" else logging.Formatter(TEXT))
    for chatty in ("httpx", "httpcore"):  # they log each webhook, with its URL, which may be a credential
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.basicConfig(level=level.upper(), handlers=[handler])


def set_level(level: str) -> None:
    """Log from another level on; where the application has set up logging, that stays as it is."""
    root = logging.getLogger()
    if any(isinstance(handler, BackgroundHandler) for handler in root.handlers):
        root.setLevel(level.upper())
