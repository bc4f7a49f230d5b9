"""The commands `cometary update`, `send` and `kick`: calls of a server's control interface."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from cometary.cli import target
from cometary.errors import ConnectorError, ControlError, UsageError

if TYPE_CHECKING:
    from cometary.connector import Connector

STDIN: Final = "-"
_MESSAGE: Final = (
    f"The message: JSON, or else text; {STDIN}: each line of standard input is one. null unless given."
)
_SID: Final = f"The session's id, a secret; {STDIN}: the first line of standard input."

HELP: Final[Mapping[str, str]] = {
    "update": "send a message to every session that is connected to a path",
    "send": "send a message to one session",
    "kick": "end a session",
}


def add_options(command: str, parser: ArgumentParser) -> None:
    """Add the arguments of one of the commands in `HELP`."""
    if command == "send":
        parser.add_argument("sid", metavar="SID", help=_SID)
    if command == "kick":
        whom = parser.add_mutually_exclusive_group(required=True)
        whom.add_argument("sid", metavar="SID", nargs="?", help=_SID)
        whom.add_argument(
            "--name", metavar="NAME", help="Its public name, as `top`, `sessions` and the log show it."
        )
    if command in {"update", "send"}:
        parser.add_argument("path", metavar="PATH")
        parser.add_argument("message", metavar="MESSAGE", nargs="?", default="null", help=_MESSAGE)
    target.add_options(parser)


def run(command: str, given: Mapping[str, Any], environment: Mapping[str, str]) -> int:
    """Make a call, or several, and print the results.

    Args:
        command: one of those in `HELP`.
        given: its arguments.
        environment: where the secret may be, as for `cometary serve`.

    Returns:
        The exit status: 0, or 1 if the server is away or refuses.

    Raises:
        ConfigError: some input was wrong.
    """
    url, secret = target.find(given, environment)
    from cometary.connector import Connector  # noqa: PLC0415 - `--help` need not wait for it

    try:
        with Connector(url, secret, timeout=target.TIMEOUT) as connector:
            COMMANDS[command](connector, given)
    except (ConnectorError, ControlError, UsageError, ValueError) as error:
        sys.stderr.write(f"cometary: {error}\n")
        return 1
    return 0


def _update(connector: Connector, given: Mapping[str, Any]) -> None:
    for message in _messages(given["message"]):
        connector.update(given["path"], message)


def _send(connector: Connector, given: Mapping[str, Any]) -> None:
    sid = _sid(given)
    for message in _messages(given["message"]):
        connector.send(sid, [(given["path"], message)])


def _kick(connector: Connector, given: Mapping[str, Any]) -> None:
    if given["name"] is None:
        connector.kick(_sid(given))
    else:
        connector.kick(name=given["name"])


def _sid(given: Mapping[str, Any]) -> str:
    return sys.stdin.readline().strip() if given["sid"] == STDIN else str(given["sid"])


def _messages(text: str) -> Iterator[object]:
    """Yield what is to be sent: one message, or those on standard input as they come."""
    for each in sys.stdin if text == STDIN else [text]:
        try:
            yield json.loads(each)
        except ValueError:
            yield each.removesuffix("\n")


COMMANDS: Final[Mapping[str, Callable[[Connector, Mapping[str, Any]], None]]] = {
    "update": _update,
    "send": _send,
    "kick": _kick,
}
