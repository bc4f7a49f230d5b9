"""What an operator can say of a server that is one of several nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cometary.cluster.settings import WITHIN, ClusterSection
from cometary.config import kinds
from cometary.config.kinds import Address
from cometary.config.option import option
from cometary.config.section import Section, section_of
from cometary.errors import ConfigError

NAME: Final = kinds.matching(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}", "a name of letters, digits, - . and _")
SECRET: Final = kinds.matching(r"\S{16,256}", "at least 16 characters, none of them a space")

EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - nothing listens here
"""Where one listens, but is not reached."""


@dataclass(frozen=True, kw_only=True)
class NodeSection(Section):
    """How several servers, on several machines, act as one."""

    node: str | None = option(
        None, NAME, "The name of this server as one node of several; without a name it runs by itself."
    )
    node_listen: Address | None = option(
        None, kinds.ADDRESS, "Where other nodes connect; strangers need not reach it."
    )
    node_address: Address | None = option(
        None, kinds.ADDRESS, "Where other nodes find this one, if not at node-listen."
    )
    node_secret: str | None = option(
        None, SECRET, "The secret by which nodes know each other; the same on all of them.", secret=True
    )

    def check(self) -> None:
        """Check that a node has all that it needs."""
        if self.node is None:
            return
        if section_of(self, ClusterSection).engine == WITHIN:
            raise ConfigError(
                "node", "nodes find each other through an engine: give one, such as redis://HOST:PORT"
            )
        if self.node_listen is None:
            raise ConfigError("node", "other nodes have to reach this one: give node-listen, HOST:PORT")
        if self.node_secret is None:
            raise ConfigError(
                "node", "nodes know each other by a secret: give all of them COMETARY_NODE_SECRET"
            )
        if self.node_address is None and self.node_listen.host in EVERYWHERE:
            problem = f"nobody can connect to {self.node_listen.host}: say where this node is found"
            raise ConfigError("node-address", problem)
