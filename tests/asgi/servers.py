"""ASGI servers on free ports: Hypercorn on this test's own Trio, uvicorn in a thread."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import trio
import uvicorn
from hypercorn.config import Config
from hypercorn.trio import serve  # pyright: ignore[reportUnknownVariableType]

from cometary.asgi.types import Application


def quiet(**settings: Any) -> Config:
    """A configuration of Hypercorn for a free port, without a log."""
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.errorlog = config.accesslog = None
    config.graceful_timeout = 0.5
    for name, value in settings.items():
        setattr(config, name, value)
    return config


@contextmanager
def collector_as_it_was() -> Generator[None]:
    """Undo at the end what the application does to the process's collector of garbage."""
    thresholds, callbacks = gc.get_threshold(), gc.callbacks.copy()
    try:
        yield
    finally:
        gc.callbacks[:] = callbacks
        gc.set_threshold(*thresholds)
        gc.unfreeze()


@asynccontextmanager
async def hypercorn(
    application: Application, shutdown: trio.Event | None = None, **settings: Any
) -> AsyncGenerator[str]:
    """Serve an application by Hypercorn on Trio; yields its URL."""
    ended = trio.Event() if shutdown is None else shutdown
    with collector_as_it_was():
        async with trio.open_nursery() as nursery:

            async def run(*, task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED) -> None:
                await serve(
                    application,  # type: ignore[arg-type]
                    quiet(**settings),
                    shutdown_trigger=ended.wait,
                    task_status=task_status,
                )

            binds: list[str] = await nursery.start(run)
            try:
                yield binds[0]
            finally:
                ended.set()


@contextmanager
def uvicorn_server(application: Application) -> Generator[str]:
    """Serve an application by uvicorn, on asyncio in a thread; yields its URL."""
    config = uvicorn.Config(
        application, port=0, log_level="error", lifespan="on", timeout_graceful_shutdown=1
    )
    server, started = uvicorn.Server(config), threading.Event()

    async def main() -> None:
        serving = asyncio.ensure_future(server.serve())
        while not server.started and not serving.done():  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        started.set()
        await serving

    collector = collector_as_it_was()
    collector.__enter__()
    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    started.wait()
    try:
        host, port = server.servers[0].sockets[0].getsockname()
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join()
        collector.__exit__(None, None, None)
