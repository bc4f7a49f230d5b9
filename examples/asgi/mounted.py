"""The example of "Have the sessions in an ASGI server": sessions that are mounted in FastAPI."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from cometary import App
from cometary.asgi import CometASGI
from cometary.config import Settings

app = App()
comet = CometASGI(app, Settings())


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
    """Run the sessions as long as the site."""
    async with comet.running():
        yield


application = FastAPI(lifespan=lifespan)
application.mount("/comet", comet)
