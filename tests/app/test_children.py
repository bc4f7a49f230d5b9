"""Children of an application, and actors that are told of updates."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

from cometary import App
from cometary.actors import Actor
from cometary.errors import PatternError, UsageError
from cometary.supervision import ChildSpec
from tests.protocol.client import serving


class Ear(Actor):
    """Hears what the test wants it to."""

    def __init__(self, app: App, heard: list[tuple[str, Any]]) -> None:
        super().__init__()
        self._app, self._heard = app, heard

    def on_start(self) -> None:
        self._app.listen(self.actor_ref, "news/*")

    def on_receive(self, message: Any) -> None:
        if message.message == "enough":
            self._app.unlisten(self.actor_ref, "news/*")
        self._heard.append((message.path, message.message))
        if message.message == "crash":
            raise ZeroDivisionError


async def test_a_child_runs_beside_the_tasks_and_is_told_of_updates_also_after_a_crash(
    mock_clock: MockClock,
) -> None:
    app, heard = App(), list[tuple[str, Any]]()
    app.child(ChildSpec("ear", Ear, (app, heard)))
    async with serving(app) as world:
        [application] = [each for each in world.running.tree().children if each.id == "application"]
        assert [child.id for child in application.children] == ["ear"]
        for path, message in (
            ("news/a", 1),
            ("other", 2),
            ("news/b", "crash"),
            ("news/c", "enough"),
            ("news/d", 5),
        ):
            app.update(path, message)
            await world.pass_time(mock_clock, 1)  # that a child is left alone when it has crashed
    assert heard == [("news/a", 1), ("news/b", "crash"), ("news/c", "enough")]


async def test_what_makes_no_sense_is_refused() -> None:
    app = App()
    spec = app.child(ChildSpec("ear", Ear, (app, list[tuple[str, Any]]())))
    with pytest.raises(UsageError, match="already"):
        app.child(spec)
    with pytest.raises(UsageError, match="ChildSpec"):
        app.child(Ear)  # type: ignore[arg-type]
    nobody: Any = None
    with pytest.raises(UsageError, match="server"):
        app.listen(nobody, "news")
    async with serving(app):
        with pytest.raises(PatternError):
            app.listen(nobody, "a/**/b")
