"""Trio, h11, a task per connection, a nursery per held request to notice a drop."""

import sys

import h11
import trio
from core import comet, publish

HEADERS = [("Content-Type", "application/json")]


async def connection(stream):
    conn = h11.Connection(h11.SERVER)

    async def next_event():
        while True:
            event = conn.next_event()
            if event is not h11.NEED_DATA:
                return event
            conn.receive_data(await stream.receive_some(65536))

    try:
        while True:
            request = await next_event()
            if not isinstance(request, h11.Request):
                return
            body = b""
            while True:
                event = await next_event()
                if isinstance(event, h11.EndOfMessage):
                    break
                body += event.data
            path = request.target.decode()
            out = None
            if path == "/comet":
                ready = trio.Event()

                def reply(b):
                    nonlocal out
                    out = b
                    ready.set()

                session = comet(body, reply)
                if out is None:
                    async with trio.open_nursery() as nursery:

                        async def gone():
                            conn.receive_data(await stream.receive_some(65536))
                            nursery.cancel_scope.cancel()

                        nursery.start_soon(gone)
                        await ready.wait()
                        nursery.cancel_scope.cancel()
                    if out is None:
                        if session.held is reply:
                            session.held = None
                        return
            else:
                out = publish(path, body)
            data = conn.send(
                h11.Response(status_code=200, headers=HEADERS + [("Content-Length", str(len(out)))])
            )
            data += conn.send(h11.Data(data=out)) + conn.send(h11.EndOfMessage())
            await stream.send_all(data)
            conn.start_next_cycle()
    except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
        pass
    finally:
        await trio.aclose_forcefully(stream)


async def main():
    await trio.serve_tcp(connection, int(sys.argv[1]), host="127.0.0.1", backlog=4096)


trio.run(main)
