"""The tasks that tell the pages what goes on in the server: machines, tree and crashes.

All of it goes to paths below `watch/`, and none of it more often than a person can follow.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

import trio

from cometary.demo.observation import Observation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.app import App
    from cometary.server import Running
    from cometary.sessions import Packet, Session
    from cometary.supervision import CrashReport, TreeNode

FRAME: Final = 0.2
"""Seconds between two looks at the machines, and between two crash reports."""

LOOK_AT_TREE: Final = 0.5
"""Seconds between two looks at the tree."""

MOST_WATCHED: Final = 24
"""Sessions that are watched at a time, and shown in the tree. A newcomer beyond them is not drawn."""

REPORTS_REMEMBERED: Final = 5
"""How many of the latest crash reports a newcomer gets to see."""


class Watching:
    """What is told of the server.

    Args:
        app: the application that it is a part of.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._observation = Observation(trio.current_time)
        self._newcomers: deque[Session] = deque(maxlen=MOST_WATCHED)
        self._tree: dict[str, Any] | None = None
        self._reports: deque[dict[str, Any]] = deque(maxlen=REPORTS_REMEMBERED)
        app.signon(self.begin)
        app.signoff(self.end)
        for task in (self.watch_sessions, self.watch_tree, self.watch_crashes):
            app.task(task)

    def begin(self, session: Session) -> None:
        """Show a new session all there is, and watch it, too."""
        self._newcomers.append(session)
        session.connect("watch/*")
        session.send("watch/sessions", self._observation.whole())
        if self._tree is not None:
            session.send("watch/tree", self._tree)
        for report in self._reports:
            session.send("watch/crash", report)

    def end(self, session: Session, _reason: str, _undelivered: Sequence[Packet]) -> None:
        """Watch a session no longer."""
        self._observation.remove(session.name)

    async def watch_sessions(self, running: Running) -> None:
        """Tell how the sessions move through their machines."""
        while True:
            self._admit_newcomers(running)
            frame = self._observation.frame()
            if frame is not None:
                self._app.update("watch/sessions", frame)
            await trio.sleep(FRAME)

    def _admit_newcomers(self, running: Running) -> None:
        while self._newcomers:
            session = self._newcomers.popleft()
            machine = running.machine(session)
            if machine is not None and len(self._observation) < MOST_WATCHED:
                machine.observer = self._observation.add(session.name, machine.state.name).observe

    async def watch_tree(self, running: Running) -> None:
        """Tell how the supervision tree looks whenever it looks different."""
        while True:
            seen = outline(running.tree(shown=MOST_WATCHED))
            if seen != self._tree:
                self._tree = seen
                self._app.update("watch/tree", seen)
            await trio.sleep(LOOK_AT_TREE)

    async def watch_crashes(self, running: Running) -> None:
        """Tell of each crash; of more than the eye can follow, only the first ones."""
        with running.crash_reports() as reports:
            async for report in reports:
                told = summary(report)
                self._reports.append(told)
                self._app.update("watch/crash", told)
                await trio.sleep(FRAME)


def outline(node: TreeNode) -> dict[str, Any]:
    """Return what the page shows of the tree: no mailboxes, which are different at every look."""
    return {
        "id": node.id,
        "kind": node.kind,
        "state": node.state,
        "restarts": node.restarts,
        "count": node.count,
        "children": [outline(child) for child in node.children],
    }


def summary(report: CrashReport) -> dict[str, Any]:
    """Return what the page shows of a report: no traceback, which would tell a visitor too much."""
    return {
        "supervisor": report.supervisor,
        "child": report.child,
        "urn": report.urn,
        "error": report.error or report.reason,
        "handling": report.last_message,
        "action": report.action,
        "time": report.time,
    }
