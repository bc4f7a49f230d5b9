"""Asking the control interface of a running server."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cometary.cli import target
from cometary.errors import ConnectorError, ControlError

if TYPE_CHECKING:
    import httpx


@contextmanager
def asking(given: Mapping[str, Any], environment: Mapping[str, str]) -> Generator[httpx.Client]:
    """Yield what asks the control interface; errors of the connection become a `ConnectorError`."""
    url, secret = target.find(given, environment)
    # `--help` need not wait for these.
    import httpx  # noqa: PLC0415

    from cometary.connector import wire  # noqa: PLC0415

    path, options = wire.socket_of(url), wire.client_options(url, secret)
    transport = None if path is None else httpx.HTTPTransport(uds=path)
    try:
        with httpx.Client(**options, transport=transport, timeout=target.TIMEOUT) as client:
            yield client
    except httpx.TransportError as error:
        raise ConnectorError(f"{url} cannot be reached: {error}") from None


def ask(client: httpx.Client, path: str, **query: str) -> Any:
    """Return what the server says.

    Raises:
        ControlError: it refuses.
    """
    answer = client.get(path, params=query)
    check(answer.status_code, answer.content)
    return answer.json()


def check(status: int, body: bytes) -> None:
    """Check that an answer is what was asked for.

    Raises:
        ControlError: it is a refusal.
    """
    if status == 200:  # noqa: PLR2004 - OK
        return
    try:
        said = json.loads(body)
        error = ControlError(said["error"], status, said["detail"])
    except (ValueError, KeyError, TypeError):
        error = ControlError("internal-error", status, "what answers is not a Cometary server")
    raise error


def print_json(value: object) -> None:
    """Print a value in one line."""
    print(json.dumps(value, ensure_ascii=False), flush=True)
