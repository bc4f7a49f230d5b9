"""What an operator can configure about BOSH."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cometary.config import kinds
from cometary.config.kinds import Address
from cometary.config.option import option
from cometary.config.section import Section
from cometary.errors import ConfigError

DOMAINS: Final = kinds.several(
    kinds.matching(r"[\w.-]+", "a domain"), "domains such as example.org, separated by commas"
)


@dataclass(frozen=True, kw_only=True)
class BoshSection(Section):
    """Where BOSH is spoken, and which XMPP server is behind it."""

    bosh: str | None = option(None, kinds.URL_PATH, "The URL path where BOSH is spoken, such as /http-bind.")
    xmpp: Address = option(Address("127.0.0.1", 5222), kinds.ADDRESS, "Where the XMPP server takes clients.")
    xmpp_hosts: tuple[str, ...] = option(
        (), DOMAINS, "The domains of the XMPP server that clients may ask for; others are refused."
    )
    xmpp_tls: str = option(
        "demanded",
        kinds.choice("demanded", "always", "never"),
        "When TLS is spoken with the XMPP server; off loopback it has to be always.",
    )
    xmpp_ca: str | None = option(
        None, kinds.FILE, "A file with the authorities that may have signed the XMPP server's certificate."
    )
    bosh_wait: int = option(60, kinds.whole(1, 300), "How long, in seconds, a BOSH request is held at most.")
    bosh_hold: int = option(1, kinds.whole(0, 8), "The most requests that are held for one client.")
    bosh_inactivity: int = option(
        30, kinds.whole(1, 3600), "After how many seconds without a request a BOSH session ends."
    )
    bosh_polling: int = option(5, kinds.whole(0, 60), "How many seconds apart empty polls have to be.")
    bosh_pause: int = option(
        120, kinds.whole(1, 3600), "For how many seconds a client may pause its session."
    )
    bosh_sessions: int = option(10_000, kinds.whole(1, 1_000_000), "The most BOSH sessions.")

    bosh_script: str = option(
        "off",
        kinds.choice("off", "on"),
        "Whether pages of any site may use scripts (XEP-0252); anyone with a session's id can then read its answers.",
    )

    def check(self) -> None:
        """Check that the domains are named, and that no password goes over a network in the clear."""
        if self.bosh is None:
            return
        if not self.xmpp_hosts:
            raise ConfigError("bosh", "xmpp-hosts has to name the domains that clients may ask for")
        if not self.xmpp.is_loopback and self.xmpp_tls != "always":
            raise ConfigError("xmpp", "on another machine it requires xmpp-tls = always")
