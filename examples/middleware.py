"""A middleware: only whoever names one of the rooms in the URL is let in, and hears that room.

cometary serve examples.middleware:app --socketio /socket.io/, then io("http://127.0.0.1:8080/?room=tea").
"""

from cometary import App, Session
from cometary.authentication import Applicant, Authenticator
from cometary.errors import ProtocolError

ROOMS = {"tea", "coffee"}

app = App()


class Rooms(Authenticator):
    """Wants one of the rooms."""

    def judge(self, applicant: Applicant) -> dict[str, object]:
        """Say who is let in: what is returned becomes the session's data."""
        shown = applicant.handshake
        if shown is None or shown.query.get("room") not in ROOMS:
            raise ProtocolError("unauthorized", "There is no such room.")
        return {"language": shown.headers.get("accept-language")}


app.authenticate(Rooms())


@app.signon
def enter(session: Session) -> None:
    """Let a client hear its room."""
    if session.handshake is not None:
        session.connect(f"rooms/{session.handshake.query['room']}")
