"""The JavaScript client in Node against the real server, over connections that break."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.cutting_proxy import CuttingProxy
from tests.servers import ECHO, running_server

CLIENT = Path(__file__).resolve().with_name("echo_client.mjs")
RENEWING = CLIENT.with_name("renewing_client.mjs")
PATHS = CLIENT.with_name("paths_client.mjs")
ASKING = CLIENT.with_name("asking_client.mjs")
LAST = 300


def printed_by(client: Path, *arguments: str) -> bytes:
    """Run a client in Node; returns what it prints."""
    node = shutil.which("node")
    assert node, "the tests of the JavaScript client need Node.js"
    command = [node, str(client), *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, timeout=120, check=True).stdout


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_packet_arrives_once_and_in_order_whatever_connections_break(seed: int) -> None:
    with running_server(ECHO) as server, CuttingProxy(server.port, seed=seed, cut=0.25) as proxy:
        url = f"http://127.0.0.1:{proxy.port}/comet"
        output = printed_by(CLIENT, url, str(LAST))
        assert proxy.cuts >= 5, "the test has tested nothing"
    numbers = list(range(1, LAST + 1))
    assert json.loads(output) == {"echoed": numbers, "counted": numbers, "reopened": []}


@pytest.mark.parametrize("bind", ["off", "token"])
def test_a_session_outlives_its_tokens(bind: str) -> None:
    with running_server("tests/clients/renewing_application.py:app", "--bind", bind) as server:
        output = printed_by(RENEWING, server.comet)
    assert json.loads(output) == {"heard": [["who", "ada"]], "events": []}


def test_questions_are_answered_or_it_is_said_whose_fault_it_is() -> None:
    with running_server("tests/clients/asking_application.py:app") as server:
        value, refused, failed = json.loads(printed_by(ASKING, server.comet))
    assert value == 42
    assert refused == ["AskError", "client", "sold-out", "There is none."]
    assert failed[:3] == ["AskError", "application", "internal-error"]


def test_what_was_missed_is_replayed_or_a_gap_and_paths_are_asked_of_the_server() -> None:
    with running_server("tests/clients/paths_application.py:app") as server:
        told = json.loads(printed_by(PATHS, server.comet))
    assert told["chat"] == [1, 2, 3, 4, 5, 12]
    assert told["news"] == told["sky"] == told["chat"]
    assert sorted(told["gaps"]) == ["chat/a", "news", "sky/*"]
    assert told["refused"] == ["ConnectError", True, ["chat/a", "chat/secret"]]
    assert (told["count"], told["members"]) == (1, 1)
    assert told["peers"] == [["whisper", "psst"]]
    assert (told["forbidden"], told["alone"]) == ("forbidden", "bad-request")
