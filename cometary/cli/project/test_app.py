"""The application, tried out by two clients at a real server."""

from typing import Any

import trio
from app import app

from cometary.client import Comet
from cometary.config import Address, Settings
from cometary.server import serve

PATIENCE = 10
"""Seconds after which nothing more is going to come."""


def heard_by(comet: Comet) -> trio.MemoryReceiveChannel[tuple[str, Any]]:
    """Return what a client hears: paths and messages."""
    said, heard = trio.open_memory_channel[tuple[str, Any]](100)
    comet.on("*")(lambda message, path: said.send_nowait((path, message)))
    return heard


async def talk() -> None:
    """Let two clients open, and one say something."""
    anywhere = Settings(port=0, control=Address("127.0.0.1", 0))
    async with trio.open_nursery() as nursery:
        running = await nursery.start(serve, anywhere, app)
        one, other = Comet(running.comet), Comet(running.comet)
        channels = heard_by(one), heard_by(other)
        async with one, other:
            for channel in channels:
                path, _ = await channel.receive()
                assert path == "hello"
            one.send("say", ["no", "text"])
            one.send("say", "Good morning")
            for channel in channels:
                path, message = await channel.receive()
                assert (path, message["text"]) == ("said", "Good morning")
        running.stop()


def test_what_one_page_says_every_page_hears() -> None:
    """And nobody hears what is not text."""

    async def in_time() -> None:
        with trio.fail_after(PATIENCE):
            await talk()

    trio.run(in_time)
