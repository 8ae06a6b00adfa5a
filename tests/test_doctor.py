"""The doctor finds what is wrong, says how to mend it, always runs every check, and tells no secret."""

import os
import shutil
import sqlite3
from collections import namedtuple
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlalchemy.engine import make_url

from bot import speech
from bot.announcements.templates import DECLARED
from bot.complaints import redaction
from bot.upkeep import HEARTBEAT
from cli import accounts, premises
from cli.accounts import retries
from cli.doctor import Finding, examine, examine_environment
from cli.findings import kept
from cli.settings import Settings, read_settings
from storage import consultations, outbox, parked, templates, ticks, volatile
from storage.catalogue import CityText
from storage.contacts import Contact
from storage.database import columns, transaction
from storage.templates import TemplateRow
from tests.docket import write_down
from tests.scripted import RETRIES, SID, SMS_FROM, TOKEN, Script, scripted
from tests.vaults import give_keys, in_memory, redacts
from tests.world import DURING, Clock, World, environment

SLUG = "cartagena-2022"
STILL = Clock()


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted() as made:
        yield made


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in memory for the store; whether this machine swaps is nothing to these tests."""
    monkeypatch.setattr(volatile, "swaps", lambda: False)
    with in_memory() as folder:
        yield folder


def desk(database_url: str, folder: Path, script: Script, memory: Path) -> World:
    """A desk on which everything is well: Cartagena loaded and opened, a worker just seen, keys apart."""
    given = {**script.environment(), "BALLOT_KEYS_DIR": str(folder / "apart" / "keys")}
    given["VOLATILE_PATH"] = str(memory / "volatile.db")
    world = World.on(database_url, folder, None, **given).load().open()
    with transaction(world.desk.engine) as connection:
        ticks.mark(connection, HEARTBEAT, DURING)
        for each in DECLARED:
            templates.put(
                connection, DURING, name=each.name, language=each.language, sid=f"HX{each.digest[:32]}",
                category=each.category, digest=each.digest, status="approved",
            )  # fmt: skip
    world.attend()
    return world


@pytest.fixture
def well(sqlite_url: str, tmp_path: Path, script: Script, memory: Path) -> Iterator[World]:
    made = desk(sqlite_url, tmp_path, script, memory)
    yield made
    close(made)


def close(world: World) -> None:
    world.desk.engine.dispose()
    if world.desk.volatile is not None:
        world.desk.volatile.dispose()


def examined(settings: Settings, clock: Clock = STILL) -> dict[str, Finding]:
    """The findings by name. What is wrong has a fix, and nothing shows a secret or a number."""
    findings = examine(settings, clock)
    words = "\n".join(f"{f.name} {f.says} {f.fix}" for f in findings)
    secret = [
        settings.secret_key, settings.telegram_bot_token, settings.telegram_webhook_secret, settings.twilio_auth_token,
        settings.twilio_account_sid, settings.twilio_whatsapp_from, settings.twilio_sms_from, settings.database_url,
    ]  # fmt: skip
    assert not [value for value in secret if value and value in words]
    assert not [f for f in findings if f.ok is False and len(f.fix) < 10]
    assert len({f.name for f in findings}) == len(findings)
    return {f.name: f for f in findings}


def wrong(findings: dict[str, Finding]) -> list[str]:
    return [name for name, finding in findings.items() if finding.ok is False]


def test_a_desk_on_which_all_is_well(database_url: str, tmp_path: Path, script: Script, memory: Path) -> None:
    world = desk(database_url, tmp_path, script, memory)
    found = examined(world.settings)
    close(world)
    assert wrong(found) == []
    assert {name for name, finding in found.items() if finding.ok is None} <= {"WhatsApp webhook", "disk"}
    assert f"{script.url}/webhooks/twilio{RETRIES}" in found["WhatsApp webhook"].says
    assert "@cuenta_test_bot" in found["Telegram"].says


def test_channels_without_credentials_are_off(sqlite_url: str, tmp_path: Path) -> None:
    settings = read_settings(
        {
            "SECRET_KEY": "only-for-tests-" * 4,
            "DATABASE_URL": sqlite_url,
            "BALLOT_KEYS_DIR": str(tmp_path / "a" / "keys"),
        }
    )
    found = examined(settings)
    assert [found[name].ok for name in ("Telegram", "WhatsApp", "SMS", "public address", "clock")] == [None] * 5
    assert all("is off" in found[name].says for name in ("Telegram", "WhatsApp", "SMS"))


# Settings


def test_each_setting_is_examined_without_its_value(tmp_path: Path) -> None:
    given = environment("sqlite:///c.db", tmp_path)
    found = {finding.name: finding for finding in examine_environment(given)}
    assert {name for name, finding in found.items() if finding.ok} == set(given)
    assert not [name for name, finding in found.items() if finding.ok is False]
    assert "its default" in found["TELEGRAM_PER_SECOND"].says
    words = " ".join(finding.says + finding.fix for finding in found.values())
    assert not [value for value in given.values() if value in words]


def test_bad_settings_become_findings() -> None:
    found = {f.name: f for f in examine_environment({"PUBLIC_URL": "nowhere", "TELEGRAM_BOT_TOKEN": TOKEN})}
    assert wrong(found) == ["SECRET_KEY", "PUBLIC_URL", "TELEGRAM_WEBHOOK_SECRET"]
    assert "https://" in found["PUBLIC_URL"].says
    assert all(found[name].fix for name in wrong(found))


# This machine


def test_messages_that_are_not_compiled(well: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(language: str) -> None:
        raise speech.NoCatalogue(language)

    monkeypatch.setattr(premises, "messages", missing)
    found = examined(well.settings)
    assert wrong(found) == ["messages in es", "messages in en"]
    assert "make messages" in found["messages in es"].fix


def changed(settings: Settings, **values: Any) -> Settings:
    return Settings(**{**vars(settings), **values})


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///{folder}/none.db",
        "sqlite:///{folder}/none/at/all.db",
        "sqlite:///{folder}/text.db",
        "postgresql://somebody:pass-word@127.0.0.1:1/cuenta",
    ],
)
def test_a_database_that_cannot_be_read(well: World, tmp_path: Path, url: str) -> None:
    (tmp_path / "text.db").write_text("this is no database " * 100)
    found = examined(changed(well.settings, database_url=url.format(folder=tmp_path)))
    assert wrong(found) == ["database"]
    unknown = ("migrations", "city", "ballot keys", "worker", "parked errors", "outgoing messages", "complaints")
    assert [found[name].ok for name in unknown] == [None] * len(unknown)
    assert found["Telegram"].ok, "the others run all the same"
    assert not (tmp_path / "none.db").exists(), "asking makes no database"


def test_a_database_without_the_newest_schema(well: World, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    found = examined(changed(well.settings, database_url=f"sqlite:///{tmp_path}/empty.db"))
    assert wrong(found) == ["migrations"]
    assert "cuenta migrate" in found["migrations"].fix


def test_no_city(well: World) -> None:
    with transaction(well.desk.engine) as connection:
        connection.execute(delete(CityText))
    found = examined(well.settings)
    assert wrong(found) == ["city"]
    assert "cuenta load" in found["city"].fix


def test_complaints_that_nobody_can_open_and_keys_of_none(well: World) -> None:
    give_keys(well)
    for _n in range(2):
        write_down(well, date(2022, 11, 1))
    assert examined(well.settings)["complaints"].ok
    for table, says in (
        ("sealedwrap", "2 under way have no key of any receiver"),
        ("sealedcase", "2 sealed parts or keys belong to no case"),
    ):
        with closing(sqlite3.connect(make_url(well.settings.database_url).database or "")) as unguarded:
            unguarded.execute(f"DELETE FROM {table}")
            unguarded.commit()
        assert examined(well.settings)["complaints"].says == says


def test_a_folder_of_keys_that_is_not_there(well: World) -> None:
    shutil.rmtree(well.settings.ballot_keys_dir)
    found = examined(well.settings)
    assert wrong(found) == ["keys folder", f"ballot key of {SLUG}"]
    assert "mount or restore" in found["keys folder"].fix


@pytest.mark.parametrize(("path", "mode"), [(".", 0o755), (f"ballots-{SLUG}.key", 0o640)])
def test_keys_that_others_can_read(well: World, path: str, mode: int) -> None:
    (well.settings.ballot_keys_dir / path).chmod(mode)
    found = examined(well.settings)
    assert wrong(found) == ["keys folder"]
    assert "chmod" in found["keys folder"].fix


def test_keys_that_cannot_be_written(well: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _path, mode: not mode & os.W_OK)  # root may write anything
    assert wrong(examined(well.settings)) == ["keys folder"]


def test_keys_beside_the_database(well: World, tmp_path: Path) -> None:
    shutil.move(well.settings.ballot_keys_dir, tmp_path / "keys")
    found = examined(changed(well.settings, ballot_keys_dir=tmp_path / "keys"))
    assert wrong(found) == ["keys folder"]
    assert "backup" in found["keys folder"].says


def test_a_damaged_ink_key(well: World) -> None:
    (well.settings.ballot_keys_dir / "ink-2756.key").touch(mode=0o600)
    found = examined(well.settings)
    assert wrong(found) == ["keys folder"]
    assert "ink-2756.key is damaged" in found["keys folder"].says


def test_a_damaged_ballot_key_is_named(well: World) -> None:
    (well.settings.ballot_keys_dir / f"ballots-{SLUG}.key").write_bytes(b"")
    found = examined(well.settings)
    assert wrong(found) == [f"ballot key of {SLUG}"]
    assert f"ballots-{SLUG}.key" in found[f"ballot key of {SLUG}"].fix


def test_a_ballot_key_that_is_gone(well: World) -> None:
    (well.settings.ballot_keys_dir / f"ballots-{SLUG}.key").unlink()
    found = examined(well.settings)
    assert wrong(found) == [f"ballot key of {SLUG}"]
    assert "Never make another" in found[f"ballot key of {SLUG}"].fix


def test_a_ballot_key_that_is_another(well: World) -> None:
    (well.settings.ballot_keys_dir / f"ballots-{SLUG}.key").write_bytes(b"k" * 32)
    found = examined(well.settings)
    assert "is not the one" in found[f"ballot key of {SLUG}"].says
    assert wrong(found) == [f"ballot key of {SLUG}"]


def test_a_ballot_key_that_outlived_its_vote(well: World) -> None:
    with transaction(well.desk.engine) as connection:
        consultations.move(connection, SLUG, "opened", state="annulled")
    assert wrong(examined(well.settings)) == [f"ballot key of {SLUG}"]
    well.desk.keys.destroy(SLUG)
    assert wrong(examined(well.settings)) == []


def test_nothing_opened_yet(sqlite_url: str, tmp_path: Path, script: Script) -> None:
    world = World.on(sqlite_url, tmp_path, None, **script.environment()).load()
    found = examined(world.settings)
    world.desk.engine.dispose()
    assert found["ballot keys"].ok is None
    assert "was never seen" in found["worker"].says


def test_a_worker_that_stopped(well: World) -> None:
    with transaction(well.desk.engine) as connection:
        ticks.mark(connection, HEARTBEAT, DURING - timedelta(minutes=2))
    found = examined(well.settings)
    assert wrong(found) == ["worker"]
    assert "cuenta worker" in found["worker"].fix


def test_parked_errors(well: World) -> None:
    with transaction(well.desk.engine) as connection:
        parked.park(connection, "A1", "sms", "ValueError in flows/vote.py:7", datetime(2022, 11, 16, tzinfo=UTC))
        parked.park(connection, "A2", "sms", "KeyError in flows/menu.py:9", datetime(2022, 11, 17, tzinfo=UTC))
    found = examined(well.settings)
    assert wrong(found) == ["parked errors"]
    assert found["parked errors"].says == "2 in all; the newest on 2022-11-17 00:00 UTC: KeyError in flows/menu.py:9"


@pytest.mark.parametrize(
    ("state", "minutes", "expected"),
    [
        ("queued", 9, []),
        ("queued", 11, ["outgoing messages"]),
        ("sending", 11, ["outgoing messages"]),
        ("sent", 11, []),
        ("uncertain", 1, ["uncertain messages"]),
    ],
)
def test_messages_that_wait(well: World, state: str, minutes: int, expected: list[str]) -> None:
    well.put(Contact, {"id": 1, "channel": "sms", "address": SMS_FROM, "language": "es", "heard_at": DURING})
    with transaction(well.desk.engine) as connection:
        outbox.queue(connection, "sms", 1, "reply", b"sealed", DURING - timedelta(minutes=minutes))
        connection.execute(update(outbox.Outgoing).values(state=state))
    found = examined(well.settings)
    assert wrong(found) == expected
    assert all(found[name].says.startswith("1 on sms") for name in expected)


@pytest.mark.parametrize(
    ("status", "ok", "fix"),
    [
        ("unsubmitted", False, "cuenta templates create"),
        ("pending", None, "Wait"),
        ("approved", True, ""),
        ("rejected", False, "Change its words"),
        ("paused", False, "Announce less often"),
        ("disabled", False, "Change its words"),
    ],
)
def test_a_template_is_told_as_it_stands(well: World, status: str, ok: bool | None, fix: str) -> None:
    sid = f"HX{DECLARED[0].digest[:32]}"
    with transaction(well.desk.engine) as connection:
        templates.learn(connection, sid, DURING, status=status, reason="63041" if status == "paused" else "")
    found = examined(well.settings)["template votes in es"]
    assert found.ok is ok
    assert f"is {status}" in found.says
    assert fix in (found.says if ok is None else found.fix)
    assert ("63041" in found.says) is (status == "paused")


def test_templates_that_were_never_submitted_or_were_changed_since(well: World) -> None:
    with transaction(well.desk.engine) as connection:
        connection.execute(update(TemplateRow).where(columns(TemplateRow).name == "votes").values(digest="x"))
        connection.execute(delete(TemplateRow).where(columns(TemplateRow).name == "news"))
    found = examined(well.settings)
    assert wrong(found) == ["template votes in es", "template votes in en"]
    assert "is changed" in found["template votes in es"].says
    assert found["template news in es"].ok is None
    assert "cuenta templates create" in found["template news in es"].says


def test_a_disk_that_is_nearly_full(well: World, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**9, 10**9 - 499_000_000, 499_000_000))
    found = examined(well.settings)
    assert wrong(found) == ["disk"]
    assert "499 MB" in found["disk"].says


def test_a_check_that_breaks_is_a_finding(well: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_anything: object) -> None:
        raise RuntimeError(TOKEN)

    async def broken_too(*_anything: object) -> None:
        broken()

    checks = (premises, "city", broken), (premises, "folder", broken), (premises, "disk", broken)
    asking = (accounts, "public", broken_too), (accounts, "_account", broken_too), (accounts, "twilio", broken_too)
    for where, name, instead in (*checks, *asking):
        with monkeypatch.context() as patch:
            patch.setattr(where, name, instead)
            findings = examine(well.settings, STILL)
        assert len([f for f in findings if f.ok is False]) == 1
        assert TOKEN not in str(findings)
        assert "RuntimeError" in str(findings)


def test_what_a_broken_check_says_is_not_passed_on() -> None:
    (finding,) = kept("it", lambda: [Finding("a", True, str(int(TOKEN)))])
    assert (finding.ok, finding.says) == (False, "could not be examined (ValueError)")


# Complaints


def test_a_store_on_a_disk(well: World, tmp_path: Path) -> None:
    found = examined(changed(well.settings, volatile_path=tmp_path / "volatile.db"))
    assert wrong(found) == ["volatile store"]
    assert "on a disk" in found["volatile store"].says
    assert "/dev/shm" in found["volatile store"].fix


def test_a_store_that_nobody_has_opened_is_not_made_by_looking(well: World, memory: Path) -> None:
    path = memory / "elsewhere.db"
    found = examined(changed(well.settings, volatile_path=path))
    assert "is not there" in found["volatile store"].says
    assert not path.exists()


def test_a_store_whose_folder_others_can_look_into(well: World, memory: Path) -> None:
    memory.chmod(0o755)
    found = examined(well.settings)
    assert wrong(found) == ["volatile store"]
    assert "chmod 700" in found["volatile store"].fix


def test_a_store_that_no_worker_writes_into(well: World) -> None:
    with transaction(well.desk.engine) as connection:
        ticks.mark(connection, HEARTBEAT, DURING + timedelta(minutes=6))
    found = examined(well.settings, Clock(DURING + timedelta(minutes=6)))
    assert "no worker" in found["volatile store"].says


def test_a_machine_that_swaps(well: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volatile, "swaps", lambda: True)
    assert wrong(examined(well.settings)) == ["swap"]


def test_a_city_without_complaints_needs_no_store(well: World, tmp_path: Path) -> None:
    with transaction(well.desk.engine) as connection:
        connection.execute(delete(CityText).where(columns(CityText).key == "intake"))
    found = examined(changed(well.settings, volatile_path=tmp_path / "volatile.db"))
    assert found["volatile store"].ok is None


def test_complaints_by_whatsapp_are_open_or_shut_for_a_reason(well: World) -> None:
    well.settings = changed(
        well.settings, twilio_whatsapp_from="whatsapp:+15550000001", whatsapp_complaints="whatsapp:+573009999999"
    )
    name, clock = "complaints by WhatsApp", Clock()

    def says() -> str:
        found = examined(well.settings, clock)[name]
        assert found.ok is not None
        return f"{'' if found.ok else 'NO '}{found.says}"

    assert says().startswith("NO are not taken in the chat: the check has not passed yet")
    redacts(well)
    assert says() == "are taken in the chat: Twilio kept no text on 2022-11-16 15:00 UTC"
    clock.forward(minutes=11)
    assert "nobody has looked" in says()
    clock.forward(hours=25)
    assert "not been renewed" in says()
    for why, words in (("off", "30029"), ("sent", "asked it not to keep"), ("received", "somebody wrote")):
        well.clock.forward(minutes=1)
        with transaction(well.desk.engine) as connection:
            ticks.mark(connection, redaction.FAILED[why], well.clock())
        assert words in says()
    well.settings = changed(well.settings, whatsapp_complaints="")
    assert "WHATSAPP_COMPLAINTS is not set" in says()


def test_an_address_of_complaints_that_is_well(well: World, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "complaints_address", lambda _host: script.url)
    settings = changed(well.settings, complaints_host="localhost")
    found = examined(settings)
    assert wrong(found) == []
    assert "name of its own" in found["address of complaints"].says
    script.public = (404, "nothing here")
    assert "answers 404" in examined(settings)["address of complaints"].says


@pytest.mark.parametrize(
    ("host", "desk", "says"),
    [
        ("127.0.0.1", "", "the name of the desk"),
        ("consola.example.test", "", "the name of the console"),
        ("localhost", "https://cuenta.example.test", "no machine that others can reach"),
        ("localhost", "", "cannot be reached over https"),
    ],
)
def test_an_address_of_complaints_that_leads_nowhere(well: World, host: str, desk: str, says: str) -> None:
    settings = changed(well.settings, complaints_host=host, console_host="consola.example.test")
    found = examined(changed(settings, public_url=desk) if desk else settings)
    assert found["address of complaints"].ok is False
    assert says in found["address of complaints"].says


def test_a_name_of_complaints_that_is_not_in_the_dns(well: World) -> None:
    found = examined(changed(well.settings, complaints_host="denuncia.invalid"))
    assert "not found" in found["address of complaints"].says


# The public address and the clock


@pytest.mark.parametrize(
    ("answer", "says"),
    [((200, "hello"), "answers 200"), ((502, "bad gateway"), "answers 502"), ((301, ""), "redirects")],
)
def test_a_public_address_that_leads_elsewhere(well: World, script: Script, answer: tuple[int, str], says: str) -> None:
    script.public = answer
    found = examined(well.settings)
    assert wrong(found) == ["public address"]
    assert says in found["public address"].says


@pytest.mark.parametrize(
    ("url", "says"),
    [("", "not set"), ("http://cuenta.example.test", "not https"), ("http://127.0.0.1:1", "cannot be reached")],
)
def test_a_public_address_that_cannot_be_called(well: World, url: str, says: str) -> None:
    found = examined(changed(well.settings, public_url=url))
    assert says in found["public address"].says
    assert found["public address"].ok is False
    assert found["Telegram webhook"].ok is False


@pytest.mark.parametrize(("seconds", "ok"), [(0, True), (9, True), (11, False), (-3600, False)])
def test_a_clock_that_is_wrong(well: World, seconds: int, ok: bool) -> None:
    found = examined(well.settings, Clock(DURING + timedelta(seconds=seconds)))
    assert found["clock"].ok is ok
    assert ok or str(abs(seconds)) in found["clock"].says


def test_a_provider_that_does_not_tell_the_time(well: World, script: Script) -> None:
    script.date = "yesterday"
    assert examined(well.settings)["clock"].ok is None


# Telegram


@pytest.mark.parametrize(
    ("status", "description", "fix"),
    [
        (401, "Unauthorized", "@BotFather"),
        (404, "Not Found", "@BotFather"),
        (429, "Too Many Requests: retry after 9", "in a minute"),
        (500, "Internal Server Error", "cannot be reached"),
    ],
)
def test_a_bot_that_telegram_does_not_serve(
    well: World, script: Script, status: int, description: str, fix: str
) -> None:
    script.refuse("getMe", status, description, **({"retry_after": 9} if status == 429 else {}))
    found = examined(well.settings)
    assert wrong(found) == ["Telegram"]
    assert fix in found["Telegram"].fix


def test_telegram_cannot_be_reached(well: World) -> None:
    found = examined(changed(well.settings, telegram_api_url="http://127.0.0.1:1"))
    assert wrong(found) == ["Telegram"]
    assert found["clock"].ok is None


YEARS_AGO, LATELY = 1_600_000_000, int(DURING.timestamp()) - 60


@pytest.mark.parametrize(
    ("changes", "expected", "words"),
    [
        ({"url": ""}, "Telegram webhook", "is not set"),
        ({"url": "https://other.example.test/webhooks/telegram"}, "Telegram webhook", "leads elsewhere"),
        ({"allowed_updates": ["message"]}, "Telegram updates", "not those"),
        ({"allowed_updates": None}, "Telegram updates", "not those"),
        ({"pending_update_count": 100}, "Telegram queue", "100 updates"),
        ({"last_error_date": LATELY, "last_error_message": "Connection timed out"}, "Telegram last error", "in time"),
        (
            {"last_error_date": LATELY, "last_error_message": "Wrong response from the webhook: 403 Forbidden"},
            "Telegram last error",
            "answered 403",
        ),
        (
            {"last_error_date": LATELY, "last_error_message": f"quite new, at 10.0.0.7 {TOKEN}"},
            "Telegram last error",
            "the call failed",
        ),
    ],
)
def test_a_webhook_that_is_not_as_it_should_be(
    well: World, script: Script, changes: dict[str, Any], expected: str, words: str
) -> None:
    script.webhook(**changes)
    found = examined(well.settings)
    assert wrong(found) == [expected]
    assert words in found[expected].says
    assert "10.0.0.7" not in found[expected].says


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("SSL error {error:0A000086:SSL routines::certificate verify failed}", "certificate"),
        ("Wrong response from the webhook: 502 Bad Gateway", "5xx"),
        ("Wrong response from the webhook: 302 Found", "redirects"),
        ("Wrong response from the webhook: 404 Not Found", "404"),
        ("Read timeout expired", "in time"),
        ("Failed to resolve host: Name or service not known", "host name"),
        ("Connection refused", "reached"),
    ],
)
def test_an_old_error_of_telegram_is_only_told(well: World, script: Script, message: str, cause: str) -> None:
    script.webhook(last_error_date=YEARS_AGO, last_error_message=message)
    finding = examined(well.settings)["Telegram last error"]
    assert finding.ok
    assert finding.says.startswith("on 2020-09-13")
    assert cause in finding.says


# Twilio


@pytest.mark.parametrize(
    ("status", "body", "fix"),
    [
        (401, {"code": 20003, "message": "Authenticate", "status": 401}, "TWILIO_AUTH_TOKEN"),
        (500, {"code": 20500, "message": "Internal", "status": 500}, "20500"),
    ],
)
def test_an_account_that_twilio_does_not_serve(
    well: World, script: Script, status: int, body: dict[str, Any], fix: str
) -> None:
    script.twilio = dict.fromkeys(script.twilio, (status, body))
    found = examined(well.settings)
    assert wrong(found) == ["Twilio", "SMS webhook"]
    assert fix in found["Twilio"].fix


def test_twilio_cannot_be_reached(well: World) -> None:
    found = examined(changed(well.settings, twilio_api_url="http://127.0.0.1:1"))
    assert wrong(found) == ["Twilio", "SMS webhook"]


def test_an_account_that_is_suspended(well: World, script: Script) -> None:
    script.account("suspended")
    assert wrong(examined(well.settings)) == ["Twilio"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sms_url": "{url}/webhooks/twilio"}, ["SMS retries"]),
        ({"sms_url": "{url}/webhooks/twilio#rc=2&rp=ct"}, ["SMS retries"]),
        ({"sms_url": "{url}/webhooks/twilio#rc=5&rp=all"}, []),
        ({"sms_url": "https://demo.twilio.com/welcome/sms/reply"}, ["SMS webhook", "SMS retries"]),
        ({"sms_url": "{url}/webhooks/twilio/#rc=3&rp=all"}, ["SMS webhook"]),
        ({"sms_url": ""}, ["SMS webhook", "SMS retries"]),
        ({"sms_url": None}, ["SMS webhook", "SMS retries"]),
        ({"sms_method": "GET"}, ["SMS webhook"]),
        ({"sms_fallback_url": ""}, ["SMS fallback"]),
        ({"sms_fallback_url": "https://other.example.test/"}, ["SMS fallback"]),
        ({"sms_fallback_url": "{url}/webhooks/twilio" + RETRIES}, []),
        ({"sms_fallback_method": "GET"}, ["SMS fallback"]),
        ({"sms_application_sid": "AP" + "0" * 32}, ["SMS webhook"]),
        ({"phone_number": SMS_FROM + "9"}, ["SMS number"]),
    ],
)
def test_a_number_that_is_not_as_it_should_be(
    well: World, script: Script, changes: dict[str, str | None], expected: list[str]
) -> None:
    script.number(**{name: value and value.format(url=script.url) for name, value in changes.items()})
    found = examined(well.settings)
    assert wrong(found) == expected
    for name in {"SMS webhook", "SMS retries"} & set(expected):
        assert "application" in found[name].says or f"{script.url}/webhooks/twilio{RETRIES}" in found[name].fix


def test_a_short_code(well: World, script: Script) -> None:
    listed = {
        "short_code": "891234", "sms_method": "POST", "sms_fallback_method": "POST",
        "sms_url": f"{script.url}/webhooks/twilio{RETRIES}", "sms_fallback_url": f"{script.url}/webhooks/twilio",
    }  # fmt: skip
    page = {"short_codes": [listed], "page": 0}
    script.twilio[f"/2010-04-01/Accounts/{SID}/SMS/ShortCodes.json"] = (200, page)
    assert wrong(examined(changed(well.settings, twilio_sms_from="891234"))) == []


@pytest.mark.parametrize(
    ("on_number", "retried", "expected", "webhook"),
    [(False, RETRIES, [], True), (False, "", ["SMS retries"], True), (True, "", [], None)],
)
def test_a_messaging_service(
    well: World, script: Script, on_number: bool, retried: str, expected: list[str], webhook: bool | None
) -> None:
    service = "MG" + "0" * 32
    address = f"{script.url}/webhooks/twilio"
    body = {
        "sid": service, "use_inbound_webhook_on_number": on_number, "inbound_request_url": address + retried,
        "inbound_method": "POST", "fallback_url": address, "fallback_method": "POST",
    }  # fmt: skip
    script.twilio[f"/v1/Services/{service}"] = (200, body)
    found = examined(changed(well.settings, twilio_messaging_service_sid=service))
    assert wrong(found) == expected
    assert found["SMS webhook"].ok is webhook


@pytest.mark.parametrize(
    ("fragment", "on"),
    [
        ("rc=3&rp=5xx,ct,rt", True),
        ("rc=1&rp=all", True),
        ("rp=4xx,5xx,ct,rt", True),
        ("", False),
        ("rc=0&rp=all", False),
        ("rc=x&rp=all", False),
        ("rc=3", False),
        ("rc=3&rp=5xx,ct", False),
    ],
)
def test_retries_are_on_where_no_message_would_be_lost(fragment: str, on: bool) -> None:
    assert retries(fragment) is on


def test_the_recommended_retries_are_retries() -> None:
    assert accounts.RETRIES == RETRIES
    assert retries(accounts.RETRIES.removeprefix("#"))


def test_the_doctor_changes_nothing(well: World, script: Script) -> None:
    before = well.rows(outbox.Outgoing), well.rows(consultations.ConsultationRow)
    examined(well.settings)
    assert (well.rows(outbox.Outgoing), well.rows(consultations.ConsultationRow)) == before
    assert {method for method, _form in script.calls} == {"getMe", "getWebhookInfo"}
