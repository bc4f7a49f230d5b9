"""A connection to Redis for the lane: opened, signed in, its database chosen."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Final

import trio

from cometary.cluster.redis.url import EngineURL
from cometary.cluster.redis.wire import Refusal, Reply, ReplyReader, command
from cometary.errors import EngineError
from cometary.escapes import leaves
from cometary.transport.net.vanished import notice_when_it_vanishes

PATIENCE: Final = 2.0
"""Seconds to wait for a connection, or for one answer."""


async def open_stream(url: EngineURL) -> trio.abc.Stream:
    """Connect.

    Raises:
        OSError: nobody is there; the text says of what.
    """
    try:
        with trio.fail_after(PATIENCE):
            if url.port is None:
                return await trio.open_unix_socket(url.host)
            stream = await trio.open_tcp_stream(url.host, url.port)
            notice_when_it_vanishes(stream)
            return await _secured(url, stream) if url.tls else stream
    except trio.TooSlowError:
        raise unreachable(url, "it does not answer") from None
    except (trio.BrokenResourceError, OSError) as error:  # Trio has a group of all that it has tried
        raise unreachable(url, next(leaves(error.__cause__ or error))) from None


async def _secured(url: EngineURL, stream: trio.SocketStream) -> trio.abc.Stream:
    secured = trio.SSLStream(stream, ssl.create_default_context(), server_hostname=url.host)
    try:
        await secured.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return secured


def unreachable(url: EngineURL, reason: object) -> OSError:
    """Return the error for an engine that is not there."""
    return OSError(f"the engine at {url} cannot be reached: {reason}")


async def sign_in(url: EngineURL, stream: trio.abc.Stream) -> None:
    """Say who calls, and which database is meant.

    Raises:
        EngineError: the server refuses; the operator's fault.
        OSError: the connection breaks.
    """
    first = [command("SELECT", url.database)]
    if url.password is not None:
        first.insert(0, command("AUTH", *([] if url.user is None else [url.user]), url.password))
    replies = await converse(url, stream, first)
    for reply in replies:
        if isinstance(reply, Refusal):
            raise EngineError(f"the engine at {url} refuses to go on: {reply.text}")


async def converse(url: EngineURL, stream: trio.abc.Stream, commands: Sequence[bytes]) -> list[Reply]:
    """Say something, and return the replies.

    Raises:
        OSError: the connection breaks, or nothing comes.
        EngineError: what comes is not Redis's protocol.
    """
    reader, replies = ReplyReader(), list[Reply]()
    with trio.move_on_after(PATIENCE):
        await stream.send_all(b"".join(commands))
        while len(replies) < len(commands):
            data = await stream.receive_some()
            if not data:
                raise unreachable(url, "it has closed the connection")
            replies += reader.feed(bytes(data))
    if len(replies) < len(commands):
        raise unreachable(url, "it does not answer")
    return replies


async def ask_once(url: EngineURL, asked: bytes) -> Reply:
    """Ask a server one thing, over a connection of its own, without signing in if that is not wanted.

    Raises:
        OSError: nobody is there, or answers; the text says of what.
        EngineError: the server refuses; the operator's fault.
    """
    stream = await open_stream(url)
    try:
        if url.password is not None:
            await sign_in(url, stream)
        [reply] = await converse(url, stream, [asked])
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        raise unreachable(url, error.__cause__ or error) from None
    finally:
        await trio.aclose_forcefully(stream)
    return reply
