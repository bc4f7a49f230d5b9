"""A count that goes on when the server's process is killed: each session's own."""

from cometary import App, Session

app = App()


@app.packet("count")
def count(session: Session, path: str, message: object) -> None:  # noqa: ARG001
    """Count on, and tell the client."""
    session.data["count"] = session.data.get("count", 0) + 1
    session.send("counted", session.data["count"])


@app.recovered
def recovered(session: Session) -> None:
    """Say that a session goes on here, since its process has ended."""
    print(f"a session goes on, which has counted up to {session.data.get('count', 0)}", flush=True)
