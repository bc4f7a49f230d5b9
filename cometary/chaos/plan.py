"""What one run is to do, checked before anything is started. Pure.

1.  Only loopback is attacked, unless the one who starts it says explicitly that another machine may be.
2.  Sessions, seconds and rates are bounded: this is a bench for one's own server.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from cometary.chaos.habits import CRASHING, KILLING, MODES, NODE_TROUBLES, Habits
from cometary.config import kinds
from cometary.config.kinds import Kind
from cometary.errors import ConfigError

URL: Final = kinds.url(
    r"http://[^\s/?#]+(/[\w.~/-]*)?", "the URL of a server, such as http://127.0.0.1:8080/comet"
)

KEEPING: Final = ("nothing", "everysec", "always")
"""What an engine may keep: nothing, all but the last second, or everything."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of the command.

    Attributes:
        name: as on the command line, without its dashes.
        kind: what values it can have; None if it takes none, and is true when given.
        default: its value when it is not given.
        text: what it is for.
    """

    name: str
    kind: Kind[Any] | None
    default: object
    text: str

    @property
    def field(self) -> str:
        """The attribute of `Plan`."""
        return self.name.replace("-", "_")


def _option(kind: Kind[Any] | None, text: str) -> dict[str, object]:
    return {"kind": kind, "text": text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run; each field is explained by its option.

    Raises:
        ConfigError: options that do not go together, or a host that may not be attacked.
    """

    mode: str = field(
        default="jitter", metadata=_option(kinds.choice(*MODES), "How connections are disturbed.")
    )
    url: str | None = field(
        default=None,
        metadata=_option(URL, "The comet endpoint to run against; without it, a server of its own."),
    )
    control: str | None = field(
        default=None,
        metadata=_option(
            URL, "Its control interface, for crash and mixed; COMETARY_SECRET holds its secret."
        ),
    )
    sessions: int = field(default=200, metadata=_option(kinds.whole(1, 20_000), "How many sessions."))
    seconds: float = field(
        default=60,
        metadata=_option(
            kinds.seconds(1, 86_400), "How long packets are sent, where the machine is not busy."
        ),
    )
    every: float = field(
        default=1, metadata=_option(kinds.seconds(0.01, 3600), "Seconds between two packets of one session.")
    )
    size: int = field(
        default=64, metadata=_option(kinds.whole(0, 65_536, "bytes"), "The padding of a packet.")
    )
    kill_every: float = field(
        default=15,
        metadata=_option(
            kinds.seconds(0.1, 3600), "About how many seconds a connection lasts before it breaks."
        ),
    )
    crash_every: float = field(
        default=0.01,
        metadata=_option(kinds.seconds(0.001, 60), "Seconds between two crashes of session actors."),
    )
    workers: int = field(
        default=2,
        metadata=_option(
            kinds.whole(2, 64), "Worker processes of the bench's own server, for the modes that kill these."
        ),
    )
    kill_worker_every: float = field(
        default=1,
        metadata=_option(kinds.seconds(0.5, 3600), "Seconds between two deaths of workers, at least."),
    )
    nodes: int = field(
        default=3, metadata=_option(kinds.whole(2, 9), "Nodes of its own, for the modes that break these.")
    )
    lease: float = field(
        default=2, metadata=_option(kinds.seconds(0.5, 60), "Their lease in seconds, for the same modes.")
    )
    fault_every: float = field(
        default=10,
        metadata=_option(
            kinds.seconds(0.5, 3600),
            "Seconds between the beginnings of two faults in the same modes, at least.",
        ),
    )
    fault_lasts: float = field(
        default=6,
        metadata=_option(
            kinds.seconds(0.1, 600),
            "Seconds for which a node hangs or is cut off, or the engine is slow or away.",
        ),
    )
    engine_delay: float = field(
        default=0.2,
        metadata=_option(
            kinds.seconds(0.001, 10), "Seconds by which the engine's answers are delayed, in slow-engine."
        ),
    )
    engine_keeps: str = field(
        default="nothing",
        metadata=_option(kinds.choice(*KEEPING), "What the bench's own engine keeps when it is killed."),
    )
    drain: float = field(
        default=30,
        metadata=_option(
            kinds.seconds(1, 600), "The longest wait at the end during which nothing outstanding arrives."
        ),
    )
    seed: int | None = field(
        default=None,
        metadata=_option(
            kinds.whole(0, 2**32), "The seed of everything random; by default a new one each time."
        ),
    )
    watch_memory: bool = field(
        default=False,
        metadata=_option(None, "Fail if the server's memory grows after the first minute."),
    )
    pid: int | None = field(
        default=None,
        metadata=_option(kinds.whole(1, 2**31), "The process to watch, for --watch-memory with a URL."),
    )
    beyond_loopback: bool = field(
        default=False,
        metadata=_option(None, "Allow a server that is not on this machine. It should be yours."),
    )
    json: bool = field(default=False, metadata=_option(None, "Print the report as JSON."))

    def __post_init__(self) -> None:
        for option in (self.url, self.control):
            if (
                option is not None
                and not self.beyond_loopback
                and not is_loopback(urlsplit(option).hostname or "")
            ):
                raise ConfigError(option, "is not this machine; --beyond-loopback allows it, if it is yours")
        if self.crashes and self.url is not None and self.control is None:
            raise ConfigError("--control", f"{self.mode} needs it: session actors are crashed through it")
        if self.kills and self.url is not None:
            raise ConfigError(self.url, f"{self.mode} is for a server of its own, whose processes it kills")
        self._check_nodes()
        if self.speaks in WITHOUT_URL and self.url is not None:
            raise ConfigError("URL", f"{self.mode} runs against a server of its own only")
        if self.watch_memory and self.url is not None and self.pid is None:
            raise ConfigError("--watch-memory", "needs the --pid of the server")
        if self.watch_memory and self.seconds <= FIRST_MINUTE:
            raise ConfigError("--watch-memory", "looks at what comes after the first 60 --seconds")

    def _check_nodes(self) -> None:
        if not self.breaks_nodes:
            return
        if self.url is not None:
            raise ConfigError(self.url, f"{self.mode} is for nodes of its own, which it breaks")
        if self.watch_memory:
            raise ConfigError("--watch-memory", f"looks at one server, and {self.mode} has several")
        if self.mode == "pause-node" and self.fault_lasts <= self.lease:
            raise ConfigError("--fault-lasts", "a node has to hang for longer than its --lease")

    @property
    def breaks_nodes(self) -> bool:
        """Whether nodes are broken, or what they have in common."""
        return self.mode in NODE_TROUBLES

    @property
    def crashes(self) -> bool:
        """Whether session actors are crashed."""
        return self.mode in CRASHING

    @property
    def kills(self) -> bool:
        """Whether workers are killed."""
        return self.mode in KILLING

    @property
    def speaks(self) -> str:
        """The wire of another protocol that pages speak; nothing for our own."""
        return self.habits(0).speaks

    def habits(self, page: int) -> Habits:
        """Return how the page with this number behaves."""
        kinds = MODES[self.mode]
        return kinds[page % len(kinds)]


OPTIONS: Final = tuple(
    Option(entry.name.replace("_", "-"), default=entry.default, **entry.metadata) for entry in fields(Plan)
)
"""Every option, in the order in which they are explained."""

WITHOUT_URL: Final = frozenset({"bosh", "stomp"})
"""Wires for which something has to run beside the server."""

FIRST_MINUTE: Final = 60
"""Seconds during which a server may grow."""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine; of names only `localhost` is trusted."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
