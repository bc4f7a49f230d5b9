"""The kinds of value that an option can have: how each is read, and what it allows.

The kinds here are those that any room may need; a kind of one room's own stands beside its section.

A kind raises a bare `ValueError` for whatever it does not allow. The caller knows where the value
came from, and says so together with the kind's `allowed`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Generic, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

T = TypeVar("T")

OWNER_ALONE: Final = 0o600


class Address(NamedTuple):
    """Where to listen: a host name or IP address, and a port (0 for any that is free)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Where a client on this machine's network finds the server that listens there."""
        return self.url_of(secure=False)

    def url_of(self, *, secure: bool) -> str:
        """The same, where TLS may be spoken."""
        return f"https://{self}" if secure else f"http://{self}"

    @property
    def is_loopback(self) -> bool:
        """Whether no other machine can reach it. Of host names only `localhost` is trusted."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


class UnixAddress(NamedTuple):
    """Where to listen: the path of a Unix socket, and who on this machine may connect (a mode, as of files)."""

    path: str
    mode: int = OWNER_ALONE

    def __str__(self) -> str:
        return f"unix:{self.path}" + ("" if self.mode == OWNER_ALONE else f",mode={self.mode:03o}")

    def url_of(self, *, secure: bool) -> str:
        """Where a proxy on this machine finds the server that listens there, as nginx writes it."""
        return f"{'https' if secure else 'http'}://unix:{self.path}:"

    @property
    def is_loopback(self) -> bool:
        """That no other machine can reach it."""
        return True


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


def several(item: Kind[T], allowed: str) -> Kind[tuple[T, ...]]:
    """A list of values of one kind; in text they are separated by commas."""

    def check(value: object) -> tuple[T, ...]:
        if isinstance(value, list | tuple):
            return tuple(map(item.check, cast("Iterable[object]", value)))
        raise ValueError

    return Kind(allowed, check, lambda text: check(listed(text)))


def listed(text: str) -> list[str]:
    """Return what is separated by commas in a text; nothing if it is blank."""
    return [part.strip() for part in text.split(",")] if text.strip() else []


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


def _check_address(value: object) -> Address:
    if isinstance(value, str):
        host, _, port = value.rpartition(":")
        value = Address(host.removeprefix("[").removesuffix("]"), PORT.parse(port))
    if isinstance(value, Address):
        return Address(HOST.check(value.host), PORT.check(value.port))
    raise ValueError


def _check_unix(value: object) -> UnixAddress:
    if isinstance(value, str) and (found := _UNIX(value)):
        return UnixAddress(found[1], int(found[2], 8) if found[2] else OWNER_ALONE)
    if isinstance(value, UnixAddress):
        return value
    raise ValueError


def _check_where(value: object) -> Address | UnixAddress:
    try:
        return _check_unix(value)
    except ValueError:
        return _check_address(value)


_UNIX: Final = re.compile(r"unix:(/[^\0,]{1,100})(?:,mode=([0-7]{3}))?").fullmatch
"""A path that fits into a socket's address (unix(7)), and three octal digits."""

_HOST_AND_PORT: Final = re.compile(r"(\[[^\[\]]+\]|[^\[\]:]+)(:\d+)?", re.ASCII).fullmatch
_LABEL: Final = re.compile(r"[A-Za-z0-9_]([\w-]{0,61}[A-Za-z0-9_])?", re.ASCII).fullmatch
HOST: Final = matching(r"[\w.-]+|[0-9A-Fa-f:.]+(%\w+)?", "a host name or an IP address")
PORT: Final = whole(0, 65535)
FILE: Final = matching(r".+", "the path of a file")
ADDRESS: Final = Kind("HOST:PORT, such as 127.0.0.1:8081 or [::1]:8081", _check_address, _check_address)
_UNIX_TEXT: Final = "unix:PATH, such as unix:/run/push.sock or unix:/run/push.sock,mode=660"
UNIX: Final = Kind(_UNIX_TEXT, _check_unix, _check_unix)
ADDRESS_OR_UNIX: Final = Kind(f"{ADDRESS.allowed}; or {_UNIX_TEXT}", _check_where, _check_where)
URL_PATH: Final = matching(r"/[\w.~/-]*", "the path of a URL, such as /comet")
URL: Final = url(r"https?://[^\s/@?#]+(/[^\s#]*)?", "a URL such as https://www.example.org/hooks")
