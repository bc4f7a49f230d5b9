"""Who may speak STOMP: by the secret, or by the application's rule; over TLS, too."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import pytest
import trio

from cometary import App, server
from cometary.authentication import Admission
from cometary.config import Address, Settings
from cometary.doors.stomp.frames import Frame
from cometary.errors import ConfigError, ProtocolError, UsageError
from cometary.server import Running
from examples import logins
from examples.logins import may_speak
from tests.certificates import make_files, trusting
from tests.doors.stomp.wire import StompClient, connected

SECRET = "the-secret-of-this-test"


@asynccontextmanager
async def serving(app: App | None, **settings: Any) -> AsyncGenerator[Running]:
    free = Address("127.0.0.1", 0)
    async with trio.open_nursery() as nursery:
        given = Settings(port=0, control=free, stomp=free, **settings)
        running = await nursery.start(server.serve, given, app)
        yield running
        running.stop()


@pytest.fixture
def app() -> App:
    app = App()

    @app.login
    async def rule(login: str, passcode: str) -> bool | Admission:
        await trio.lowlevel.checkpoint()
        if login == "fails":
            raise ZeroDivisionError
        if login == "mapping":
            mapping: Any = {"user": "ada"}
            return cast("bool", mapping)
        if login == "unknown":
            raise ProtocolError("unknown-session", "This is no way in, either.")
        if passcode != "right":
            return False
        return login == "root" or Admission(paths=["news", "/queue/*", "::signoff"], expires=60)

    return app


async def refusal(url: str, **headers: str) -> tuple[str, bytes]:
    """Connect; returns how that is refused."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    async with await trio.open_tcp_stream(parts.hostname, parts.port) as stream:
        client = StompClient(stream, "1.2")
        frame = await client.ask("CONNECT", b"", accept_version="1.2", **headers)
        assert frame.command == "ERROR"
        assert await client.hear() is None, "the connection is closed"
        return frame.headers["message"], frame.body


async def test_a_login_is_judged_by_the_application_and_a_refusal_is_an_error(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(app, secret=SECRET) as running:
        url = running.urls["stomp"]
        assert await refusal(url) == ("unauthorized", b"the authenticator does not accept this token")
        assert (await refusal(url, login="ada", passcode="wrong"))[0] == "unauthorized"
        assert (await refusal(url, login="fails", passcode="right"))[0] == "internal-error"
        assert (await refusal(url, login="mapping", passcode="right"))[0] == "internal-error"
        assert "an Admission with paths, not a mapping" in caplog.text
        assert (await refusal(url, login="unknown"))[0] == "unknown-session"
        for login, passcode in (("root", "right"), ("anybody", SECRET)):
            async with connected(url, login=login, passcode=passcode) as client:
                await client.done("SEND", b"x" * 10_000, destination="anywhere/at/all")


async def test_a_login_may_use_the_destinations_that_it_was_given(app: App) -> None:
    async with serving(app, secret=SECRET) as running:
        url = running.urls["stomp"]
        async with connected(url, login="ada", passcode="right") as client:
            await client.done("SUBSCRIBE", id="1", destination="news")
            await client.done("SUBSCRIBE", id="2", destination="/queue/jobs")
            await client.done("SUBSCRIBE", id="3", destination="::signoff")
            await client.say("SEND", b"x", destination="news")
            heard = await client.hear()
            assert isinstance(heard, Frame)
            assert heard.body == b"x"
        for command, destination in (
            ("SEND", "other"),
            ("SEND", "/session/x"),
            ("SUBSCRIBE", "**"),
            ("SUBSCRIBE", "n*"),
            ("SUBSCRIBE", "::signon"),
        ):
            async with connected(url, login="ada", passcode="right") as client:
                frame = await client.ask(command, id="1", destination=destination)
                assert (frame.command, frame.headers["message"]) == ("ERROR", "forbidden")
        async with connected(url, login="ada", passcode="right") as client:
            await client.done("BEGIN", transaction="t")
            await client.done("SEND", b"never", destination="news", transaction="t")
            await client.done("SEND", b"never", destination="other", transaction="t")
            assert (await client.ask("COMMIT", transaction="t")).headers["message"] == "forbidden"


async def test_the_example_lets_the_warehouse_in_for_what_it_needs() -> None:
    async with serving(logins.app) as running:
        url = running.urls["stomp"]
        assert (await refusal(url, login="warehouse", passcode="wrong"))[0] == "unauthorized"
        async with connected(url, login="warehouse", passcode="correct horse") as client:
            await client.done("SUBSCRIBE", id="1", destination="/queue/orders")
            await client.done("SEND", b"7", destination="packed/7")
            assert (await client.ask("SEND", b"7", destination="/queue/orders/7")).command == "ERROR"


async def test_a_login_that_expires_is_told_so(app: App, autojump_clock: trio.testing.MockClock) -> None:
    async with (
        serving(app) as running,
        connected(running.urls["stomp"], login="ada", passcode="right") as client,
    ):
        began = trio.current_time()
        frame = await client.hear()
        assert frame is not None
        assert (frame.command, frame.headers["message"]) == ("ERROR", "unauthorized")
        assert 60 <= trio.current_time() - began < 61


async def test_a_rule_that_is_not_one_is_refused_where_it_is_declared(app: App) -> None:
    with pytest.raises(UsageError, match=r"@app\.login"):
        app.login(lambda login: True)  # type: ignore[type-var]
    async with serving(app):
        with pytest.raises(UsageError, match="a server runs"):
            app.login(may_speak)


async def talk(url: str) -> int:
    """Speak over TLS; returns the bytes of a message that came back.

    Not by stomp.py: it has two threads at one SSL object, which now and then aborts the interpreter. By another's
    client, @stomp/stompjs, it is spoken in `test_clients`.
    """
    async with await secured(url) as stream:
        client = StompClient(stream, "1.2")
        welcome = await client.ask("CONNECT", accept_version="1.2", login="ada", passcode="right")
        assert welcome.command == "CONNECTED"
        await client.say("SUBSCRIBE", id="1", destination="/queue/jobs")
        message = await client.ask("SEND", b"x" * 100_000, destination="/queue/jobs")
        await client.done("DISCONNECT")
        return len(message.body)


async def test_stomp_and_roots_are_spoken_over_tls_with_the_servers_certificate(
    app: App, tmp_path: Path
) -> None:
    cert, key = make_files(tmp_path)
    free = Address("127.0.0.1", 0)
    tls = {"tls_cert": cert, "tls_key": key, "stomp_tls": "on", "roots_tls": "on"}
    async with serving(app, **tls, dudley=free, imperio=free) as running:
        assert {running.urls[name][:6] for name in ("stomp", "dudley", "imperio")} == {"https:"}
        assert await talk(running.urls["stomp"]) == 100_000
        first = await serial(running.urls["stomp"])
        make_files(tmp_path)
        running.reload()
        assert await serial(running.urls["stomp"]) != first
        assert await serial(running.urls["imperio"]) == await serial(running.urls["stomp"])
        async with httpx.AsyncClient(verify=trusting()) as http:
            answer = await http.post(running.urls["dudley"], json=[{"path": "a", "message": 1}])
            assert answer.text == "{success:true}"
            plain = await http.post(running.urls["dudley"].replace("https:", "http:"), json=[])
            assert plain.text.startswith("This port speaks TLS")
        assert await imperio(running.urls["imperio"]) == b"", "closed at ::exit"


async def secured(url: str) -> trio.SSLStream[trio.SocketStream]:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return await trio.open_ssl_over_tcp_stream(
        parts.hostname, parts.port, ssl_context=trusting(), https_compatible=True
    )


async def serial(url: str) -> object:
    async with await secured(url) as stream:
        await stream.do_handshake()
        return stream.getpeercert()["serialNumber"]


async def imperio(url: str) -> bytes:
    async with await secured(url) as stream:
        await stream.send_all(b"a; hello\n::exit\n")
        return bytes(await stream.receive_some())


def test_tls_needs_a_certificate() -> None:
    with pytest.raises(ConfigError, match="stomp-tls: it needs a certificate"):
        Settings(stomp_tls="on")
    with pytest.raises(ConfigError, match="roots-tls: it needs a certificate"):
        Settings(roots_tls="on")
