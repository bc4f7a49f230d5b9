"""What an operator can say of BOSH."""

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

    bosh: str | None = option(
        None, kinds.URL_PATH, "The URL path where XMPP is spoken by BOSH, such as /http-bind."
    )
    xmpp: Address = option(
        Address("127.0.0.1", 5222), kinds.ADDRESS, "Where the XMPP server takes its clients."
    )
    xmpp_hosts: tuple[str, ...] = option(
        (), DOMAINS, "The domains of the XMPP server that clients may ask for; no other is passed on."
    )
    xmpp_tls: str = option(
        "demanded",
        kinds.choice("demanded", "always", "never"),
        "Whether TLS is spoken with the XMPP server; off loopback it has to be always.",
    )
    xmpp_ca: str | None = option(
        None, kinds.FILE, "The file with the certificates that the XMPP server's is to be from."
    )
    bosh_wait: int = option(
        60, kinds.whole(1, 300), "How long, in seconds, a request of BOSH is held at most."
    )
    bosh_hold: int = option(1, kinds.whole(0, 8), "The most requests of one client that are held.")
    bosh_inactivity: int = option(
        30, kinds.whole(1, 3600), "After how many seconds without a request a session of BOSH ends."
    )
    bosh_polling: int = option(
        5, kinds.whole(0, 60), "How many seconds apart requests are that ask for nothing but an answer."
    )
    bosh_pause: int = option(
        120, kinds.whole(1, 3600), "For how many seconds a client may be away that says so."
    )
    bosh_sessions: int = option(10_000, kinds.whole(1, 1_000_000), "The most sessions of BOSH.")

    bosh_script: str = option(
        "off",
        kinds.choice("off", "on"),
        "Whether pages of any site may ask by scripts (XEP-0252), which are for who has a session's id.",
    )

    def check(self) -> None:
        """See whether it is said for which domains it is, and whether no password goes over a network in the clear."""
        if self.bosh is None:
            return
        if not self.xmpp_hosts:
            raise ConfigError("bosh", "xmpp-hosts has to name the domains that clients may ask for")
        if not self.xmpp.is_loopback and self.xmpp_tls != "always":
            raise ConfigError("xmpp", "on another machine it is spoken to with xmpp-tls = always")
