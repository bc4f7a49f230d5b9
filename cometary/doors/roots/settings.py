"""What an operator can configure about the Roots family; all of it is off unless an address is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cometary.config import kinds
from cometary.config.kinds import Address
from cometary.config.option import option
from cometary.config.section import Section
from cometary.doors.control.settings import check_guarded
from cometary.transport.http.settings import check_certificate

GUARDED: Final = ("dudley", "imperio", "imperio_http", "dolores")
"""Where back-ends speak."""


@dataclass(frozen=True, kw_only=True)
class RootsSection(Section):
    """Where Roots' protocols are spoken."""

    dudley: Address | None = option(
        None, kinds.ADDRESS, "Where back-ends post updates as Roots' Dudley takes them."
    )
    imperio: Address | None = option(
        None, kinds.ADDRESS, "Where they write them as lines, as Roots' Imperio does."
    )
    imperio_http: Address | None = option(None, kinds.ADDRESS, "Where they have them in a URL.")
    firenze: Address | None = option(None, kinds.ADDRESS, "Where Roots' browsers poll.")
    dolores: Address | None = option(
        None, kinds.ADDRESS, "Where the lines of the first Dolores, of August 2009, are spoken."
    )
    dolores_threads: str = option(
        "threads", kinds.FILE, "The directory where a file control-ID makes a connection of it a controller."
    )
    imperio_lines: str = option(
        "strict",
        kinds.choice("strict", "legacy"),
        "Whether a line is split at its first semicolon alone, or as Roots did.",
    )
    roots_answers: str = option(
        "literal", kinds.choice("literal", "json"), "Whether answers are Roots' own, or valid JSON."
    )
    firenze_hold: float = option(30, kinds.seconds(0.1, 300), "How long a poll of Firenze is held.")
    firenze_delay: float = option(
        0.25, kinds.seconds(0, 10), "How long updates wait for others, to go in one answer."
    )
    firenze_die: float = option(
        30, kinds.seconds(0.1, 300), "How long a client may be away between two polls."
    )
    firenze_keep: float = option(
        60, kinds.seconds(0.1, 600), "How long an update waits for a client at most."
    )

    roots_tls: str = option(
        "off",
        kinds.choice("off", "on"),
        "Whether TLS is spoken at these addresses, with tls-cert and tls-key.",
    )

    def check(self) -> None:
        """Check that what other machines can reach is guarded, and that there is a certificate if needed."""
        check_certificate(self, "roots-tls", self.roots_tls)
        for name in GUARDED:
            check_guarded(self, name.replace("_", "-"), getattr(self, name))
