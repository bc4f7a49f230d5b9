"""The engine that records sessions, as a part of the server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import trio

from cometary import App
from cometary.cluster.local import LocalEngine, SharedState
from cometary.config.kinds import Address
from cometary.errors import ConfigError
from cometary.server import Running, serve
from cometary.settings import Settings

SETTINGS = Settings(port=0, control=Address("127.0.0.1", 0))


async def test_it_is_a_child_of_the_server_and_has_joined() -> None:
    engine = LocalEngine(SharedState(), "a")
    async with trio.open_nursery() as nursery:

        async def start(*, task_status: trio.TaskStatus[Running] = trio.TASK_STATUS_IGNORED) -> None:
            await serve(SETTINGS, cluster=engine, task_status=task_status)

        running: Running = await nursery.start(start)
        assert engine.lease_until > trio.current_time()
        cluster = next(node for node in running.tree().children if node.id == "cluster")
        assert [node.id for node in cluster.children] == ["engine"]
        running.stop()


async def test_a_durable_path_is_refused_where_nothing_is_recorded() -> None:
    app = App()
    app.path("orders/*", durable=True)
    with pytest.raises(ConfigError, match="a path is declared durable"):
        await serve(SETTINGS, app)


@pytest.mark.parametrize("prefix", ["", "a{b", "a b", "x" * 65])
def test_a_prefix_that_would_move_keys_elsewhere_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigError, match="engine-prefix"):
        Settings(engine_prefix=prefix)


def test_one_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cometary", "serve", "--port", "0", "--control", "127.0.0.1:0"]
    done = subprocess.run(
        [*command, "--engine", f"unix://{tmp_path}/s"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"cometary: the engine at unix://{tmp_path}/s cannot be reached")
    assert done.stderr.count("\n") == 1
