"""A client of BOSH for tests, written from XEP-0124 and XEP-0206: one request after the other, or several at once."""

from __future__ import annotations

import base64
from typing import Any
from xml.etree import ElementTree as ET

import httpx

from tests.doors.bosh.prosody import PASSWORD

HTTPBIND = "http://jabber.org/protocol/httpbind"
CLIENT = "jabber:client"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"


class Answer:
    """What was answered."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.content = response.content
        self.content_type = response.headers.get("content-type")
        self.root = ET.fromstring(response.content) if response.content else ET.Element("nothing")  # noqa: S314
        self.said = dict(self.root.attrib)
        self.elements = [*self.root]
        self.names = [element.tag.rpartition("}")[2] for element in self.elements]

    @property
    def condition(self) -> str | None:
        """The condition by which the session has ended, if it has."""
        assert self.status == 200
        return self.said.get("condition", "") if self.said.get("type") == "terminate" else None


class BoshClient:
    """One client.

    Args:
        http: by which it asks.
        url: where.
        rid: the id of its first request.
    """

    def __init__(self, http: httpx.AsyncClient, url: str, rid: int = 1_573_741_820) -> None:
        self._http = http
        self.url = url
        self.rid = rid - 1
        self.sid = ""

    async def post(self, body: bytes, **headers: str) -> Answer:
        """Send bytes."""
        return Answer(await self._http.post(self.url, content=body, headers=headers))

    async def ask(self, payload: str = "", *, rid: int | None = None, **said: str) -> Answer:
        """Send a body; `rid` if it is not the next, names with `_` for a colon."""
        if rid is None:
            self.rid = rid = self.rid + 1
        attributes = {"rid": str(rid), "sid": self.sid, **said}
        written = " ".join(
            f"{name.replace('_', ':')}='{value}'" for name, value in attributes.items() if value
        )
        space = f"xmlns='{HTTPBIND}' xmlns:xmpp='urn:xmpp:xbosh'"
        return await self.post(f"<body {space} {written}>{payload}</body>".encode())

    async def begin(self, to: str = "localhost", **said: Any) -> Answer:
        """Ask for a session."""
        self.sid = ""
        said = {
            "to": to,
            "wait": "60",
            "hold": "1",
            "ver": "1.6",
            "xmpp_version": "1.0",
            "xml_lang": "en",
            **said,
        }
        answer = await self.ask(**said)
        self.sid = answer.said.get("sid", "")
        return answer

    async def say(self, payload: str, **said: Any) -> Answer:
        """Send elements, and something that the XMPP server answers, so that the request is not held."""
        ping = f"<iq xmlns='{CLIENT}' type='get' id='p{self.rid}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
        return await self.ask(payload + ping, **said)

    async def until(self, name: str) -> Any:
        """Poll until an element of that name comes, and return it."""
        while True:
            answer = await self.ask()
            assert answer.condition is None, answer.condition
            for element in answer.elements:
                if element.tag.endswith("}" + name):
                    return element

    async def log_in(self, name: str = "alice") -> str:
        """Authenticate, begin the stream anew, bind; returns the address."""
        await self.begin()
        secret = base64.b64encode(f"\0{name}\0{PASSWORD}".encode()).decode()
        done = await self.ask(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{secret}</auth>")
        if "success" not in done.names:
            await self.until("success")
        again = await self.ask(to="localhost", xmpp_restart="true", xml_lang="en")
        if "features" not in again.names:
            await self.until("features")
        bound = await self.ask(f"<iq xmlns='{CLIENT}' type='set' id='b'><bind xmlns='{BIND}'/></iq>")
        iq = bound.elements[0] if bound.elements else await self.until("iq")
        return str(iq.findtext(f".//{{{BIND}}}jid"))
