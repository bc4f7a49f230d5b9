"""The views for Flask and FastAPI: the same answers, from each framework's own test client, with a stand-in behind."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from flask import Flask, request

from cometary.authentication.signature import read_secret, signed_headers
from cometary.contrib.fastapi import router
from cometary.contrib.flask import blueprint
from cometary.contrib.push import Push
from tests.connector.stand_in import StandIn, stand_in

__all__ = ["stand_in"]
SECRET = "whsec_" + "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4"
Post = Callable[..., tuple[int, str]]
"""Posts to a path what it is given, as a user; returns the status and the body of the answer."""


@pytest.fixture
def push(stand_in: StandIn) -> Iterator[Push[str]]:
    stand_in.answers({"paths": [], "updates": 1})
    push: Push[str] = Push(stand_in.url, endpoint="https://push.example.org/comet", webhook_secret=SECRET)
    push.authorize("notes/*")(lambda user, path: path == f"notes/{user}")
    push.authorize("news", anonymous=True)(lambda user, path: True)
    yield push
    push.outbox.close()
    push.connector.close()


def in_flask(push: Push[str]) -> Post:
    app = Flask(__name__)
    app.register_blueprint(blueprint(push, lambda: request.headers.get("x-user")), url_prefix="/push")
    client = app.test_client()

    def post(path: str, body: bytes = b"", method: str = "POST", **headers: str) -> tuple[int, str]:
        with client.open(f"/push/{path}", method=method, data=body, headers=headers) as answer:
            return answer.status_code, answer.get_data(as_text=True)

    return post


def in_fastapi(push: Push[str]) -> Post:
    app = FastAPI()

    def user(request: Request) -> str | None:
        return request.headers.get("x-user")

    app.include_router(router(push, user), prefix="/push")

    async def ask(method: str, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, f"/push/{path}", content=body, headers=headers)

    def post(path: str, body: bytes = b"", method: str = "POST", **headers: str) -> tuple[int, str]:
        answer = asyncio.run(ask(method, path, body, headers))
        return answer.status_code, answer.text

    return post


@pytest.fixture(params=[in_flask, in_fastapi])
def post(request: pytest.FixtureRequest, push: Push[str]) -> Post:
    post: Post = request.param(push)
    return post


def ask(post: Post, verb: str, paths: list[str], **headers: str) -> int:
    given = {"content-type": "application/json", **headers}
    return post(verb, json.dumps({"sid": "s", "paths": paths}).encode(), **given)[0]


def test_a_user_hears_what_a_rule_permits(post: Post, stand_in: StandIn) -> None:
    ada = {"x-user": "ada"}
    assert ask(post, "connect", ["notes/grace"], **ada) == HTTPStatus.FORBIDDEN
    assert ask(post, "connect", ["notes/ada"]) == HTTPStatus.FORBIDDEN
    assert (
        ask(post, "connect", ["notes/ada"], **{**ada, "content-type": "text/plain"}) == HTTPStatus.BAD_REQUEST
    )
    assert stand_in.received == []
    assert ask(post, "connect", ["notes/ada"], **ada) == HTTPStatus.NO_CONTENT
    assert ask(post, "connect", ["news"]) == HTTPStatus.NO_CONTENT
    assert ask(post, "disconnect", ["notes/ada"], **ada) == HTTPStatus.NO_CONTENT
    assert [each.path for each in stand_in.received] == ["/connect", "/connect", "/disconnect"]


def test_a_body_that_is_too_long_is_not_read_whole(post: Post) -> None:
    for verb in ("connect", "disconnect"):
        status, _ = post(verb, b" " * (300 << 10), **{"content-type": "application/json"})
        assert status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_a_genuine_webhook_is_handed_over_and_any_other_is_refused(post: Post, push: Push[str]) -> None:
    heard: list[Any] = []
    push.on("signoff")(heard.append)
    body = json.dumps({"id": "1", "type": "signoff", "session": "a"}).encode()
    headers = signed_headers(read_secret(SECRET), "1", int(time.time()), body)
    assert post("webhook", body, **headers)[0] == HTTPStatus.NO_CONTENT
    assert post("webhook", body)[0] == HTTPStatus.UNAUTHORIZED
    assert [event["session"] for event in heard] == ["a"]


def test_a_page_gets_its_session_and_the_client(post: Post) -> None:
    status, script = post("comet.js", method="GET")
    assert status == HTTPStatus.OK
    assert 'new Comet("https://push.example.org/comet"' in script
    assert "export const headers = {};" in script
    assert "backendHeaders: () => headers" in script
    status, client = post("client/comet.js", method="GET")
    assert (status, "export class Comet" in client) == (HTTPStatus.OK, True)
    for name in ("secret.js", "..%2f..%2fapplication.py", "%2e%2e"):
        assert post(f"client/{name}", method="GET")[0] == HTTPStatus.NOT_FOUND


def test_what_is_updated_is_sent_without_waiting(push: Push[str], stand_in: StandIn) -> None:
    push.update("notes/ada", {"number": 0})
    assert push.outbox.flush(10)
    assert json.loads(stand_in.received[0].body) == [{"path": "notes/ada", "message": {"number": 0}}]
