"""What a back-end does to let its users in: it signs who they are, and until when.

This is PyJWT; any library for JSON Web Tokens will do, in any language.
"""

import os
import time

import jwt

LIFETIME = 300
"""Seconds: how long a session goes on without its page having asked for another token."""


def make_token(user: str) -> str:
    """Return a token for a user who is logged in: the answer when the page asks for one."""
    claims = {"sub": user, "exp": int(time.time()) + LIFETIME}
    return jwt.encode(claims, os.environ["TOKEN_SECRET"], "HS256")  # pyright: ignore[reportUnknownMemberType]
