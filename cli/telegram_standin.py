"""A stand-in for Telegram's Bot API: messages with ids that rise in each chat, edits, a webhook, commands."""

import json
import re
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from cli import provider_rules as rules
from cli.traffic import Traffic, as_json, drop, parameters

TOKEN = "123456:stand-in-for-the-token-of-a-bot"  # noqa: S105  nobody's
FILES = f"/file/bot{TOKEN}/documents/"


class TelegramStandin:
    """Answers the calls of one bot."""

    def __init__(self, traffic: Traffic):
        self.webhook: dict[str, Any] = {"url": "", "allowed_updates": [], "pending_update_count": 0}
        self.webhook_secret = ""
        self.commands: dict[tuple[str, str], list[dict[str, str]]] = {}
        self._traffic, self._path = traffic, f"/bot{TOKEN}/"
        self.files: dict[str, bytes] = {}
        """What people sent, by its id; of what is not here only the size is known."""
        self._deleted: set[tuple[str, str]] = set()
        self._edited: dict[tuple[str, str], tuple[str, str]] = {}

    async def answer(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        if path.startswith(FILES):
            body = self.files.get(path.removeprefix(FILES))
            return web.Response(status=404) if body is None else web.Response(body=body)
        try:
            if not path.startswith(self._path):
                raise rules.Refusal(401, "Unauthorized")
            method = path[len(self._path) :]
            if method not in rules.METHODS:
                raise rules.Refusal(404, "Not Found")
            given = await parameters(request)
            self._traffic.note("telegram", method, given)
            chat = given.get("chat_id", "")
            fault = self._traffic.planned(method, chat)
            if fault is not None and fault.how == "answer" and fault.body:
                return as_json(fault.body, fault.status, fault.headers)
            if fault is not None and fault.how == "drop":
                return drop(request)
            if self._traffic.is_blocked(chat):
                raise rules.Refusal(403)
            rules.check_telegram(method, given)
            result = self._result(method, given)
        except rules.Refusal as no:
            return as_json(rules.telegram_error(no.status, no.words, no.retry_after), no.status)
        if fault is not None:
            return await self._traffic.silent(request, fault)
        return as_json({"ok": True, "result": result})

    def _result(self, method: str, given: dict[str, str]) -> Any:
        match method:
            case "sendMessage" | "sendPhoto":
                return self._send(given)
            case "editMessageText" | "editMessageReplyMarkup":
                return self._edit(given)
            case "deleteMessage":
                return self._delete_message(given)
            case "deleteMessages":
                self._deleted |= {(given["chat_id"], str(each)) for each in json.loads(given["message_ids"])}
            case "setWebhook":
                return self._set_webhook(given)
            case "deleteWebhook":
                self.webhook, self.webhook_secret = {"url": "", "allowed_updates": [], "pending_update_count": 0}, ""
            case "getWebhookInfo":
                return {"has_custom_certificate": False, **self.webhook}
            case "getMe":
                return rules.ME
            case "setMyCommands":
                self.commands[rules.audience(given)] = json.loads(given["commands"])
            case "getMyCommands":
                return self.commands.get(rules.audience(given), [])
            case "getFile":
                file = given.get("file_id", "")
                return {"file_id": file, "file_unique_id": file[-8:], "file_size": 1, "file_path": f"documents/{file}"}
        return True

    def held(self, chat: str, received: Iterable[str] = ()) -> set[str]:
        """The ids of what a chat still has: what was sent there, and what it `received` from the person."""
        sent = {message.id for message in self._traffic.sent if message.to == chat}
        return {each for each in {*sent, *received} if (chat, each) not in self._deleted}

    def _send(self, given: dict[str, str]) -> dict[str, Any]:
        chat, photo, markup = given["chat_id"], given.get("photo", ""), given.get("reply_markup", "")
        text = given.get("caption", "") if photo else given["text"]
        self._traffic.keep_pace("telegram", chat)
        number = self._traffic.count(chat) + 1
        self._traffic.deliver("telegram", chat, text, rules.buttons(markup), given, str(number))
        return rules.message(chat, number, text, markup, photo)

    def _edit(self, given: dict[str, str]) -> dict[str, Any]:
        # A message of an earlier run is not known here and may yet be on the person's screen: it is taken as it comes.
        chat, number, markup = given.get("chat_id", ""), given.get("message_id", ""), given.get("reply_markup", "")
        if (chat, number) in self._deleted:
            raise rules.Refusal(400, "Bad Request: message to edit not found")
        shown = self._shown(chat, number)
        edited = (given.get("text", shown[0] if shown else ""), markup)
        if edited == shown:
            raise rules.Refusal(400, "Bad Request: message is not modified: same content and reply markup")
        self._edited[chat, number] = edited
        return rules.message(chat, int(number or 0), *edited)

    def _shown(self, chat: str, number: str) -> tuple[str, str] | None:
        """The text and keyboard of a message as the person sees it."""
        if (chat, number) in self._edited:
            return self._edited[chat, number]
        found = next((m for m in reversed(self._traffic.sent) if m.id == number and m.to == chat), None)
        return (found.text, found.raw.get("reply_markup", "")) if found else None

    def _delete_message(self, given: dict[str, str]) -> bool:
        # The person's own messages may be deleted too, and their ids are not known here.
        message = (given.get("chat_id", ""), given.get("message_id", ""))
        if message in self._deleted:
            raise rules.Refusal(400, "Bad Request: message to delete not found")
        self._deleted.add(message)
        return True

    def _set_webhook(self, given: dict[str, str]) -> bool:
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", given.get("secret_token", "")):
            raise rules.Refusal(400, "Bad Request: secret token contains unallowed characters")
        self.webhook["url"], self.webhook_secret = given.get("url", ""), given.get("secret_token", "")
        if "allowed_updates" in given:  # left out, the previous list stays
            self.webhook["allowed_updates"] = json.loads(given["allowed_updates"])
        if "max_connections" in given:
            self.webhook["max_connections"] = int(given["max_connections"])
        return True
