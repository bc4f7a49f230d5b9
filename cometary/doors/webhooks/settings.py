"""How webhooks are sent, and the options that it follows from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cometary.authentication.settings import SIGNING_SECRET
from cometary.config import kinds
from cometary.config.kinds import Kind
from cometary.config.option import option
from cometary.config.section import Section
from cometary.errors import ConfigError
from cometary.packets.patterns import are_patterns

EVENTS: Final = ("signon", "signoff", "receipt", "failure", "message")
"""What a back-end can be told about."""

_SEVERAL_EVENTS: Final = kinds.several(
    kinds.choice(*EVENTS), f"some of {', '.join(EVENTS)}, separated by commas"
)


def _check_events(value: object) -> tuple[str, ...]:
    events = _SEVERAL_EVENTS.check(value)
    if len(set(events)) < len(events):
        raise ValueError
    return events


WEBHOOK_EVENTS: Final = Kind(
    _SEVERAL_EVENTS.allowed, _check_events, lambda text: _check_events(kinds.listed(text))
)


def _check_patterns(value: object) -> tuple[str, ...]:
    if are_patterns(value):
        return tuple(value)
    raise ValueError


MESSAGE_PATHS: Final = Kind(
    "paths and patterns, such as say or orders/**, separated by commas",
    _check_patterns,
    lambda text: _check_patterns(kinds.listed(text)),
)
_UNSIGNED: Final = "webhooks are signed, so they need COMETARY_WEBHOOK_SECRET, or webhook-secret in the file"


@dataclass(frozen=True, kw_only=True)
class WebhookSection(Section):
    """Whether a back-end is told about sessions, and how."""

    webhook_url: str | None = option(
        None,
        kinds.URL,
        "Where a back-end is told what happens to sessions; it needs webhook-secret.",
        shown=False,
    )
    webhook_secret: str | None = option(
        None, SIGNING_SECRET, "The key that webhooks are signed with.", secret=True
    )
    webhook_events: tuple[str, ...] = option(
        (), WEBHOOK_EVENTS, "The events that the back-end is told of; by default all of them."
    )
    message_paths: tuple[str, ...] = option(
        (), MESSAGE_PATHS, "Where clients may send to back-ends, which are told of each message."
    )
    webhook_timeout: float = option(
        5, kinds.seconds(0.1, 300), "How long one attempt to deliver a webhook takes."
    )
    webhook_patience: float = option(
        600, kinds.seconds(0, 86400), "How long a failed webhook is tried again."
    )
    webhook_connections: int = option(8, kinds.whole(1, 256), "The most webhooks under way at one time.")
    webhook_queue: int = option(
        10_000,
        kinds.whole(1, 10_000_000, "events"),
        "The most webhooks that wait; further ones are dropped.",
    )
    webhook_queue_bytes: int = option(
        64 * 1024 * 1024, kinds.whole(1024, 2**34, "bytes"), "The most bytes of webhooks that wait."
    )

    def check(self) -> None:
        """Check that what is sent can be signed."""
        if self.webhook_url is not None and self.webhook_secret is None:
            raise ConfigError("webhook-url", _UNSIGNED)


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where events go, and how long and how often that is tried.

    Args:
        url: where they are posted; the only URL that is ever asked for.
        secret: the key of the signatures, as Standard Webhooks writes it.
        timeout: seconds that one attempt takes at most.
        patience: seconds from its first attempt for which an event is tried again.
        max_waiting: events that wait at most.
        max_waiting_bytes: bytes of their bodies at most.
        connections: requests at one time.
    """

    url: str
    secret: str = field(repr=False)
    timeout: float = 5.0
    patience: float = 600.0
    max_waiting: int = 10_000
    max_waiting_bytes: int = 64 << 20
    connections: int = 8


def webhook_settings(section: WebhookSection) -> WebhookSettings | None:
    """Return how webhooks are sent, as the operator says it; None if no back-end wants any."""
    if section.webhook_url is None or section.webhook_secret is None:
        return None
    return WebhookSettings(
        section.webhook_url,
        section.webhook_secret,
        timeout=section.webhook_timeout,
        patience=section.webhook_patience,
        max_waiting=section.webhook_queue,
        max_waiting_bytes=section.webhook_queue_bytes,
        connections=section.webhook_connections,
    )
