"""How webhooks are sent."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where events go, and how long and how often that is tried.

    Args:
        url: where they are posted; the only URL that is ever asked for.
        secret: the key of the signatures, as Standard Webhooks writes it.
        timeout: seconds that one attempt takes at most.
        patience: seconds from its first attempt on that an event is tried again.
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
