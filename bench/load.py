"""Residents: so many at once, each in a conversation of four turns, waiting for the reply before the next turn."""

import asyncio
import json
import sys
import time
from collections import defaultdict
from itertools import count

import aiohttp

TURNS = ("menu", "[1. ", "1 4 6", "[1. ")
"""What one who has voted before does: the menu, its first button, three numbers, and the button that confirms."""

Reply = dict[str, str]
"""The parameters of a sendMessage."""

FIRST_VOTE = ("votar", "1", "2", "1", "1 4 6", "1")


class Residents:
    """`number` residents who write to a bot at `url`; replies come from the sink's feed."""

    def __init__(self, url: str, secret: str, feed_port: int, number: int):
        self._url, self._port, self._number = f"{url}/webhooks/telegram", feed_port, number
        self._headers = {"X-Telegram-Bot-Api-Secret-Token": secret, "Content-Type": "application/json"}
        self._ids = count(int(time.time() * 1000) % 1_000_000_000)
        self._replies: dict[str, asyncio.Queue[Reply]] = defaultdict(asyncio.Queue)
        self.receipts = 0

    async def run(self, conversations: int, turns: tuple[str, ...] = TURNS) -> float:
        """Seconds until every reply had arrived; `receipts` then has how many conversations ended with one."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        listening = asyncio.create_task(self._listen(reader))
        async with aiohttp.ClientSession() as session:
            start = time.perf_counter()
            people = [self._converse(session, str(700_000 + n), conversations, turns) for n in range(self._number)]
            await asyncio.gather(*people)
            took = time.perf_counter() - start
        listening.cancel()
        writer.close()
        assert all(queue.empty() for queue in self._replies.values()), "a turn had more than one reply"
        return took

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            reply = json.loads(line)
            self._replies[reply["chat_id"]].put_nowait(reply)

    async def _converse(self, session: aiohttp.ClientSession, chat: str, times: int, turns: tuple[str, ...]) -> None:
        last: Reply = {}
        for _n in range(times):
            for turn in turns:
                update = self._update(chat, turn, last)
                async with session.post(self._url, data=update, headers=self._headers) as answer:
                    answer.raise_for_status()
                last = await asyncio.wait_for(self._replies[chat].get(), 30)
            self.receipts += "recibo es" in last["text"]

    def _update(self, chat: str, turn: str, last: Reply) -> str:
        number = next(self._ids)
        person = {"id": int(chat), "is_bot": False, "first_name": "-", "language_code": "es"}
        where = {"id": int(chat), "type": "private"}
        if not turn.startswith("["):
            message = {"message_id": number, "date": 1_668_600_000, "chat": where, "from": person, "text": turn}
            return json.dumps({"update_id": number, "message": message})
        rows = json.loads(last["reply_markup"])["inline_keyboard"]
        data = rows[0][0]["callback_data"]
        message = {"message_id": 1, "date": 1_668_600_000, "chat": where, "text": "-"}
        query = {"id": str(number), "from": person, "message": message, "chat_instance": "1", "data": data}
        return json.dumps({"update_id": number, "callback_query": query})


async def main(url: str, secret: str, feed_port: str, number: str, conversations: str, turns: str) -> None:
    """Print the seconds it took and the receipts that came."""
    residents = Residents(url, secret, int(feed_port), int(number))
    took = await residents.run(int(conversations), tuple(turns.split("|")))
    print(took, residents.receipts)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
