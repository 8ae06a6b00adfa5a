"""Links from WhatsApp to an access key: a button on a page shows it once, and nothing of it passes through the chat."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.complaints import links as complaint_links
from bot.complaints.confidential import waiting
from storage import vault, volatile
from tests import vaults
from tests.complaint_pages import Person, codes, inside, number_of_cases, person
from tests.test_confidential import STORY, changed, dump, store, tell, volatile_rows
from tests.world import World, address, incoming

LINK = re.compile(r"https://cuenta\.example\.test/denuncia(/clave/[\w-]{43})$", re.MULTILINE)
NUMBER = re.compile(r"Número: (\w{8})")
PHONE = "whatsapp:+573009999999"
TOLD = (*STORY[:-1], "1")
"""As far as the link: in the chat there is no question about files."""


@pytest.fixture
def world(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    with vaults.taking_complaints(sqlite_url, tmp_path, WHATSAPP_COMPLAINTS=PHONE) as made:
        vaults.redacts(made)
        yield made


def sent(world: World) -> tuple[str, str]:
    """Report by WhatsApp: what is told at the end, and where the link leads."""
    shown = tell(world, *TOLD, channel="whatsapp")
    return shown, link_in(shown)


def link_in(shown: str) -> str:
    found = LINK.search(shown)
    assert found, shown
    return found[1]


def pressed(who: Person, link: str) -> tuple[str, str]:
    """The codes that the page of a link shows to whoever presses its button."""
    assert who.get(link).status_code == 200
    return codes(who.post({}, link))


def test_the_key_is_on_the_page_alone(world: World) -> None:
    before = dump(world)
    shown, link = sent(world)
    assert changed(before, dump(world)) == {"sealedcase", "sealedwrap", "sealedpart"}
    who = person(world)
    locator, key = pressed(who, link)
    assert NUMBER.findall(shown) == [locator]
    assert key not in shown
    assert vault.read_access_key(key)
    assert [told.text for told in inside(world, locator, key)[0]] == ["pidieron plata"]
    assert "No volvemos a mostrar" in who.send(final=key[-4:]).text
    assert number_of_cases(world) == 1


def test_whoever_only_looks_at_a_link_uses_nothing_up(world: World) -> None:
    _shown, link = sent(world)
    who = person(world)
    for _preview in range(3):
        page = who.get(link)
        assert page.status_code == 200
        assert not re.search(r"(\w{4}-){3}\w{4}", page.text)
        assert "<script" not in page.text
        assert "Set-Cookie" not in page.headers
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["X-Robots-Tag"] == "noindex"
    assert who.client.head(f"/denuncia{link}").status_code == 200
    assert pressed(who, link)


def test_a_link_shows_its_key_once(world: World) -> None:
    _shown, link = sent(world)
    who, other = person(world), person(world)
    pressed(who, link)
    for answer in (other.get(link), other.post({}, link)):
        assert answer.status_code == 410
        assert "Este enlace ya no sirve" in answer.text
        assert "otra persona vio su clave" in answer.text


def test_a_link_works_for_a_quarter_of_an_hour_and_another_can_be_had(world: World) -> None:
    _shown, link = sent(world)
    who = person(world)
    world.clock.forward(seconds=complaint_links.LASTS.total_seconds())
    assert who.get(link).status_code == 410
    assert who.post({}, link).status_code == 410
    another = link_in(tell(world, "2", channel="whatsapp"))
    assert another != link
    locator, key = pressed(who, another)
    assert inside(world, locator, key)


def test_who_writes_in_english_gets_the_page_in_english(world: World) -> None:
    shown = tell(world, "report", *TOLD[1:], channel="whatsapp")
    found = re.search(r"/en/denuncia(/clave/[\w-]{43})$", shown, re.MULTILINE)
    assert found, shown
    who = person(world, "/en")
    assert "Show me my key" in who.get(found[1]).text
    assert codes(who.post({}, found[1]))[1]


def test_a_new_link_voids_the_one_before(world: World) -> None:
    _shown, link = sent(world)
    tell(world, "otro", channel="whatsapp")
    assert person(world).post({}, link).status_code == 410


def test_after_half_an_hour_of_silence_there_is_no_other_link(world: World) -> None:
    sent(world)
    world.clock.forward(minutes=31)
    assert "/clave/" not in tell(world, "2", channel="whatsapp")


def test_whoever_types_the_end_of_the_key_wrong_is_shown_it_again(world: World) -> None:
    _shown, link = sent(world)
    who = person(world)
    shown = pressed(who, link)
    again = who.send(final="0000")
    assert "La clave no termina así" in again.text
    assert codes(again) == shown
    world.clock.forward(minutes=16)
    assert "No volvemos a mostrar" in who.send(final=shown[1][-4:]).text


def test_no_token_and_no_key_is_kept_as_it_is(world: World) -> None:
    """In memory there are the token's hash and what it seals; the draft has the key, as every draft does."""
    _shown, link = sent(world)
    token = link.rpartition("/")[2]
    rows = {table: repr(volatile_rows(world, table)) for table in ("visit", "draft", "taken", "tally", "trace")}
    assert not [table for table, row in rows.items() if token in row]
    _locator, key = pressed(person(world), link)
    assert key not in repr(volatile_rows(world, "visit"))
    assert token not in str(dump(world))
    tell(world, "1", channel="whatsapp")
    assert volatile_rows(world, "draft") == []


@pytest.mark.parametrize("tongue", ["", "/en"])
def test_a_made_up_link_says_what_a_spent_one_does(world: World, tongue: str) -> None:
    who = person(world, tongue)
    assert who.get(f"/clave/{'A' * 43}").status_code == 410
    assert who.post({}, f"/clave/{'A' * 43}").status_code == 410
    assert who.get("/clave/short").status_code == 404


def test_a_link_is_on_the_host_of_complaints(sqlite_url: str, tmp_path: Path) -> None:
    host = "denuncia.example.test"
    with vaults.taking_complaints(sqlite_url, tmp_path, COMPLAINTS_HOST=host, WHATSAPP_COMPLAINTS=PHONE) as world:
        vaults.redacts(world)
        shown = tell(world, *TOLD, channel="whatsapp")
        found = re.search(r"https://denuncia\.example\.test(/denuncia/clave/[\w-]{43})$", shown, re.MULTILINE)
        assert found, shown
        client = person(world, COMPLAINTS_HOST=host).client
        assert client.get(found[1], base_url="https://denuncia.example.test").status_code == 200
        assert client.get(found[1], base_url="https://cuenta.example.test").status_code == 404, (
            "a token goes nowhere else"
        )


def test_without_a_store_the_page_says_that_it_is_shut(sqlite_url: str, tmp_path: Path) -> None:
    plain = World.on(sqlite_url, tmp_path).load()
    who = person(plain)
    assert who.get(f"/clave/{'A' * 43}").status_code == 503
    plain.desk.engine.dispose()


@pytest.mark.parametrize("typed", ["{number} {key}", "{key}"])
def test_codes_typed_into_whatsapp_get_a_warning_and_the_page(world: World, typed: str) -> None:
    shown, link = sent(world)
    number, key = pressed(person(world), link)
    assert "no la escriba aquí" in tell(world, typed.format(number=number, key=key), channel="whatsapp")
    tell(world, "1", channel="whatsapp")
    before = dump(world)
    told = tell(world, typed.format(number=number, key=key), channel="whatsapp")
    assert "Bórrela de su celular" in told
    assert "/denuncia/consultar" in told
    assert "Cómo va" not in told
    assert changed(before, dump(world)) == set()
    assert volatile_rows(world, "draft") == []
    assert key not in repr([volatile_rows(world, table) for table in ("draft", "part", "taken", "tally", "trace")])
    assert shown.count(number) == 1


def test_no_file_is_taken_by_whatsapp(world: World) -> None:
    """Twilio keeps media, whatever it does with texts."""
    asked = tell(world, *STORY[:-1], channel="whatsapp")
    assert "¿La enviamos?" in asked
    assert "fotos o archivos" not in asked


def test_a_complaint_that_comes_twice_is_filed_once_and_has_one_link(world: World) -> None:
    tell(world, *STORY[:-1], channel="whatsapp")
    last = incoming("whatsapp", address("whatsapp", 1), "1", 9999)
    assert len(world.take(last)) == 3
    assert world.take(last) == []
    assert number_of_cases(world) == 1
    assert len([row for row in volatile_rows(world, "visit") if row.kind == complaint_links.KIND]) == 1
    assert waiting(store(world), "whatsapp", address("whatsapp", 1)) == []
    world.clock.forward(hours=1)
    volatile.wipe(store(world), world.clock())
    assert volatile_rows(world, "visit") == []
