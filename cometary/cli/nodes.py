"""Commands that look at a server which is one of several nodes: they look at all of these, by the one that is named.

Each node is asked for its own by `?node=NAME`; the one that the command reaches forwards that. A node that is away is
named on standard error, and what the others say is shown.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from cometary.cli.asking import ask, check
from cometary.cli.plain import plain
from cometary.errors import ConfigError, ControlError

if TYPE_CHECKING:
    import httpx

OF_NODES: Final = frozenset({"sessions", "ended", "crashes", "tree", "top"})
"""The commands that look at all nodes; others name a session, which the server finds at any node."""

REACHED: Final = frozenset({"here", "there"})
LINES: Final = "application/x-ndjson"
AWAY: Final = frozenset({"shutting-down", "not-found"})
"""What a server says of a node that it cannot reach."""


def add_option(parser: ArgumentParser) -> None:
    """Add the option that names a node."""
    parser.add_argument("--node", metavar="NAME", help="Only this one of several nodes. Default: all.")


def listed(client: httpx.Client, wanted: str | None) -> list[dict[str, Any]]:
    """Return the nodes that are to be looked at, each with its state; none if the server is one by itself.

    Raises:
        ConfigError: there is no node of the name that is wanted.
    """
    nodes: list[dict[str, Any]] = ask(client, "/nodes")["nodes"]
    if wanted is None:
        return nodes
    named = [node for node in nodes if node["node"] == wanted]
    if not named:
        raise ConfigError("--node", f"the server knows of no node {wanted!r}")
    return named


def tell_away(node: str) -> None:
    """Say that a node is away."""
    sys.stderr.write(f"cometary: the node {plain(node)} is away\n")


def of_all(
    client: httpx.Client,
    given: Mapping[str, Any],
    say: Callable[[Mapping[str, str]], Any],
    away: Callable[[str], object] = tell_away,
) -> list[tuple[str | None, Any]]:
    """Return what each node says, with its name; or None for the name of a server by itself.

    Args:
        client: asks.
        given: the command's arguments, which may name a node.
        say: asks one node, given what the query has to have for that.
        away: told the names of those that are away.
    """
    nodes = listed(client, given["node"])
    if not nodes:
        return [(None, say({}))]
    said: list[tuple[str | None, Any]] = []
    for node in nodes:
        try:
            if node["state"] in REACHED:
                said.append((node["node"], say({"node": node["node"]})))
                continue
        except ControlError as error:
            if error.condition not in AWAY:
                raise
        away(node["node"])
    return said


def merged(client: httpx.Client, given: Mapping[str, Any], path: str, **query: str) -> list[dict[str, Any]]:
    """Return the entries of a list of all nodes, each with the name of its node if there are several."""
    member = path.removeprefix("/")
    said = of_all(client, given, lambda node: ask(client, path, **query, **node)[member])
    return with_nodes(said)


def with_nodes(said: Sequence[tuple[str | None, Sequence[Mapping[str, Any]]]]) -> list[dict[str, Any]]:
    """Return the entries of all lists, each with the name of its node."""
    return [
        {**entry, **({} if node is None else {"node": node})} for node, entries in said for entry in entries
    ]


def sessions(
    client: httpx.Client,
    given: Mapping[str, Any],
    query: Mapping[str, str],
    away: Callable[[str], object] = tell_away,
) -> list[dict[str, Any]]:
    """Return the sessions of all nodes; see `of_all`."""
    return with_nodes(of_all(client, given, lambda node: [*_sessions_of(client, {**query, **node})], away))


def _sessions_of(client: httpx.Client, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the sessions of a node, which says one after the other: together they may be very long."""
    with client.stream("GET", "/sessions", params=query, headers={"Accept": LINES}) as answer:
        if answer.status_code != 200 or LINES not in answer.headers["content-type"]:  # noqa: PLR2004 - OK
            check(answer.status_code, answer.read())
            yield from answer.json()["sessions"]  # as several workers say it
            return
        yield from map(json.loads, answer.iter_lines())


def tree(client: httpx.Client, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the supervision tree; of several nodes those of all, each below its node."""
    said = of_all(client, given, lambda node: ask(client, "/tree", **node))
    if len(said) == 1 and (said[0][0] is None or given["node"] is not None):
        only: dict[str, Any] = said[0][1]
        return only
    nodes = [_above("node", name or "", [below]) for name, below in said]
    return _above("nodes", "nodes", nodes)


def _above(kind: str, name: str, below: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    same = {"state": "running", "restarts": 0, "mailbox": 0}
    return {"id": name, "kind": kind, **same, "count": len(below), "children": [*below]}
