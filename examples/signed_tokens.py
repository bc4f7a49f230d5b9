"""Sessions for the users of a back-end that signs tokens.

TOKEN_SECRET=… cometary serve examples.signed_tokens:app
"""

import os

from cometary import App, Session
from cometary.authentication import SignedToken

app = App(authenticate=SignedToken(os.environ["TOKEN_SECRET"]))


@app.signon
def joined(session: Session) -> None:
    """Let the user hear what is meant for that user alone."""
    session.connect(f"users/{session.user}")
