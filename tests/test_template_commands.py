"""`cuenta templates` and the worker's tick: made once, submitted once, followed until Meta has decided."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from bot import failures
from bot.announcements import template_status
from bot.announcements.template_status import follow, known
from bot.announcements.templates import DECLARED, Templates
from cli import templates as commands
from cli.standins import Standins, running_standins
from storage import templates
from storage.database import open_database, reading, transaction
from tests.specs import check_call
from tests.test_channels import line_of
from tests.test_commands import own_logs, say
from tests.world import DURING, environment

__all__ = ["own_logs"]


@pytest.fixture
def standins(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Standins]:
    """Twilio's stand-in, and an environment that leads there."""
    with running_standins(check=check_call) as running:
        more = {"TWILIO_API_URL": running.twilio_url, "TWILIO_AUTH_TOKEN": running.auth_token}
        for name, value in environment(sqlite_url, tmp_path, **more).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("COLUMNS", "240")
        yield running
        assert running.wrong == []


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    made = open_database(sqlite_url)
    yield made
    made.dispose()


def statuses(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return [each.status for each in known(templates.every(connection))]


def calls(standins: Standins, method: str) -> int:
    return [name for _api, name, _given in standins.calls].count(method)


def test_from_words_to_approval(standins: Standins, engine: Engine) -> None:
    assert "It was never submitted. Run: cuenta templates create" in say("templates", "list")[1]
    code, told = say("templates", "check")
    assert (code, told.count("its words are fit"), told.count("Twilio does not have it")) == (0, 4, 4)
    assert calls(standins, "CreateContent") == 0, "checking changes nothing"
    code, told = say("templates", "create")
    assert (code, told.count("pending")) == (0, 4)
    assert statuses(engine) == ["pending"] * 4
    made = standins.twilio.contents.made
    assert [each["friendly_name"] for each in made.values()] == [wording.title for wording in DECLARED]
    (first, *_rest) = made.values()
    assert first["types"]["twilio/quick-reply"]["body"] == DECLARED[0].body
    assert first["types"]["twilio/quick-reply"]["actions"][0]["id"] == "word:LEER"
    assert first["variables"] == {"1": DECLARED[0].sample}
    approvals = standins.twilio.contents.approvals.values()
    assert [each["category"] for each in approvals] == ["UTILITY", "UTILITY", "MARKETING", "MARKETING"]
    for sid in made:
        standins.twilio.contents.decide(sid, "approved")
    standins.twilio.contents.decide(next(iter(made)), "approved", category="MARKETING")
    code, told = say("templates", "follow")
    assert (code, told.count("approved")) == (0, 4)
    with reading(engine) as connection:
        found = Templates.read(connection).for_("votes", "es")
    assert found is not None
    assert found.category == "marketing", "what Meta charges it as"
    assert say("templates", "check")[1].count("Twilio has it") == 4


def test_what_was_submitted_is_not_submitted_again(standins: Standins, engine: Engine) -> None:
    for _again in range(3):
        assert say("templates", "create")[0] == 0
    assert (calls(standins, "CreateContent"), calls(standins, "CreateApprovalCreate")) == (4, 4)
    with transaction(engine) as connection:  # a database that was put back, or that another desk has
        connection.exec_driver_sql("DELETE FROM template")
    code, told = say("templates", "check")
    assert (code, told.count("this desk does not know it")) == (0, 4)
    assert say("templates", "create")[0] == 0
    assert (calls(standins, "CreateContent"), calls(standins, "CreateApprovalCreate")) == (4, 4)
    assert statuses(engine) == ["pending"] * 4


@pytest.mark.parametrize("method", ["CreateContent", "CreateApprovalCreate"])
@pytest.mark.parametrize("how", ["accept_then_drop", "drop"])
def test_a_break_in_the_middle_submits_nothing_twice(standins: Standins, engine: Engine, method: str, how: str) -> None:
    standins.fail(how=how, method=method)
    code, told = say("templates", "create")
    assert (code, "Twilio cannot be reached" in told) == (1, True)
    assert say("templates", "create")[0] == 0
    assert statuses(engine) == ["pending"] * 4
    contents = standins.twilio.contents
    assert (len(contents.made), len(contents.approvals)) == (4, 4)


def test_other_words_are_submitted_by_another_name(
    standins: Standins, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("templates", "create")
    standins.twilio.contents.decide(next(iter(standins.twilio.contents.made)), "rejected", "looks like an advert")
    assert "looks like an advert" in say("templates", "follow")[1]
    code, told = say("templates", "create")
    assert (code, "locked for 30 days" in told, calls(standins, "CreateContent")) == (0, True, 4)
    other = (replace(DECLARED[0], body=DECLARED[0].body.replace("nuevo", "reciente")), *DECLARED[1:])
    monkeypatch.setattr(commands, "DECLARED", other)
    monkeypatch.setattr(template_status, "DECLARED", other)
    assert statuses(engine)[0] == "changed"
    assert say("templates", "create")[0] == 0
    assert statuses(engine) == ["pending"] * 4
    assert calls(standins, "CreateContent") == 5
    assert len({each["name"] for each in standins.twilio.contents.approvals.values()}) == 5


def test_words_that_meta_would_turn_down_are_not_submitted(standins: Standins, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "DECLARED", (replace(DECLARED[0], body="Recordatorio: {{1}}"), *DECLARED[1:]))
    for command in ("check", "create"):
        code, told = say("templates", command)
        assert (code, "at the start or at the end" in told) == (1, True)
    assert calls(standins, "CreateContent") == 0


@pytest.mark.parametrize("command", ["check", "create", "follow"])
@pytest.mark.parametrize(
    ("setting", "value", "fix"),
    [
        ("TWILIO_WHATSAPP_FROM", "", "TWILIO_WHATSAPP_FROM"),
        ("TWILIO_AUTH_TOKEN", "another", "TWILIO_AUTH_TOKEN"),
        ("TWILIO_API_URL", "http://127.0.0.1:1", "cannot be reached"),
    ],
)
def test_what_stands_in_the_way_is_told_with_its_fix(
    standins: Standins, engine: Engine, monkeypatch: pytest.MonkeyPatch, command: str, setting: str, value: str,
    fix: str,
) -> None:  # fmt: skip
    with transaction(engine) as connection:
        put(connection, "pending")
    monkeypatch.setenv(setting, value)
    code, told = say("templates", command)
    assert (code, fix in told) == (1, True)
    assert standins.account_sid not in told


def put(connection: object, status: str) -> None:
    templates.put(
        connection, DURING, name="votes", language="es", sid="HX" + "1" * 32, category="utility",  # type: ignore[arg-type]
        digest=DECLARED[0].digest, status=status,
    )  # fmt: skip


# The worker's tick


@pytest.mark.parametrize(
    ("status", "minutes", "asked"),
    [("pending", 9, 0), ("pending", 10, 1), ("approved", 59, 0), ("approved", 60, 1), ("paused", 60, 1)],
)
def test_twilio_is_asked_every_ten_minutes_while_one_waits_and_hourly_else(
    engine: Engine, status: str, minutes: int, asked: int
) -> None:
    async def scene() -> int:
        with transaction(engine) as connection:
            put(connection, status)
        async with Standins(check=check_call) as standins:
            standins.twilio.content("HX" + "1" * 32, {"twilio/text": {"body": "x"}})
            line = line_of(standins)
            number = await follow(line, engine, DURING + timedelta(minutes=minutes))
            await line.close()
            assert standins.wrong == []
            return number

    assert asyncio.run(scene()) == asked


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"status": "received"}, "pending"),
        ({"status": "PENDING"}, "pending"),
        ({"status": "approved", "category": "MARKETING"}, "approved"),
        ({"status": "something new"}, "unsubmitted"),
        ({}, "unsubmitted"),
    ],
)
def test_what_twilio_says_in_our_words(told: dict[str, str], status: str) -> None:
    found = template_status.read({**told, "rejection_reason": "r" * 300})
    assert (found["status"], len(found["reason"])) == (status, 200)
    assert found.get("category") == ("marketing" if "category" in told else None)


def test_a_template_that_was_deleted_at_twilio_can_be_made_again_and_the_others_are_followed(engine: Engine) -> None:
    async def scene() -> None:
        with transaction(engine) as connection:
            put(connection, "approved")
        async with Standins() as standins:
            line = line_of(standins)
            await follow(line, engine, DURING, everything=True)
            assert statuses(engine)[0] == "unsubmitted"
            standins.fail(status=429, method="*")
            with pytest.raises(failures.Throttled):
                await follow(line, engine, DURING, everything=True)
            await line.close()

    asyncio.run(scene())
