"""Where replies arrive: the least a Bot API can be, so that the one measured is the bot. Counts messages by chat."""

import asyncio
import json
import sys
from urllib.parse import parse_qsl

ANSWER = b'{"ok":true,"result":{"message_id":1,"date":1,"chat":{"id":1,"type":"private"},"text":"-"}}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ANSWER)


class Sink(asyncio.Protocol):
    """Takes keep-alive POSTs with a Content-Length, and tells the listeners of a chat what it was sent."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            length = content_length(self.buffer[:end])
            if len(self.buffer) < end + 4 + length:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
            self.transport.write(HEAD + ANSWER)
            tell(body)


def content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


LISTENERS: list[asyncio.StreamWriter] = []


def tell(body: bytes) -> None:
    """Hand the message on to the load generator, one line of JSON each, whether it came as JSON or as a form."""
    for listener in [each for each in LISTENERS if each.is_closing()]:
        LISTENERS.remove(listener)
    line = body if body.startswith(b"{") else json.dumps(dict(parse_qsl(body.decode()))).encode()
    for listener in LISTENERS:
        listener.write(line + b"\n")


async def listen(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    LISTENERS.append(writer)


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    bot_api = await loop.create_server(Sink, "127.0.0.1", port)
    feed = await asyncio.start_server(listen, "127.0.0.1", port + 1)
    await asyncio.gather(bot_api.serve_forever(), feed.serve_forever())


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
