"""A room, as a consumer of Django Channels."""

from channels.generic.websocket import AsyncJsonWebsocketConsumer


class RoomConsumer(AsyncJsonWebsocketConsumer):
    async def connect(self):
        self.user = self.scope["user"]
        if not self.user.is_authenticated:
            await self.close()
            return
        self.room = self.scope["url_route"]["kwargs"]["room"]
        await self.channel_layer.group_add(self.room, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        if self.user.is_authenticated:
            await self.channel_layer.group_discard(self.room, self.channel_name)

    async def receive_json(self, content):
        said = {"type": "said", "user": self.user.get_username(), "text": content["text"]}
        await self.channel_layer.group_send(self.room, said)

    async def said(self, event):
        await self.send_json({"user": event["user"], "text": event["text"]})
