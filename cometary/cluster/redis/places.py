"""Where an engine is, be it one server, a master that Redis Sentinel watches, or a Redis Cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from cometary.cluster.redis.url import PORT, EngineURL, read_url, wrong_url
from cometary.errors import EngineError

SENTINEL_PORT: Final = 26_379

Kind = Literal["one", "sentinel", "cluster"]
KINDS: Final[Mapping[str, Kind]] = {
    "redis+sentinel": "sentinel",
    "rediss+sentinel": "sentinel",
    "redis+cluster": "cluster",
    "rediss+cluster": "cluster",
}
"""The schemes of those that are not one server."""


class Place(NamedTuple):
    """Where an engine is.

    Attributes:
        kind: what it is.
        servers: the server; or the sentinels that say which it is; or some of a cluster, which know the others. Each
            says as whom to sign in at those that have the data, and which database is meant.
        master: the name by which sentinels know the master; empty for the others.
    """

    kind: Kind
    servers: tuple[EngineURL, ...]
    master: str = ""

    def __str__(self) -> str:  # without the password
        if self.kind == "one":
            return str(self.servers[0])
        first = self.servers[0]
        hosts = ",".join(f"{server.host}:{server.port}" for server in self.servers)
        scheme = f"{'rediss' if first.tls else 'redis'}+{self.kind}"
        return f"{scheme}://{hosts}{f'/{self.master}' if self.master else ''}"


def read_place(text: str) -> Place:
    """Read where an engine is.

    Raises:
        EngineError: the URL is not valid; the operator's fault.
    """
    scheme, _, rest = text.partition("://")
    kind = KINDS.get(scheme)
    if kind is None:
        return Place("one", (read_url(text),))
    who, at, where = rest.rpartition("@")
    hosts, _, path = where.partition("/")
    master, database = "", path
    if kind == "sentinel":
        master, _, database = path.partition("/")
    if (kind == "sentinel") != bool(master) or (kind == "cluster" and database not in ("", "0")):
        raise wrong_url(text)
    port = SENTINEL_PORT if kind == "sentinel" else PORT
    plain = scheme.partition("+")[0]
    try:
        servers = [read_url(f"{plain}://{who}{at}{host}/{database}", port) for host in hosts.split(",")]
    except EngineError:
        raise wrong_url(text) from None
    return Place(kind, tuple(servers), master)
