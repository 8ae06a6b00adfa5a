"""`POST /webhooks/telegram`: updates of the Bot API, one JSON object each."""

import hmac
import json
from typing import Any

from werkzeug.wrappers import Request, Response

from bot.channels import telegram
from bot.desk import Desk
from webhooks.routes import Routes

HEADER = "X-Telegram-Bot-Api-Secret-Token"


def routes(desk: Desk, secret: str) -> Routes:
    """The route; `secret` is what `cuenta telegram setup` told Telegram to send with every call."""
    expected = secret.encode()

    def receive(call: Request) -> Response:
        given = call.headers.get(HEADER, "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, expected):
            return Response("", 403)
        update = parsed(call.get_data(cache=False))
        incoming = telegram.read(update)
        if incoming is not None:
            desk.take(incoming)
        # 200 also for what we do not understand: a failing update would block the chat's later ones for a day.
        answer = telegram.acknowledgement(update)
        return Response(json.dumps(answer) if answer else "", 200, content_type="application/json")

    return {("POST", "/webhooks/telegram"): receive}


def parsed(body: bytes) -> Any:
    """The JSON of a call, or None where it is none (also when it is nested too deep to be a message)."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
