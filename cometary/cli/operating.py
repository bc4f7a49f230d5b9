"""The commands `cometary drain` and `reload`: what an operator tells a running server."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from cometary.cli import target
from cometary.cli.asking import asking, check
from cometary.errors import ConnectorError, ControlError

if TYPE_CHECKING:
    from argparse import ArgumentParser

HELP: Final[Mapping[str, str]] = {
    "drain": "make a server take no more sessions, and send away those that it has",
    "reload": "make a server read its configuration again",
}


def add_options(parser: ArgumentParser) -> None:
    """Add the options of either command."""
    target.add_options(parser)


def run(command: str, given: Mapping[str, Any], environment: Mapping[str, str]) -> int:
    """Tell a server, and print its answer.

    Args:
        command: one of those in `HELP`.
        given: its arguments.
        environment: where the secret may be, as for `cometary serve`.

    Returns:
        The exit status: 0, or 1 if the server is away or refuses.

    Raises:
        ConfigError: some input is not valid.
    """
    try:
        with asking(given, environment) as client:
            answer = client.post(f"/{command}", json={})
            check(answer.status_code, answer.content)
            said: dict[str, Any] = answer.json()
    except (ConnectorError, ControlError) as error:
        sys.stderr.write(f"cometary: {error}\n")
        return 1
    print(f"cometary: {_drained(said) if command == 'drain' else _reloaded(said)}")
    return 0


def _drained(said: Mapping[str, Any]) -> str:
    count: int = said["sessions"]
    sent = "one is" if count == 1 else f"{count} are" if count else "none had to be"
    return f"no more sessions; {sent} sent away"


def _reloaded(said: Mapping[str, Any]) -> str:
    changed, restart = (", ".join(said[what]) or "nothing" for what in ("changed", "restart"))
    certificate = "; the certificate was read again" if said["certificate"] else ""
    return f"changed: {changed}; needs a restart: {restart}{certificate}"
