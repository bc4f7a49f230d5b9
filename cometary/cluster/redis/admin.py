"""Checks whether a server can be the engine, and loads the functions: by coredis, since none of this is frequent.

For each mistake that an operator can make, one line says what to change.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, Final, NamedTuple

from coredis import Redis
from coredis.exceptions import (
    AuthenticationError,
    AuthenticationRequiredError,
    AuthorizationError,
    BusyLoadingError,
)
from coredis.exceptions import ConnectionError as CoredisConnectionError
from coredis.retry import NoRetryPolicy

from cometary.cluster.redis.connection import PATIENCE, unreachable
from cometary.cluster.redis.lane import ADVICE
from cometary.cluster.redis.logs import LOG_FUNCTIONS
from cometary.cluster.redis.url import EngineURL
from cometary.errors import EngineError
from cometary.escapes import leaves

FUNCTIONS: Final = files("cometary.cluster.redis").joinpath("session.lua").read_text()

OLDEST: Final = 7
"""The first version of Redis that has functions; Valkey says that it is compatible with 7."""

FAULTS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (AuthenticationRequiredError, "wants a password: redis://:PASSWORD@…"),
    (AuthenticationError, "does not take this user or password"),
    (AuthorizationError, "does not let this user do what is needed"),
)
"""What to say of those errors of coredis that an operator has to do something about."""


class Wanted(NamedTuple):
    """What a server has to be, beyond what every server has to be.

    Attributes:
        cluster: whether it may be one of a Redis Cluster.
        replicas: how many it has to have, at least.
    """

    cluster: bool = False
    replicas: int = 0


@asynccontextmanager
async def administrator(url: EngineURL) -> AsyncGenerator[Redis[bytes]]:
    """Connect by coredis, until the end of the block."""
    where: dict[str, Any] = {"host": url.host, "port": url.port}
    if url.port is None:
        where = {"unix_socket_path": url.host}
    client: Redis[bytes] = Redis(
        **where,
        db=url.database,
        username=url.user,
        password=url.password,
        ssl_context=ssl.create_default_context() if url.tls else None,
        stream_timeout=PATIENCE,
        connect_timeout=PATIENCE,
        verify_version=False,
        retry_policy=NoRetryPolicy(),
    )
    async with client:
        yield client


async def prepare(url: EngineURL, wanted: Wanted) -> str:
    """Check that the server at `url` can be the engine, and load the functions.

    Args:
        url: where it is.
        wanted: what else it has to be.

    Returns:
        What distinguishes this process of the server from any other: its `run_id`.

    Raises:
        EngineError: it cannot, as it is; the operator's fault.
        OSError: it is not there, or not ready yet.
    """
    try:
        async with administrator(url) as client:
            incarnation = await check(url, client, wanted)
            await client.function_load(FUNCTIONS, replace=True)
            await client.function_load(LOG_FUNCTIONS, replace=True)
    except Exception as error:  # noqa: BLE001 - coredis raises its errors in groups, some of them in others
        raise translated(url, _first(error)) from None
    return incarnation


async def check(url: EngineURL, client: Redis[bytes], wanted: Wanted) -> str:
    """Check that the server can be the engine; returns its `run_id`.

    Raises:
        EngineError: it cannot, as it is; the operator's fault.
    """
    about: dict[str, Any] = dict(await client.info())
    mode = about.get("redis_mode", about.get("server_mode"))
    if mode == "sentinel":
        raise EngineError(f"the engine at {url} is a sentinel: name it redis+sentinel://HOST:PORT,…/MASTER")
    if mode == "cluster" and not wanted.cluster:
        raise EngineError(
            f"the engine at {url} is one of a Redis Cluster: name it redis+cluster://HOST:PORT,…"
        )
    version = str(about.get("redis_version", "0"))
    if int(version.partition(".")[0]) < OLDEST:
        raise EngineError(
            f"the engine at {url} is Redis {version}; it has to be Redis {OLDEST} or later, or Valkey"
        )
    if about.get("role") != "master":
        master = f"{about.get('master_host')}:{about.get('master_port')}"
        raise EngineError(
            f"the engine at {url} is a replica of {master}; name the server that accepts writes"
        )
    policy = about.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise EngineError(
            f"the engine at {url} would drop sessions when its memory is full: "
            f"set its maxmemory-policy to noeviction (it is {policy})"
        )
    replicas = int(about.get("connected_slaves", 0))
    if replicas < wanted.replicas:
        raise EngineError(
            f"the engine at {url} has {replicas} replicas, and engine-replicas asks for {wanted.replicas}"
        )
    return str(about.get("run_id", ""))


def _first(error: BaseException) -> BaseException:
    return next(leaves(error))


def translated(url: EngineURL, error: BaseException) -> Exception:
    """Return the error to raise for one of coredis's."""
    if isinstance(error, EngineError):
        return error
    for kind, text in FAULTS:
        if isinstance(error, kind):
            return EngineError(f"the engine at {url} {text}")
    if isinstance(error, BusyLoadingError | CoredisConnectionError | OSError):
        return unreachable(url, _reason(error))
    advice = ADVICE.get(str(error).partition(" ")[0], f"cannot be used: {error}")
    return EngineError(f"the engine at {url} {advice}")


def _reason(error: BaseException) -> str:
    while error.__cause__ is not None or error.__context__ is not None:
        error = _first(error.__cause__ or error.__context__ or error)
    return str(error) or type(error).__name__
