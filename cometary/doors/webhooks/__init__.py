"""Webhooks: a back-end is told what happens to sessions, by HTTP requests that are signed and repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cometary.on_demand import importer

if TYPE_CHECKING:
    from cometary.doors.webhooks.reporting import Reporting
    from cometary.doors.webhooks.sender import WebhookSender
    from cometary.doors.webhooks.settings import EVENTS, WebhookSettings

__all__ = ["EVENTS", "Reporting", "WebhookSender", "WebhookSettings"]

_find = importer(
    __name__,
    {
        "EVENTS": "cometary.doors.webhooks.settings",
        "Reporting": "cometary.doors.webhooks.reporting",
        "WebhookSender": "cometary.doors.webhooks.sender",
        "WebhookSettings": "cometary.doors.webhooks.settings",
    },
)


def __getattr__(name: str) -> Any:
    return _find(name)
