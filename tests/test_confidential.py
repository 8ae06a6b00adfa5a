"""Complaints in the chat: nothing of them is anywhere but in memory, and sealed."""

import io
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from PIL import Image
from sqlalchemy import event, inspect, text

from bot.channels import telegram
from bot.complaints import cases
from bot.complaints import commands as complaint_commands
from bot.complaints.confidential import Confidential, waiting
from bot.complaints.safe import Safe
from bot.complaints.typed_codes import codes_in
from bot.complaints.ways import opens
from bot.desk import Away
from bot.messages import Incoming, Outbound
from flows.case import ASKED
from flows.complaint_report import NAME, QUESTIONS
from storage import cases as shelf
from storage import receivers, vault, volatile, volatile_outbox
from storage.ballots import Ballot
from storage.contacts import Contact
from storage.database import reading, transaction
from storage.inbox import Inbox
from storage.outbox import Outgoing
from storage.parked import ParkedError
from storage.vault import KeyPair
from tests import vaults
from tests.vaults import OFFICES, in_memory
from tests.world import World, address, away, telegram_text
from web import complaints

SEALED = {"sealedcase", "sealedwrap", "sealedpart"}
STORY = ("denunciar", "3", "1", "pidieron plata", "-", "-", "-", "-", "-", "-", "1")
"""As far as the last look before a complaint is sent."""

Dump = dict[str, list[Any]]


def dump(world: World) -> Dump:
    """Every row of every table of the ordinary database."""
    with reading(world.desk.engine) as connection:
        names = inspect(connection).get_table_names()
        return {name: sorted(map(repr, connection.execute(text(f'SELECT * FROM "{name}"')))) for name in names}


def changed(before: Dump, after: Dump) -> set[str]:
    return {name for name in after if before[name] != after[name]}


def tell(world: World, *texts: str, channel: str = "telegram", who: int = 1) -> str:
    """Write these; all that was answered to the last."""
    got: list[Outbound] = []
    for each in texts:
        got = world.say(each, channel, who)
    return "\n".join(message.text for message in got)


def send(world: World, *texts: str, who: int = 1) -> tuple[str, str]:
    """Report with these answers; number and key."""
    for each in texts or STORY:
        world.say(each, who=who)
    secret = next(message for message in world.say("1", who=who) if message.secret)
    number, key = (line.split(": ")[1] for line in secret.text.split("\n"))
    return number, key


def store(world: World) -> Any:
    assert world.desk.volatile is not None
    return world.desk.volatile


def volatile_rows(world: World, table: str) -> list[Any]:
    with reading(store(world)) as connection:
        return list(connection.execute(text(f"SELECT * FROM {table}")))


def told(world: World, pairs: dict[int, KeyPair]) -> list[tuple[str, str]]:
    """What a receiver reads in the only case: question and words."""
    with reading(world.desk.engine) as connection:
        (case,) = connection.execute(text("SELECT id FROM sealedcase")).scalars()
        receiver = max(pairs)  # the paper key
        wrapped = shelf.wrap_for(connection, case, receiver)
        assert wrapped is not None
        private = vault.unwrap(wrapped, pairs[receiver].private)
        rows = shelf.parts(connection, case, ("told",))
    opened = [cases.Told.unpacked(vault.unseal(private, case, row.id, row.kind, bytes(row.body))) for row in rows]
    return [(each.question, each.text) for each in sorted(opened, key=lambda each: each.place)]


@contextmanager
def with_keys(database_url: str, folder: Path) -> Iterator[tuple[World, dict[int, KeyPair]]]:
    with in_memory() as memory:
        world = World.on(database_url, folder, VOLATILE_PATH=str(memory / "volatile.db")).load().open()
        yield world, vaults.give_keys(world)
        world.desk.engine.dispose()
        store(world).dispose()


def with_files(world: World, fetch: Callable[[str, str, int], bytes]) -> None:
    whole = world.desk.confidential
    assert isinstance(whole, Confidential)
    ways = replace(whole.ways, fetch=fetch)
    world.desk = replace(world.desk, confidential=Confidential(whole.desk, ways))


def test_only_sealed_tables_are_ever_written(desk: World) -> None:
    before = dump(desk)
    for each in (*STORY[:4], "ayuda", "atrás", "otra cosa", *STORY[4:]):
        desk.restart()
        desk.say(each)
        assert changed(before, dump(desk)) == set(), each
    desk.restart()
    number, key = (line.split(": ")[1] for line in desk.say("1")[1].text.split("\n"))
    assert changed(before, dump(desk)) == SEALED
    assert {len(rows) for name, rows in dump(desk).items() if name == "sealedcase"} == {1}
    after = dump(desk)
    assert "Listo." in tell(desk, key[-4:])
    assert changed(after, dump(desk)) == set()
    for each in ("consultar", f"{key} {number}", "1", "algo más"):
        desk.restart()
        desk.say(each)
    assert changed(after, dump(desk)) == {"sealedpart"}
    assert "No guardamos nada" in tell(desk, "3")
    assert changed(after, dump(desk)) == {"sealedpart"}


def test_what_was_told_is_read_by_receivers_alone(sqlite_url: str, tmp_path: Path) -> None:
    with with_keys(sqlite_url, tmp_path) as (world, pairs):
        tell(world, "denunciar 1.2", "2", "2", "Me llamo X", "pidieron plata", "se va a borrar", "0")
        send(world, "en la plaza", "-", "-", "-", "-", "-", "1")
        subject, *rest = told(world, pairs)
        assert subject[0] == "subject"
        assert subject[1].startswith("1.2. ")
        assert rest == [("name", "Me llamo X"), ("what", "pidieron plata"), ("where", "en la plaza")]
        with reading(world.desk.engine) as connection:
            (row,) = connection.execute(text("SELECT id, excluded FROM sealedcase")).all()
            assert row.excluded == OFFICES[1]
            keys = {key.id: key.office for key in receivers.active(connection)}
            with_wrap = {id for id in keys if shelf.wrap_for(connection, row.id, id)}
        assert {keys[id] for id in with_wrap} == {OFFICES[0], vaults.PAPER_HOLDER}
        assert volatile_rows(world, "part") == []


CANARY = "CANARIO"


def photo(number: int, chat: str) -> dict[str, Any]:
    update = telegram_text(number, chat, "")
    message = update["message"]
    del message["text"]
    message["from"] |= {"first_name": f"{CANARY}-nombre", "username": f"{CANARY}_usuario"}
    message["forward_origin"] = {"type": "hidden_user", "sender_user_name": f"{CANARY}-origen", "date": 1}
    message["caption"] = f"{CANARY}-pie"
    document = {"file_id": f"{CANARY}-id", "file_name": f"{CANARY}.png", "mime_type": "image/png", "file_size": 90}
    message["document"] = document
    return update


def test_no_canary_is_anywhere_but_in_memory_and_sealed(
    sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(drawn, "PNG")
    with with_keys(sqlite_url, tmp_path) as (world, pairs), structlog.testing.capture_logs() as logs:
        with_files(world, lambda _channel, _source, _most: drawn.getvalue())
        tell(world, *STORY[:3], f"{CANARY}-texto", *STORY[4:-1])
        chat = address("telegram", 1)
        incoming = telegram.read(photo(900, chat))
        assert incoming is not None
        assert "1 archivo" in world.take(incoming)[-1].text
        number, _key = send(world, "1")
        assert ("caption", f"{CANARY}-pie") in told(world, pairs)
        words = "".join(each for _question, each in told(world, pairs))
        assert "origen" not in words
        assert CANARY not in f"{logs}{capsys.readouterr()}"
        assert chat not in f"{logs}"
        for path in tmp_path.rglob("*"):
            body = path.read_bytes() if path.is_file() else b""
            assert CANARY.encode() not in body, path.name
            assert chat.encode() not in body, path.name
        for path in world.settings.volatile_path.parent.iterdir():
            for canary in ("texto", "pie", "origen", "nombre", "usuario"):
                assert f"{CANARY}-{canary}".encode() not in path.read_bytes(), "it is sealed even there"
        assert len(number) == 8


def test_a_file_that_cannot_be_taken_is_refused_with_a_reason(little: World) -> None:
    with_files(little, lambda _channel, _source, _most: b"MZ not a picture")
    tell(little, *STORY[:-1])
    incoming = telegram.read(photo(901, address("telegram", 1)))
    assert incoming is not None
    assert "Solo recibimos fotos y archivos PDF" in little.take(incoming)[-1].text
    assert volatile_rows(little, "part")[0].kind == "told"
    assert len(volatile_rows(little, "part")) == 1


def test_a_voice_or_a_card_is_told_what_can_be_sent(little: World) -> None:
    tell(little, *STORY[:3])
    for n, kind in enumerate(("voice", "contact", "location", "sticker", "video")):
        update = telegram_text(950 + n, address("telegram", 1), "")
        del update["message"]["text"]
        update["message"][kind] = {"file_id": "x", "phone_number": "+573001234567", "user_id": 1}
        incoming = telegram.read(update)
        assert incoming is not None
        assert "Aquí leemos palabras" in little.take(incoming)[-1].text, kind


def test_a_message_that_comes_twice_counts_once(desk: World) -> None:
    tell(desk, *STORY)
    again = telegram.read(telegram_text(777, address("telegram", 1), "1"))
    assert again is not None
    assert len(desk.take(again)) == 3
    assert desk.take(again) == []
    assert len(dump(desk)["sealedcase"]) == 1


@pytest.mark.parametrize("last", [(*STORY[:4], "salir"), ("consultar", "menú"), (*STORY, "2")])
def test_the_last_message_of_a_conversation_that_comes_twice_is_not_taken_for_an_ordinary_one(
    last: tuple[str, ...], little: World
) -> None:
    tell(little, *last[:-1])
    before = dump(little)
    again = telegram.read(telegram_text(776, address("telegram", 1), last[-1]))
    assert again is not None
    assert little.take(again)
    little.restart()
    assert little.take(again) == []
    assert changed(before, dump(little)) == set()


def test_a_complaint_whose_memory_was_lost_after_filing_is_filed_once(desk: World, monkeypatch: Any) -> None:
    tell(desk, *STORY)
    queue, broken = volatile_outbox.queue, [True]

    def lost(*arguments: Any) -> int:
        if broken.pop() if broken else False:
            raise RuntimeError("the process died after the case was committed")
        return queue(*arguments)

    monkeypatch.setattr(volatile_outbox, "queue", lost)
    again = telegram.read(telegram_text(778, address("telegram", 1), "1"))
    assert again is not None
    desk.desk.take(again)
    (case,) = dump(desk)["sealedcase"]
    desk.delivered("telegram", address("telegram", 1))
    assert "Número" in tell(desk, "1")
    assert dump(desk)["sealedcase"] == [case]


def test_an_old_button_does_nothing(little: World) -> None:
    tell(little, "denunciar")
    old = little.last["telegram", address("telegram", 1)].buttons[0][1]
    little.press("Ninguno")
    assert "Esa pregunta ya pasó" in little.press_data(old)[-1].text
    tell(little, "salir")
    before = dump(little)
    assert "Esa pregunta ya pasó" in little.press_data(old)[-1].text
    assert changed(before, dump(little)) == set()


def test_going_back_wipes_what_was_told(little: World) -> None:
    tell(little, *STORY[:4])
    assert len(volatile_rows(little, "part")) == 1
    assert "¿Qué pasó?" in tell(little, "0")
    assert volatile_rows(little, "part") == []
    tell(little, "0")
    assert "no puede volver atrás" in tell(little, "0")


def test_leaving_wipes_the_conversation(little: World) -> None:
    for word in ("salir", "menú", "baja", "denunciar"):
        tell(little, *STORY[:4])
        assert "rramos" in tell(little, word)
        assert volatile_rows(little, "part") == []
        tell(little, "salir")
        assert volatile_rows(little, "draft") == []


def test_after_half_an_hour_or_a_reboot_a_message_continues_nothing(little: World) -> None:
    tell(little, *STORY[:4])
    little.clock.forward(minutes=31)
    assert "Esa pregunta ya pasó" in tell(little, "en la plaza")
    tell(little, *STORY[:4])
    reboot(little)
    assert "Hola. Con Cuenta" in tell(little, "en la plaza")
    assert "plaza" not in str(dump(little))
    assert "Estas oficinas" in tell(little, "denunciar")


@pytest.mark.parametrize("wiped", [True, False])
def test_words_that_come_too_late_answer_no_other_question(desk: World, wiped: bool) -> None:
    tell(desk, "hola", "1", "perfil")
    before = dump(desk)
    tell(desk, *STORY[:4])
    desk.clock.forward(minutes=31)
    if wiped:
        volatile.wipe(store(desk), desk.clock())
    assert "Para empezar otra vez escriba DENUNCIAR" in tell(desk, "1")
    assert changed(before, dump(desk)) == set()
    assert volatile_rows(desk, "draft") == volatile_rows(desk, "part") == []
    tell(desk, "1")
    assert changed(before, dump(desk)), "and from then on it is an ordinary chat again"


@pytest.mark.parametrize("typed", ["votar 1 4 6", "/start v-cartagena-2022"])
def test_a_vote_is_none_of_the_words_that_come_too_late(little: World, typed: str) -> None:
    little.vote("2 5")
    send(little)
    little.clock.forward(minutes=31)
    assert "Esa pregunta ya pasó" not in tell(little, typed)


def test_a_vote_in_the_middle_of_a_report_is_told_to_be_none(little: World) -> None:
    little.vote("2 5")
    tell(little, *STORY[:4])
    got = tell(little, "votar 1 4 6")
    assert "no fue un voto" in got
    assert "¿Dónde" in got
    assert [row["choices"] for row in little.rows(Ballot)] == ["p02 p05"]


def reboot(world: World) -> None:
    """What was in memory is gone."""
    store(world).dispose()
    for path in list(world.settings.volatile_path.parent.iterdir()):
        path.unlink()
    world.restart()


def test_after_a_reboot_one_is_told_to_begin_again_and_nothing_is_left_over(desk: World) -> None:
    before = dump(desk)
    tell(desk, *STORY)
    send_it = desk.last["telegram", address("telegram", 1)].buttons[0][1]
    reboot(desk)
    assert "Para empezar otra vez escriba DENUNCIAR" in desk.press_data(send_it)[-1].text
    assert changed(before, dump(desk)) == set()
    for table in ("draft", "part", "outgoing"):
        assert volatile_rows(desk, table) == []
    tell(desk, "en la plaza")
    assert not changed(before, dump(desk)) & SEALED, "a text is an ordinary one, of which only the chat is kept"
    assert "plaza" not in str(dump(desk))
    send(desk)
    assert len(dump(desk)["sealedcase"]) == 1


def test_who_presses_send_twice_files_once(desk: World) -> None:
    tell(desk, *STORY)
    send_it = desk.last["telegram", address("telegram", 1)].buttons[0][1]
    (first,) = [message.text for message in desk.press_data(send_it) if message.secret]
    filed = dump(desk)
    again = desk.press_data(send_it)
    assert "Esa pregunta ya pasó" in again[0].text
    assert [message.text for message in again if message.secret] == [first]
    assert changed(filed, dump(desk)) == set()
    assert len(filed["sealedcase"]) == 1


def test_a_wrong_key_and_an_unknown_number_are_answered_alike(little: World) -> None:
    number, _key = send(little)
    tell(little, "salir")
    wrong = tell(little, "consultar", f"{number} {vault.new_access_key()}")
    unknown = tell(little, f"{vault.new_locator()} {vault.new_access_key()}")
    assert "no van juntos" in wrong
    assert wrong == unknown


def test_an_answer_with_a_key_is_refused_and_deleted_at_once(little: World) -> None:
    number, key = send(little)
    tell(little, key[-4:], f"{number} {key}", "1")
    for typed in (f"mi clave es {key.lower()}", f"clave {key.replace('-', ' ')}"):
        assert "Ahí hay una clave" in tell(little, typed)
        assert volatile_rows(little, "part") == []
    assert key not in str(volatile_rows(little, "draft"))
    due = [row for row in volatile_rows(little, "trace") if row.secret]
    assert len(due) == 3  # with the message that opened the case
    with reading(store(little)) as connection:
        now = volatile_outbox.traces(connection, "telegram", 100, little.clock())
    assert {row.id for row in due} <= {row.id for row in now}


def test_where_keys_are_lacking_it_says_so_and_takes_nothing(little: World) -> None:
    with transaction(little.desk.engine) as connection:
        receivers.remove(connection, receivers.active(connection)[0].id, little.clock().date())
    before = dump(little)
    answer = tell(little, "denunciar")
    assert "Ahora no puede denunciar aquí" in answer
    assert "www.cartagena.gov.co/denuncia" in answer
    assert "llame ya al 123" in answer
    assert changed(before, dump(little)) == set()
    assert volatile_rows(little, "draft") == []


def test_where_no_worker_sees_the_store_an_ordinary_turn_says_so(little: World) -> None:
    told = Incoming("telegram", "5", "1", text="denunciar")
    assert little.desk.take(told)
    (message,) = little.delivered("telegram", "5")
    assert "Ahora no puede denunciar aquí" in message.text
    assert volatile_rows(little, "taken") == []


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_by_sms_and_whatsapp_only_the_link_is_given(channel: str, little: World) -> None:
    before = dump(little)
    assert "https://cuenta.example.test/denuncia" in tell(little, "denunciar", channel=channel)
    assert changed(before, dump(little)) == set()
    assert volatile_rows(little, "draft") == []


def test_a_channel_takes_complaints_once_it_is_trusted_with_them(little: World) -> None:
    whole = little.desk.confidential
    assert isinstance(whole, Confidential)
    ways = replace(whole.ways, chats=frozenset({"whatsapp"}))
    little.desk = replace(little.desk, confidential=Confidential(whole.desk, ways))
    assert "WhatsApp sabe" in tell(little, "denunciar", channel="whatsapp")
    assert "/denuncia" in tell(little, "denunciar")
    assert len(volatile_rows(little, "draft")) == 1


def test_news_of_the_chat_go_the_ordinary_way(little: World) -> None:
    tell(little, *STORY[:4])
    little.take(Incoming("telegram", address("telegram", 1), "n1", "blocked"))
    (contact,) = little.rows(Contact)
    assert contact["state"] == "blocked"


def test_a_bug_is_apologised_for_and_leaves_its_place_alone(little: World, monkeypatch: Any) -> None:
    tell(little, *STORY[:3])

    def broken(*_anything: Any) -> str:
        raise ValueError(CANARY)

    monkeypatch.setattr(Safe, "words", broken)
    with structlog.testing.capture_logs() as logs:
        assert "algo falló aquí" in tell(little, f"{CANARY}-texto")
    assert [each["event"] for each in logs] == ["confidential.bug"]
    assert CANARY not in str(logs)
    assert little.rows(ParkedError) == []
    assert little.rows(Inbox) == []


def test_while_a_database_is_away_nothing_is_taken_in(little: World) -> None:
    tell(little, *STORY)
    again = telegram.read(telegram_text(779, address("telegram", 1), "1"))
    assert again is not None
    with away(), pytest.raises(Away):
        little.desk.take(again)
    assert len(little.take(again)) == 3


def test_a_chat_begins_few_complaints_in_an_hour(little: World) -> None:
    for _n in range(complaint_commands.MOST_BEGUN):
        assert "No tiene que decir" in tell(little, "denunciar", "3")
    assert "en una hora" in tell(little, "denunciar", "3")
    little.clock.forward(hours=1, seconds=1)
    assert "No tiene que decir" in tell(little, "denunciar", "3")


def test_in_a_crowd_a_word_is_asked_for_and_nobody_is_dropped(little: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(complaint_commands, "A_CROWD", 1)
    tell(little, "denunciar", "3")
    asked = tell(little, "denunciar", "3", who=2)
    assert "escriba esta palabra" in asked
    assert "escriba la palabra" in tell(little, "otra", who=2)
    assert "No tiene que decir" in tell(little, asked.split(": ")[-1].lower(), who=2)


VOTE = ("hola", "1", "menú", "votar", "1", "1", "1 4 6", "1")


def test_a_vote_costs_the_same_with_and_without_complaints(sqlite_template: Path, tmp_path: Path) -> None:
    def statements(folder: Path, memory: Path) -> list[list[str]]:
        folder.mkdir()
        shutil.copy(sqlite_template, folder / "cuenta.db")
        world = World.on(f"sqlite:///{folder / 'cuenta.db'}", folder, VOLATILE_PATH=str(memory / "v.db")).load().open()
        told = []
        for each in VOTE:
            world.say(each)
            told.append(world.statements[: world.took])
        world.desk.engine.dispose()
        assert (world.desk.volatile is not None) == (memory != folder)
        if world.desk.volatile is not None:
            world.desk.volatile.dispose()
        return told

    with in_memory() as memory:
        assert statements(tmp_path / "on", memory) == statements(tmp_path / "off", tmp_path / "off")


NUMBER, KEY = "44CE6EVG", "KY88-4W9M-0JQ0-66EA"


@pytest.mark.parametrize(
    "typed",
    [
        f"{NUMBER} {KEY}",
        f"{KEY} {NUMBER}",
        f"{NUMBER.lower()} {KEY.lower().replace('-', ' ')}",
        f"{NUMBER}{KEY.replace('-', '')}",
        f"{KEY.replace('-', '')} {NUMBER}",
        f"Número: {NUMBER} Clave: {KEY}",
        f"{NUMBER} {KEY.replace('0', 'o').replace('1', 'l')}",
    ],
)
def test_number_and_key_are_read_however_they_are_typed(typed: str) -> None:
    assert codes_in(typed) == (NUMBER, KEY)


def test_a_key_is_not_taken_for_another_that_passes_the_check_by_chance() -> None:
    for _n in range(300):
        number, key = vault.new_locator(), vault.new_access_key()
        assert codes_in(f"{key} {number}") == (number, key)
        if any(c.isdigit() for c in key):
            assert codes_in(f"{number.lower()} {key.lower().replace('-', ' ')}") == (number, key)


@pytest.mark.parametrize("typed", ["", "votar 1 4 6", "hola buenas tardes", f"{NUMBER} {KEY[:-1]}", "K7M2QP9XAB"])
def test_other_words_are_no_codes(typed: str) -> None:
    assert not codes_in(typed)[1]


@pytest.mark.parametrize(
    ("typed", "conversation"),
    [
        ("denunciar", ("report", "")),
        ("/report", ("report", "")),
        ("DENUNCIAR 1.2", ("report", "1.2")),
        ("report cartagena-cuenta.4", ("report", "cartagena-cuenta.4")),
        ("/start d-cartagena-cuenta", ("report", "cartagena-cuenta")),
        ("denunciar que me pidieron plata", ("report", "")),
        ("report of the meeting", ("", "")),
        ("consultar", ("status", "")),
        ("/start v-cartagena-2022", ("", "")),
        ("votar", ("", "")),
    ],
)
def test_a_complaint_is_opened_by_its_words_alone(typed: str, conversation: tuple[str, str]) -> None:
    assert opens(typed) == conversation


def test_a_photo_with_the_word_begins_a_complaint_and_is_not_kept(little: World) -> None:
    before = dump(little)
    update = photo(960, address("telegram", 1))
    update["message"]["caption"] = "denunciar"
    incoming = telegram.read(update)
    assert incoming is not None
    assert "Estas oficinas" in little.take(incoming)[-1].text
    assert changed(before, dump(little)) == set()
    assert little.rows(Outgoing) == []


def test_a_receiver_reads_in_words_what_each_answer_answers() -> None:
    asked = {key for key, _question, _called in (NAME, *QUESTIONS)} | {"subject", "caption"}
    assert asked == set(ASKED)
    assert {each.id for each in complaints.QUESTIONS} <= set(ASKED)


def test_what_is_ordinary_costs_one_glance(little: World) -> None:
    """No transaction of the volatile store: that would cost a third of a whole turn."""
    tell(little, "hola")
    begun: list[str] = []
    event.listen(store(little), "begin", lambda _connection: begun.append("begin"))
    assert not any(claimed(little, words) for words in ("hola", "menú", "1 4 6"))
    assert begun == []
    tell(little, "denunciar")
    assert claimed(little, "hola")


def claimed(world: World, words: str) -> bool:
    told = telegram.read(telegram_text(9000, address("telegram", 1), words))
    assert told is not None
    assert world.desk.confidential is not None
    return world.desk.confidential.claims(told)


def test_a_store_that_cannot_be_read_is_away(little: World) -> None:
    store(little).dispose()
    little.settings.volatile_path.write_bytes(b"no database at all, and long enough to be looked at" * 100)
    with pytest.raises(Away):
        claimed(little, "hola")


@contextmanager
def held(world: World) -> Iterator[None]:
    """Somebody keeps the ordinary database from being written to."""
    with transaction(world.desk.engine) as connection:
        if world.desk.engine.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE sealedcase, sealedpart IN EXCLUSIVE MODE"))
        yield


def quietly(world: World, words: str, who: int = 1) -> str:
    """Write it while the ordinary database is held; what is answered to it."""
    where = address("telegram", who)
    told = telegram.read(telegram_text(next(world._ids), where, words))
    assert told is not None
    assert world.desk.take(told)
    return "\n".join(message.text for message in waiting(store(world), "telegram", where))


def in_a_thread(world: World, words: str, number: int) -> tuple[threading.Thread, list[bool]]:
    told, taken = telegram.read(telegram_text(number, address("telegram", 1), words)), list[bool]()
    assert told is not None
    thread = threading.Thread(target=lambda: taken.append(world.desk.take(told)), daemon=True)
    thread.start()
    return thread, taken


def announced(monkeypatch: pytest.MonkeyPatch, name: str) -> threading.Event:
    """Set as soon as that is being written."""
    begun, written = threading.Event(), getattr(cases, name)

    def write(*given: Any) -> Any:
        begun.set()
        return written(*given)

    monkeypatch.setattr(cases, name, write)
    return begun


def test_a_slow_database_holds_up_nobody_else(desk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(desk, *STORY)
    tell(desk, *STORY[:3], who=2)
    begun = announced(monkeypatch, "file")
    with held(desk):
        thread, taken = in_a_thread(desk, "1", 8001)
        assert begun.wait(10)
        assert "¿Dónde fue?" in quietly(desk, "pidieron plata", who=2), "another chat goes on"
        for words in ("salir", "1", "denunciar", "0"):
            assert quietly(desk, words).startswith("Un momento"), "this one can neither leave nor send it again"
        again = telegram.read(telegram_text(8001, address("telegram", 1), "1"))
        assert again is not None
        with pytest.raises(Away):
            desk.desk.take(again)
    thread.join(20)
    assert taken == [True]
    sent = desk.delivered("telegram", address("telegram", 1))
    assert [message.secret for message in sent] == [False, True, False]
    assert len(dump(desk)["sealedcase"]) == 1
    assert desk.take(again) == []
    assert "Listo." in tell(desk, sent[1].text[-4:])


def test_what_is_added_holds_up_nobody_else(desk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    number, key = send(desk)
    tell(desk, key[-4:], f"{number} {key}", "1")
    tell(desk, *STORY[:3], who=2)
    before, begun = len(dump(desk)["sealedpart"]), announced(monkeypatch, "add")
    with held(desk):
        thread, taken = in_a_thread(desk, "algo más", 8002)
        assert begun.wait(10)
        assert "¿Dónde fue?" in quietly(desk, "pidieron plata", who=2)
        assert quietly(desk, "salir").startswith("Un momento")
    thread.join(20)
    assert taken == [True]
    assert "La oficina ya lo tiene" in desk.delivered("telegram", address("telegram", 1))[-1].text
    assert len(dump(desk)["sealedpart"]) == before + 1


def test_a_message_that_was_quicker_is_not_undone(little: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody leaves in the instant before it is written: then nothing is."""
    tell(little, *STORY)
    claim, once = Confidential._claim, [True]

    def after_leaving(self: Confidential, *given: Any) -> bool:
        if once.pop() if once else False:
            assert "No se envió nada" in tell(little, "salir")
        return claim(self, *given)

    monkeypatch.setattr(Confidential, "_claim", after_leaving)
    tell(little, "1")
    assert dump(little)["sealedcase"] == []
    assert volatile_rows(little, "draft") == []


def test_whoever_died_while_writing_is_waited_for_a_minute(desk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Died(BaseException):
        pass

    def dies(*_given: Any) -> None:
        raise Died

    tell(desk, *STORY)
    again = telegram.read(telegram_text(8003, address("telegram", 1), "1"))
    assert again is not None
    with monkeypatch.context() as patch:
        patch.setattr(cases, "file", dies)
        with pytest.raises(Died):
            desk.desk.take(again)
    with pytest.raises(Away):
        desk.desk.take(again)
    desk.clock.forward(minutes=1)
    assert len(desk.take(again)) == 3
    assert len(dump(desk)["sealedcase"]) == 1


@pytest.mark.parametrize("typed", ["salir", "denunciar", "0", "2", "1"])
def test_whoever_died_after_filing_leaves_nobody_told_that_nothing_was_sent(
    little: World, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    class Died(BaseException):
        pass

    def dies(*_given: Any) -> bool:
        filed(*_given)
        raise Died

    filed = cases.file
    tell(little, *STORY)
    again = telegram.read(telegram_text(8004, address("telegram", 1), "1"))
    assert again is not None
    with monkeypatch.context() as patch:
        patch.setattr(cases, "file", dies)
        with pytest.raises(Died):
            little.desk.take(again)
    little.clock.forward(minutes=1)
    got = tell(little, typed)
    assert ("Su denuncia se envió" in got, "No se envió nada" in got) == (True, False)
    assert "Clave: " in got
    assert len(dump(little)["sealedcase"]) == 1
    assert volatile_rows(little, "part") == []
    assert "últimas cuatro" in little.take(again)[-1].text, "it comes again, and changes nothing"
    assert "No se envió nada" not in tell(little, "salir")


def test_what_could_not_be_written_can_be_sent_again_at_once(little: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_given: Any) -> None:
        raise ValueError

    tell(little, *STORY)
    with monkeypatch.context() as patch:
        patch.setattr(cases, "file", broken)
        assert "algo falló aquí" in tell(little, "1")
    assert "últimas cuatro" in tell(little, "1")
    assert len(dump(little)["sealedcase"]) == 1
