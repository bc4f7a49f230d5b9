"""What an operator can say of HTTP, and the limits that follow."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final
from urllib.parse import urlsplit

from cometary.config import kinds
from cometary.config.kinds import Kind, UnixAddress
from cometary.config.option import option
from cometary.config.section import Section, section_of
from cometary.errors import ConfigError
from cometary.transport.http.forwarded import HEADERS, X_FORWARDED_FOR
from cometary.transport.http.limits import Limits
from cometary.transport.net.unix import UNIX_PEER

_ORIGIN: Final = kinds.url(r"https?://[^\s/,@?#]+", "an origin")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def _check_origin(value: object) -> str:
    """Check an origin, as browsers write it (RFC 6454, section 6.2): another spelling would never be met."""
    if value == "*":
        return "*"
    given = _ORIGIN.check(value)
    parts = urlsplit(given)
    if given != given.lower() or parts.port == _DEFAULT_PORTS[parts.scheme]:
        raise ValueError
    return given


ORIGINS: Final = kinds.several(
    Kind("an origin", _check_origin, _check_origin),
    "origins as browsers write them (lower case, no default port), such as https://www.example.org, separated by "
    "commas, or * for all of them",
)
HOSTS: Final = kinds.several(
    kinds.matching(r"\*|[\w-][\w.-]*", "a host name"),
    "host names such as www.example.org, without ports, separated by commas, or * for all of them",
)


def _check_network(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - the one error of kinds
    return UNIX_PEER if value == UNIX_PEER else str(ip_network(value))


PROXIES: Final = kinds.several(
    Kind("a network", _check_network, _check_network),
    "addresses, networks such as 10.0.0.0/8, or unix for all at Unix sockets, separated by commas",
)


@dataclass(frozen=True, kw_only=True)
class HttpSection(Section):
    """Where clients connect, from which pages, and how much they send."""

    host: str = option("127.0.0.1", kinds.HOST, "The address that clients connect to.")
    port: int = option(8080, kinds.PORT, "The port that clients connect to; 0 takes any free one.")
    listen: UnixAddress | None = option(
        None, kinds.UNIX, "The Unix socket that clients, or a proxy, connect to in place of host and port."
    )
    reuse_port: str = option(
        "off",
        kinds.choice("off", "on"),
        "Whether another process of the same user may listen at the same addresses, to take this one's place.",
    )
    origins: tuple[str, ...] = option(
        (), ORIGINS, "The other sites whose pages may connect (CORS).", live=True
    )
    hosts: tuple[str, ...] = option(
        (), HOSTS, "The names that clients know the server by; if none are given, see security.", live=True
    )
    trusted_proxies: tuple[str, ...] = option(
        (),
        PROXIES,
        "The proxies whose word for a client's address is taken, for limits and the log.",
        live=True,
    )
    forwarded: str = option(
        X_FORWARDED_FOR, kinds.choice(*HEADERS), "The header in which these proxies give it.", live=True
    )
    tls_cert: str | None = option(
        None, kinds.FILE, "The file with the certificate, for TLS; it needs tls-key.", live=True
    )
    tls_key: str | None = option(
        None, kinds.FILE, "The file with the certificate's private key, not encrypted.", live=True
    )
    body_bytes: int = option(
        256 * 1024, kinds.whole(1024, 2**30, "bytes"), "The most bytes in the body of a request."
    )

    @property
    def files_of_tls(self) -> tuple[str, str] | None:
        """Those of the certificate and of its key; None if TLS is not spoken."""
        return None if self.tls_cert is None or self.tls_key is None else (self.tls_cert, self.tls_key)

    def check(self) -> None:
        """See whether the certificate has its key."""
        if self.tls_key is None and self.tls_cert is not None:
            raise ConfigError("tls-cert", "it needs its private key, so tls-key has to be given as well")
        if self.tls_cert is None and self.tls_key is not None:
            raise ConfigError("tls-key", "it needs its certificate, so tls-cert has to be given as well")


def limits_for(section: HttpSection, die: float) -> Limits:
    """Return what the front end goes by.

    Nothing is waited for on a connection longer than `die`, after which there is no session that it
    could be of use to. So what a vanished client leaves is gone as soon as its session.

    Args:
        section: what the operator says.
        die: seconds that a session lives without its client.
    """
    defaults = Limits()
    half = die / 2  # the period that a client vanishes in may have one more
    return Limits(
        body_bytes=section.body_bytes,
        head_seconds=min(die, defaults.head_seconds),
        body_seconds=min(half, defaults.body_seconds),
        idle_seconds=min(die, defaults.idle_seconds),
        write_seconds=min(half, defaults.write_seconds),
        linger_seconds=min(die, defaults.linger_seconds),
    )


def check_certificate(settings: Section, name: str, value: str) -> None:
    """See whether there is a certificate where a listener is to speak TLS.

    Args:
        settings: those of the server.
        name: of the option that wants TLS spoken.
        value: what it says: `off` or `on`.

    Raises:
        ConfigError: there is none; the operator's fault.
    """
    if value == "on" and section_of(settings, HttpSection).files_of_tls is None:
        raise ConfigError(name, "it needs a certificate, so tls-cert and tls-key have to be given")
