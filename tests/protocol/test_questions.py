"""Questions and controls on the wire: what the body has, what comes back, in JSON and CBOR."""

from __future__ import annotations

from typing import Any

import pytest

from cometary import App, Session
from cometary.authentication import SignedToken
from cometary.transport.codecs import Codec, cbor, json
from tests.protocol.client import Comet, serving


@pytest.fixture
def app() -> App:
    app = App()

    @app.packet("double")
    def double(_session: Session, _path: str, message: int) -> int:
        return 2 * message

    @app.authorize("open/*")
    def yes(_session: Session, _path: str) -> bool:
        return True

    return app


async def ask(client: Comet, path: str, message: object, **more: object) -> list[Any]:
    """Send one packet, and return all that comes in two answers."""
    answers = [
        await client.ask(packets=[{"path": path, "message": message, **more}]),
        await client.ask(ack=0),
    ]
    packets: list[Any] = answers[-1].body["packets"]
    return packets


@pytest.mark.parametrize("codec", [json, cbor], ids=["json", "cbor"])
async def test_a_question_is_answered_and_a_refusal_is_a_packet(app: App, codec: Codec) -> None:
    async with serving(app) as world:
        client = await world.open(codec)
        [answer] = await ask(client, "double", 21, ask="q7")
        assert answer == {"path": "::answer", "message": {"ask": "q7", "value": 42}}
        wish = {"paths": ["open/1", "closed"]}
        *_, refused = await ask(client, "::connect", wish, ask="q8")
        assert refused["message"]["paths"] == ["closed"]
        *_, unasked = await ask(client, "::connect", wish)
        assert (unasked["path"], unasked["message"]["path"]) == ("::refused", "::connect")
        assert (await world.sessions())[0]["paths"] == []
        await client.ask(packets=[{"path": "::connect", "message": {"paths": ["open/1"]}}])
        assert (await world.sessions())[0]["paths"] == ["open/1"]


@pytest.mark.parametrize("ask", ["", "x" * 257, 7, None])
async def test_what_is_no_name_of_a_question_is_no_request(app: App, ask: object) -> None:
    async with serving(app) as world:
        client = await world.open()
        answer = await client.ask(packets=[{"path": "double", "message": 1, "ask": ask}])
        assert answer.error == (400, "bad-request")


async def test_a_token_says_where_a_client_may_connect_itself(app: App) -> None:
    tokens = SignedToken("a secret of this test, which is long enough")
    app.authenticate(tokens)
    async with serving(app) as world:
        client = await world.open(token=tokens.make("ada", lifetime=60, claims={"paths": ["news", "room/*"]}))
        wish = {"paths": ["news", "room/1"]}
        await client.ask(packets=[{"path": "::connect", "message": wish}], hold=False)
        assert (await world.sessions())[0]["paths"] == ["news", "room/1"]
        later = tokens.make("ada", lifetime=90, claims={"paths": ["news"]})
        await client.ask(token=later, hold=False)
        [refused] = (await client.ask(ack=0)).body["packets"]
        assert (refused["path"], refused["message"]["paths"]) == ("::refused", ["room/1"])
        wrong = tokens.make("ada", lifetime=99, claims={"paths": ["a**"]})
        assert (await client.ask(token=wrong)).error == (401, "unauthorized")
