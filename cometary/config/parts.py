"""Which settings each part of the server goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.doors.webhooks.settings import WebhookSettings
from cometary.sessions.settings import SessionSettings
from cometary.transport.http.limits import Limits

if TYPE_CHECKING:
    from cometary.config.settings import Settings


def session_settings(settings: Settings) -> SessionSettings:
    """Return what sessions go by."""
    return SessionSettings(
        wait=settings.wait,
        die=settings.die,
        requests=settings.requests,
        max_queued_packets=settings.queue_packets,
        max_queued_bytes=settings.queue_bytes,
        max_response_bytes=settings.response_bytes,
        max_paths=settings.session_paths,
        max_request_packets=settings.request_packets,
        packets_per_second=settings.packets_per_second,
        packet_burst=settings.packet_burst,
        address_packets_per_second=settings.address_packets_per_second,
        address_packet_burst=settings.address_packet_burst,
        max_sessions=settings.max_sessions,
        notice=settings.token_notice,
        log_addresses=settings.log_addresses == "on",
    )


def front_end_limits(settings: Settings) -> Limits:
    """Return what the front end goes by.

    Nothing is waited for on a connection longer than `die`, after which there is no session that it
    could be of use to. So what a vanished client leaves is gone as soon as its session.
    """
    defaults = Limits()
    half = settings.die / 2  # the period that a client vanishes in may have one more
    return Limits(
        body_bytes=settings.body_bytes,
        head_seconds=min(settings.die, defaults.head_seconds),
        body_seconds=min(half, defaults.body_seconds),
        idle_seconds=min(settings.die, defaults.idle_seconds),
        write_seconds=min(half, defaults.write_seconds),
        linger_seconds=min(settings.die, defaults.linger_seconds),
    )


def webhook_settings(settings: Settings) -> WebhookSettings | None:
    """Return what webhooks go by; None if no back-end wants any."""
    if settings.webhook_url is None or settings.webhook_secret is None:
        return None
    return WebhookSettings(
        settings.webhook_url,
        settings.webhook_secret,
        timeout=settings.webhook_timeout,
        patience=settings.webhook_patience,
        max_waiting=settings.webhook_queue,
        max_waiting_bytes=settings.webhook_queue_bytes,
        connections=settings.webhook_connections,
    )
