from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.cluster.servers import EngineServer
from tests.cluster.topologies import Cluster, Watched


@pytest.fixture(scope="session")
def lasting_servers(tmp_path_factory: pytest.TempPathFactory) -> Generator[Callable[[str], EngineServer]]:
    """Return a server of a kind, the same for all tests, with nothing in it."""
    servers = dict[str, EngineServer]()

    def server(kind: str) -> EngineServer:
        if kind not in servers:
            servers[kind] = EngineServer(kind, tmp_path_factory.mktemp(kind))
        servers[kind].say("FLUSHALL")
        return servers[kind]

    yield server
    for each in servers.values():
        each.kill()


@pytest.fixture
def new_server(tmp_path: Path) -> Generator[Callable[..., EngineServer]]:
    """Start a server for one test."""
    servers = list[EngineServer]()

    def start(kind: str = "redis", *options: str) -> EngineServer:
        folder = tmp_path / str(len(servers))
        folder.mkdir()
        servers.append(EngineServer(kind, folder, *options))
        return servers[-1]

    yield start
    for each in servers:
        each.kill()


@pytest.fixture(scope="session")
def lasting_places(
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[Callable[[str], Cluster | Watched]]:
    """Return a `cluster` or a master that is `watched`, the same for all tests, with nothing in it."""
    places = dict[str, Cluster | Watched]()

    def place(kind: str) -> Cluster | Watched:
        if kind not in places:
            folder = tmp_path_factory.mktemp(kind)
            places[kind] = Cluster("valkey", folder) if kind == "cluster" else Watched("redis", folder)
        places[kind].flush()
        return places[kind]

    yield place
    for each in places.values():
        each.kill()
