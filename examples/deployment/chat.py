"""The application of the examples for containers: what one page says, every page hears."""

from cometary import App, Session

app = App()


@app.signon
def joined(session: Session) -> None:
    """Let the session hear what is said in the lobby."""
    session.connect("chat/lobby")


@app.packet("chat/*")
def chat(session: Session, path: str, message: object) -> None:
    """Pass on what one session says."""
    app.update(path, {"from": session.name, "text": message})
