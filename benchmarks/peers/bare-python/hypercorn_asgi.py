"""A bare ASGI application on hypercorn's Trio worker: what a Trio user has today."""

import sys

import trio
from core import comet, publish
from hypercorn.config import Config
from hypercorn.trio import serve


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            event = await receive()
            await send({"type": event["type"] + ".complete"})
            if event["type"] == "lifespan.shutdown":
                return
    body, more = b"", True
    while more:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
    if scope["path"] == "/comet":
        out = None
        ready = trio.Event()

        def reply(b):
            nonlocal out
            out = b
            ready.set()

        session = comet(body, reply)
        if out is None:
            async with trio.open_nursery() as nursery:

                async def gone():
                    await receive()
                    nursery.cancel_scope.cancel()

                nursery.start_soon(gone)
                await ready.wait()
                nursery.cancel_scope.cancel()
            if out is None:
                if session.held is reply:
                    session.held = None
                return
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


config = Config()
config.bind = [f"127.0.0.1:{sys.argv[1]}"]
config.backlog = 4096
config.keep_alive_timeout = 75
config.keep_alive_max_requests = 10**9
config.loglevel = "ERROR"
trio.run(serve, app, config)
