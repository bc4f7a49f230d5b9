"""The session core the hand-written Python servers share: no timers, no acks, no resending."""

import json
import os

sessions = {}


class Session:
    __slots__ = ("sid", "seq", "queue", "held")

    def __init__(self):
        self.sid = os.urandom(12).hex()
        self.seq = 1
        self.queue = []
        self.held = None
        sessions[self.sid] = self

    def push(self, packet):
        self.queue.append(packet)
        if self.held is not None:
            self.flush()

    def hold(self, reply):
        if self.held is not None:
            self.flush()
        self.held = reply
        if self.queue:
            self.flush()

    def flush(self):
        reply, self.held = self.held, None
        queue = self.queue
        seq = self.seq
        self.seq += len(queue)
        body = b'{"packets":[%b],"seq":%d}' % (b",".join(queue), seq)
        queue.clear()
        reply(body)


def comet(body, reply):
    msg = json.loads(body)
    sid = msg.get("sid")
    if sid is None:
        reply(b'{"sid":"%b"}' % Session().sid.encode())
        return None
    session = sessions[sid]
    for p in msg.get("packets", ()):
        session.queue.append(json.dumps(p).encode())
    session.hold(reply)
    return session


def publish(path, body):
    packet = json.dumps(json.loads(body)).encode()
    sid = path[len("/publish/") :]
    targets = [sessions[sid]] if sid else sessions.values()
    for s in targets:
        s.push(packet)
    return b'{"sessions":%d}' % len(targets)
