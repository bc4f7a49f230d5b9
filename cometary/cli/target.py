"""Which server a command is for: the options that name it, and where they lead."""

from __future__ import annotations

from argparse import SUPPRESS
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cometary.doors.control.settings import master_secret
from cometary.settings import load

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Mapping

TIMEOUT: Final = 10.0
"""The most seconds that a call takes."""

OPTIONS: Final = ("control", "config")


class Target(NamedTuple):
    """A server's control interface.

    Attributes:
        url: where it is.
        secret: what its calls have to bear; None for nothing.
    """

    url: str
    secret: str | None


def add_options(parser: ArgumentParser) -> None:
    """Add the options that name a server."""
    parser.add_argument(
        "--control",
        metavar="ADDRESS",
        default=SUPPRESS,
        help="Where it is: HOST:PORT, its URL, or unix:PATH. Default: as for `cometary serve`.",
    )
    parser.add_argument("--config", metavar="FILE", default=SUPPRESS, help="the TOML file of the server")


def find(given: Mapping[str, Any], environment: Mapping[str, str]) -> Target:
    """Return the server that the options name, or else the one that `cometary serve` would start here.

    Raises:
        ConfigError: some input was wrong.
    """
    named = {name: given[name] for name in OPTIONS if name in given}
    if "control" in named:
        named["control"] = named["control"].removeprefix("http://").removesuffix("/")  # as a server prints it
    settings = load(named, environment)
    return Target(settings.control.url_of(secure=False), master_secret(settings))
