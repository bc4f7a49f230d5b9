"""Workers that are nodes: they share their engine with no other server."""

from __future__ import annotations

from typing import Any, cast

import pytest

from cometary.cli.worker_as_node import WorkersAsNodes
from cometary.cluster.engine import Engine
from cometary.errors import ConfigError
from cometary.settings import Settings
from cometary.workers.colleagues import OtherWorkers
from cometary.workers.part import AsNode

FAMILY = "workers-a."
NODE = AsNode(f"{FAMILY}1.1", FAMILY, "/folder/node-1-1", "secret", "unix:///engine")


class Shared:
    """In the place of an engine, which says that others are there, so often."""

    incarnation = "1"
    state = "up"

    def __init__(self, others: dict[str, str], looks: int) -> None:
        self._others = others
        self.left = looks

    def watch(self, _: object) -> None:
        pass

    watch_ousted = watch

    def alive(self, _: str) -> bool:
        return self.left > 0

    def incarnation_of(self, _: str) -> str:
        return ""

    async def join(self, _: str) -> None:
        pass

    async def look(self) -> None:
        self.left -= 1

    def addresses(self) -> dict[str, str]:
        return {f"{FAMILY}2.2": "", **self._others} if self.left else {}


async def join(engine: Shared) -> None:
    cluster = cast("Engine", engine)
    settings = Settings(lease=2, stop_grace=3)
    workers = OtherWorkers(1, 2, cast("Any", None), lambda _, __: None)
    await WorkersAsNodes(settings, NODE, cluster, workers).join(cluster)


@pytest.mark.parametrize("name", ["a", "workers-b.1.1"], ids=["node", "worker"])
async def test_another_server_with_the_same_keys_is_one_line(name: str, autojump_clock: Any) -> None:
    with pytest.raises(
        ConfigError, match=f"engine: another server uses it, with the node '{name}': give each"
    ):
        await join(Shared({name: "10.0.0.1:7000"}, looks=1000))


async def test_workers_of_a_server_that_was_killed_are_waited_for(autojump_clock: Any) -> None:
    engine = Shared({"workers-b.1.1": "unix:/folder/b"}, looks=10)
    await join(engine)
    assert engine.left == 0


async def test_a_server_that_only_records_its_sessions_there_is_no_node(autojump_clock: Any) -> None:
    engine = Shared({"host-1234": ""}, looks=1)
    await join(engine)
    assert engine.left == 1
