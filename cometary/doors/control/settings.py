"""What an operator can say of the control interface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cometary.config import kinds
from cometary.config.kinds import Address
from cometary.config.option import option
from cometary.config.section import Section
from cometary.errors import ConfigError

# RFC 6750, section 2.1, says which characters a bearer token has.
SECRET: Final = kinds.matching(r"[\w.~+/-]+=*", "one or more of A-Z a-z 0-9 - . _ ~ + / and then only =")
_NEEDED: Final = "it needs a secret: COMETARY_SECRET, or secret in the file"


@dataclass(frozen=True, kw_only=True)
class ControlSection(Section):
    """Where back-ends connect, and what they have to know."""

    control: Address = option(
        Address("127.0.0.1", 8081), kinds.ADDRESS, "Where back-ends connect; off loopback it needs a secret."
    )
    secret: str | None = option(
        None, SECRET, "The bearer token for every call of the control interface.", secret=True
    )
    crash_calls: str = option(
        "off",
        kinds.choice("off", "on"),
        "Whether back-ends may crash session actors, for tests; on loopback only.",
    )

    def check(self) -> None:
        """See whether what other machines can reach is guarded."""
        if self.control.is_loopback:
            return
        if self.secret is None:
            raise ConfigError("control", f"other machines can reach {self.control}, so {_NEEDED}")
        if self.crash_calls == "on":
            raise ConfigError("crash-calls", f"other machines can reach {self.control}, so it must be off")
