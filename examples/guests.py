"""An authenticator of one's own: users stay as long as their tokens are renewed, guests for ten minutes.

TOKEN_SECRET=… cometary serve examples.guests:app
"""

import os

from cometary import App, Session
from cometary.authentication import Admission, Applicant, SignedToken

signed = SignedToken(os.environ["TOKEN_SECRET"])
app = App()


@app.authenticate
def admit(token: object) -> Admission | bool:
    """Let in users and guests, and nobody with a token that is not valid."""
    if token is None:
        return Admission({"guest": True}, expires=600)
    return signed.judge(Applicant(token))


@app.signon
def joined(session: Session) -> None:
    """Let everybody hear the news, and users what is meant for them."""
    session.connect("news")
    if not session.data.get("guest"):
        session.connect(f"users/{session.user}")
