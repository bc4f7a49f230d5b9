"""Whose request it is that a proxy passes on: the client's address, as trusted proxies say it.

1.  Each proxy adds, at the end, the address that it was called from. So the list is read from its end, and only as
    far as the proxy that added an entry is trusted. What a client has written itself stands before its own address,
    and is never reached.
2.  Only one header is read, the one that the operator's proxies write. A proxy that writes the one passes the other on
    as the client has sent it.
3.  What is not an address (`unknown`, a name, nonsense) ends the reading: the last address that is known counts.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from cometary.transport.net.unix import UNIX_PEER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FORWARDED: Final = "forwarded"
X_FORWARDED_FOR: Final = "x-forwarded-for"
HEADERS: Final = (X_FORWARDED_FOR, FORWARDED)

MOST: Final = 16
"""Entries that are read."""

_FOR: Final = re.compile(r'(?:^|;)\s*for\s*=\s*("[^"]*"|[^;,"\s]*)', re.IGNORECASE | re.ASCII)
_PORT: Final = re.compile(r":\d{1,5}$", re.ASCII)


class TrustedProxies:
    """Finds the client behind trusted proxies.

    Args:
        networks: those of the proxies: addresses, networks such as `10.0.0.0/8`, or `unix` for who is at a Unix socket.
        header: what they write: `x-forwarded-for` or `forwarded`.
    """

    def __init__(self, networks: Iterable[str], header: str = X_FORWARDED_FOR) -> None:
        networks = [*networks]
        self._trusts_unix = UNIX_PEER in networks
        self._networks = [ip_network(network) for network in networks if network != UNIX_PEER]
        self._name = header.encode()
        self._entries = _forwarded if header == FORWARDED else _x_forwarded_for
        self.client = lru_cache(maxsize=1024)(self._client)

    def address(self, peer: str, headers: Mapping[bytes, bytes]) -> str:
        """Return the client's address.

        Args:
            peer: the address of the other end of the connection.
            headers: of the request.
        """
        value = headers.get(self._name)
        return peer if value is None else self.client(peer, value)

    def _client(self, peer: str, value: bytes) -> str:
        current = read_address(peer)
        for entry in self._entries(value.decode("latin-1")):
            before = read_address(entry)
            if before is None or not (self._trusts(peer, current)):
                break
            current = before
        return peer if current is None else str(current)

    def _trusts(self, peer: str, address: IPv4Address | IPv6Address | None) -> bool:
        if address is None:  # nothing has been read yet
            return self._trusts_unix and peer == UNIX_PEER
        return any(address in network for network in self._networks)


def _x_forwarded_for(value: str) -> Iterator[str]:
    """Yield the entries of a list, the last one first."""
    yield from [entry.strip() for entry in value.rsplit(",", MOST)[-MOST:]][::-1]


def _forwarded(value: str) -> Iterator[str]:
    """Yield for whom each element of RFC 7239's header is, the last one first."""
    for element in value.rsplit(",", MOST)[-MOST:][::-1]:
        found = _FOR.search(element)
        yield "" if found is None else found[1].strip('"')


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address that may have a port, and brackets; None if it is none. IPv4 within IPv6 is IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = _PORT.sub("", text)
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped
