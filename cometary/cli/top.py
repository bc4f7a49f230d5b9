"""The screen of `cometary top`: how busy a server is, and which sessions have the longest queues.

The screen is Rich's, a tenth of the size of a whole toolkit for terminals; it is an extra, `cometary[top]`. With
`--json` none of it is needed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from cometary.cli import nodes
from cometary.cli.asking import ask, print_json
from cometary.cli.plain import plain
from cometary.errors import ConfigError

if TYPE_CHECKING:
    import httpx
    from rich.console import RenderableType

NAME_WIDTH: Final = 10
"""How many letters of a session's name are shown."""

SHOWN: Final = 15
"""Sessions."""

COUNTS: Final = ("sent", "received", "delivered", "expired", "dropped", "undelivered")

OF_A_NODE: Final = ("sessions", "sent", "received", "delivered")


@dataclass(frozen=True)
class Look:
    """What a server says of itself at one moment.

    Attributes:
        time: when, in seconds.
        statistics: its counts.
        sessions: those with the longest queues.
        children: the parts of the server; of several nodes these, each with what it counts.
    """

    time: float
    statistics: Mapping[str, Any]
    sessions: list[dict[str, Any]]
    children: list[dict[str, Any]]

    def rates(self, before: Look | None) -> dict[str, float]:
        """Return how many packets there were a second, since `before`."""
        if before is None or self.time <= before.time:
            return dict.fromkeys(COUNTS, 0.0)
        seconds = self.time - before.time
        counted = ((name, self.statistics[name] - before.statistics[name]) for name in COUNTS)
        return {name: max(0, count) / seconds for name, count in counted}  # a node may have gone


def look(client: httpx.Client, given: Mapping[str, Any]) -> Look:
    """Ask a server, or all nodes."""
    away: list[str] = []
    counts = nodes.of_all(client, given, lambda node: ask(client, "/statistics", **node), away.append)
    total: Counter[str] = Counter()
    for _, each in counts:
        total.update(each)
    sessions = nodes.sessions(client, given, {"most": str(SHOWN)}, away=lambda _: None)
    sessions.sort(key=lambda session: (-session["queued"], -session["unhandled"], -session["delivered"]))
    children = (
        _parts_of(client, counts[0][0])
        if len(counts) == 1 and not away
        else [
            *({"node": name, "state": "there", **each} for name, each in counts),
            *({"node": name, "state": "away"} for name in away),
        ]
    )
    return Look(time.monotonic(), dict(total), sessions[:SHOWN], children)


def _parts_of(client: httpx.Client, node: str | None) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = ask(client, "/tree", **({} if node is None else {"node": node}))["children"]
    return parts


def show(client: httpx.Client, given: Mapping[str, Any], *, every: float, once: bool, as_json: bool) -> None:
    """Show a server.

    Args:
        client: asks it.
        given: the command's arguments, which may name a node.
        every: seconds between two looks.
        once: whether there is only one.
        as_json: whether each look is a line of JSON instead of a screen.

    Raises:
        ConfigError: Rich is not installed.
        ControlError: the server refuses.
    """
    if as_json:
        _show_as_json(client, given, every, once=once)
        return
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra
        from rich.live import Live  # noqa: PLC0415
    except ImportError:
        raise ConfigError("top", "needs Rich: pip install 'cometary[top]'; or use --json") from None
    before, now = None, look(client, given)
    if once:
        Console().print(screen(now, before))
        return
    with Live(screen(now, before), screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(every)
            before, now = now, look(client, given)
            live.update(screen(now, before), refresh=True)


def _show_as_json(client: httpx.Client, given: Mapping[str, Any], every: float, *, once: bool) -> None:
    before = None
    while True:
        now = look(client, given)
        several = {"nodes": now.children} if _is_several(now) else {}
        rates = now.rates(before)
        print_json({"statistics": now.statistics, "rates": rates, "sessions": now.sessions, **several})
        if once:
            return
        before = now
        time.sleep(every)


def screen(now: Look, before: Look | None) -> RenderableType:
    """Return what the screen shows."""
    from rich.console import Group  # noqa: PLC0415 - an extra
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    rates = now.rates(before)
    shown = [
        f"{now.statistics['sessions']} sessions",
        *(f"{name} {rate:.0f}/s" for name, rate in rates.items()),
    ]
    parts = _nodes(now) if _is_several(now) else _parts(now)
    has_nodes = any("node" in session for session in now.sessions)
    sessions = Table(box=None)
    sessions.add_column("SESSION", min_width=NAME_WIDTH)  # whole, for `cometary session`; others give way
    for title in (
        *(["NODE"] if has_nodes else []),
        "USER",
        "WIRE",
        "STATE",
        "AGE",
        "QUEUED",
        "UNHANDLED",
        "DELIVERED",
        "PATHS",
    ):
        sessions.add_column(title)
    for session in now.sessions:
        name, *rest = _row(session)
        node = [session.get("node", "")] if has_nodes else []
        sessions.add_row(*map(_cell, (name, *node, *rest)))
    return Group(Text("   ".join(shown)), "", parts, "", sessions)


def _is_several(now: Look) -> bool:
    return bool(now.children) and "node" in now.children[0]


def _parts(now: Look) -> RenderableType:
    from rich.table import Table  # noqa: PLC0415 - an extra

    parts = Table("PART", "STATE", "RESTARTS", "MAILBOX", "CHILDREN", box=None)
    for child in now.children:
        parts.add_row(
            *map(_cell, (child["id"], child["state"], child["restarts"], child["mailbox"], child["count"]))
        )
    return parts


def _nodes(now: Look) -> RenderableType:
    from rich.table import Table  # noqa: PLC0415 - an extra

    table = Table("NODE", "STATE", *map(str.upper, OF_A_NODE), box=None)
    for each in now.children:
        counts = (each.get(name, "") for name in OF_A_NODE)
        table.add_row(*map(_cell, (each["node"], each["state"], *counts)))
    return table


def _row(session: Mapping[str, Any]) -> tuple[object, ...]:
    own = tuple("" if session[name] is None else session[name] for name in ("name", "user", "wire", "state"))
    counts = (session["queued"], session["unhandled"], session["delivered"])
    return tuple(chain(own, (f"{session['age']:.0f}s",), counts, (" ".join(session["paths"]),)))


def _cell(value: object) -> Any:
    from rich.text import Text  # noqa: PLC0415 - an extra

    return Text(plain(str(value)), no_wrap=True, overflow="ellipsis")
