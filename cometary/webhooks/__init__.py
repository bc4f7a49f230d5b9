"""Webhooks: what happens to sessions, told to a back-end by HTTP requests that are signed and repeated."""

from __future__ import annotations

from cometary.webhooks.reporting import EVENTS, Reporting
from cometary.webhooks.sender import WebhookSender
from cometary.webhooks.settings import WebhookSettings

__all__ = ["EVENTS", "Reporting", "WebhookSender", "WebhookSettings"]
