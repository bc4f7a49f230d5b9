"""What runs in the server's tree on behalf of the application, and what it is shown of the server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import trio

from cometary import App, Packet, Session, server
from cometary.config import Address, Settings


@asynccontextmanager
async def serving(app: App) -> AsyncGenerator[server.Running]:
    settings = Settings(port=0, control=Address("127.0.0.1", 0))
    async with trio.open_nursery() as nursery:
        running: server.Running = await nursery.start(server.serve, settings, app)
        with trio.fail_after(60):
            yield running
        running.stop()


async def open_session(running: server.Running) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        return str((await client.post(running.comet, json={"rid": 1})).json()["sid"])


async def test_a_task_is_given_the_server_once_it_takes_requests() -> None:
    app = App()
    asked = trio.Event()

    @app.task
    async def ask(running: server.Running) -> None:
        assert await open_session(running)
        asked.set()
        await trio.sleep_forever()

    async with serving(app):
        await asked.wait()


async def test_a_task_that_crashes_is_started_again_and_reported() -> None:
    app = App()
    reporting, restarted = trio.Event(), trio.Event()
    crashes = 0

    @app.task
    async def crash(running: server.Running) -> None:
        nonlocal crashes
        await reporting.wait()
        if crashes == 0:
            crashes = 1
            raise ValueError("the first time")
        restarted.set()
        await trio.sleep_forever()

    async with serving(app) as running:
        with running.crash_reports() as reports:
            reporting.set()
            report = await reports.receive()
        assert (report.supervisor, report.child) == ("cometary/application", "crash")
        assert report.error == "ValueError('the first time')"
        await restarted.wait()
        application = running.tree().children[-1]
        assert [(child.id, child.restarts) for child in application.children] == [("crash", 1)]


async def test_a_server_without_tasks_has_no_supervisor_for_them() -> None:
    async with serving(App()) as running:
        assert [child.id for child in running.tree().children] == [
            "dispatcher",
            "control",
            "sessions",
            "front-end",
        ]


async def test_the_machine_of_a_session_can_be_observed_while_there_is_one() -> None:
    app = App()
    sessions: list[Session] = []
    app.signon(sessions.append)
    left = trio.Event()

    @app.signoff
    def leave(session: Session, reason: str, _undelivered: Sequence[Packet]) -> None:
        left.set()

    async with serving(app) as running:
        await open_session(running)
        machine = running.machine(sessions[0])
        assert machine is not None
        assert machine.state.name == "waiting"
        sessions[0].kick()
        await left.wait()
        assert running.machine(sessions[0]) is None


async def test_files_are_served_beside_the_comet_endpoint(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>", encoding="utf-8")
    app = App()
    app.files("/", tmp_path)
    async with serving(app) as running, httpx.AsyncClient(trust_env=False) as client:
        page = await client.get(running.comet.removesuffix("/comet") + "/")
        assert (page.status_code, page.text) == (200, "<!doctype html>")
        assert (await client.post(running.comet, json={"rid": 1})).status_code == 200
        assert (await client.get(running.comet)).status_code == 405
