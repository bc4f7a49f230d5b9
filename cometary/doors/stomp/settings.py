"""What an operator can say of STOMP."""

from __future__ import annotations

from dataclasses import dataclass

from cometary.config import kinds
from cometary.config.kinds import Address
from cometary.config.option import option
from cometary.config.section import Section, section_of
from cometary.doors.control.settings import ControlSection
from cometary.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class StompSection(Section):
    """Where STOMP is spoken."""

    stomp: Address | None = option(
        None, kinds.ADDRESS, "Where back-ends speak STOMP; off loopback it needs a secret."
    )
    stomp_websocket: str | None = option(
        None, kinds.URL_PATH, "The URL path where they speak it over WebSockets; it needs a secret."
    )

    def check(self) -> None:
        """See whether what other machines can reach is guarded."""
        if section_of(self, ControlSection).secret is not None:
            return
        needed = "so it needs a secret: COMETARY_SECRET, or secret in the file"
        if self.stomp is not None and not self.stomp.is_loopback:
            raise ConfigError("stomp", f"other machines can reach {self.stomp}, {needed}")
        if self.stomp_websocket is not None:
            raise ConfigError("stomp-websocket", f"every client can reach it, {needed}")
