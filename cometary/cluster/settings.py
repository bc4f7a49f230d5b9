"""What an operator can say of sessions that outlive their node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cometary.config import kinds
from cometary.config.option import option
from cometary.config.section import Section
from cometary.errors import ConfigError

WITHIN: Final = "local"
"""The engine within the process: that of a server by itself."""

EMBEDDED: Final = "embedded"
"""One that the process above several workers starts, for these alone."""

ENGINE: Final = kinds.matching(
    r"local|embedded|\S+://\S+",
    "local, embedded, redis://..., rediss://..., unix://..., redis+sentinel://.../MASTER or redis+cluster://...",
)
"""Any URL: what is wrong with one is said where it is read, without the password that may be in it."""

PREFIX: Final = "cometary"
ENGINE_PREFIX: Final = kinds.matching(r"[A-Za-z0-9_.:-]{1,64}", "1 to 64 letters, digits, - . : and _")
"""No braces: what stands in these decides which slot of a Redis Cluster a key is in."""

RESUME: Final = "resume"
"""Sessions whose clients ask for it outlive their node."""

MIRROR: Final = "mirror"
"""So do those whose clients know nothing of that."""

RECORDED: Final = (RESUME, MIRROR)
"""What `sessions` says where any are recorded."""


@dataclass(frozen=True, kw_only=True)
class ClusterSection(Section):
    """Where sessions are recorded, and which."""

    engine: str = option(
        WITHIN,
        ENGINE,
        "Where sessions are recorded, and nodes find each other: a Redis or Valkey; embedded for one of the workers' "
        "own; local for neither.",
        shown=False,
    )
    engine_prefix: str = option(
        PREFIX,
        ENGINE_PREFIX,
        "The beginning of all keys in the engine: clusters that share a server each need their own.",
        shown=False,
    )
    engine_replicas: int = option(
        0,
        kinds.whole(0, 9),
        "How many replicas of the engine must hold a change before it counts as recorded.",
        shown=False,
    )
    sessions: str = option(
        "none",
        kinds.choice("none", *RECORDED),
        "Which sessions are recorded, to outlive this process: none; those whose clients can resume; or others, too.",
    )
    lease: float = option(
        5,
        kinds.seconds(0.5, 60),
        "How long a process may be silent before others adopt its sessions.",
    )

    def check(self) -> None:
        """Check that sessions that are to outlive the process are recorded outside of it."""
        if self.sessions != "none" and self.engine == WITHIN:
            raise ConfigError(
                "sessions", "what is to outlive this process has to be recorded: give an engine"
            )
        if self.engine_replicas and self.engine == WITHIN:
            raise ConfigError("engine-replicas", "the engine within the process has none: give another one")
