"""The commands `cometary tree`, `sessions`, `session`, `ended`, `trace`, `crashes` and `top`: looking at a server.

Each asks the control interface, and writes for people, or with `--json` what the server says, for programs.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from cometary.cli import nodes, target
from cometary.cli.asking import ask, asking, check, print_json
from cometary.cli.plain import plain
from cometary.errors import ConfigError, ConnectorError, ControlError

if TYPE_CHECKING:
    import httpx

_SEARCH: Final = "Text that their name, user or paths contain."

HELP: Final[Mapping[str, str]] = {
    "tree": "show the supervision tree",
    "sessions": "list the sessions",
    "session": "show one session",
    "ended": "list the latest sessions that have ended, and why",
    "trace": "show what happens to one session, until it ends or Ctrl+C",
    "crashes": "show the latest crash reports",
    "top": "show how busy the server is, again and again, until Ctrl+C",
}


def add_options(command: str, parser: ArgumentParser) -> None:
    """Add the arguments of one of the commands in `HELP`."""
    if command in {"session", "trace"}:
        parser.add_argument("name", metavar="NAME", help="The session's public name.")
    if command == "sessions":
        parser.add_argument("search", metavar="TEXT", nargs="?", default="", help=_SEARCH)
    if command == "ended":
        parser.add_argument("search", metavar="TEXT", nargs="?", default="", help=_SEARCH)
        parser.add_argument("--reason", default="", help="Why they ended, such as timeout. Default: any.")
        parser.add_argument("--most", metavar="NUMBER", default="100", help="How many. Default: 100.")
    if command == "top":
        parser.add_argument("--every", metavar="SECONDS", type=float, default=2.0, help="Default: 2.")
        parser.add_argument("--once", action="store_true", help="Show it once.")
    if command in nodes.OF_NODES:
        nodes.add_option(parser)
    parser.add_argument("--json", action="store_true", help="Print the server's answer as JSON.")
    target.add_options(parser)


def run(command: str, given: Mapping[str, Any], environment: Mapping[str, str]) -> int:
    """Ask, and print what the server says.

    Args:
        command: one of those in `HELP`.
        given: its arguments.
        environment: where the secret may be, as for `cometary serve`.

    Returns:
        The exit status: 0, or 1 if the server is away or refuses.

    Raises:
        ConfigError: some input was wrong.
    """
    try:
        with asking(given, environment) as client:
            COMMANDS[command](client, given)
    except (ConnectorError, ControlError) as error:
        sys.stderr.write(f"cometary: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


# -- the commands ---------------------------------------------------------------------------------


def shown(value: object) -> str:
    """Return a value of an answer as text."""
    if isinstance(value, list):
        return " ".join(map(shown, cast("list[object]", value)))
    if isinstance(value, dict):
        return " ".join(f"{name}={each}" for name, each in cast("dict[str, object]", value).items())
    return "" if value is None else str(value)


def _tree(client: httpx.Client, given: Mapping[str, Any]) -> None:
    tree = nodes.tree(client, given)
    if given["json"]:
        print_json(tree)
        return
    for line in tree_lines(tree):
        print(line)


def tree_lines(node: Mapping[str, Any], before: str = "", below: str = "") -> Iterator[str]:
    """Yield the lines of a tree, one for each node.

    Args:
        node: its root.
        before: what comes before the root on its line.
        below: what comes before everything below it.
    """
    restarts = f", {node['restarts']} restarts" if node["restarts"] else ""
    mail = f", {node['mailbox']} messages" if node["mailbox"] else ""
    yield plain(f"{before}{node['id']}  {node['kind']}, {node['state']}{restarts}{mail}")
    children = node["children"]
    left_out = node["count"] - len(children)
    for place, child in enumerate(children):
        last = place == len(children) - 1 and not left_out
        yield from tree_lines(
            child, f"{below}{'└── ' if last else '├── '}", f"{below}{'    ' if last else '│   '}"
        )
    if left_out:
        yield f"{below}└── … {left_out} more"


def _session(client: httpx.Client, given: Mapping[str, Any]) -> None:
    session = ask(client, "/session", name=given["name"])
    if given["json"]:
        print_json(session)
        return
    steps = session.pop("steps", ())
    width = max(map(len, session))
    for name, value in session.items():
        first, *others = rows_of(value)
        print(f"{name.ljust(width)}  {plain(first)}".rstrip())
        for row in others:
            print(f"{' ' * width}  {plain(row)}")
    for step in steps:
        print(plain(step_line(step)))


def rows_of(value: object) -> list[str]:
    """Return a value of an answer as text: of a list of objects a row for each."""
    if not isinstance(value, list):
        return [shown(value)]
    items = cast("list[object]", value)
    if any(isinstance(each, dict) for each in items):
        return [shown(each) for each in items]
    return [shown(items)]


def _ended(client: httpx.Client, given: Mapping[str, Any]) -> None:
    query = {name: given[name] for name in ("search", "reason", "most")}
    ended = nodes.merged(client, given, "/ended", **query)
    ended.sort(key=lambda one: -one["ended"])
    del ended[int(given["most"]) :]
    if given["json"]:
        print_json(ended)
        return
    for one in ended:
        undelivered = f"; {one['undelivered']} packets undelivered" if one["undelivered"] else ""
        crashes = f"; {one['restarts']} crashes" if one["restarts"] else ""
        who = " ".join([one["name"], *([str(one["user"])] if one["user"] is not None else []), *_at(one)])
        print(
            plain(
                f"{moment_of(one['ended'])}  {who}: {one['reason']}, {one['age']:.0f} s old{undelivered}{crashes}"
            )
        )


def _at(entry: Mapping[str, Any]) -> list[str]:
    """Return where an entry of a list is from, if there are several nodes."""
    return [f"at {entry['node']}"] if "node" in entry else []


def _sessions(client: httpx.Client, given: Mapping[str, Any]) -> None:
    query = {"search": given["search"]} if given["search"] else {}
    sessions = nodes.sessions(client, given, query)
    if given["json"]:
        print_json(sessions)
        return
    several = any("node" in session for session in sessions)
    head = ("NAME", *(["NODE"] if several else []), "USER", "STATE", "AGE", "QUEUED", "PATHS")
    rows = [head, *map(_row, sessions)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(session: Mapping[str, Any]) -> tuple[str, ...]:
    node = [session["node"]] if "node" in session else []
    age = f"{session['age']:.0f}s"
    return tuple(
        plain(shown(value))
        for value in (
            *(session["name"], *node, session["user"], session["state"]),
            *(age, session["queued"], session["paths"]),
        )
    )


def moment_of(seconds: float) -> str:
    """Return a time, in seconds since 1970, as text."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _trace(client: httpx.Client, given: Mapping[str, Any]) -> None:
    with client.stream("GET", "/trace", params={"name": given["name"]}, timeout=None) as answer:
        check(answer.status_code, b"" if answer.status_code == 200 else answer.read())  # noqa: PLR2004
        sys.stderr.write(f"cometary: tracing {given['name']}, until it ends or Ctrl+C\n")
        for line in answer.iter_lines():
            print(line if given["json"] else plain(step_line(json.loads(line))), flush=True)


def step_line(step: Mapping[str, Any]) -> str:
    """Return one step of a session's machine in a line."""
    if "lost" in step:
        return f"… {step['lost']} steps left out: they came faster than they were read"
    moment = datetime.fromtimestamp(step["time"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
    states = step["before"] if step["before"] == step["after"] else f"{step['before']} → {step['after']}"
    actions = ", ".join(map(brief, step["actions"]))
    return f"{moment}  {states}: {brief(step['event'])}" + (f"; {actions}" if actions else "")


def brief(what: Mapping[str, Any]) -> str:
    """Return an event, or an action, in a few words."""
    members = [f"{name}={shown(value)}" for name, value in what.items() if name != "kind" and value != []]
    return " ".join([what["kind"], *members])


def _crashes(client: httpx.Client, given: Mapping[str, Any]) -> None:
    crashes = nodes.merged(client, given, "/crashes")
    crashes.sort(key=lambda crash: crash["time"])
    if given["json"]:
        print_json(crashes)
        return
    for crash in crashes:
        who = " ".join([f"{crash['supervisor']}/{crash['child']}", *_at(crash)])
        how = crash["error"] or crash["reason"]
        then = f"{crash['action']}, {crash['restarts']} restarts before"
        print(plain(f"{moment_of(crash['time'])}  {who}  {crash['actor']}: {how}; {then}"))
        for line in crash["traceback"].splitlines():
            print(f"    {plain(line)}")


def _top(client: httpx.Client, given: Mapping[str, Any]) -> None:
    from cometary.cli.top import show  # noqa: PLC0415 - it needs an extra

    if given["every"] <= 0:
        raise ConfigError("--every", "must be a number of seconds above 0")
    show(client, given, every=given["every"], once=given["once"], as_json=given["json"])


COMMANDS: Final[Mapping[str, Callable[[httpx.Client, Mapping[str, Any]], None]]] = {
    "tree": _tree,
    "sessions": _sessions,
    "session": _session,
    "ended": _ended,
    "trace": _trace,
    "crashes": _crashes,
    "top": _top,
}
