"""What the clients renew their tokens with: any numbered token is ada's, and good for a second."""

from __future__ import annotations

from cometary import App, Session
from cometary.authentication import Admission

LIFETIME = 1.0
"""Seconds."""


def judge(token: object) -> Admission | bool:
    """Take numbered tokens."""
    return Admission({"user": "ada"}, LIFETIME) if str(token).startswith("token ") else False


app = App(authenticate=judge)


@app.packet("who")
def who(session: Session, path: str, _message: object) -> None:
    """Say whose session it is."""
    session.send(path, session.user)
