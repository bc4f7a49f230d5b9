"""A program without a server is looked at: its tree, its actors, and its crashes."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
import trio

from cometary.actors import Actor, system
from cometary.errors import ChildStateError, ConfigError
from cometary.inspector import inspecting
from cometary.supervision import ChildSpec, supervise, which_child
from examples.inspected import main
from tests.protocol.client import Connection


class Fragile(Actor):
    def on_receive(self, message: Any) -> None:
        raise ValueError(message)


async def connected(page: str) -> Connection:
    url = urlsplit(page)
    assert url.hostname is not None
    assert url.port is not None
    return Connection(await trio.open_tcp_stream(url.hostname, url.port))


async def test_its_tree_and_its_crashes_are_shown_and_nothing_of_the_inspector() -> None:
    async with system(), supervise([ChildSpec("fragile", Fragile)], id="farm", intensity=9) as root:
        async with inspecting(root, control="127.0.0.1:0") as page:
            control = await connected(page)
            tree = (await control.get("/tree")).body
            assert (tree["id"], [child["id"] for child in tree["children"]]) == ("farm", ["fragile"])
            child: Any = (await which_child(root, "fragile")).ref
            child.tell("oh")
            await trio.testing.wait_all_tasks_blocked()
            [crash] = (await control.get("/crashes")).body["crashes"]
            assert crash["child"] == "fragile"
            answer = await control.ask({"rid": 1}, path="/inspector/comet")
            assert answer.status == 200
            await control.wire.stream.aclose()
        with pytest.raises(OSError, match="failed"):
            await connected(page)
        child.tell("again")
        await trio.testing.wait_all_tasks_blocked()


async def test_it_is_not_shown_to_other_machines_without_a_secret() -> None:
    async with system(), supervise([]) as root:
        with pytest.raises(ConfigError, match="secret"):
            async with inspecting(root, control="0.0.0.0:0"):
                raise AssertionError
        with pytest.raises(ChildStateError):
            async with inspecting(Fragile.start(), control="127.0.0.1:0"):
                raise AssertionError


async def test_the_example_shows_its_counters(capsys: pytest.CaptureFixture[str]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(main, "127.0.0.1:0")
        page = ""
        with trio.fail_after(60):
            while not page:
                await trio.testing.wait_all_tasks_blocked()
                page = capsys.readouterr().out.strip()
        control = await connected(page)
        tree = (await control.get("/tree")).body
        counters = tree["children"][0]["children"]
        assert [child["id"] for child in counters] == ["sheep", "goats"]
        await control.wire.stream.aclose()
        nursery.cancel_scope.cancel()
