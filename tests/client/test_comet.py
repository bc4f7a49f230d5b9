"""The Python client against the real server: what the JavaScript client does there, over connections that break."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
import trio

from cometary import AsyncConnector
from cometary.client import Comet, Refused, Reopened
from cometary.errors import AskError, ProtocolError, UsageError
from tests.clients.cutting_proxy import CuttingProxy
from tests.servers import ECHO, RunningServer, running_server


@pytest.fixture(scope="module")
def paths() -> Generator[RunningServer]:
    with running_server("tests/clients/paths_application.py:app") as server:
        yield server


@pytest.fixture(scope="module")
def asking() -> Generator[RunningServer]:
    with running_server("tests/clients/asking_application.py:app") as server:
        yield server


class Listener:
    """A client that keeps what it hears, and can lose its session."""

    def __init__(self, url: str) -> None:
        self.comet = Comet(url)
        self.heard: dict[str, list[Any]] = {
            "chat/a": [],
            "news": [],
            "sky": [],
            "gaps": [],
            "::peer": [],
            "reopened": [],
        }
        self._changed = trio.Condition()
        for pattern in ("chat/*", "news", "::peer"):
            self.comet.on(pattern)(self._hear)
        self.comet.on("sky/*")(self._hear_sky)
        self.comet.gap(self._missed)
        self.comet.reopened(self._reopened)

    async def _hear_sky(self, message: Any, _path: str) -> None:
        await self._hear(message, "sky")

    async def _missed(self, path: str) -> None:
        await self._hear(path, "gaps")

    async def _reopened(self, reopened: Reopened) -> None:
        await self._hear(reopened, "reopened")

    async def _hear(self, message: Any, path: str) -> None:
        self.heard[path].append(message)
        async with self._changed:
            self._changed.notify_all()

    async def until(self, path: str, count: int) -> None:
        async with self._changed:
            while len(self.heard[path]) < count:
                await self._changed.wait()

    async def lose(self, missed: list[int]) -> None:
        count = len(self.heard["reopened"])
        self.comet.send("lose", missed)
        await self.until("reopened", count + 1)


async def test_what_was_missed_is_replayed_after_reopened_and_a_gap_is_told(paths: RunningServer) -> None:
    listener = Listener(paths.comet)
    with trio.fail_after(60):
        async with listener.comet as comet:
            await comet.connect(["chat/a", "sky/*"])
            await comet.ask("publish", [1, 2])
            await listener.lose([3, 4])
            await comet.ask("publish", [5])
            await listener.until("chat/a", 5)
            await listener.until("news", 5)
            await listener.until("sky", 5)
            await listener.lose([6, 7, 8, 9, 10, 11])  # more than are kept
            await listener.until("gaps", 3)
            await comet.ask("publish", [12])
            await listener.until("chat/a", 6)
            await listener.until("news", 6)
            await listener.until("sky", 6)
    assert listener.heard["chat/a"] == listener.heard["news"] == listener.heard["sky"] == [1, 2, 3, 4, 5, 12]
    assert sorted(listener.heard["gaps"]) == ["chat/a", "news", "sky/*"]
    lost = [("lose", [3, 4]), ("lose", [6, 7, 8, 9, 10, 11])]
    assert [each.reason for each in listener.heard["reopened"]] == ["failed", "failed"]
    assert all(packet in lost for each in listener.heard["reopened"] for packet in each.uncertain)
    assert [each.missing for each in listener.heard["reopened"]] == [[], []]


async def test_it_sees_who_is_there_and_writes_to_them(paths: RunningServer) -> None:
    listener = Listener(paths.comet)
    with trio.fail_after(60):
        async with listener.comet as comet, Comet(paths.comet) as other:
            for each in (comet, other):
                await each.connect("chat/a")
            present = await comet.presence("chat/a")
            names = {await each.ask("name") for each in (comet, other)}
            assert (present.count, {member.name for member in present.members}) == (2, names)
            assert (await comet.presence("chat/a", 0)).members == []
            await other.send_to(await comet.ask("name"), "whisper", "psst")
            await listener.until("::peer", 1)
            assert listener.heard["::peer"][0]["message"] == "psst"
            with pytest.raises(AskError) as refusal:
                await comet.send_to("nobody", "shout")
            assert (refusal.value.fault, refusal.value.condition) == ("client", "forbidden")
            await comet.disconnect("chat/a")
            with pytest.raises(AskError, match="bad-request"):
                await comet.presence("chat/a")


async def test_of_a_pattern_with_stars_a_new_session_may_have_missed_what_nobody_knows(
    paths: RunningServer,
) -> None:
    listener = Listener(paths.comet)
    with trio.fail_after(60):
        async with listener.comet as comet:
            await comet.connect("stars/*")
            await listener.lose([])
            assert "stars/*" in listener.heard["gaps"], "before it is told of the new session"


async def test_paths_that_are_refused_are_named_and_not_asked_for_again(paths: RunningServer) -> None:
    listener = Listener(paths.comet)
    with trio.fail_after(60):
        async with listener.comet as comet:
            with pytest.raises(AskError) as refusal:
                await comet.connect(["chat/a", "chat/secret"])
            assert (refusal.value.condition, refusal.value.paths) == ("forbidden", ["chat/secret"])
            await listener.lose([])
    assert listener.heard["reopened"][0].missing == []


async def test_it_asks_and_is_asked(asking: RunningServer) -> None:
    comet = Comet(asking.comet)

    @comet.on("sure")
    async def sure(message: Any, path: str) -> Any:
        await trio.lowlevel.checkpoint()
        return message * 2

    with trio.fail_after(60):
        async with comet:
            comet.send("double", 1)  # what it returns is for those who ask
            assert await comet.ask("double", 21) == 42
            assert await comet.ask("confirm", "tea") == {"confirmed": "teatea"}
            with pytest.raises(AskError) as refusal:
                await comet.ask("refuse")
            assert (refusal.value.fault, refusal.value.condition) == ("client", "sold-out")
            with pytest.raises(AskError) as failure:
                await comet.ask("fail")
            assert (failure.value.fault, failure.value.condition) == ("application", "internal-error")
            with pytest.raises(AskError) as late:
                await comet.ask("never", timeout=0.01)
            assert (late.value.fault, late.value.condition) == ("nobody", "timeout")


# httpx leaves its own generator unfinished when a connection breaks while it writes the body.
@pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")
async def test_each_packet_arrives_once_and_in_order_whatever_connections_break() -> None:
    heard: list[Any] = []
    work = trio.Event()
    with running_server(ECHO) as server, CuttingProxy(server.port, seed=1, cut=0.1) as proxy:
        comet = Comet(f"http://127.0.0.1:{proxy.port}/comet")

        @comet.on("echo")
        def echo(message: Any, path: str) -> None:
            heard.append(message)
            work.set()

        sent = 0
        with trio.fail_after(60):
            async with comet:
                # How many packets a request carries, and so how often it can be cut, is a matter of the machine's load.
                while len(heard) < sent or proxy.cuts <= 3:
                    if len(heard) == sent:
                        for _ in range(60):
                            sent += 1
                            comet.send("echo", sent)
                            if sent % 3 == 0:
                                await trio.lowlevel.checkpoint()
                    work = trio.Event()
                    if len(heard) < sent:
                        await work.wait()
    assert heard == list(range(1, sent + 1))


async def test_packets_that_nobody_handles_are_told_and_the_session_goes_on(paths: RunningServer) -> None:
    comet = Comet(paths.comet)
    told: list[Refused] = []
    comet.refused(told.append)
    with trio.fail_after(60):
        async with comet:
            comet.send("nobody/listens/here", 1)
            with pytest.raises(AskError, match="forbidden"):
                await comet.ask("nor/here")
            assert await comet.ask("name")
    assert [packet for each in told for packet in each.packets if packet[1] == 1] == [
        ("nobody/listens/here", 1)
    ]


async def test_it_outlives_its_tokens_and_one_that_is_refused_ends_it_before_it_begins() -> None:
    tokens: list[str] = []
    renewed, answered = trio.Event(), trio.Event()

    async def token() -> str:
        tokens.append(f"token {len(tokens)}")
        if len(tokens) > 2:
            renewed.set()
        return tokens[-1]

    application = "tests/clients/renewing_application.py:app"
    with running_server(application, "--bind", "token") as server, trio.fail_after(60):
        comet = Comet(server.comet, token=token)

        @comet.on("who")
        def who(message: Any, path: str) -> None:
            assert message == "ada"
            answered.set()

        async with comet:
            await renewed.wait()
            comet.send("who")
            await answered.wait()
        with pytest.raises(ProtocolError, match="unauthorized"):
            await comet_of(server.comet, "nobody's")


async def comet_of(url: str, token: str) -> None:
    async with Comet(url, token=lambda: token):
        pass


async def test_a_server_that_wants_no_session_any_more_ends_the_block(paths: RunningServer) -> None:
    async def kicked() -> None:
        async with Comet(paths.comet) as comet, AsyncConnector(paths.control) as connector:
            await connector.kick(comet.sid)
            await trio.sleep_forever()

    with trio.fail_after(60), pytest.raises(ProtocolError) as ended:
        await kicked()
    assert ended.value.members["reason"] == "kicked"


async def test_what_the_block_raises_comes_out_as_it_is(paths: RunningServer) -> None:
    with pytest.raises(ZeroDivisionError):
        async with Comet(paths.comet):
            raise ZeroDivisionError


async def test_what_cannot_be_sent_is_refused_where_it_is_sent(paths: RunningServer) -> None:
    comet = Comet(paths.comet)
    with pytest.raises(UsageError):
        comet.send("a")  # there is no session
    async with comet:
        with pytest.raises(UsageError):
            comet.send("::signon")
        with pytest.raises(UsageError):
            comet.send("a", "x" * 300_000)
        with pytest.raises(TypeError):
            comet.send("a", b"bytes")
        with pytest.raises(ValueError, match="not JSON compliant"):
            comet.send("a", float("nan"))
        with pytest.raises(UsageError):
            await comet.connect([""])


async def test_a_handler_that_fails_harms_no_other(asking: RunningServer, caplog: Any) -> None:
    comet = Comet(asking.comet)

    @comet.on("sure")
    def sure(message: Any, path: str) -> Any:
        raise ZeroDivisionError

    with trio.fail_after(60):
        async with comet:
            with pytest.raises(AskError, match="failed: ZeroDivisionError"):
                await comet.ask("confirm", "tea")
            assert await comet.ask("double", 1) == 2
    assert "a handler of 'sure' has failed" in caplog.text
