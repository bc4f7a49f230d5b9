"""The application of the model of scale: an echo, which may tell everybody besides.

cometary serve benchmarks.apps.scale:app
"""

from __future__ import annotations

from cometary import App, Session

app = App()


@app.packet("echo")
def echo(session: Session, path: str, message: object) -> None:
    """Send a client's packet back to it."""
    session.send(path, message)


@app.packet("tell")
def tell(session: Session, path: str, message: object) -> None:
    """Send it to whoever listens, and back."""
    app.update("news", message)
    session.send(path, message)


@app.packet("listen")
def listen(session: Session, path: str, message: object) -> None:
    """Have the session hear what everybody is told."""
    session.connect("news")
    session.send(path, message)
