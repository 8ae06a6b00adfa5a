"""`cuenta templates`: the WhatsApp templates of this desk, from their words to Meta's approval."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import requests
import typer
from rich.table import Table
from sqlalchemy import Engine
from twilio.base.exceptions import TwilioException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from twilio.rest.content.v1.content import ContentList
from twilio.rest.content.v1.content.approval_create import ApprovalCreateList

from bot.announcements import template_status
from bot.announcements.template_status import Known, known
from bot.announcements.templates import DECLARED, Wording, faults
from bot.channels.twilio import WORD
from bot.failures import NotDelivered
from bot.lifecycle import NotPossible
from cli import wiring
from cli.console import CROSS, DASH, TICK, explained, opened, out, working
from cli.settings import Settings
from storage import templates
from storage.database import reading, transaction

app = typer.Typer(no_args_is_help=True, help="The WhatsApp templates: what may open a conversation.")

T = TypeVar("T")

SECONDS = 10

CREATE, FOLLOW = "Run: cuenta templates create", "Run: cuenta templates follow"
FIXES = {
    "missing": f"It was never submitted. {CREATE}",
    "changed": f"Its words were changed since it was submitted. {CREATE}",
    "unsubmitted": f"Twilio has it, and Meta was not asked. {CREATE}",
    "pending": "Wait: Meta mostly decides within minutes, at the latest in two days. Announcements wait for it.",
    "rejected": "Change its words in bot/announcements/templates.py: other words get another name. This one is locked"
    f" for 30 days. {CREATE}",
    "paused": "Wait: Meta lets it rest for some hours, since too many people did not want it. Announce less often.",
    "disabled": f"Change its words in bot/announcements/templates.py. {CREATE} See why in WhatsApp Manager.",
}
"""What to do about a template that cannot be used."""


@app.command(name="list")
def list_() -> None:
    """How each template stands, as we last heard."""
    with explained():
        _settings, engine = opened()
        show(engine)


def show(engine: Engine) -> None:
    with reading(engine) as connection:
        found = known(templates.every(connection))
    table = Table("topic", "language", "category", "status", "as of")
    for each in found:
        when = f"{each.row.checked_at:%Y-%m-%d %H:%M} UTC" if each.row is not None else ""
        table.add_row(each.wording.name, each.wording.language, each.category, each.status, when)
    out.print(table)
    for each in found:
        if each.status in FIXES:
            said = f"{each.status} ({each.reason})" if each.reason else each.status
            out.print(
                DASH, f"{each.wording.name} in {each.wording.language} is {said}. {FIXES[each.status]}", soft_wrap=True
            )


@app.command()
def check() -> None:
    """Check the words against what Meta turns down, and against what Twilio has. Nothing is changed."""
    with explained():
        settings, engine = opened()
        wrong = False
        for wording in DECLARED:
            found = faults(wording)
            wrong = wrong or bool(found)
            out.print(CROSS if found else TICK, f"{wording.title}: {'; '.join(found) or 'its words are fit'}")
        with working("Asking Twilio"):
            made = _made(_client(settings))
        with reading(engine) as connection:
            rows = known(templates.every(connection))
        for each in rows:
            mine = made.get(each.wording.title)
            if mine is None:
                out.print(DASH, f"{each.wording.title}: Twilio does not have it. {CREATE}", soft_wrap=True)
            elif each.row is None or each.row.sid != mine:
                out.print(DASH, f"{each.wording.title}: Twilio has it, this desk does not know it. {CREATE}")
            else:
                out.print(TICK, f"{each.wording.title}: Twilio has it")
        if wrong:
            raise NotPossible("Meta would turn those down. Mend their words in bot/announcements/templates.py.")


@app.command()
def create() -> None:
    """Make the templates at Twilio and ask Meta to approve them. What was submitted is not submitted again."""
    with explained():
        settings, engine = opened()
        for wording in DECLARED:
            if found := faults(wording):
                raise NotPossible(
                    f"{wording.title}: {found[0]}. Nothing was submitted: mend it in bot/announcements/templates.py."
                )
        client = _client(settings)
        with working("Asking Twilio"):
            made = _made(client)
        with reading(engine) as connection:
            rows = known(templates.every(connection))
        for each in rows:
            _create(engine, client, each, made, wiring.now())
        out.print(f"Meta decides mostly within minutes, at the latest in two days. {FOLLOW}", soft_wrap=True)


def _create(engine: Engine, client: Client, each: Known, made: dict[str, str], now: datetime) -> None:
    """Make and submit one template, as far as that was not done before, each step kept before the next."""
    wording, status = each.wording, each.status
    if status not in ("missing", "changed", "unsubmitted"):
        said = f"{wording.title} was submitted before, and is {status}{f' ({each.reason})' if each.reason else ''}"
        out.print(DASH, f"{said}. {FIXES.get(status, '')}".rstrip(), soft_wrap=True)
        return
    sid = made.get(wording.title) or _asked(lambda: _make(client, wording))
    _keep(engine, wording, sid, "unsubmitted", now)
    told = _asked(lambda: _approval(client, sid))
    if told["status"] == "unsubmitted":
        _asked(lambda: _submit(client, sid, wording))
        told = {"status": "pending", "reason": ""}
    _keep(engine, wording, sid, told["status"], now, told["reason"])
    out.print(TICK, f"{wording.title}: {told['status']}")


def _keep(engine: Engine, wording: Wording, sid: str, status: str, now: datetime, reason: str = "") -> None:
    with transaction(engine) as connection:
        templates.put(
            connection, now, name=wording.name, language=wording.language, sid=sid, category=wording.category,
            digest=wording.digest, status=status, reason=reason,
        )  # fmt: skip


@app.command()
def follow() -> None:
    """Ask Twilio how the templates stand now. The worker does the same, every ten minutes while one waits."""
    with explained():
        settings, engine = opened()
        _credentials(settings)
        with working("Asking Twilio"):
            asyncio.run(_follow(settings, engine))
        show(engine)


async def _follow(settings: Settings, engine: Engine) -> None:
    line = wiring.twilio_line(settings)
    try:
        await template_status.follow(line, engine, wiring.now(), everything=True)
    except NotDelivered as failure:
        raise NotPossible(_explained(int(failure.reason) if failure.reason.isdecimal() else 0)) from None
    finally:
        await line.close()


def _credentials(settings: Settings) -> None:
    if not settings.whatsapp:
        raise NotPossible("WhatsApp is off. Set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_WHATSAPP_FROM first.")


def _client(settings: Settings) -> Client:
    """The client that blocks: the other one loses what is nested in a body of JSON (channels.md 3.6)."""
    _credentials(settings)
    http = TwilioHttpClient(timeout=SECONDS)
    client = Client(settings.twilio_account_sid, settings.twilio_auth_token, http_client=http)
    if settings.twilio_api_url:
        client.content.base_url = settings.twilio_api_url
    return client


def _asked(ask: Callable[[], T]) -> T:
    """What Twilio answers. Raises NotPossible, which says what to do; the error's own words hold the account."""
    try:
        return ask()
    except TwilioException as error:
        raise NotPossible(_explained(_code(error))) from None
    except requests.RequestException:
        raise NotPossible(_explained(0)) from None


def _code(error: TwilioException) -> int:
    """The code of an error; that of a list has none of its own, and carries the answer."""
    answer = error.args[1] if len(error.args) > 1 else None
    if isinstance(answer, Response):
        return json.loads(answer.text).get("code", 0) if answer.text.startswith("{") else 0
    return int(getattr(error, "code", 0) or 0)


def _explained(code: int) -> str:
    if code == 0:
        return f"Twilio cannot be reached. Check this machine's way to the Internet, then repeat: {KEPT}"
    if code in (20003, 20404):
        return "Twilio does not know these credentials. Copy TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN again."
    return f"Twilio refused (code {code}). Look up that code in its documentation, then repeat: {KEPT}"


KEPT = "what was submitted is known, and is not submitted again."


def _made(client: Client) -> dict[str, str]:
    """The templates that the account has, by name."""
    listed = _asked(lambda: client.content.v1.contents.list())
    return {str(each.friendly_name): str(each.sid) for each in listed}


def _make(client: Client, wording: Wording) -> str:
    button = {"type": "QUICK_REPLY", "title": wording.button, "id": f"{WORD}{wording.button}"}
    types = ContentList.Types({"twilio/quick-reply": {"body": wording.body, "actions": [button]}})
    asked = {"friendly_name": wording.title, "language": wording.language, "types": types}
    request = ContentList.ContentCreateRequest({**asked, "variables": {"1": wording.sample}})
    return str(client.content.v1.contents.create(request).sid)


def _approval(client: Client, sid: str) -> dict[str, str]:
    return template_status.read(client.content.v1.contents(sid).approval_fetch().fetch().whatsapp or {})


def _submit(client: Client, sid: str, wording: Wording) -> None:
    asked = {"name": wording.title, "category": wording.category.upper()}
    request = ApprovalCreateList.ContentApprovalRequest(asked)
    client.content.v1.contents(sid).approval_create.create(request)
