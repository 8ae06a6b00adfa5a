"""`POST /webhooks/twilio` (WhatsApp and SMS) and `POST /webhooks/twilio/status` (delivery statuses)."""

from dataclasses import dataclass

from twilio.request_validator import RequestValidator
from werkzeug.wrappers import Request, Response

from bot import fates
from bot.channels import twilio, twilio_codes
from bot.desk import Away, Desk
from storage import outbox
from storage.database import is_away, transaction
from webhooks.routes import Routes

ACKNOWLEDGED = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
"""Nothing to say here: answers go out over the REST API, where each has an id of its own."""


@dataclass(frozen=True)
class Gate:
    """Who may call: signed with one of `tokens` (two during a rotation) for our public address and account."""

    public_url: str
    tokens: tuple[str, ...]
    account_sid: str

    def admits(self, call: Request) -> bool:
        """Whether a call is authentic.

        The signature covers the URL as Twilio has it, so it is built from the public address and the raw path and
        query; Werkzeug's own would have them decoded (channels.md 3.3).
        """
        signature = call.headers.get("X-Twilio-Signature")
        if not signature or not signature.isascii():
            return False
        query = call.environ.get("QUERY_STRING", "")
        path = f"{call.path}?{query}" if query else call.path
        if not any(
            RequestValidator(token).validate(self.public_url + path, call.form, signature) for token in self.tokens
        ):
            return False
        return call.form.get("AccountSid", self.account_sid) == self.account_sid


def routes(desk: Desk, gate: Gate) -> Routes:
    def receive(call: Request) -> Response:
        if not gate.admits(call):
            return Response("", 403)
        form = call.form.to_dict()
        incoming = None if twilio.answered_by_twilio(form) else twilio.read(form)
        if incoming is not None:
            desk.take(incoming)
        return Response(ACKNOWLEDGED, 200, content_type="text/xml")

    def status(call: Request) -> Response:
        if not gate.admits(call):
            return Response("", 403)
        became = twilio.BECOMES.get(call.form.get("MessageStatus", ""))
        sid = call.form.get("MessageSid", "")[:64]
        if became and sid:
            _record(desk, call, sid, became, call.form.get("ErrorCode", ""))
        return Response("", 204)

    return {("POST", "/webhooks/twilio"): receive, ("POST", "/webhooks/twilio/status"): status}


def _record(desk: Desk, call: Request, sid: str, became: str, error: str) -> None:
    """Note a status, and what follows from its error for the contact and the template."""
    number = call.args.get("m", "")
    message_id = int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else None
    code = int(error) if error.isascii() and error.isdecimal() and len(error) < 9 else 0
    try:
        with transaction(desk.engine) as connection:
            now, reason = desk.clock(), str(code) if code else None
            contact_id = outbox.report(connection, message_id, sid, became, reason, now)
            if contact_id is not None and reason is not None:
                failure, template = twilio_codes.of(code), call.args.get("t", "")[:40]
                fates.follow(connection, failure, contact_id, template, reason, now)
    except Exception as problem:
        if is_away(problem):
            raise Away from None
        raise
