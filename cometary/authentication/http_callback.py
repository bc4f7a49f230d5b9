"""A back-end that is asked about each token, by a signed HTTP request.

1.  A question is asked beside everything else: no push and no other session waits for the answer. Its
    time-out is the whole time, waiting for its turn included.
2.  At most `connections` questions are under way, and at most `max_waiting` wait. Further ones are refused
    (`too-many-sessions`), and their clients told to try again.
3.  The answer is a verdict only if its status says so: 2xx with a JSON object lets in, 401 and 403 do
    not. Anything else, and no answer in time, is the back-end's trouble: the client is told to try again
    (`internal-error`), and nobody is let in or turned away for good.
4.  Requests are signed as webhooks are. Only the operator's URL is ever asked for: no redirect is followed,
    no proxy taken from the environment. The log shows neither the URL, whose path may be a
    credential, nor the token.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any, Final, cast

import httpx
import trio

from cometary.authentication.served import ServedAuthenticator
from cometary.authentication.signature import read_secret, signed_headers
from cometary.errors import ProtocolError, UsageError
from cometary.log import get_logger
from cometary.packets.patterns import are_patterns
from cometary.sessions.admission import Admission, Applicant, is_seconds
from cometary.transport.codecs import json

if TYPE_CHECKING:
    from cometary.sessions.admission import Verdict

logger = get_logger("cometary.authentication")

REFUSALS: Final = frozenset({httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})
MOST_READ: Final = 64 << 10
"""Bytes of an answer's body at most; the rest of a longer one is read and thrown away."""

QUIET: Final = 10.0
"""Seconds between two warnings that there is no verdict."""

RETRY_AFTER: Final = 1
"""Seconds after which a client that there was no room for is told to try again."""


class HttpCallback(ServedAuthenticator):
    """Lets in whom a back-end lets in.

    It is asked by `POST`, with a JSON object of `id`, `type` (`authenticate`), `token`, `address` and, if the
    client is a page, its `origin`. The members of the object that it answers with become the session's
    data; `expires`, if it is there, is the number of seconds that the session may last, and `paths` is a list of what
    the client may connect itself to.

    Args:
        url: whom to ask.
        secret: the key of the signatures, as Standard Webhooks writes it: `whsec_` and base64.
        timeout: seconds that a verdict takes at most.
        connections: questions at one time.
        max_waiting: further questions that wait.

    Raises:
        UsageError: if the secret or the URL is none; the caller's fault. The message does not repeat it.
    """

    def __init__(
        self, url: str, *, secret: str, timeout: float = 5.0, connections: int = 8, max_waiting: int = 1000
    ) -> None:
        try:
            self._key = read_secret(secret)
        except ValueError as error:
            raise UsageError(str(error)) from None
        self._url = _read_url(url)
        self._timeout = timeout
        self._connections = connections
        self._room = connections + max_waiting
        self._client: httpx.AsyncClient | None = None
        self._life = secrets.token_hex(8)
        self._count = 0
        self._quiet_until = 0.0

    async def run(self, *, task_status: trio.TaskStatus[object]) -> None:
        """Keep the connections to the back-end; an async function for a supervisor."""
        most = self._connections
        async with httpx.AsyncClient(
            timeout=None,  # noqa: S113 - that of the question is Trio's, and is about all parts of it together
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=most, max_keepalive_connections=most),
        ) as client:
            self._client = client
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._client = None

    async def judge(self, applicant: Applicant) -> Verdict:
        """Ask the back-end.

        Raises:
            ProtocolError: `too-many-sessions` or `internal-error`: there is no verdict; the back-end's
                trouble, try later.
        """
        if not self._room:
            detail = "too many clients wait for the back-end that judges their tokens"
            raise ProtocolError("too-many-sessions", detail, retry_after=RETRY_AFTER)
        self._room -= 1
        try:
            with trio.fail_after(self._timeout):
                return await self._ask(applicant)
        except (httpx.HTTPError, trio.TooSlowError, OSError) as error:
            raise self._no_verdict(type(error).__name__) from None
        finally:
            self._room += 1

    async def _ask(self, applicant: Applicant) -> Verdict:
        if self._client is None:
            raise self._no_verdict("nothing keeps its connections")
        body, headers = self._question(applicant)
        async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
            answer = await _read(response)
        if response.status_code in REFUSALS:
            return False
        if not response.is_success:
            raise self._no_verdict(f"status {response.status_code}")
        admission = _read_admission(answer)
        if admission is None:
            raise self._no_verdict("no JSON object of the right form")
        return admission

    def _question(self, applicant: Applicant) -> tuple[bytes, dict[str, str]]:
        self._count += 1
        number = f"{self._life}-{self._count}"
        origin = {} if applicant.origin is None else {"origin": applicant.origin}
        body = json.encode(
            {
                "id": number,
                "type": "authenticate",
                "token": applicant.token,
                "address": applicant.address,
                **origin,
            }
        )
        signed = signed_headers(self._key, number, int(time.time()), body)
        # What is compressed could be much larger than it looks.
        plain = {"accept-encoding": "identity", "content-type": "application/json", "user-agent": "cometary"}
        return body, {**plain, **signed}

    def _no_verdict(self, problem: str) -> ProtocolError:
        if trio.current_time() >= self._quiet_until:
            self._quiet_until = trio.current_time() + QUIET
            text = f"The back-end that judges tokens gave no verdict: {problem}"
            logger.warning("no verdict on a token", text=text, problem=problem)
        return ProtocolError("internal-error", "the back-end that judges tokens gave no verdict")

    def __repr__(self) -> str:
        return f"<HttpCallback, {self._connections} connections>"


def _read_url(url: str) -> httpx.URL:
    try:
        read = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):  # the latter from `idna`, for a name that is not one
        read = httpx.URL()
    if read.scheme not in {"http", "https"} or not read.host:
        raise UsageError("the URL of a back-end is an absolute one of http or https")
    return read


async def _read(response: httpx.Response) -> bytes | None:
    """Return the body; None if it is too long. It is read to its end, so that the connection can be used again."""
    body = b""
    async for chunk in response.aiter_raw():
        if len(body) <= MOST_READ:
            body += chunk
    return body if len(body) <= MOST_READ else None


def _read_admission(body: bytes | None) -> Admission | None:
    try:
        answer = None if body is None else json.decode(body)
    except ProtocolError:
        return None
    if not isinstance(answer, dict):
        return None
    data = cast("dict[str, Any]", answer)
    expires, paths = data.pop("expires", None), data.pop("paths", ())
    if not are_patterns(paths):
        return None
    if expires is None:
        return Admission(data, paths=paths)
    return Admission(data, expires, paths) if is_seconds(expires) and expires > 0 else None
