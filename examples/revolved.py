"""What Revolved was for, in today's words: users, channels to publish on and to hear, and messages to one another.

cometary serve examples/revolved.py:app
"""

from dataclasses import dataclass

from cometary import App, Session
from cometary.errors import RefusedError

app = App()


@dataclass(frozen=True)
class User:
    """One user, in memory; Revolved's other plug-in asked a back-end by HTTP, which here is an authenticator, too."""

    password: str = ""
    publish: frozenset[str] = frozenset()
    subscribe: frozenset[str] = frozenset()


ANONYMOUS = User(subscribe=frozenset({"channel/news"}))
USERS = {
    "ada": User("lovelace", frozenset({"channel/news", "channel/chat"}), frozenset({"channel/chat"})),
    "grace": User("hopper", frozenset({"channel/chat"}), frozenset({"channel/news", "channel/chat"})),
}


@app.authenticate
def authorize_connect(token: object) -> dict[str, object] | bool:
    """Let in whoever has a password, and who does not say who it is."""
    match token:
        case None:
            return {}
        case {"user": str(name), "password": str(password)}:
            return {"user": name} if name in USERS and USERS[name].password == password else False
        case _:
            return False


def user_of(session: Session) -> User:
    """Return the user of a session."""
    return USERS.get(str(session.user), ANONYMOUS)


@app.authorize("channel/*")
def authorize_subscribe(session: Session, path: str) -> bool:
    """Say who may hear a channel."""
    return path in user_of(session).subscribe


@app.packet("channel/*")
def publish(session: Session, path: str, message: object) -> None:
    """Publish on a channel, for those who may; whoever asks is answered when that is done."""
    if path not in user_of(session).publish:
        raise RefusedError("Not Allowed")
    app.update(path, {"from": session.user, "payload": message})


@app.peer
def authorize_send(session: Session, _name: str, _path: str, _message: object) -> bool:
    """Say who may send messages to others: users."""
    return session.user is not None
