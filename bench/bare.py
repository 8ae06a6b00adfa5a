"""The bare bot: asyncio, no state, one sendMessage for each update. What every turn is measured against."""

import json
import sys

import aiohttp
from aiohttp import web

SECRET = web.AppKey("secret", str)
SESSION = web.AppKey("session", aiohttp.ClientSession)
API = web.AppKey("api", str)

TEXT = "Elija hasta 3. Responda con los números, así: 1 3\n" + "\n".join(
    f"{n}. Una propuesta de la ciudad" for n in range(1, 13)
)
KEYS = json.dumps(
    {"inline_keyboard": [[{"text": str(n), "callback_data": f"17.choices-1.p{n:02}"}] for n in range(1, 8)]}
)


async def receive(request: web.Request) -> web.Response:
    """Check the secret, answer the chat, acknowledge a press."""
    if request.headers.get("X-Telegram-Bot-Api-Secret-Token") != request.app[SECRET]:
        return web.Response(status=403)
    update = json.loads(await request.read())
    query = update.get("callback_query")
    chat = (query or update)["message"]["chat"]["id"]
    form = {"chat_id": str(chat), "text": TEXT, "reply_markup": KEYS}
    async with request.app[SESSION].post(request.app[API], data=form) as answer:
        await answer.read()
    if query is None:
        return web.Response()
    return web.json_response({"method": "answerCallbackQuery", "callback_query_id": query["id"]})


async def ready(_request: web.Request) -> web.Response:
    return web.Response()


def run(port: int, api: str, secret: str) -> None:
    """Serve on 127.0.0.1 until told to stop."""
    app = web.Application()
    app[SECRET], app[API] = secret, api

    async def session(app: web.Application):  # type: ignore[no-untyped-def]
        app[SESSION] = aiohttp.ClientSession()
        yield
        await app[SESSION].close()

    app.cleanup_ctx.append(session)
    app.router.add_post("/webhooks/telegram", receive)
    app.router.add_get("/readyz", ready)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    run(int(sys.argv[1]), sys.argv[2], sys.argv[3])
