"""What several workers serve: paths that are the nodes of a pub/sub service."""

from __future__ import annotations

import os

from cometary import App, Session
from cometary.xmpp import Component
from cometary.xmpp.pubsub import PathNodes, PubSubRequest, PubSubService
from tests.xmpp.peer import DOMAIN, SECRET


def anything(_: PubSubRequest) -> bool:
    return True


app = App()
component = Component(DOMAIN, SECRET, port=int(os.environ.get("XMPP_PORT", "5347")))
component.add(PubSubService(PathNodes(app, "polls/**", allow=anything)))
app.child(component.child())


@app.signon
def hear(session: Session) -> None:
    session.connect("polls/1")


@app.packet("tell")
def tell(_session: Session, _path: str, message: object) -> None:
    app.update("polls/1", message)
