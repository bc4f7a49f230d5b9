"""Push for FastAPI: `app.include_router(router(push, user), prefix="/push")`."""

# Annotations are looked at as they are: FastAPI would not find the dependency by a name in a text.
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from cometary.contrib import events, wishes
from cometary.contrib.push import CLIENT, Push, User

MODULES: Final = frozenset(path.name for path in CLIENT.glob("*.js"))


def router(push: Push[User], user: Callable[..., object]) -> APIRouter:
    """Return the views: `connect`, `disconnect`, `webhook`, and the client in `comet.js` and `client/`.

    Rules, and functions for webhooks, run in threads, as plain `def` views do.

    Args:
        push: What is pushed, and who may hear it.
        user: A dependency that returns who makes the request; None for somebody who has not logged in.
    """
    views = APIRouter()

    @views.post("/connect", include_in_schema=False)
    async def connect(request: Request, who: Annotated[Any, Depends(user)]) -> Response:
        given = request.headers.get("content-type"), await _body(request, wishes.LONGEST)
        return Response(status_code=await run_in_threadpool(push.connect, who, *given))

    @views.post("/disconnect", include_in_schema=False)
    async def disconnect(request: Request) -> Response:
        given = request.headers.get("content-type"), await _body(request, wishes.LONGEST)
        return Response(status_code=await run_in_threadpool(push.disconnect, *given))

    @views.post("/webhook", include_in_schema=False)
    async def webhook(request: Request) -> Response:
        body = await _body(request, events.LONGEST)
        return Response(status_code=await run_in_threadpool(push.webhook, request.headers, body))

    @views.get("/comet.js", include_in_schema=False)
    def script() -> Response:
        return Response(push.script, media_type="text/javascript")

    @views.get("/client/{name}", include_in_schema=False)
    def client(name: str) -> Response:
        if name not in MODULES:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return FileResponse(CLIENT / name, media_type="text/javascript")

    _ = connect, disconnect, webhook, script, client
    return views


async def _body(request: Request, most: int) -> bytes:
    """Read the body, as long as it is no longer than it may be."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return bytes(body)
