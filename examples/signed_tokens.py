"""Tokens that a back-end signs and the push server checks, without asking anybody.

TOKEN_SECRET=… cometary serve examples.signed_tokens:app
"""

import hashlib
import hmac
import os
import time

from cometary import App, Session

LIFETIME = 60
"""Seconds: a page opens its session soon after it was loaded. The session may last much longer."""

app = App()


def make_token(user: str) -> str:
    """Return a token for a user that has logged in; the back-end puts it into the page."""
    claim = f"{user}:{int(time.time()) + LIFETIME}"
    return f"{claim}:{sign(claim)}"


def user_of(token: object) -> str | None:
    """Return the user that a token was made for; None if it was not made here, or long ago."""
    claim, _, signature = str(token).rpartition(":")
    if not hmac.compare_digest(signature.encode(), sign(claim).encode()):
        return None
    user, _, expiry = claim.rpartition(":")
    return user if time.time() < int(expiry) else None


def sign(claim: str) -> str:
    """Return what nobody can make who does not know the secret."""
    return hmac.new(os.environ["TOKEN_SECRET"].encode(), claim.encode(), hashlib.sha256).hexdigest()


@app.authenticate
def who(token: object) -> dict[str, str] | bool:
    """Let in whoever has a token that was signed within the last minute, and remember who it is."""
    user = user_of(token)
    return False if user is None else {"user": user}


@app.signon
def joined(session: Session) -> None:
    """Let the user hear what is meant for that user alone."""
    session.connect(f"users/{session.data['user']}")
