"""`POST /webhooks/twilio` (WhatsApp and SMS) and `POST /webhooks/twilio/status` (delivery statuses)."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from bot import fates
from bot.channels import twilio, twilio_codes
from bot.desk import Away, Desk
from bot.intake import PATIENCE, Intake
from storage import outbox
from storage.database import is_away, transaction
from webhooks.calls import Answer, Call, Routes

ACKNOWLEDGED = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
"""Nothing to say here: answers go out over the REST API, where each has an id of its own."""

THREADS = 4
"""Statuses that are noted at once. They have threads of their own, so that no message waits behind them."""


@dataclass(frozen=True)
class Gate:
    """Who may call: signed with one of `tokens` (two during a rotation) for our public address and account."""

    public_url: str
    tokens: tuple[str, ...]
    account_sid: str

    def admits(self, call: Call, form: MultiDict[str, str]) -> bool:
        """Whether a call with that form is authentic.

        The signature covers the URL as Twilio has it, so it is built from the public address and the path and the
        query as they were called (channels.md 3.3).
        """
        signature = call.header("x-twilio-signature")
        if not signature or not signature.isascii():
            return False
        path, query = call.scope.path, call.scope.query_string
        address = f"{self.public_url}{path}?{query}" if query else self.public_url + path
        if not any(RequestValidator(token).validate(address, form, signature) for token in self.tokens):
            return False
        return form.get("AccountSid", self.account_sid) == self.account_sid


def routes(desk: Desk, intake: Intake, gate: Gate) -> Routes:
    async def receive(call: Call) -> Answer:
        form = await call.form()
        if not gate.admits(call, form):
            return Answer(403)
        told = form.to_dict()
        incoming = None if twilio.answered_by_twilio(told) else twilio.read(told)
        if incoming is not None:
            await intake.take(incoming)
        return Answer(200, ACKNOWLEDGED, "text/xml")

    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="statuses")

    async def status(call: Call) -> Answer:
        form = await call.form()
        if not gate.admits(call, form):
            return Answer(403)
        became = twilio.BECOMES.get(form.get("MessageStatus", ""))
        sid = form.get("MessageSid", "")[:64]
        if became and sid:
            told = call.arguments, sid, became, form.get("ErrorCode", "")
            try:
                async with asyncio.timeout(PATIENCE):
                    await asyncio.get_running_loop().run_in_executor(threads, _record, desk, *told)
            except TimeoutError:  # it may be noted yet
                raise Away from None
        return Answer(204)

    return {("POST", "/webhooks/twilio"): receive, ("POST", "/webhooks/twilio/status"): status}


def _record(desk: Desk, asked: Mapping[str, str], sid: str, became: str, error: str) -> None:
    """Note a status, and what follows from its error for the contact and the template."""
    number = asked.get("m", "")
    message_id = int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else None
    code = int(error) if error.isascii() and error.isdecimal() and len(error) < 9 else 0
    try:
        with transaction(desk.engine) as connection:
            now, reason = desk.clock(), str(code) if code else None
            contact_id = outbox.report(connection, message_id, sid, became, reason, now)
            if contact_id is not None and reason is not None:
                failure, template = twilio_codes.of(code), asked.get("t", "")[:40]
                fates.follow(connection, failure, contact_id, template, reason, now)
    except Exception as problem:
        if is_away(problem):
            raise Away from None
        raise
