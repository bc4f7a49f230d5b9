"""Webhooks: what happens to sessions, told to a back-end by HTTP requests that are signed and repeated."""

from __future__ import annotations

from cometary.doors.webhooks.reporting import EVENTS, Reporting
from cometary.doors.webhooks.sender import WebhookSender
from cometary.doors.webhooks.settings import WebhookSettings

__all__ = ["EVENTS", "Reporting", "WebhookSender", "WebhookSettings"]
