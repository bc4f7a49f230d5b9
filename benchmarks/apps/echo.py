"""The application that the push benchmark serves: one shared path, and an echo.

Every session is connected to ``news``, so that one update reaches all of them; what a
client sends to ``echo`` comes back to it alone.

    cometary serve benchmarks.apps.echo:app
"""

from __future__ import annotations

from cometary import App, Session

app = App()


@app.signon
def joined(session: Session) -> None:
    """Connects a new session to the path that every session shares."""
    session.connect("news")


@app.packet("echo")
def echo(session: Session, path: str, message: object) -> None:
    """Sends a client's packet back to it."""
    session.send(path, message)
