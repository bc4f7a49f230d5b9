"""Trio, a task per connection that does nothing but read; whoever has a packet writes the held
reply itself with one non-blocking send.  Reading all the time is the drop detection."""

import sys

import trio
from core import comet, publish


def find_request(buf):
    end = buf.find(b"\r\n\r\n")
    if end < 0:
        return None
    i = buf.lower().find(b"content-length:", 0, end)
    length = int(buf[i + 15 : buf.index(b"\r\n", i)]) if i >= 0 else 0
    total = end + 4 + length
    if len(buf) < total:
        return None
    return buf[5 : buf.index(b" ", 5)], buf[end + 4 : total], total


async def connection(sock):
    raw_send = sock._sock.send  # the plain non-blocking socket
    session = None

    def reply(body):
        data = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
            len(body),
            body,
        )
        try:
            if raw_send(data) != len(data):
                sock._sock.shutdown(2)
        except OSError:
            pass

    buf = b""
    recv = sock.recv
    try:
        while True:
            buf += await recv(65536)
            if not buf:
                return
            while (r := find_request(buf)) is not None:
                path, body, used = r
                buf = buf[used:]
                if path == b"/comet":
                    session = comet(body, reply)
                else:
                    reply(publish(path.decode(), body))
    except OSError:
        pass
    finally:
        if session is not None and session.held is reply:
            session.held = None
        sock.close()


async def main():
    listener = trio.socket.socket()
    listener.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
    listener.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
    await listener.bind(("127.0.0.1", int(sys.argv[1])))
    listener.listen(4096)
    async with trio.open_nursery() as nursery:
        while True:
            sock, _ = await listener.accept()
            nursery.start_soon(connection, sock)


if __name__ == "__main__":
    trio.run(main)
