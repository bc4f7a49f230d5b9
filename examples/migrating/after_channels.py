"""The same room, as an application of the push server.

COMETARY_TOKEN_SECRET=… cometary serve examples.migrating.after_channels:app
"""

from cometary import App, Session

app = App()


@app.authorize("room/*")
def may_enter(session: Session, _path: str) -> bool:
    """Let everybody in whom Django has given a token."""
    return session.user is not None


@app.packet("room/*")
def said(session: Session, path: str, message: object) -> None:
    """Tell everybody who is in the room."""
    if path in session.paths and isinstance(message, str):
        app.update(path, {"user": session.user, "text": message[:1000]})
