"""Where an engine is: the URLs of Redis and Valkey."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from cometary.errors import EngineError

FORMS: Final = (
    "redis://HOST:PORT/DB, rediss://HOST:PORT/DB (TLS), unix:///PATH?db=DB, "
    "redis+sentinel://HOST:PORT,HOST:PORT/MASTER/DB or redis+cluster://HOST:PORT,HOST:PORT"
)
PORT: Final = 6379


class EngineURL(NamedTuple):
    """Where an engine is.

    Attributes:
        host: its host; for a Unix socket the path.
        port: its port; None for a Unix socket.
        database: which of its databases.
        user: as whom to sign in; None for its default.
        password: with what; None if it wants none.
        tls: whether to speak TLS.
    """

    host: str
    port: int | None = PORT
    database: int = 0
    user: str | None = None
    password: str | None = None
    tls: bool = False

    def __str__(self) -> str:  # without the password
        if self.port is None:
            return f"unix://{self.host}"
        return f"{'rediss' if self.tls else 'redis'}://{self.host}:{self.port}"


def read_url(text: str, usual_port: int = PORT) -> EngineURL:
    """Read the URL of one server.

    Args:
        text: the URL.
        usual_port: its port, if the URL names none.

    Raises:
        EngineError: if it is not valid; the operator's fault.
    """
    try:
        parts = urlsplit(text)
        port = parts.port or usual_port
        name = parts.query.removeprefix("db=") if parts.scheme == "unix" else parts.path.strip("/")
        database = int(name or 0)
    except ValueError:
        raise wrong_url(text) from None
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    if parts.scheme == "unix" and parts.path and not parts.hostname:
        return EngineURL(unquote(parts.path), None, database, user, password)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname or parts.query or parts.fragment:
        raise wrong_url(text)
    return EngineURL(parts.hostname, port, database, user, password, parts.scheme == "rediss")


def wrong_url(text: str) -> EngineError:
    """Return the error for a URL that is not an engine's."""
    who, at, where = text.rpartition("@")
    scheme, separator, _ = who.partition("://")
    shown = (
        f"{scheme if separator else ''}{separator}{where}" if at else text
    )  # a password is nobody's to read
    return EngineError(f"an engine is {FORMS}, not {shown!r}")
