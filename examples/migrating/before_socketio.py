"""A chat with rooms, as python-socketio has it. uvicorn examples.migrating.before_socketio:site"""

import socketio

USERS = {"t0": "ada", "t1": "grace"}

sio = socketio.AsyncServer(async_mode="asgi")
site = socketio.ASGIApp(sio)


@sio.event
async def connect(sid, environ, auth):
    user = USERS.get((auth or {}).get("token"))
    if user is None:
        raise ConnectionRefusedError("unknown token")
    await sio.save_session(sid, {"user": user})


@sio.event
async def enter(sid, room):
    await sio.enter_room(sid, room)
    return "entered"


@sio.event
async def say(sid, room, text):
    session = await sio.get_session(sid)
    await sio.emit(f"said/{room}", {"user": session["user"], "text": text}, room=room, skip_sid=sid)


@sio.event
async def disconnect(sid, reason):
    session = await sio.get_session(sid)
    print(session["user"], "has left:", reason)
