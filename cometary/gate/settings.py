"""What an operator can say about who comes in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cometary.config import kinds
from cometary.config.option import option
from cometary.config.section import Section

# RFC 6265, section 4.1.1, says which characters the name of a cookie has.
BIND: Final = kinds.matching(
    r"off|token|cookie:[\w!#$%&'*+.^`|~-]+", "off, token, or cookie: and a cookie's name"
)


@dataclass(frozen=True, kw_only=True)
class GateSection(Section):
    """How sessions are opened, and what they are bound to."""

    bind: str = option("off", BIND, "What each request of a session has to prove besides the session's id.")
    opens_per_minute: int = option(
        600,
        kinds.whole(0, 1_000_000),
        "The most sessions that one address opens in a minute; 0 for no limit. Loopback has none.",
        live=True,
    )

    @property
    def binds_to_cookie(self) -> bool:
        """Whether browsers have to send cookies, from other origins as well."""
        return self.bind.startswith("cookie:")
