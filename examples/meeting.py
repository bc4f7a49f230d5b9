"""A meeting: whoever is in it sees who else is.

cometary serve examples.meeting:app
"""

from cometary import App, Session

app = App()
app.path("meeting/*", presence=True)


@app.packet("enter")
def enter(session: Session, _path: str, message: object) -> int:
    """Let a client into the meeting, under the name that it gives, and answer how many are there."""
    session.data["shown"] = {"nick": str(message)[:20]}
    session.connect("meeting/daily")
    return app.presence("meeting/daily", 0).count
