"""Signed tokens: a back-end signs who the user is and until when, and the server asks nobody.

A token is a JSON Web Token (RFC 7519) with HMAC-SHA256 (`HS256`, RFC 7518, section 3.2), for which there
are libraries in every language; PyJWT is what reads it here. Of the many things that such a token may be,
these are refused (RFC 8725): any other algorithm, `none` above all; one without an expiry; one that is
meant for another audience; and (PyJWT sees to it from 2.14 on) one with a signature that a lenient decoder
would take although it is written in another way than the signer wrote it. A clock of a back-end may be a little ahead.
"""

from __future__ import annotations

import secrets as random
import time
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

import jwt  # its keys have types that are unknown where `cryptography`, which this does not need, is missing

from cometary.authentication.used_tokens import UsedTokens
from cometary.errors import UsageError
from cometary.packets.patterns import are_patterns
from cometary.sessions.admission import Admission, Applicant, Authenticator

ALGORITHM: Final = "HS256"
SHORTEST: Final = 32
"""Bytes of a secret; fewer than the digest has would weaken it (RFC 7518, section 3.2)."""

LONGEST: Final = 16 * 1024
"""Characters of a token."""

LEEWAY: Final = 10.0
"""Seconds that the clock of whoever signs may be ahead of ours, for `nbf`; `iat` only informs."""

LAST: Final = 253_402_300_800
"""The end of the year 9999; what is later, or before 1970, is not a date."""

ABOUT_THE_TOKEN: Final = frozenset({"exp", "nbf", "iat", "iss", "aud", "jti"})
"""Claims that are about the token, and not about its bearer."""


class SignedToken(Authenticator):
    """Lets in whoever has a token that was signed with one of the secrets and has not expired.

    The claims become the session's data, but for those that are about the token itself; `sub` is the
    user, unless there is a claim `user`. The claim `paths`, a list of paths and patterns, is what the client may
    connect itself to. The session ends with the token unless it gets another one.

    Args:
        secrets: what tokens are signed with, 32 bytes or more each. Several while one takes the
            place of another: all are good, and the first one signs.
        audience: what the token's `aud` must name; None: it must have none.
        once: whether each token is good once: for one session, or to renew one. It then needs a `jti` of its own.
            What was used is remembered here, and by no other server.

    Raises:
        UsageError: if there is no secret, or one that is too short or a public key; the caller's
            fault. The message does not repeat it.
    """

    def __init__(self, *secrets: str | bytes, audience: str | None = None, once: bool = False) -> None:
        self._used = UsedTokens() if once else None
        self.replace(*secrets, audience=audience)

    def replace(self, *secrets: str | bytes, audience: str | None = None) -> None:
        """Go by other secrets, and another audience, from now on; arguments and errors are those of the class."""
        keys = [_read_key(secret) for secret in secrets]
        if not keys:
            raise UsageError("signed tokens need a secret")
        self._keys = keys
        self._audience = audience

    def judge(self, applicant: Applicant) -> Admission | bool:
        """Say whether the applicant's token is good, and on which terms.

        Raises:
            ProtocolError: `too-many-sessions`: too many tokens that are good once have been used; try later.
        """
        claims = self._claims(applicant.token)
        if claims is None:
            return False
        data = {name: value for name, value in claims.items() if name not in ABOUT_THE_TOKEN}
        if "sub" in claims:
            data.setdefault("user", claims["sub"])
        paths = data.pop("paths", ())
        if not are_patterns(paths) or not self._is_first_use(claims):
            return False
        return Admission(data, claims["exp"] - time.time(), paths)

    def make(
        self, user: str | None = None, *, lifetime: float = 60.0, claims: Mapping[str, Any] | None = None
    ) -> str:
        """Return a token, as a back-end would make it.

        Args:
            user: whose it is; None for nobody's.
            lifetime: seconds until it expires.
            claims: more of what it says.
        """
        expiry = int(time.time() + lifetime)
        named = {} if user is None else {"sub": user}
        meant = {} if self._audience is None else {"aud": self._audience}
        known = {} if self._used is None else {"jti": random.token_urlsafe(16)}
        payload = {"exp": expiry, **named, **meant, **known, **(claims or {})}
        return jwt.encode(payload, self._keys[0], ALGORITHM)  # pyright: ignore[reportUnknownMemberType] - see above

    def _claims(self, token: object) -> dict[str, Any] | None:
        if not isinstance(token, str) or len(token) > LONGEST:
            return None
        for key in self._keys:
            try:
                claims = jwt.decode(  # pyright: ignore[reportUnknownMemberType] - see above
                    token,
                    key,
                    [ALGORITHM],
                    # The times are looked at here: that takes numbers alone, and of any size.
                    options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
                    audience=self._audience,
                )
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, ValueError, OverflowError, RecursionError):
                return None
            return claims if in_time(claims, time.time()) else None
        return None

    def _is_first_use(self, claims: Mapping[str, Any]) -> bool:
        if self._used is None:
            return True
        jti = claims.get("jti")
        return isinstance(jti, str) and jti != "" and self._used.take(jti, claims["exp"], time.time())

    def __repr__(self) -> str:
        return f"<SignedToken, {len(self._keys)} secrets>"


def in_time(claims: Mapping[str, Any], now: float) -> bool:
    """Whether a token with these claims is good at the time `now`, in seconds since 1970."""
    expires, begins = claims.get("exp"), claims.get("nbf", 0)
    return is_date(expires) and is_date(begins) and begins - LEEWAY <= now < expires


def is_date(value: object) -> TypeGuard[float]:
    """Whether a claim is a `NumericDate` (RFC 7519, section 2)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < LAST


def _read_key(secret: str | bytes) -> bytes:
    key = secret.encode() if isinstance(secret, str) else secret
    if len(key) < SHORTEST:
        raise UsageError(f"a secret for signed tokens has {SHORTEST} bytes or more")
    try:
        jwt.get_algorithm_by_name(ALGORITHM).prepare_key(key)
    except jwt.InvalidKeyError:
        raise UsageError("a secret for signed tokens is no public key") from None
    return key
