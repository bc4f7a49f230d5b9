"""The table of servers that are measured together."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.harness import provision, versions
from benchmarks.harness.provision import Kit
from benchmarks.harness.server import Mode, Server
from benchmarks.harness.workspace import COMPILED, FLOOR, PEERS, ROOT

SUBJECT = "cometary"
WEBSOCKET = "cometary-websocket"
EVENTS = "cometary-events"
LINES = "cometary-lines"
INTERPRETED = "cometary-interpreted"
NCHAN = "nginx-nchan"
SOCKETIO = "cometary-socketio"
SOCKETIO_WEBSOCKET = "cometary-socketio-websocket"
SOCKETIO_NODE = "socketio-node"
SOCKETIO_NODE_WEBSOCKET = "socketio-node-websocket"
ERLANG = "erlang-mochiweb"

# What every server finds in its environment beside what it inherits.
ENVIRONMENT = {"BENCH_FLOOR": str(FLOOR)}

JSON = ("--publish-type", "application/json")
PACKET = ("--packet", '{"path":"echo","message":"%p"}')

CONTROL = "http://127.0.0.1:{control}"
COMETARY_LOAD = {
    Mode.BROADCAST: (
        *("--publish-url", f"{CONTROL}/update", *JSON),
        *("--publish-body", '{"path":"news","message":"%p"}'),
    ),
    Mode.UNICAST: (
        *("--publish-url", f"{CONTROL}/send", *JSON),
        *("--publish-body", '{"sid":"%s","packets":[{"path":"m","message":"%p"}]}'),
    ),
    Mode.ECHO: PACKET,
}

SOCKETIO_LOAD = {
    **COMETARY_LOAD,
    Mode.UNICAST: (
        *("--publish-url", f"{CONTROL}/update", *JSON),
        *("--publish-body", '{"path":"%s","message":"%p"}'),
    ),
    Mode.ECHO: (),
}
"""To one client by its own room."""

COMET_URL = "http://127.0.0.1:{port}/comet"
PUBLISH = {
    Mode.BROADCAST: ("--publish-url", "http://127.0.0.1:{port}/publish"),
    Mode.UNICAST: ("--publish-url", "http://127.0.0.1:{port}/publish/%s"),
}
COMET_LOAD = {**PUBLISH, Mode.ECHO: PACKET}

SOCKETIO_URL = "http://127.0.0.1:{port}/socket.io/"

NCHAN_URL = "http://127.0.0.1:{port}/sub/%s"
NCHAN_LOAD = {
    Mode.BROADCAST: ("--publish-url", "http://127.0.0.1:{port}/pub/all"),
    Mode.UNICAST: ("--publish-url", "http://127.0.0.1:{port}/pub/%s"),
    Mode.ECHO: ("--publish-url", "http://127.0.0.1:{port}/pub/%s"),
}


def _bare(name: str, about: str, file: str, *packages: str) -> Server:
    """Returns a bare Python server; they differ in nothing but their front end."""
    return Server(
        name=name,
        about=f"no features: {about}",
        argv=("sh", "run.sh", "{port}", file),
        cwd=PEERS / "bare-python",
        adapter="fsm",
        url=COMET_URL,
        load=COMET_LOAD,
        set_up=provision.python_peers,
        version=partial(versions.packages, Kit.peers, packages),
        python=Kit.peers,
    )


def _python_socketio(name: str, about: str, *options: str) -> Server:
    packages = ("python-socketio", "uvicorn", "uvloop")
    return Server(
        name=name,
        about=about,
        argv=("sh", "run.sh", "{port}", *options),
        cwd=PEERS / "socketio-python",
        adapter="eio4",
        url=SOCKETIO_URL,
        load=PUBLISH,
        set_up=provision.python_peers,
        version=partial(versions.packages, Kit.peers, packages),
        python=Kit.peers,
    )


def cometary(
    name: str,
    about: str,
    where: Path,
    adapter: str = "fsm",
    *,
    application: str = "echo",
    options: tuple[str, ...] = (),
    ports: int = 2,
    url: str = COMET_URL,
) -> Server:
    """Returns Cometary's server.

    Args:
        name: Its name in the tables.
        about: What it is.
        where: The checkout, or its compiled copy.
        adapter: The protocol that swarm speaks to it.
        application: The module in `apps`.
        options: More of its options.
        ports: How many ports it listens on.
        url: What clients ask for.
    """
    return Server(
        name=name,
        about=about,
        argv=(
            *("{python}", "-m", "cometary", "serve", f"benchmarks.apps.{application}:app"),
            *("--port", "{port}", "--control", "127.0.0.1:{control}", *options),
        ),
        cwd=where,
        adapter=adapter,
        url=url,
        load=COMETARY_LOAD,
        set_up=provision.compiled if where == COMPILED else provision.cometary,
        version=versions.cometary,
        ports=ports,
    )


def _socketio(name: str, about: str, adapter: str) -> Server:
    """Returns Cometary's server for clients of Socket.IO, each of which has a room of its own, as on Node."""
    options = ("--socketio", "/socket.io/")
    server = cometary(name, about, COMPILED, adapter, application="rooms", options=options, url=SOCKETIO_URL)
    return replace(server, load=SOCKETIO_LOAD)


def _socketio_node(name: str, about: str, adapter: str) -> Server:
    return Server(
        name=name,
        about=about,
        argv=("sh", "run.sh", "{port}"),
        cwd=PEERS / "socketio-node",
        adapter=adapter,
        url=SOCKETIO_URL,
        load=PUBLISH,
        set_up=provision.node,
        version=versions.socketio_node,
    )


SERVERS = (
    cometary(SUBJECT, "`cometary serve` with `apps/echo.py`, its hot modules compiled", COMPILED),
    cometary(WEBSOCKET, "the same server, its clients on WebSockets", COMPILED, "fsmws"),
    cometary(EVENTS, "the same server, its clients on server-sent events", COMPILED, "fsmsse"),
    cometary(LINES, "the same server, its clients on lines of JSON", COMPILED, "fsmlines"),
    cometary(INTERPRETED, "the same from its sources, nothing compiled", ROOT),
    _socketio(SOCKETIO, "the same server, with clients of Socket.IO, long-polling", "eio4"),
    _socketio(SOCKETIO_WEBSOCKET, "the same, WebSockets", "eio4ws"),
    Server(
        name="floor.c",
        about="no features: the same exchange in C on epoll, the least it can cost",
        argv=("sh", "run.sh", "{port}"),
        cwd=PEERS / "floor",
        adapter="fsm",
        url=COMET_URL,
        load=COMET_LOAD,
        set_up=provision.floor,
        version=versions.compiler,
    ),
    Server(
        name=NCHAN,
        about="nginx with the nchan module, one worker, long-polling",
        argv=("sh", "run.sh", "{port}"),
        cwd=PEERS / "nchan",
        adapter="nchan",
        url=NCHAN_URL,
        load=NCHAN_LOAD,
        set_up=provision.nginx,
        version=versions.nginx,
    ),
    _socketio_node(SOCKETIO_NODE, "Socket.IO on Node, long-polling", "eio4"),
    _socketio_node(SOCKETIO_NODE_WEBSOCKET, "Socket.IO on Node, WebSockets", "eio4ws"),
    Server(
        name=ERLANG,
        about="a state machine a session, on mochiweb with jiffy; one scheduler that does not spin",
        argv=("sh", "run.sh", "{port}"),
        cwd=PEERS / "erlang",
        adapter="fsm",
        url=COMET_URL,
        load=COMET_LOAD,
        set_up=provision.erlang,
        version=versions.erlang,
    ),
    _python_socketio("socketio-python", "python-socketio on uvicorn (uvloop, httptools), long-polling"),
    _python_socketio(
        "socketio-python-frozen", "the same with `gc.freeze()` and rare full collections", "freeze"
    ),
    _bare("trio-nested", "bare Trio, one selector for all connections", "trio_nested.py", "trio"),
    _bare("trio-tasks", "bare Trio, a task a connection", "trio_tasks.py", "trio"),
    _bare("trio-h11", "h11 on Trio, a nursery a held request", "trio_h11.py", "trio", "h11"),
    _bare("uvicorn", "ASGI on uvicorn (uvloop, httptools)", "uvicorn_asgi.py", "uvicorn", "uvloop"),
    _bare("hypercorn", "ASGI on Hypercorn's Trio worker", "hypercorn_asgi.py", "hypercorn", "trio"),
)

BY_NAME = {server.name: server for server in SERVERS}

# The rest are there to be asked for; a run of all of them takes half an hour.
DEFAULT = (
    *(SUBJECT, WEBSOCKET, EVENTS, INTERPRETED, "floor.c", NCHAN),
    *(SOCKETIO_NODE, SOCKETIO_NODE_WEBSOCKET, ERLANG),
    *("socketio-python", "socketio-python-frozen", "trio-nested"),
)
