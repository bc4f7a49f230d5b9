"""What the clients renew their tokens with: any token is good, for half a second, and named in the session's data."""

from __future__ import annotations

from cometary import App, Session
from cometary.authentication import Admission

LIFETIME = 0.5
"""Seconds."""


def judge(token: object) -> Admission | bool:
    """Take numbered tokens."""
    return Admission({"user": "ada"}, LIFETIME) if str(token).startswith("token ") else False


app = App(authenticate=judge)


@app.packet("who")
def who(session: Session, path: str, _message: object) -> None:
    """Say whose session it is."""
    session.send(path, session.user)
