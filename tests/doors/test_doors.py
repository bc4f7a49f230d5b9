"""Doors: those of the server and those of other packages are found, configured, run and closed alike."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import httpx
import pytest
import trio

from cometary import App
from cometary.config import Settings
from cometary.doors.control.door import ControlDoor
from cometary.doors.door import Door, Inside, Route
from cometary.doors.webhooks.door import WebhooksDoor
from cometary.errors import ConfigError
from cometary.packets.packet import Packet
from cometary.server.doors import BUILT_IN, Doors
from cometary.sessions import Session
from cometary.supervision import ChildSpec
from cometary.transport.http.exchange import Endpoint, Exchange
from tests.protocol.client import serving
from tests.servers import ENVIRONMENT, ROOT, running_server

PACKAGE = Path(__file__).parent / "lines_door"
WITH_THE_PACKAGE = f"{ROOT}:{PACKAGE}"


def cometary(
    *arguments: str, path: str = WITH_THE_PACKAGE, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command with the package installed, and wait for its end."""
    return subprocess.run(
        [sys.executable, "-m", "cometary", *arguments],
        env={**ENVIRONMENT, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# -- a door of another package ---------------------------------------------------------------------


def test_a_door_that_another_package_brings_is_found_and_works() -> None:
    with running_server("", "--lines", "127.0.0.1:0", PYTHONPATH=WITH_THE_PACKAGE) as server:
        with httpx.Client() as http:
            host, port = http.get(f"{server.origin}/lines").json()
            sid = http.post(server.comet, json={"rid": 1}).json()["sid"]
            http.post(f"{server.control}/connect", json={"sid": sid, "paths": ["news"]})
            with socket.create_connection((host, port)) as lines:
                lines.sendall(b"news first of all\n")
                answer = http.post(server.comet, json={"sid": sid, "rid": 2}).json()
            assert answer["packets"] == [{"path": "news", "message": "first of all"}]
            assert http.get(f"{server.control}/statistics").json()["lines_taken"] == 1
        server.stop()


def test_its_options_are_options_like_others(tmp_path: Path) -> None:
    assert "--lines VALUE" in cometary("serve", "--help").stdout
    assert "--lines VALUE" not in cometary("serve", "--help", path=str(ROOT)).stdout
    file = tmp_path / "cometary.toml"
    file.write_text('lines = "nowhere"')
    for arguments, environment, where in [
        (["--lines", "nowhere"], {}, "--lines"),
        ([], {"COMETARY_LINES": "nowhere"}, "COMETARY_LINES"),
        (["--config", str(file)], {}, f"{file}: lines"),
    ]:
        done = cometary("serve", *arguments, **environment)
        assert done.returncode == 2
        assert done.stderr.startswith(f"cometary: {where}: must be HOST:PORT")


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (
            "lines = nothing_there:Door",
            "cannot be imported: ModuleNotFoundError: No module named 'nothing_there'",
        ),
        ("lines = json:loads", "is not a subclass of cometary.doors.door.Door"),
    ],
)
def test_a_door_that_cannot_be_had_is_one_line(tmp_path: Path, entry: str, problem: str) -> None:
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[cometary.doors]\n{entry}\n")
    done = cometary("serve", path=f"{ROOT}:{tmp_path}")
    assert done.returncode == 2
    name, _, value = entry.partition(" = ")
    assert done.stderr == f"cometary: door {name} ({value}): {problem}\n"


# -- what doors are to the server ------------------------------------------------------------------


class BellDoor(Door):
    """One that writes down what happens to it, and fails on its way out."""

    name: ClassVar[str] = "bell"
    told: ClassVar[list[str]] = []
    silent: ClassVar[trio.Event]

    def open(self, inside: Inside) -> None:
        BellDoor.silent = trio.Event()
        self.told[:] = ["open"]

    def routes(self) -> Sequence[Route]:
        def ring(exchange: Exchange) -> None:
            exchange.respond(200, b'"ring"', b"application/json")

        return [Route("GET", "/bell", ring)]

    def children(self) -> Sequence[ChildSpec]:
        return [ChildSpec("ringer", self._ring)]

    async def _ring(self, *, task_status: trio.TaskStatus[None]) -> None:
        self.told.append("ringing")
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            self.told.append("silent")
            self.silent.set()

    def abandoned(self, session: Session, reason: str, undelivered: Sequence[Packet]) -> None:
        raise RuntimeError("abandoned")

    def sessions_ended(self) -> None:
        self.told.append("ended")
        raise SystemExit("and nothing else")

    async def aclose(self) -> None:
        self.told.append("closing")
        raise RuntimeError("the clapper broke")


class SlowDoor(Door):
    name: ClassVar[str] = "slow"

    async def aclose(self) -> None:
        await trio.sleep_forever()


async def test_it_is_asked_in_order_and_its_failures_are_its_own(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(doors=[BellDoor, *BUILT_IN]) as world:
        await world.open()
        connection = await world.connect()
        assert (await connection.get("/bell")).body == "ring"
        children = {child.id: child for child in world.running.tree().children}
        assert [child.id for child in children["bell"].children] == ["ringer"]
        world.running.stop()
        with trio.fail_after(30):
            await BellDoor.silent.wait()
    assert BellDoor.told == ["open", "ringing", "ended", "closing", "silent"]
    assert caplog.text.count("The door bell failed") == 2


async def test_no_door_is_waited_for_longer_than_the_grace(autojump_clock: trio.testing.MockClock) -> None:
    doors = Doors(Settings(), [SlowDoor, WebhooksDoor])
    await doors.aclose(5)
    assert trio.current_time() == pytest.approx(5)


async def test_a_server_has_the_doors_that_it_is_given() -> None:
    async with serving(doors=[]) as world:
        assert set(world.running.urls) == {"clients"}
        assert world.running.control == ""
        await world.open()
    async with serving(doors=[ControlDoor]) as world:
        assert world.running.urls["control"] == world.running.control
        connection = await world.connect(control=True)
        assert (await connection.get("/healthz")).status == 200


class AllPathsDoor(Door):
    name: ClassVar[str] = "all-paths"

    def rest(self) -> Endpoint:
        return lambda exchange: exchange.respond(204)


@pytest.mark.parametrize(
    ("doors", "problem"),
    [
        ([BellDoor, BellDoor], "door bell: there are several of this name"),
        ([*BUILT_IN, AllPathsDoor], "door all-paths: files already answers at all other paths"),
    ],
)
async def test_doors_that_exclude_each_other_are_refused(doors: list[type[Door]], problem: str) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ConfigError, match=problem), flatten_subgroups=True):
        async with serving(App(), doors=doors):
            pass
