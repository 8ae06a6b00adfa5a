"""`POST /webhooks/telegram`: updates of the Bot API, one JSON object each."""

import hmac
import json
from typing import Any

from bot.channels import telegram
from bot.intake import Intake
from webhooks.calls import Answer, Call, Routes

HEADER = "x-telegram-bot-api-secret-token"


def routes(intake: Intake, secret: str) -> Routes:
    """The route; `secret` is what `cuenta telegram setup` told Telegram to send with every call."""
    expected = secret.encode()

    async def receive(call: Call) -> Answer:
        if not hmac.compare_digest(call.header(HEADER).encode(), expected):
            return Answer(403)
        update = parsed(await call.body())
        incoming = telegram.read(update)
        if incoming is not None:
            await intake.take(incoming)
        # 200 also for what we do not understand: a failing update would block the chat's later ones for a day.
        answer = telegram.acknowledgement(update)
        return Answer(200, json.dumps(answer).encode() if answer else b"", "application/json")

    return {("POST", "/webhooks/telegram"): receive}


def parsed(body: bytes) -> Any:
    """The JSON of a call, or None where it is none (also when it is nested too deep to be a message)."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
