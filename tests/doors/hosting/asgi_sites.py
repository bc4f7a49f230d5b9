"""ASGI applications, each of which does one thing to whoever serves it; on either loop."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from sniffio import current_async_library
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

stages: list[str] = []
pulled: list[int] = []
left: list[str] = []

CHUNK = 64 * 1024
MANY = 200


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncGenerator[dict[str, str]]:
    stages.append("startup")
    yield {"loop": current_async_library()}
    stages.append("shutdown")


async def echo(request: Request) -> JSONResponse:
    """Tell what was asked."""
    return JSONResponse(
        {
            "path": request.scope["path"],
            "query": dict(request.query_params),
            "body": (await request.body()).decode(),
            "client": request.client and request.client.host,
            "loop": request.state.loop,
        }
    )


async def fail(_: Request) -> Response:
    """Raise."""
    raise ValueError("a view that fails")


async def pieces(_: Request) -> Response:
    """Answer bit by bit."""

    async def numbers() -> AsyncIterator[bytes]:
        for number in range(100):
            yield b"%d\n" % number

    return StreamingResponse(numbers(), media_type="text/plain")


class Endless:
    """Answers without an end, until nobody reads."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                pulled.append(1)
                await send({"type": "http.response.body", "body": b"x" * CHUNK, "more_body": True})
        except OSError:
            left.append("endless")
            raise


async def wait(request: Request) -> Response:
    """Wait for the client to leave."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    left.append("wait")
    return PlainTextResponse("too late")


async def upload(request: Request) -> Response:
    """Read a long body bit by bit, and tell what it was."""
    digest, total = hashlib.sha256(), 0
    try:
        async for piece in request.stream():
            digest.update(piece)
            total += len(piece)
            pulled.append(total)
    except ClientDisconnect:
        left.append("upload")
        raise
    return PlainTextResponse(f"{total} {digest.hexdigest()}")


async def ignore(_: Request) -> Response:
    """Answer, whatever comes."""
    return PlainTextResponse("as you like")


async def slow(_: Request) -> Response:
    """Take a while."""
    await anyio.sleep(0.2)
    return PlainTextResponse("done")


async def chat(socket: WebSocket) -> None:
    """Send back what comes, and note how it ends."""
    await socket.accept(subprotocol="chat", headers=[(b"x-room", b"1")])
    try:
        while (text := await socket.receive_text()) != "bye":
            await socket.send_bytes(text.encode())
        await socket.close(4000, "so long")
    except WebSocketDisconnect as error:
        left.append(str(error.code))


async def refuse(socket: WebSocket) -> None:
    """Take no WebSocket."""
    await socket.close()


async def break_off(socket: WebSocket) -> None:
    """Raise, once there is one."""
    await socket.accept()
    raise ValueError("a chat that fails")


async def count(socket: WebSocket) -> None:
    """Read one after the other, with something else to do in between."""
    await socket.accept()
    for number in range(MANY):
        await anyio.lowlevel.checkpoint()
        await socket.receive_bytes()
        pulled.append(number)
    await socket.send_text("all")


site = Starlette(
    routes=[
        Route("/echo/{name:path}", echo, methods=["POST"]),
        Route("/fail", fail),
        Route("/pieces", pieces),
        Route("/endless", Endless()),
        Route("/wait", wait),
        Route("/slow", slow),
        Route("/upload", upload, methods=["POST"]),
        Route("/ignore", ignore, methods=["POST"]),
        WebSocketRoute("/chat", chat),
        WebSocketRoute("/refuse", refuse),
        WebSocketRoute("/break-off", break_off),
        WebSocketRoute("/count", count),
    ],
    lifespan=lifespan,
)


async def silent(scope: Any, receive: Any, send: Any) -> None:
    """Say nothing at all."""


async def never_begins(scope: Any, receive: Any, send: Any) -> None:
    """Take for ever to start."""
    await anyio.sleep_forever()
