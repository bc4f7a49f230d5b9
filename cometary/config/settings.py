"""The table of options: every setting of the server, with its default and what is allowed.

The fields of `Settings` are that table. The command line, the environment, the file and the
reference page all follow from it, so an option is added in this one place.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Final

from cometary.config import kinds
from cometary.config.kinds import Address
from cometary.config.option import Option, not_allowed, row
from cometary.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one server is set up; each field is explained by its row.

    Raises:
        ConfigError: a value is not allowed; `where` is the name of the field's option.
    """

    app: str | None = field(
        default=None, metadata=row(kinds.APP, "The application to serve; without one, back-ends do all.")
    )
    host: str = field(default="127.0.0.1", metadata=row(kinds.HOST, "The address that clients connect to."))
    port: int = field(
        default=8080, metadata=row(kinds.PORT, "The port that clients connect to; 0 takes any free one.")
    )
    control: Address = field(
        default=Address("127.0.0.1", 8081),
        metadata=row(kinds.ADDRESS, "Where back-ends connect; off loopback it needs a secret."),
    )
    secret: str | None = field(
        default=None,
        repr=False,
        metadata=row(kinds.SECRET, "The bearer token for every call of the control interface.", secret=True),
    )
    comet: str = field(default="/comet", metadata=row(kinds.URL_PATH, "The URL path of the comet endpoint."))
    origins: tuple[str, ...] = field(
        default=(), metadata=row(kinds.ORIGINS, "The other sites whose pages may connect (CORS).")
    )
    hosts: tuple[str, ...] = field(
        default=(),
        metadata=row(
            kinds.HOSTS, "The names that clients know the server by; if none are given, see security."
        ),
    )
    token_secret: tuple[str, ...] = field(
        default=(),
        repr=False,
        metadata=row(
            kinds.TOKEN_SECRETS,
            "What the tokens that let clients in are signed with; several while one replaces another.",
            secret=True,
        ),
    )
    token_audience: str | None = field(
        default=None, metadata=row(kinds.AUDIENCE, "The audience that signed tokens have to name.")
    )
    token_notice: float = field(
        default=30,
        metadata=row(
            kinds.seconds(1, 3600), "How long before its token expires a client is asked for another one."
        ),
    )
    auth_url: str | None = field(
        default=None,
        repr=False,
        metadata=row(kinds.URL, "Where a back-end is asked about each token; it needs auth-secret."),
    )
    auth_secret: str | None = field(
        default=None,
        repr=False,
        metadata=row(
            kinds.WEBHOOK_SECRET, "The key that the questions to auth-url are signed with.", secret=True
        ),
    )
    auth_timeout: float = field(
        default=5, metadata=row(kinds.seconds(0.1, 300), "How long a client waits for the verdict at most.")
    )
    auth_connections: int = field(
        default=8, metadata=row(kinds.whole(1, 256), "The most questions under way at one time.")
    )
    auth_queue: int = field(
        default=1000,
        metadata=row(
            kinds.whole(0, 1_000_000), "The most further questions that wait; clients beyond it try later."
        ),
    )
    bind: str = field(
        default="off",
        metadata=row(kinds.BIND, "What each request of a session has to prove besides the session's id."),
    )
    wait: float = field(
        default=60, metadata=row(kinds.seconds(0.1, 3600), "The longest that a request is held.")
    )
    die: float = field(
        default=45,
        metadata=row(kinds.seconds(0.1, 86400), "How long a session lives without a held request."),
    )
    requests: int = field(
        default=2, metadata=row(kinds.whole(1, 16), "The most requests that a client may have unanswered.")
    )
    max_sessions: int = field(
        default=100_000,
        metadata=row(kinds.whole(1, 10_000_000), "The most sessions at one time."),
    )
    opens_per_minute: int = field(
        default=600,
        metadata=row(
            kinds.whole(0, 1_000_000),
            "The most sessions that one address opens in a minute; 0 for no limit. Loopback has none.",
        ),
    )
    request_packets: int = field(
        default=256,
        metadata=row(kinds.whole(1, 1000, "packets"), "The most packets in one request of a client."),
    )
    packets_per_second: int = field(
        default=200,
        metadata=row(
            kinds.whole(0, 1_000_000, "packets"),
            "The most that one client sends, on average; 0 for no limit.",
        ),
    )
    packet_burst: int = field(
        default=1000,
        metadata=row(kinds.whole(1, 1_000_000, "packets"), "The most that it sends at once, after a pause."),
    )
    address_packets_per_second: int = field(
        default=2000,
        metadata=row(
            kinds.whole(0, 10_000_000, "packets"),
            "The most that all clients of one address send, on average; 0 for no limit. Loopback has none.",
        ),
    )
    address_packet_burst: int = field(
        default=10_000,
        metadata=row(
            kinds.whole(1, 10_000_000, "packets"), "The most that they send at once, after a pause."
        ),
    )
    queue_packets: int = field(
        default=1000,
        metadata=row(kinds.whole(1, 1_000_000, "packets"), "The most packets that wait for one session."),
    )
    queue_bytes: int = field(
        default=1024 * 1024,
        metadata=row(kinds.whole(1024, 2**30, "bytes"), "The most bytes that wait for one session."),
    )
    session_paths: int = field(
        default=2_000,
        metadata=row(
            kinds.whole(1, 1_000_000, "paths"), "The most paths that one session may be connected to."
        ),
    )
    paths: tuple[str, ...] = field(
        default=(), metadata=row(kinds.PATHS, "What becomes of packets that a session is too slow for.")
    )
    webhook_url: str | None = field(
        default=None,
        repr=False,
        metadata=row(
            kinds.URL, "Where a back-end is told what happens to sessions; it needs webhook-secret."
        ),
    )
    webhook_secret: str | None = field(
        default=None,
        repr=False,
        metadata=row(kinds.WEBHOOK_SECRET, "The key that webhooks are signed with.", secret=True),
    )
    webhook_events: tuple[str, ...] = field(
        default=(),
        metadata=row(
            kinds.WEBHOOK_EVENTS, "What the back-end is told of; of all of these if it is not said."
        ),
    )
    webhook_timeout: float = field(
        default=5, metadata=row(kinds.seconds(0.1, 300), "How long one attempt to deliver a webhook takes.")
    )
    webhook_patience: float = field(
        default=600,
        metadata=row(kinds.seconds(0, 86400), "How long a webhook that fails is tried again."),
    )
    webhook_connections: int = field(
        default=8, metadata=row(kinds.whole(1, 256), "The most webhooks under way at one time.")
    )
    webhook_queue: int = field(
        default=10_000,
        metadata=row(
            kinds.whole(1, 10_000_000, "events"), "The most webhooks that wait; further ones are dropped."
        ),
    )
    webhook_queue_bytes: int = field(
        default=64 * 1024 * 1024,
        metadata=row(kinds.whole(1024, 2**34, "bytes"), "The most bytes of webhooks that wait."),
    )
    response_bytes: int = field(
        default=256 * 1024,
        metadata=row(kinds.whole(1024, 2**30, "bytes"), "The most bytes in a response of several packets."),
    )
    body_bytes: int = field(
        default=256 * 1024,
        metadata=row(kinds.whole(1024, 2**30, "bytes"), "The most bytes in the body of a request."),
    )
    stop_grace: float = field(
        default=5,
        metadata=row(
            kinds.seconds(0, 3600), "How long the handlers of sessions have to finish when the server stops."
        ),
    )
    watchdog: float = field(
        default=0.1,
        metadata=row(
            kinds.seconds(0, 60),
            "How long a handler may hold up the server before a warning names it; 0 for no such warnings.",
        ),
    )
    crash_calls: str = field(
        default="off",
        metadata=row(
            kinds.choice("off", "on"),
            "Whether back-ends may crash session actors, for tests; on loopback only.",
        ),
    )
    log_level: str = field(
        default="info",
        metadata=row(
            kinds.choice("debug", "info", "warning", "error"), "The least serious events that are logged."
        ),
    )
    log_format: str = field(
        default="text", metadata=row(kinds.choice("text", "json"), "How the lines of the log are written.")
    )

    log_addresses: str = field(
        default="on",
        metadata=row(
            kinds.choice("off", "on"), "Whether the log tells from which addresses sessions are opened."
        ),
    )

    def __post_init__(self) -> None:
        for option in OPTIONS:
            value = getattr(self, option.field)
            if value is not option.default:
                object.__setattr__(self, option.field, _checked(option, value))
        if self.secret is None and not self.control.is_loopback:
            raise ConfigError("control", f"other machines can reach {self.control}, so {_SECRET_NEEDED}")
        if self.webhook_url is not None and self.webhook_secret is None:
            raise ConfigError("webhook-url", _UNSIGNED)
        if self.auth_url is not None and self.auth_secret is None:
            raise ConfigError("auth-url", _QUESTIONS_UNSIGNED)
        if self.binds_to_cookie and "*" in self.origins:
            raise ConfigError("bind", "cookies are not for pages of any origin, so origins has to name them")
        if self.crash_calls == "on" and not self.control.is_loopback:
            raise ConfigError("crash-calls", f"other machines can reach {self.control}, so it must be off")

    @property
    def binds_to_cookie(self) -> bool:
        """Whether browsers have to send cookies, from other origins as well."""
        return self.bind.startswith("cookie:")


def _checked(option: Option, value: object) -> object:
    try:
        return option.kind.check(value)
    except ValueError:
        raise not_allowed(option, option.name, value) from None


OPTIONS: Final = tuple(
    Option(entry.name.replace("_", "-"), default=entry.default, **entry.metadata)
    for entry in fields(Settings)
)
"""Every option, in the order in which they are explained."""

_SECRET_NEEDED: Final = "it needs a secret: COMETARY_SECRET, or secret in the file"  # noqa: S105 (none itself)
_QUESTIONS_UNSIGNED: Final = (
    "the questions are signed, so there has to be COMETARY_AUTH_SECRET, or auth-secret in the file"
)
_UNSIGNED: Final = (
    "webhooks are signed, so there has to be COMETARY_WEBHOOK_SECRET, or webhook-secret in the file"
)
