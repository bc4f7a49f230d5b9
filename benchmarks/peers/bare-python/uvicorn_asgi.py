"""A bare ASGI application on uvicorn (uvloop, httptools)."""

import asyncio
import sys

import uvicorn
from core import comet, publish


async def app(scope, receive, send):
    body, more = b"", True
    while more:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
    if scope["path"] == "/comet":
        fut = asyncio.get_running_loop().create_future()

        def reply(b):
            if not fut.done():
                fut.set_result(b)

        session = comet(body, reply)
        if not fut.done():
            gone = asyncio.ensure_future(receive())  # http.disconnect
            await asyncio.wait({fut, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not fut.done():
                if session.held is reply:
                    session.held = None
                return
            gone.cancel()
        out = fut.result()
    else:
        out = publish(scope["path"], body)
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(out))],
        }
    )
    await send({"type": "http.response.body", "body": out})


uvicorn.run(
    app,
    host="127.0.0.1",
    port=int(sys.argv[1]),
    loop="uvloop",
    http="httptools",
    access_log=False,
    log_level="warning",
    backlog=4096,
    timeout_keep_alive=75,
    lifespan="off",
)
