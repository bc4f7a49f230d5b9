"""An application with a history, presence and permissions, that can be asked to lose a session."""

from __future__ import annotations

from cometary import App, Session

app = App()
app.path("chat/*", history=5, presence=True)
app.path("news", history=5)
app.path("sky/*", history=5)


@app.authorize("chat/*")
def may_hear(_session: Session, path: str) -> bool:
    """Let everybody hear all rooms but one."""
    return path != "chat/secret"


@app.authorize("sky/*", stars=True)
@app.authorize("stars/*", stars=True)
def may_hear_all(_session: Session, _path: str) -> bool:
    """Let everybody hear these by a pattern."""
    return True


@app.peer
def may_send(_session: Session, _name: str, path: str, _message: object) -> bool:
    """Let everybody whisper."""
    return path == "whisper"


@app.signon
def joined(session: Session) -> None:
    """Connect the session to the news itself."""
    session.connect("news")


@app.packet("name")
def name(session: Session, _path: str, _message: object) -> str:
    """Answer what the session is called."""
    return session.name


@app.packet("publish")
def publish(_session: Session, _path: str, message: list[int]) -> None:
    """Send some updates to all three paths."""
    for update in message:
        app.update("chat/a", update)
        app.update("news", update)
        app.update(f"sky/{min(update, 6) % 2}", update)


@app.packet("lose")
def lose(session: Session, _path: str, message: list[int]) -> None:
    """Lose the session, and send some updates before its client is back."""
    session._hub.end(session._keeper, "failed")
    publish(session, "publish", message)
