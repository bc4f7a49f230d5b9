"""A polling station with readers of tags, as there was one at events around 2009: results in browsers, and over XMPP.

cometary serve examples.polling_station.app:app, and with XMPP_SECRET=secret a component of an XMPP server, too.
"""

import os
from pathlib import Path

from cometary import App, Session
from cometary.errors import RefusedError
from cometary.supervision import ChildSpec
from cometary.xmpp import Component
from cometary.xmpp.pubsub import PathNodes, PubSubRequest, PubSubService
from examples.polling_station.ballot import Question
from examples.polling_station.station import Station
from examples.polling_station.visitors import walk_by

CITIES = (  # noqa: SIM905 - they would be fifty lines
    "Lisbon Amsterdam Kraków Ghent Tallinn Bologna Porto Utrecht Leipzig Ljubljana Vienna Bergen Turin Sofia Riga "
    "Valencia Aarhus Brno Nantes Zagreb Bilbao Graz Vilnius Malmö Lyon Gdańsk Basel Cork Tartu Bruges Seville Oulu "
    "Wrocław Trieste Rotterdam Maribor Glasgow Linz Kaunas Plovdiv Uppsala Delft Girona Odense Lublin Košice Bath Ulm "
    "Nijmegen Split"
).split()
QUESTIONS = (
    Question("where", "Where shall we meet next year?", CITIES),
    Question("drink", "What do you drink?", ("Coffee", "Tea", "Club-Mate", "Water")),
)
PEOPLE = {f"{number:08x}": f"person {number}" for number in range(0x04A1_0000, 0x04A1_0000 + 2000)}
STRANGERS = [f"{number:08x}" for number in range(0xDEAD_0000, 0xDEAD_0000 + 40)]
PATHS = ("polls/where", "polls/drink", "station")

app = App()
app.path("polls/*", when_full="conflate", history=1)
app.path("station", when_full="conflate", history=1)
app.files("/", Path(__file__).parent / "page")
station = Station(app, QUESTIONS, PEOPLE)
for child in station.children():
    app.child(child)
app.child(ChildSpec("visitors", walk_by, (station, [*PEOPLE, *STRANGERS])))


@app.signon
def show(session: Session) -> None:
    """Begin with the results as they are."""
    for path in PATHS:
        session.connect(path, last=1)


@app.packet("plug/reader")
def pull_or_push(_session: Session, _path: str, name: object) -> None:
    """Pull the plug of a reader, or put it in again."""
    port = station.ports.get(name) if isinstance(name, str) else None
    if port is None:
        raise RefusedError("there is no such reader")
    port.plugged = not port.plugged
    station.refresh()


@app.packet("plug/network")
async def cut_or_mend(_session: Session, _path: str, up: object) -> None:
    """Cut the network between the ballot box and the site, or mend it."""
    if up:
        station.network.mend()
    else:
        await station.network.cut()
    station.refresh()


def may_read(request: PubSubRequest) -> bool:
    """Let clients of XMPP subscribe and read."""
    return request.verb in {"subscribe", "unsubscribe", "subscriptions", "items"}


if "XMPP_SECRET" in os.environ:
    component = Component(
        os.environ.get("XMPP_DOMAIN", "polls.localhost"),
        os.environ["XMPP_SECRET"],
        port=int(os.environ.get("XMPP_PORT", "5347")),
        name="The polling station",
    )
    component.add(PubSubService(PathNodes(app, "polls/*", allow=may_read)))
    app.child(component.child())
