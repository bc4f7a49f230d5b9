"""python-socketio on uvicorn: echoes `echo`, publishes what is posted to /publish[/SID].

    app.py PORT [freeze]

`freeze` takes everything built at start-up out of the garbage collector's sight and
makes full collections rare, which is what an operator who profiled it would do.
"""

import gc
import sys

import socketio
import uvicorn

sio = socketio.AsyncServer(async_mode="asgi")


@sio.event
async def echo(sid, data):
    await sio.emit("echo", data, to=sid)


async def publish(scope, receive, send):
    body, more = b"", True
    while more:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
    sid = scope["path"][len("/publish/") :]
    await sio.emit("m", body.decode(), to=sid or None)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


app = socketio.ASGIApp(sio, other_asgi_app=publish)

if __name__ == "__main__":
    if "freeze" in sys.argv[2:]:
        gc.freeze()
        gc.set_threshold(100_000, 50, 100)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        backlog=4096,
        timeout_keep_alive=75,
    )
