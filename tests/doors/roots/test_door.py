"""Roots' protocols over real sockets, with the whole server behind them. R and a number is a row to be kept to."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from cometary import App, server
from cometary.config import Address, Settings
from cometary.connector import AsyncConnector
from cometary.doors.roots.lines import AT_ONCE
from cometary.errors import ConfigError, UsageError
from cometary.server import Running
from tests.connector.test_against_the_server import Browser

ANY = Address("127.0.0.1", 0)
SECRET = "the-secret-of-this-test"


@asynccontextmanager
async def serving(app: App | None = None, **more: Any) -> AsyncGenerator[Running]:
    addresses: dict[str, Any] = dict.fromkeys(
        ("dudley", "imperio", "imperio_http", "firenze", "dolores"), ANY
    )
    settings = Settings(port=0, control=ANY, **addresses, **more)
    async with trio.open_nursery() as nursery:
        running = await nursery.start(server.serve, settings, app)
        yield running
        running.stop()


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with serving(dolores_threads=str(tmp_path)) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        yield http


async def dudley(http: httpx.AsyncClient, running: Running, body: Any, **headers: str) -> str:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await http.post(running.urls["dudley"] + "/any", content=content, headers=headers)
    assert answer.status_code == 200
    return answer.text


class Page:
    """A browser of Roots: it polls Firenze."""

    def __init__(self, http: httpx.AsyncClient, running: Running) -> None:
        self._http = http
        self.running = running
        self.token = ""

    @property
    def id(self) -> str:
        return self.token.partition("/")[0]

    async def poll(self, token: str | None = None) -> list[tuple[str, Any]]:
        """Poll once; returns the updates."""
        token = self.token if token is None else token
        answer = await self._http.get(f"{self.running.urls['firenze']}/{token}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.content.endswith(b"}\r\n\r\n")
        body = answer.json()
        self.token = body["reconnectWith"]
        return [(update["path"], update["message"]) for update in body["updates"]]

    async def connected(self, *paths: str) -> Page:
        """Begin, and be connected to paths by a back-end."""
        assert await self.poll("") == []
        wishes = [{"path": "::connect", "message": f"{self.id}->{path}"} for path in paths]
        assert await dudley(self._http, self.running, wishes) == "{success:true}"
        heard: list[tuple[str, Any]] = []
        while len(heard) < len(paths):
            heard += await self.poll()
        assert heard == [(path, "") for path in paths]
        return self


@pytest.fixture
async def page(http: httpx.AsyncClient, running: Running) -> Page:
    return Page(http, running)


# -- Dudley and Imperio, which back-ends speak ---------------------------------------------------------


async def test_r12_cornelius_gets_the_answers_that_it_knows(
    http: httpx.AsyncClient, running: Running
) -> None:
    assert await dudley(http, running, [{"path": "a", "message": "b"}]) == "{success:true}"
    assert await dudley(http, running, b"{") == "{error:true}"
    answer = await http.get(running.urls["imperio-http"] + "/a%3Bb")
    assert (answer.content, answer.headers["content-type"]) == (b"{sent:true}", "application/json")
    assert answer.headers["connection"] == "close"


async def test_r12_the_answers_can_be_json(http: httpx.AsyncClient) -> None:
    async with serving(roots_answers="json") as running:
        assert await dudley(http, running, []) == '{"success":true}'
        assert await dudley(http, running, b"") == '{"error":true}'
        assert (await http.get(running.urls["imperio-http"] + "/a;b")).json() == {"sent": True}


async def test_r13_good_entries_are_taken_in_order_and_incomplete_ones_left_out(
    http: httpx.AsyncClient, running: Running, page: Page
) -> None:
    await page.connected("a")
    entries = [
        {"path": "a", "message": "1"},
        {"path": "a"},
        7,
        {"message": "x"},
        {"path": "a", "message": "2"},
    ]
    assert await dudley(http, running, entries) == "{success:true}"
    assert await page.poll() == [("a", "1"), ("a", "2")]
    wrong = [{"path": "a", "message": "3"}, {"path": "", "message": "x"}, {"path": "a", "message": "never"}]
    assert await dudley(http, running, wrong) == "{error:true}"
    assert await page.poll() == [("a", "3")]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[", b"null", b"\xff", b'[{"path":1,"message":""}]', b"[" * 5000]
)
async def test_r13_what_is_not_a_list_of_messages_is_an_error(
    http: httpx.AsyncClient, running: Running, body: bytes
) -> None:
    assert await dudley(http, running, body) == "{error:true}"


async def test_r10_r11_imperio_takes_lines_and_exit_ends_it(running: Running, page: Page) -> None:
    await page.connected("a", "news")
    async with await connect(running, "imperio") as lines:
        for piece in (b"a; o", b"ne;two\nnews\n", b"::exit\nnews; never\n"):
            await lines.send_all(piece)
        assert await lines.receive_some() == b""
    assert await page.poll() == [("a", "one;two"), ("news", "")]


async def test_r11_imperio_can_be_as_it_was(http: httpx.AsyncClient) -> None:
    async with serving(imperio_lines="legacy") as running:
        page = await Page(http, running).connected("a")
        async with await connect(running, "imperio") as lines:
            await lines.send_all(b"a; one;two\n")
            assert await page.poll() == [("a", " one")]


async def test_an_imperio_line_without_an_end_ends_the_connection(running: Running) -> None:
    async with await connect(running, "imperio") as lines:
        with pytest.raises(trio.BrokenResourceError):
            await lines.send_all(b"x" * 100_000_000)


async def test_a_connection_may_end_with_the_last_line_that_is_taken_at_once(
    running: Running, page: Page
) -> None:
    await page.connected("news")
    async with await connect(running, "imperio") as lines:
        await lines.send_all(b"\n" * (AT_ONCE - 1) + b"::exit\n")
        assert await lines.receive_some() == b""
    async with await connect(running, "imperio") as lines:
        await lines.send_all(b"news; still here\n")
    assert await page.poll() == [("news", "still here")]


async def test_r14_without_the_secret_control_messages_are_dropped(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(secret=SECRET) as running:
        page = Page(http, running)
        await page.poll("")
        wish = [{"path": "::connect", "message": f"{page.id}->a"}, {"path": "a", "message": "unheard"}]
        assert await dudley(http, running, wish) == "{success:true}"
        assert "control message dropped" in caplog.text or "control path is dropped" in caplog.text
        await dudley(http, running, wish, authorization=f"Bearer {SECRET}")
        assert await page.poll() == [("a", ""), ("a", "unheard")]
        async with await connect(running, "imperio") as lines:
            await lines.send_all(f"::disconnect; {page.id}->a\n::secret; {SECRET}\n".encode())
            await lines.send_all(f"::connect; {page.id}->b\n".encode())
            assert await page.poll() == [("b", "")]


@pytest.mark.parametrize("name", ["dudley", "imperio", "imperio_http", "dolores"])
def test_r14_off_loopback_there_has_to_be_a_secret(name: str) -> None:
    there: Any = {name: Address("0.0.0.0", 0)}
    with pytest.raises(ConfigError, match="secret"):
        Settings(**there)
    Settings(**there, secret=SECRET)


async def test_a_page_of_another_site_cannot_make_a_browser_say_something(
    http: httpx.AsyncClient, running: Running
) -> None:
    image = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert (await http.get(running.urls["imperio-http"] + "/a;b", headers=image)).status_code == 403
    form = {"origin": "https://evil.example", "content-type": "text/plain"}
    assert (await http.post(running.urls["dudley"], content=b"[]", headers=form)).status_code == 403


async def test_r1_r3_delegates_of_the_application_hear_everything_and_one_that_fails_harms_nobody(
    http: httpx.AsyncClient,
) -> None:
    heard, app = list[tuple[int, str, Any]](), App()
    send, receive = trio.open_memory_channel[None](10)

    class Told:
        def __init__(self, number: int) -> None:
            self.number = number

        def update(self, sender: Any, path: str, message: Any) -> None:
            if self.number == 1 and message == "first":
                raise LookupError(path)
            heard.append((self.number, path, message))
            if self.number == 2:
                send.send_nowait(None)

    for number in range(3):
        app.delegate(Told(number))
    with pytest.raises(UsageError):
        app.delegate(object())  # type: ignore[type-var]
    async with serving(app) as running:
        for message in ("first", "second"):
            await dudley(http, running, [{"path": "a", "message": message}])
            await receive.receive()
        await dudley(http, running, [{"path": "::gone", "message": "nobody"}])
        await receive.receive()
    assert [each for each in heard if each[0] != 1] == [
        (number, path, message)
        for path, message in (("a", "first"), ("a", "second"), ("::gone", "nobody"))
        for number in (0, 2)
    ]


# -- Firenze, which browsers poll -----------------------------------------------------------------------


async def test_r15_the_first_poll_is_answered_at_once_and_a_later_one_after_its_time(
    http: httpx.AsyncClient, page: Page
) -> None:
    with trio.fail_after(60):
        assert await page.poll("") == []
    assert re.fullmatch(r"DOLORES-SERVER-[A-Za-z0-9]{32}-\d+/0", page.token)
    async with serving(firenze_hold=0.2) as running:
        other = Page(http, running)
        await other.poll("")
        started = trio.current_time()
        assert await other.poll() == []
        assert trio.current_time() - started >= 0.19


async def test_r17_what_was_answered_and_not_acknowledged_comes_again(
    http: httpx.AsyncClient, running: Running, page: Page
) -> None:
    await page.connected("a")
    token = page.token
    await dudley(http, running, [{"path": "a", "message": 1}])
    assert await page.poll() == [("a", 1)]
    assert await page.poll(token) == [("a", 1)]


async def test_r18_a_poll_that_is_aborted_loses_nothing(
    http: httpx.AsyncClient, running: Running, page: Page
) -> None:
    await page.connected("a")
    with trio.move_on_after(0.05):
        await page.poll()
    await dudley(http, running, [{"path": "a", "message": "kept"}])
    assert await page.poll() == [("a", "kept")]


async def test_r19_a_second_poll_has_the_first_one_answered(
    http: httpx.AsyncClient, running: Running, page: Page
) -> None:
    await page.connected("a")
    send, answers = trio.open_memory_channel[list[tuple[str, Any]]](2)
    token = page.token

    async def poll() -> None:
        await send.send(await page.poll(token))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(poll)
        nursery.start_soon(poll)
        assert await answers.receive() == []
        await dudley(http, running, [{"path": "a", "message": 1}])
        assert await answers.receive() == [("a", 1)]


async def test_r20_who_does_not_poll_is_gone_and_begins_anew(http: httpx.AsyncClient) -> None:
    async with serving(firenze_die=0.1) as running:
        browser, page = Browser(running.comet), Page(http, running)
        await browser.open()
        async with AsyncConnector(running.control) as connector:
            await connector.connect(browser.sid, ["::gone"])
        await page.poll("")
        old, gone = page.token, page.id
        assert await browser.poll() == [("::gone", gone)]
        await browser._http.aclose()
        assert await page.poll(old) == []
        assert page.id != gone


@pytest.mark.parametrize("token", ["nobody/7", "a/b/c/d", "%00/x", "x" * 3000, "?", "DOLORES-SERVER-x-1"])
async def test_r21_an_unknown_token_begins_anew(page: Page, token: str) -> None:
    assert await page.poll(token) == []
    assert page.id.startswith("DOLORES-SERVER-")


async def test_r25_what_no_back_end_connects_is_not_heard(
    http: httpx.AsyncClient, running: Running, page: Page
) -> None:
    await page.connected("mine")
    await dudley(http, running, [{"path": "refused", "message": 1}, {"path": "mine", "message": 2}])
    assert await page.poll() == [("mine", 2)]


async def test_r27_progress_of_one_job_is_heard_by_those_who_wait_for_it_alone(
    http: httpx.AsyncClient, running: Running
) -> None:
    pages = [await Page(http, running).connected(f"process/{number}") for number in range(2)]
    async with await connect(running, "imperio") as lines:
        await lines.send_all(b"process/0; {progress:.5}\nprocess/1; {progress:.7}\n")
        for number, page in enumerate(pages):
            assert await page.poll() == [(f"process/{number}", f"{{progress:.{5 + 2 * number}}}")]


async def test_all_wires_hear_the_same_updates_and_a_session_is_connected_by_its_id(
    http: httpx.AsyncClient, running: Running, page: Page
) -> None:
    await page.connected("a")
    browser = Browser(running.comet)
    await browser.open()
    await dudley(http, running, [{"path": "::connect", "message": f"{browser.sid}->a"}])
    async with AsyncConnector(running.control) as connector:
        await connector.update("a", {"x": 1})
    assert await page.poll() == [("a", {"x": 1})]
    assert await browser.poll() == [("a", ""), ("a", {"x": 1})]
    await dudley(http, running, [{"path": "::disconnect", "message": f"{browser.sid}->a"}])
    async with AsyncConnector(running.control) as connector:
        assert [session["paths"] for session in await connector.sessions()] == [[]]
    await browser._http.aclose()


# -- the first Dolores ----------------------------------------------------------------------------------


async def connect(running: Running, name: str) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", int(running.urls[name].rpartition(":")[2]))


class Lines:
    """A connection to the first Dolores."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._data = b""
        self.id = ""

    async def hear(self) -> str:
        while b"\r\n" not in self._data:
            data = await self.stream.receive_some()
            if not data:
                return ""
            self._data += data
        line, _, self._data = self._data.partition(b"\r\n")
        return line.decode()

    async def greeted(self) -> Lines:
        assert await self.hear() == "I, Dolores, High Inquisitor, Hogwarts."
        self.id = await self.hear()
        assert re.fullmatch(r"127\.0\.0\.1-\d+-[A-Za-z0-9]{32}", self.id)
        return self

    async def ask(self, line: str) -> str:
        await self.stream.send_all(f"{line}\r\n".encode())
        return await self.hear()


async def test_r26_the_first_dolores_is_spoken(running: Running, tmp_path: Path) -> None:
    async with await connect(running, "dolores") as first, await connect(running, "dolores") as second:
        controller, listener = await Lines(first).greeted(), await Lines(second).greeted()
        assert await controller.ask("CONTROL") == "NOALLOW"
        assert await controller.ask(f"CONNECT {listener.id} a") == "NOALLOW"
        (tmp_path / f"control-{controller.id}").touch()
        await first.send_all(b"CONTROL\r\n")
        assert await controller.ask(f"CONNECT {listener.id} News/Today ") == "SUCCESS"
        assert not await trio.Path(tmp_path / f"control-{controller.id}").exists()
        assert await listener.hear() == "UPDATE news/today;"
        assert await controller.ask("UPDATE NEWS/today; one; two") == "SUCCESS"
        assert await listener.hear() == "UPDATE news/today;one; two"
        assert await controller.ask("CONNECT nobody a") == "FAIL"
        assert await controller.ask("NOTHING") == "FAIL"
        await first.send_all(b"ALL hello\r\n")
        assert [await controller.hear(), await controller.hear()] == ["hello", "SUCCESS"]
        assert await listener.hear() == "hello"
        assert await controller.ask(f"DISCONNECT {listener.id} news/today") == "SUCCESS"
        assert await listener.hear() == "UPDATE ::+::disconnect;news/today"
        assert await controller.ask(f"CRASH {listener.id}") == "SUCCESS"
        assert await listener.hear() == ""
        assert await controller.ask("EXIT") == ""
