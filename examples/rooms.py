"""Rooms: a client connects itself to those that its user may enter, and asks who made one.

cometary serve examples.rooms:app
"""

from cometary import App, Session
from cometary.errors import RefusedError

MEMBERS = {"room/kitchen": {"ada", "grace"}, "room/office": {"ada"}}

app = App()


@app.signon
def joined(session: Session) -> None:
    """Let everybody be Grace, for want of a login."""
    session.data["user"] = "grace"


@app.authorize("room/*")
def may_enter(session: Session, path: str) -> bool:
    """Say who may hear what."""
    return session.user in MEMBERS.get(path, set())


@app.packet("members")
def members(session: Session, _path: str, room: object) -> list[str]:
    """Answer who may enter a room, but only to those who may."""
    if not isinstance(room, str) or not may_enter(session, room):
        raise RefusedError("Ask somebody who is in that room.")
    return sorted(MEMBERS[room])
