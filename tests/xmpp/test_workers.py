"""A pub/sub service with several workers: the component is in one of them, and is that of all."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from cometary.xmpp.names import JSON, PUBSUB
from tests.servers import running_server
from tests.workers.house import Workers, said
from tests.xmpp.peer import ALICE, DOMAIN, listening

APP = "tests/xmpp/workers_application.py:app"
SUBSCRIBE = "<subscribe node='polls/1' jid='alice@localhost'/>"
PUBLISH = f"<publish node='polls/1'><item><json xmlns='{JSON}'>7</json></item></publish>"


async def test_pages_at_any_worker_and_xmpp_clients_hear_each_other() -> None:
    async with listening() as server:
        with running_server(APP, "--workers", "2", "--drain", "0", XMPP_PORT=str(server.port)) as running:
            workers = Workers(running)
            peer = await server.accept()
            for asked in (SUBSCRIBE, PUBLISH):
                pubsub = f"<pubsub xmlns='{PUBSUB}'>{asked}</pubsub>"
                await peer.say(f"<iq type='set' id='1' from='{ALICE}' to='{DOMAIN}'>{pubsub}</iq>")
            pages = workers.one_of_each()
            names = [(await peer.heard()).tag.partition("}")[2] for _ in range(3)]
            assert sorted(names) == ["iq", "iq", "message"]
            for number, page in enumerate(pages):
                with closing(workers.connect()) as connection:
                    come = page.take(said(connection, page.request(("tell", number), hold=False)))
                told = await peer.heard()
                assert told.findtext(f".//{{{JSON}}}json") == str(number)
                assert set(come) <= {0, 1}
            await peer.say(
                f"<iq type='set' id='2' from='{ALICE}' to='{DOMAIN}'><pubsub xmlns='{PUBSUB}'>{PUBLISH}</pubsub></iq>"
            )
            for page in pages:
                come = list[Any]()
                with closing(workers.connect()) as connection:
                    while 7 not in come:
                        come += page.take(said(connection, page.request()))
