"""A chat, as RedBarrel had it: who comes, who goes, what they say, and nothing else to write.

cometary serve examples.redbarrel_chat:app, then io("http://127.0.0.1:8080/chat") in any client of Socket.IO.
"""

from collections import deque

from cometary import App, Socket

app = App()
said: deque[dict[str, object]] = deque(maxlen=30)


@app.socket("/chat")
async def chat(socket: Socket) -> None:
    """Talk with one of them."""
    socket.broadcast({"announcement": f"{socket.name} connected"})
    await socket.send({"buffer": list(said)})
    async for text in socket:
        said.append({"message": [socket.name, text]})
        socket.broadcast(said[-1])
    socket.broadcast({"announcement": f"{socket.name} disconnected"})
