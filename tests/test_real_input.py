"""Real input: the vote of November 2022 again, and a stranger's consultation that nobody here knew."""

import csv
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import func, select
from twilio.request_validator import RequestValidator
from werkzeug.test import Client

from bot import lifecycle, results
from cli.recount import recount
from cli.replay import replay
from storage import counts
from storage.ballot_keys import BallotKeys
from storage.ballots import Ballot
from storage.database import open_database, reading
from tests.served import served
from tests.world import Clock, World, telegram_text, twilio_form

OFFICIAL = [61, 60, 58, 85, 73, 117, 109, 59, 88, 63, 37, 43]
AGES = {"18-24": 26, "25-34": 75, "35-44": 66, "45-54": 64, "55-69": 67, "70-more": 16}
SEXES = {"m": 158, "f": 152, "nb": 1, "ns": 3}


def test_the_vote_of_2022_gives_the_official_table(database_url: str, tmp_path: Path) -> None:
    replayed = replay("cartagena-2022", tmp_path / "public", database_url, Console(quiet=True))
    found = json.loads((tmp_path / "public" / "cartagena-2022" / "resultados.json").read_text())
    assert (replayed.ballots, replayed.votes) == (314, 853)
    assert [p["votes"] for p in found["proposals"]] == OFFICIAL
    assert found["turnout"]["age"] == AGES
    assert found["turnout"]["sex"] == SEXES
    again = recount(tmp_path / "public" / "cartagena-2022" / "papeletas.csv")
    assert again.ballots == 314
    assert [again.votes[f"p{n:02}"] for n in range(1, 13)] == OFFICIAL
    assert again.sha256 == found["ballots_sha256"]
    engine = open_database(database_url)
    with reading(engine) as connection:
        assert connection.execute(select(func.count()).select_from(Ballot)).scalar_one() == 0
    engine.dispose()


# A stranger's consultation: another place, another zone, seven proposals, two to four choices, and a tie.

STRANGE = {
    "city.toml": """
zone = "America/La_Paz"
[name]
es = "Valle Hondo"
en = "Deep Valley"
[help]
es = "Venga a la plaza."
en = "Come to the square."
[emergency]
es = "Llame al 110."
en = "Call 110."
[privacy]
es = "El municipio responde por sus datos."
en = "The town answers for your data."
[questions]
age = [{id = "young", es = "Joven", en = "Young"}, {id = "old", es = "Mayor", en = "Old"}]
sex = [{id = "x", es = "Equis", en = "Ex"}, {id = "z", es = "Zeta", en = "Zed"}]
group = [{id = "g", es = "Grupo", en = "Group"}, {id = "h", es = "Otro", en = "Other"}]
""",
    "territory.csv": """code,kind,name,parent,names,profile
valle,municipality,Valle Hondo,,,
norte,locality,Norte,valle,,
alto,unit,Alto,norte,,
cumbre,barrio,Cumbre,alto,La Cumbre,
""",
    "consultations/el-puente/consultation.toml": """
opens = 2031-03-01T08:00:00
closes = 2031-03-05T18:00:00
paper_until = 2031-03-06T12:00:00
least = 2
most = 4
identity = "contact"
asks = ["age"]
people_per_contact = 3
[small_cells]
age = "shown"
[title]
es = "¿Dónde va el puente?"
en = "Where should the bridge go?"
[who]
es = "Quien viva aquí."
en = "Whoever lives here."
[tie]
es = "Los empates se dicen."
en = "Ties are told."
""",
}
WHERE = "consultations/el-puente/proposals.csv"
COLUMNS = ["id", "number", "title_es", "title_en", "short_es", "short_en", "more_es", "more_en", "official"]
PLACES = ["molino", "iglesia", "mercado", "escuela", "rio", "cancha", "camino"]
PEOPLE = 40


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    for name, text in STRANGE.items():
        path = tmp_path / "valle" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip(), "utf-8")
    with (tmp_path / "valle" / WHERE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number, place in enumerate(PLACES, 1):
            writer.writerow(
                [place, number, f"En {place}", f"At {place}", place, place, "Ahí.", "There.", f"Puente en {place}"]
            )
    return tmp_path / "valle"


def test_a_strangers_consultation_gives_the_strangers_own_recount(
    strange: Path, database_url: str, tmp_path: Path
) -> None:
    clock = Clock(datetime(2031, 3, 2, 15, tzinfo=UTC))
    world = World.on(database_url, tmp_path, clock).load(strange)
    lifecycle.open_(world.desk.engine, world.desk.keys, "el-puente", clock() - timedelta(days=2))
    client = served(world.settings, clock)
    chance, last = random.Random(31), {}
    for person in range(PEOPLE):
        # The last two of every ten choose against each other, so that two places end level.
        chosen = sorted(chance.sample(range(1, 8), chance.randint(2, 4)))
        post_all(client, person, ["votar", "1", str(chance.randint(1, 2)), " ".join(map(str, chosen)), "1"])
        if chance.random() < 0.4:
            chosen = sorted(chance.sample(range(1, 8), chance.randint(2, 4)))
            post_all(client, person, ["votar", "-".join(map(str, chosen)), "si"])
        last[person] = chosen
    level(client, last)
    expected = Counter(PLACES[n - 1] for chosen in last.values() for n in chosen)
    clock.now = datetime(2031, 3, 7, tzinfo=UTC)
    assert lifecycle.count(world.desk.engine, BallotKeys(tmp_path / "keys"), "el-puente", clock()) == len(last)
    with reading(world.desk.engine) as connection:
        found = counts.results_of(connection, "el-puente")
        assert found is not None
        results.write(connection, "el-puente", found, tmp_path / "out")
    assert {p["id"]: p["votes"] for p in found["proposals"]} == {place: expected[place] for place in PLACES}
    assert dict(recount(tmp_path / "out" / "papeletas.csv").votes) == {p: v for p, v in expected.items() if v}
    assert ["molino", "iglesia"] in found["ties"]
    world.desk.engine.dispose()


def level(client: Client, last: dict[int, list[int]]) -> None:
    """More people vote until the first two places are level."""
    while True:
        votes = Counter(n for chosen in last.values() for n in chosen)
        if votes[1] == votes[2]:
            return
        person, behind = len(last), 1 if votes[1] < votes[2] else 2
        post_all(client, person, ["votar", "1", "1", f"{behind} {7}", "1"])
        last[person] = [behind, 7]


def post_all(client: Client, person: int, lines: list[str]) -> None:
    """Raw HTTP, written by hand: every third person on another channel, all signed."""
    for line in lines:
        number = next(NUMBERS)
        if person % 3 == 0:
            headers = {"X-Telegram-Bot-Api-Secret-Token": "webhook-secret-for-tests"}
            answer = client.post(
                "/webhooks/telegram", json=telegram_text(number, str(5000 + person), line), headers=headers
            )
        else:
            sender = f"whatsapp:+5917000{person:04}" if person % 3 == 1 else f"+5916000{person:04}"
            form = twilio_form(f"SM{number:032x}", sender, line)
            signature = RequestValidator("auth-token-for-tests").compute_signature(
                "https://cuenta.example.test/webhooks/twilio", form
            )
            answer = client.post("/webhooks/twilio", data=form, headers={"X-Twilio-Signature": signature})
        assert answer.status_code == 200


NUMBERS = iter(range(1, 1_000_000))
