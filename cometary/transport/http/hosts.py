"""The names under which a listener takes requests: against DNS rebinding.

The owner of a domain can point its name at an address of somebody else's, 127.0.0.1 for one. To a browser
that server is then of the page's own origin, and `Origin` says nothing against it. But `Host` has the
page's name, and no page can change that.

1.  An address, `localhost` and what ends in `.localhost` are always right: nobody else can decide where these lead.
    So is no name at all, since browsers always send one.
2.  If names were configured, these are right as well, and no others.
3.  Otherwise a listener that is not on loopback takes every name: it is there for others, who call it by names that
    it does not know.
4.  A listener on loopback is reached by browsers on this machine, or through a proxy. A browser that
    reached it by itself names its port, which a proxy that passes `Host` on does not: the browser named
    the proxy's. So any name is right unless it comes with the listener's own port.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from cometary.gate.rate_limit import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable

HTTP: Final = "80"
HTTPS: Final = "443"
"""The ports that browsers leave out."""

MOST: Final = 64
"""Values of `Host` that are remembered as right: everybody's are the same few."""


class HostRule:
    """Which values of `Host` are right at one listener.

    Args:
        names: The host names that were configured, without ports; `*` for any.
        secure: Whether the listener speaks TLS.
    """

    def __init__(self, names: Iterable[str] = (), *, secure: bool = False) -> None:
        self._names = frozenset(name.lower() for name in names)
        self._left_out = HTTPS if secure else HTTP
        self._ports: frozenset[str] = frozenset()
        self._right: set[bytes] = set()

    def change(self, names: Iterable[str]) -> None:
        """Have other names configured from now on."""
        self._names = frozenset(name.lower() for name in names)
        self._right.clear()

    def listening_at(self, addresses: Iterable[tuple[str, int]]) -> None:
        """Go by where the listener really is: its addresses and ports."""
        addresses = list(addresses)
        on_loopback = all(is_loopback(address) for address, _ in addresses)
        self._ports = frozenset(str(port) for _, port in addresses) if on_loopback else frozenset()
        self._right.clear()

    def allows(self, host: bytes) -> bool:
        """Whether a request for `host`, the header's value, is to be served."""
        if host in self._right:
            return True
        if not self._is_right(*split(host, self._left_out)):
            return False
        if len(self._right) >= MOST:
            self._right.clear()
        self._right.add(host)
        return True

    def _is_right(self, name: str, port: str) -> bool:
        if names_address(name) or name in {"", "localhost"} or name.endswith(".localhost"):
            return True
        if self._names:
            return name in self._names or "*" in self._names
        return port not in self._ports


def split(host: bytes, left_out: str) -> tuple[str, str]:
    """Name, in lower case, and port of a `Host` header; `left_out` is the port if there is none in it."""
    text = host.decode("latin-1").lower()
    name, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        name, port = text, left_out
    return name.rstrip("."), port or left_out


def names_address(name: str) -> bool:
    """Whether `name` is an IP address, as in a URL."""
    return name.startswith("[") or name.replace(".", "").isdecimal()


LOCAL_NAMES: Final = frozenset({"localhost", "", "::1"})


@functools.lru_cache(maxsize=64)
def names_this_machine(host: bytes) -> bool:
    """Whether a `Host` header names this machine's loopback, with or without a port.

    Back-ends send the same few for every call, so the answers are remembered.
    """
    name = host.decode("latin-1")
    if not name.endswith("]"):
        name = name.rpartition(":")[0] or name
    name = name.strip("[]").lower()
    return name in LOCAL_NAMES or is_loopback(name)
