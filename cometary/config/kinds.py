"""The kinds of value that an option can have: how each is read, and what of it is allowed.

A kind raises a bare `ValueError` for whatever it does not allow. Whoever calls it knows where
the value came from, and says so together with the kind's `allowed`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Generic, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

from cometary.errors import UsageError

T = TypeVar("T")


class Address(NamedTuple):
    """Where to listen: a host name or IP address, and a port (0 for any that is free)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Where a client on this machine's network finds the server that listens there."""
        return f"http://{self}"

    @property
    def is_loopback(self) -> bool:
        """Whether no other machine can reach it. Of host names only `localhost` is trusted."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True)
class Kind(Generic[T]):
    """One kind of value.

    Attributes:
        allowed: What is allowed, as the end of the sentence "It must be …".
        check: Accepts a value of a TOML file or of a program, in the form the program uses.
        parse: Reads the text of a command line or of an environment variable.
    """

    allowed: str
    check: Callable[[object], T]
    parse: Callable[[str], T]


def whole(low: int, high: int, unit: str = "") -> Kind[int]:
    """An integer from `low` to `high`, counted in `unit`."""

    def check(value: object) -> int:
        # In Python `True` is an integer too; in a TOML file it is a mistake.
        if type(value) is not int or not low <= value <= high:
            raise ValueError
        return value

    of_unit = f" of {unit}" if unit else ""
    return Kind(f"a whole number{of_unit} from {low} to {high}", check, lambda text: check(int(text)))


def seconds(low: float, high: float) -> Kind[float]:
    """A time span. A whole number stays an integer, so that it is shown as one."""

    def check(value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise ValueError

    def parse(text: str) -> float:
        number = float(text)
        return check(int(number) if number.is_integer() else number)

    return Kind(f"a number of seconds from {low} to {high}", check, parse)


def choice(*words: str) -> Kind[str]:
    """One of a few words."""

    def check(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError
        return value

    return Kind(f"one of {', '.join(words)}", check, check)


def matching(expression: str, allowed: str) -> Kind[str]:
    """Text that a regular expression matches as a whole."""
    matches = re.compile(expression, re.ASCII).fullmatch

    def check(value: object) -> str:
        if not isinstance(value, str) or not matches(value):
            raise ValueError
        return value

    return Kind(allowed, check, check)


def url(expression: str, allowed: str) -> Kind[str]:
    """A URL that a regular expression matches as a whole, and whose host and port are what they look like."""
    text = matching(expression, allowed)

    def check(value: object) -> str:
        given = text.check(value)
        parts = urlsplit(given)  # what it raises is a ValueError, here and where the port is asked for
        whole = _HOST_AND_PORT(parts.netloc)
        if not (whole and parts.hostname and _is_host(parts.hostname)) or parts.port == 0:
            raise ValueError
        return given

    return Kind(allowed, check, check)


def _is_host(host: str) -> bool:
    """Whether it is a name or an address that can be asked for; what ends in a number is no name."""
    try:
        ip_address(host)
    except ValueError:
        return (
            all(map(_LABEL, host.removesuffix(".").split(".")))
            and not host.rstrip(".").rpartition(".")[2].isdigit()
        )
    return True


def _check_origin(value: object) -> str:
    """Check an origin, as browsers write it (RFC 6454, section 6.2): another spelling would never be met."""
    if value == "*":
        return "*"
    given = _ORIGIN.check(value)
    parts = urlsplit(given)
    if given != given.lower() or parts.port == DEFAULT_PORTS[parts.scheme]:
        raise ValueError
    return given


def _check_address(value: object) -> Address:
    if isinstance(value, str):
        host, _, port = value.rpartition(":")
        value = Address(host.removeprefix("[").removesuffix("]"), PORT.parse(port))
    if isinstance(value, Address):
        return Address(HOST.check(value.host), PORT.check(value.port))
    raise ValueError


def _check_origins(value: object) -> tuple[str, ...]:
    if isinstance(value, list | tuple):
        return tuple(map(_check_origin, cast("Iterable[object]", value)))
    raise ValueError


def _parse_origins(text: str) -> tuple[str, ...]:
    return _check_origins(_listed(text))


def _check_hosts(value: object) -> tuple[str, ...]:
    if isinstance(value, list | tuple):
        return tuple(map(_HOST_NAME.check, cast("Iterable[object]", value)))
    raise ValueError


def _check_paths(value: object) -> tuple[str, ...]:
    # Imported here, since it brings half the server, for which a wrong option need not wait.
    from cometary.packets.contract_table import read_contracts  # noqa: PLC0415

    if isinstance(value, list | tuple):
        lines = tuple(map(_LINE.check, cast("Iterable[object]", value)))
        try:
            read_contracts(lines)
        except UsageError:
            raise ValueError from None
        return lines
    raise ValueError


def _listed(text: str) -> list[str]:
    return [item.strip() for item in text.split(",")] if text.strip() else []


def _check_webhook_secret(value: object) -> str:
    from cometary.authentication.signature import read_secret  # noqa: PLC0415 - as above

    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - the one error of kinds
    read_secret(value)
    return value


def _check_events(value: object) -> tuple[str, ...]:
    if isinstance(value, list | tuple):
        events = tuple(map(_EVENT.check, cast("Iterable[object]", value)))
        if len(set(events)) == len(events):
            return events
    raise ValueError


def _check_token_secrets(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (_TOKEN_SECRET.check(value),)
    if isinstance(value, list | tuple) and value:  # none would mean that everybody is let in
        return tuple(map(_TOKEN_SECRET.check, cast("Iterable[object]", value)))
    raise ValueError


_HOST_AND_PORT: Final = re.compile(r"(\[[^\[\]]+\]|[^\[\]:]+)(:\d+)?", re.ASCII).fullmatch
_LABEL: Final = re.compile(r"[A-Za-z0-9_]([\w-]{0,61}[A-Za-z0-9_])?", re.ASCII).fullmatch
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
HOST: Final = matching(r"[\w.-]+|[0-9A-Fa-f:.]+(%\w+)?", "a host name or an IP address")
PORT: Final = whole(0, 65535)
ADDRESS: Final = Kind("HOST:PORT, such as 127.0.0.1:8081 or [::1]:8081", _check_address, _check_address)
URL_PATH: Final = matching(r"/[\w.~/-]*", "the path of a URL, such as /comet")
_LINE: Final = matching(".+", "text")
APP: Final = matching(r".+:[A-Za-z_][\w.]*", "MODULE:APP, such as chat:app or ./chat.py:app")
# RFC 6750, section 2.1, says which characters a bearer token has.
SECRET: Final = matching(r"[\w.~+/-]+=*", "one or more of A-Z a-z 0-9 - . _ ~ + / and then only =")
PATHS: Final = Kind(
    "contracts such as 'prices/** conflate ttl=10', separated by commas, each a pattern, a policy "
    "(keep, conflate, drop_oldest, drop_newest, close) and any of limit=PACKETS and ttl=SECONDS",
    _check_paths,
    lambda text: _check_paths(_listed(text)),
)
URL: Final = url(r"https?://[^\s/@?#]+(/[^\s#]*)?", "a URL such as https://www.example.org/hooks")
WEBHOOK_SECRET: Final = Kind(
    "whsec_ and then the base64 of 24 to 64 bytes", _check_webhook_secret, _check_webhook_secret
)
_EVENT: Final = choice("signon", "signoff", "receipt", "failure")
WEBHOOK_EVENTS: Final = Kind(
    "some of signon, signoff, receipt, failure, separated by commas",
    _check_events,
    lambda text: _check_events(_listed(text)),
)
_TOKEN_SECRET: Final = matching(r"[!-+\--~]{32,}", "a secret")
TOKEN_SECRETS: Final = Kind(
    "one or more secrets of 32 characters or more, without spaces, separated by commas",
    _check_token_secrets,
    lambda text: _check_token_secrets(_listed(text)),
)
AUDIENCE: Final = matching(r"\S+", "text without spaces")
# RFC 6265, section 4.1.1, says which characters the name of a cookie has.
BIND: Final = matching(r"off|token|cookie:[\w!#$%&'*+.^`|~-]+", "off, token, or cookie: and a cookie's name")
_ORIGIN: Final = url(r"https?://[^\s/,@?#]+", "an origin")
_HOST_NAME: Final = matching(r"\*|[\w-][\w.-]*", "a host name")
HOSTS: Final = Kind(
    "host names such as www.example.org, without ports, separated by commas, or * for all of them",
    _check_hosts,
    lambda text: _check_hosts(_listed(text)),
)
ORIGINS: Final = Kind(
    "origins as browsers write them (lower case, no default port), such as https://www.example.org, separated by "
    "commas, or * for all of them",
    _check_origins,
    _parse_origins,
)
