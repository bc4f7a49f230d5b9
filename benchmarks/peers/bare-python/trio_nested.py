"""Trio with a nested epoll set: one task waits on the epoll descriptor itself and serves every
ready connection by a callback; no task per connection, no epoll_ctl per read."""

import select
import socket
import sys

import trio
from core import comet, publish
from trio_tasks import find_request

conns = {}


class Conn:
    __slots__ = ("sock", "buf", "session", "send", "recv", "reply")

    def __init__(self, sock):
        self.sock, self.buf, self.session = sock, b"", None
        self.send, self.recv = sock.send, sock.recv
        self.reply = self.respond

    def respond(self, body):
        data = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
            len(body),
            body,
        )
        try:
            if self.send(data) != len(data):
                self.sock.shutdown(2)
        except OSError:
            pass

    def readable(self):
        try:
            data = self.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            if self.session is not None and self.session.held is self.reply:
                self.session.held = None
            del conns[self.sock.fileno()]
            self.sock.close()
            self.reply = None
            return
        buf = self.buf + data if self.buf else data
        while (r := find_request(buf)) is not None:
            path, body, used = r
            buf = buf[used:]
            if path == b"/comet":
                self.session = comet(body, self.reply)
            else:
                self.respond(publish(path.decode(), body))
        self.buf = buf


async def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(("127.0.0.1", int(sys.argv[1])))
    listener.listen(4096)
    listener.setblocking(False)
    ep = select.epoll()
    ep.register(listener, select.EPOLLIN)
    lfd = listener.fileno()
    while True:
        await trio.lowlevel.wait_readable(ep.fileno())
        for fd, _ in ep.poll(0, 256):
            if fd == lfd:
                try:
                    while True:
                        sock, _ = listener.accept()
                        sock.setblocking(False)
                        conns[sock.fileno()] = Conn(sock)
                        ep.register(sock, select.EPOLLIN)
                except BlockingIOError:
                    pass
            else:
                conns[fd].readable()


trio.run(main)
