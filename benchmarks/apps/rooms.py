"""The same application for clients of Socket.IO, with a room for each: what Socket.IO itself makes for every socket.

cometary serve benchmarks.apps.rooms:app --socketio /socket.io/
"""

from __future__ import annotations

from benchmarks.apps.echo import echo
from cometary import App, Session

app = App()
app.packet("echo")(echo)


@app.signon
def joined(session: Session) -> None:
    """Connects a new session to the path that every session shares, and to one that is called as its client is."""
    session.connect("news", session.name)
