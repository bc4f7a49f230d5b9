"""What an operator can configure about STOMP."""

from __future__ import annotations

from dataclasses import dataclass

from cometary.config import kinds
from cometary.config.kinds import Address
from cometary.config.option import option
from cometary.config.section import Section
from cometary.doors.control.settings import check_guarded
from cometary.transport.http.settings import check_certificate


@dataclass(frozen=True, kw_only=True)
class StompSection(Section):
    """Where STOMP is spoken."""

    stomp: Address | None = option(
        None, kinds.ADDRESS, "Where back-ends speak STOMP; off loopback it needs a secret."
    )
    stomp_websocket: str | None = option(
        None, kinds.URL_PATH, "The URL path where they speak it over WebSockets; it needs a secret."
    )

    stomp_tls: str = option(
        "off",
        kinds.choice("off", "on"),
        "Whether TLS is spoken at the address of stomp, with tls-cert and tls-key.",
    )

    def check(self) -> None:
        """Check that what other machines can reach is guarded, and that there is a certificate if needed."""
        check_certificate(self, "stomp-tls", self.stomp_tls)
        check_guarded(self, "stomp", self.stomp)
        check_guarded(self, "stomp-websocket", self.stomp_websocket)
