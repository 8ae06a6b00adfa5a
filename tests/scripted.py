"""A server that answers for Telegram, Twilio and the desk's public address as a test has written it down."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TOKEN = "123456:scripted-token-scripted"
SID = "AC" + "0" * 32
SMS_FROM = "+15550100002"
RETRIES = "#rc=3&rp=5xx,ct,rt"
STILL = "Wed, 16 Nov 2022 15:00:00 GMT"
"""What its clock says: the moment at which tests stand still."""


@dataclass
class Script:
    """What is answered: (status, body) by Bot API method, by path of Twilio's API, and at the public address."""

    url: str
    telegram: dict[str, tuple[int, Any]] = field(default_factory=dict)
    twilio: dict[str, tuple[int, Any]] = field(default_factory=dict)
    public: tuple[int, str] = (200, "ok\n")
    date: str = STILL
    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """Settings for a desk whose providers, and whose public address, are this server."""
        return {
            "PUBLIC_URL": self.url,
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_URL": self.url,
            "TWILIO_ACCOUNT_SID": SID,
            "TWILIO_API_URL": self.url,
            "TWILIO_SMS_FROM": SMS_FROM,
        }

    def refuse(self, method: str, status: int, description: str, **parameters: Any) -> None:
        """Let a method of the Bot API fail."""
        body = {"ok": False, "error_code": status, "description": description, "parameters": parameters}
        self.telegram[method] = (status, body)

    def told(self, method: str) -> list[dict[str, str]]:
        """The parameters of each call of a method."""
        return [form for name, form in self.calls if name == method]

    def webhook(self, **changed: Any) -> None:
        """What getWebhookInfo says: all is well, but for what is changed."""
        well = {
            "url": f"{self.url}/webhooks/telegram",
            "has_custom_certificate": False,
            "pending_update_count": 0,
            "allowed_updates": ["message", "callback_query", "my_chat_member"],
        }
        self.telegram["getWebhookInfo"] = (200, {"ok": True, "result": {**well, **changed}})

    def number(self, **changed: Any) -> None:
        """How the account lists its number: all is well, but for what is changed."""
        well = {
            "sid": "PN" + "0" * 32, "account_sid": SID, "phone_number": SMS_FROM, "sms_method": "POST",
            "sms_url": f"{self.url}/webhooks/twilio{RETRIES}", "sms_fallback_url": f"{self.url}/webhooks/twilio",
            "sms_fallback_method": "POST", "sms_application_sid": "",
        }  # fmt: skip
        page = {"incoming_phone_numbers": [{**well, **changed}], "next_page_uri": None, "page": 0, "page_size": 20}
        self.twilio[f"/2010-04-01/Accounts/{SID}/IncomingPhoneNumbers.json"] = (200, page)

    def account(self, status: str = "active") -> None:
        self.twilio[f"/2010-04-01/Accounts/{SID}.json"] = (200, {"sid": SID, "status": status})


@contextmanager
def scripted() -> Iterator[Script]:
    """A running script on which everything is well; it ends with this block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path == "/healthz":
                return self._answer(script.public[0], script.public[1].encode())
            status, body = script.twilio.get(path, (404, {"code": 20404, "message": "not found", "status": 404}))
            self._answer(status, json.dumps(body).encode())

        def do_HEAD(self) -> None:
            self._answer(404, b"")

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            form = dict(parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True))
            method = self.path.rpartition("/")[2]
            script.calls.append((method, form))
            status, body = script.telegram.get(method, (200, {"ok": True, "result": True}))
            self._answer(status, json.dumps(body).encode())

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if status in range(300, 400):
                self.send_header("Location", "https://elsewhere.example.test/")
            self.end_headers()
            self.wfile.write(body)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return script.date

        def log_message(self, *_parts: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script = Script(f"http://127.0.0.1:{server.server_port}")
    me = {"id": 123456, "is_bot": True, "first_name": "Cuenta", "username": "cuenta_test_bot"}
    script.telegram["getMe"] = (200, {"ok": True, "result": me})
    script.webhook()
    script.number()
    script.account()
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    serving.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
