"""The same chat, for the same clients.

cometary serve examples.migrating.after_socketio:app --socketio /socket.io/
"""

from cometary import App, Session
from cometary.errors import RefusedError

USERS = {"t0": "ada", "t1": "grace"}

app = App()


@app.authenticate
def judge(token: object) -> dict[str, object] | bool:
    """Say who a client is: what is returned becomes the session's data."""
    user = USERS.get(token) if isinstance(token, str) else None
    return {"user": user} if user is not None else False


@app.packet("enter")
def enter(session: Session, _path: str, room: object) -> str:
    """Let a client into a room, and acknowledge it."""
    session.connect(f"said/{room}")
    return "entered"


@app.packet("say")
def say(session: Session, _path: str, message: tuple[str, str]) -> None:
    """Tell everybody else who is in the room."""
    room, text = message
    if f"said/{room}" not in session.paths:
        raise RefusedError("Enter the room first.")
    app.update(f"said/{room}", {"user": session.user, "text": text}, exclude=session)


@app.signoff
def left(session: Session, reason: str, undelivered: object) -> None:
    """Say who has left, and what they did not get."""
    print(session.user, "has left:", reason, undelivered)
