"""What a server may answer to any bytes whatever, and nothing else."""

from __future__ import annotations

import re
from typing import Any, Final, cast

import cbor2
import msgspec

from cometary.errors import CONDITIONS

OURS: Final = {"internal-error", "shutting-down"}
"""Conditions that would be the server's fault; no request may bring them about."""

BOSH_CONDITION: Final = re.compile(rb"condition=['\"]([a-z-]+)")
BOSH_STATUSES: Final = frozenset({400, 403, 404})
"""What clients get that say no version."""

HEADS_ONLY: Final = frozenset({100, 204, 304})
OK: Final = "ok"
CLOSED: Final = "closed"
NOT_FOUND: Final = "not-found"


class WrongAnswerError(Exception):
    """The server answered what the protocol does not have."""


def outcome(received: bytes, before: int = 0) -> str:
    """Say what all that came on one connection, up to its end, amounts to.

    Args:
        received: what came.
        before: how many flawless requests for what is not there came before the one in question. Each of
            them has to be answered, whatever came with it.

    Returns:
        `closed` if nothing came; the condition of the last answer if that is an error; else `ok`.

    Raises:
        WrongAnswerError: it is no row of responses, or one of them is no stated error.
    """
    answered: list[str] = []
    while received:
        head, blank, received = received.partition(b"\r\n\r\n")
        if not blank:
            raise WrongAnswerError(f"half a head: {head!r}")
        status, headers = _read_head(head)
        if b"transfer-encoding" in headers:
            answered.append(OK)  # a stream, which ends with its connection
            break
        length = 0 if status in HEADS_ONLY else int(headers[b"content-length"])
        body, received = received[:length], received[length:]
        if len(body) < length:
            raise WrongAnswerError(f"half a body: {body!r}")
        answered.append(_meaning(status, body, headers))
    if answered[:before] != [NOT_FOUND] * before:
        raise WrongAnswerError(f"{answered!r} to {before} requests for nothing, and another")
    return answered[-1] if answered[before:] else CLOSED


def _read_head(head: bytes) -> tuple[int, dict[bytes, bytes]]:
    first, *lines = head.split(b"\r\n")
    version, status, _ = first.split(b" ", 2)
    if version != b"HTTP/1.1":
        raise WrongAnswerError(f"no status line: {first!r}")
    pairs = (line.partition(b": ") for line in lines)
    return int(status), {name.lower(): value for name, _, value in pairs}


def _meaning(status: int, body: bytes, headers: dict[bytes, bytes]) -> str:
    if headers.get(b"content-type", b"").startswith(b"text/xml"):
        found = BOSH_CONDITION.search(body)
        if found is None and status not in {200, *BOSH_STATUSES}:
            raise WrongAnswerError(f"status {status} with {body!r}")
        return found[1].decode() if found else OK if status == 200 else f"status-{status}"
    return OK if status < 300 else _condition(status, body, headers)


def _condition(status: int, body: bytes, headers: dict[bytes, bytes]) -> str:
    decode = cbor2.loads if headers[b"content-type"] == b"application/cbor" else msgspec.json.decode
    error = cast("dict[str, Any]", decode(body))
    if error.keys() == {"code", "message"} and status == 400:
        return f"code-{error['code']}"  # as Engine.IO has them
    condition = error["error"]
    if CONDITIONS.get(condition) != status or condition in OURS or not error["detail"]:
        raise WrongAnswerError(f"status {status} with {error!r}")
    return str(condition)
