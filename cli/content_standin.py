"""The content templates of the Twilio stand-in: made, submitted, decided on; and what a message by one of them says."""

import re
from typing import Any

from cli import provider_rules as rules

WITHHELD = {"rejected": 63040, "paused": 63041, "disabled": 63042}
"""The error of a message by a template that stands so; Twilio tells it in a status, after it took the message."""


class Contents:
    """Content templates by sid, and how far each is approved for WhatsApp."""

    def __init__(self, account: str) -> None:
        self.made: dict[str, dict[str, Any]] = {}
        self.approvals: dict[str, dict[str, Any]] = {}
        self._account = account

    def add(
        self, sid: str, types: dict[str, Any], language: str, name: str, variables: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Have a template, such as {"twilio/quick-reply": {"body": "…", "actions": [{"title", "id"}]}}."""
        self.made[sid] = {
            "sid": sid, "account_sid": self._account, "friendly_name": name, "language": language,
            "variables": variables or {}, "types": types, "date_created": "2022-01-01T00:00:00Z",
            "date_updated": "2022-01-01T00:00:00Z", "url": f"https://content.twilio.com/v1/Content/{sid}", "links": {},
        }  # fmt: skip
        return self.made[sid]

    def create(self, given: dict[str, Any]) -> dict[str, Any]:
        """A template as its maker asks for it."""
        types = {kind: body for kind, body in (given.get("types") or {}).items() if body}
        if not types or not given.get("language"):
            raise rules.Refusal(400, code=20001)
        sid = f"HX{len(self.made) + 1:032x}"
        return self.add(sid, types, given["language"], given.get("friendly_name") or sid, given.get("variables"))

    def submit(self, sid: str, given: dict[str, Any]) -> dict[str, Any]:
        """Ask for an approval, once for each name."""
        name, taken = given.get("name") or "", {approval["name"] for approval in self.approvals.values()}
        if sid not in self.made:
            raise rules.Refusal(404)
        if not re.fullmatch(r"[a-z0-9_]{1,512}", name) or name in taken:
            raise rules.Refusal(400, code=20001)
        kind = next(iter(self.made[sid]["types"]))
        self.approvals[sid] = {
            "name": name, "category": given["category"], "content_type": kind, "status": "received",
            "rejection_reason": "", "allow_category_change": True,
        }  # fmt: skip
        return self.approvals[sid]

    def approval(self, sid: str) -> dict[str, Any]:
        if sid not in self.made:
            raise rules.Refusal(404)
        unsubmitted = {"status": "unsubmitted", "rejection_reason": "", "name": "", "category": ""}
        whatsapp = {"type": "whatsapp", **self.approvals.get(sid, unsubmitted)}
        return {"sid": sid, "account_sid": self._account, "whatsapp": whatsapp, "url": self.made[sid]["url"]}

    def decide(self, sid: str, status: str, reason: str = "", category: str = "") -> None:
        """What Meta makes of a template: approved, rejected, paused, disabled; or another category than was asked."""
        self.approvals.setdefault(sid, {"name": sid, "category": "UTILITY", "content_type": "", "rejection_reason": ""})
        self.approvals[sid] |= {"status": status, "rejection_reason": reason}
        if category:
            self.approvals[sid]["category"] = category

    def status(self, sid: str) -> str:
        return str(self.approvals[sid]["status"]) if sid in self.approvals else "unsubmitted"

    def rendered(self, given: dict[str, str]) -> tuple[str, tuple[tuple[str, str], ...]]:
        """The words and buttons of a message; those of a template that is not kept here are its variables."""
        content, variables = self.made.get(given["ContentSid"]), given.get("ContentVariables", "")
        if content is None:
            return given.get("Body", "") or variables, ()
        values = rules.variables(variables)

        def fill(text: str) -> str:
            return re.sub(r"\{\{(\w+)\}\}", lambda found: values.get(found[1], found[0]), text)

        template = next(iter(content["types"].values()))
        buttons = [(action["title"], action.get("id") or "") for action in template.get("actions") or ()]
        buttons += [(item["item"], item.get("id") or "") for item in template.get("items") or ()]
        return fill(template.get("body", "")), tuple((fill(label), fill(data)) for label, data in buttons)
