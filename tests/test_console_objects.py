"""Other people's objects: whoever may use a route, but not what it is asked for, meets what is not there.

Every route of the console with a place in its address is in `TABLE`, with each role that may open it: either something
that is not theirs (another office's, another collection's, of another kind, finished), or why that role may see all
there is.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlmodel import SQLModel

from bot import idea_commands
from cli import wiring
from storage import announcements, approvals, consultations, drafts, ideas
from storage import staff as accounts
from storage.database import reading, transaction
from storage.sessions import StaffSession
from storage.texts import TextVersion
from tests.announcing import draft
from tests.booths import assisted_table, paper_table
from tests.console import SITE, TOKEN, Signed, account, signed_in
from tests.promises import COMMITMENT, great_plan, load_plan, speak, the_plan
from tests.test_console_access import console_rules, filled
from tests.test_console_attacks import view
from tests.test_ideas import UNTIL
from tests.test_one_vote import rules
from tests.transcripts import COLLECTS, collecting
from tests.world import World
from web.console.access import Role, rule_of

A, P, C, V, R, M = (
    Role.ADMINISTRATOR, Role.PARTICIPATION, Role.COMMUNICATIONS, Role.APPROVER, Role.OFFICE, Role.MONITOR,
)  # fmt: skip


@dataclass(frozen=True)
class Theirs:
    """An address of something that is there, and not for these roles; names in it are those of `things`."""

    roles: Sequence[Role]
    address: str
    form: Mapping[str, str] = field(default_factory=dict)


class Astray(Theirs):
    """An address with something that is there elsewhere, or was there once; here it is for nobody."""


@dataclass(frozen=True)
class All:
    """Why these roles may see all that this route can show."""

    roles: Sequence[Role]
    why: str


class Keyed(All):
    """What is theirs hangs on a key and not on the role: `tests/test_console_cases.py` walks it, with keys."""


Entries = Mapping[str, Sequence[Theirs | All]]

CITY = "there is one list of consultations for the whole city, and no page has what anybody chose before the count"
TEAM = "participation works as one team: who is away is stood in for, and the record has who did what"
READS = "who grades or approves has to see all that is there"
KEEPS = "accounts, codes and settings of the whole city are what an administrator is for"
REGISTER = "any officer goes on with a request, which shows nothing of a person before the proof"
KIND = "there is no object: what is asked for is a kind of file"

ONE_CITY = "announcements are the whole city's: who is away is stood in for, another agrees, and the record has who"
FOLLOWS = "who agrees or looks after the record has to see all that is there; nobody's name or number is on it"

OPENS = "who has no key to a complaint meets what is not there, on each of its pages"
KEYS = "keys and whose they are is shown to all who keep or have one; what they open hangs on one's own"

ID = "<int(max=2147483647):id>"
DRAFT = "/consola/borradores"
VOTE = "/consola/consultas/<slug>"
TABLE_ = f"/consola/mesas/{ID}"
IDEAS = "/consola/ideas/<slug>"
ANSWER = f"{IDEAS}/respuestas/{ID}"
REQUEST = f"/consola/personas/solicitudes/{ID}"
STAFF = f"/consola/personal/{ID}"
PROMISE, STEP = "/consola/compromisos/<commitment>", "/consola/hitos/<milestone>"
PLAN = "/consola/planes/<plan>"
TEXT = "/consola/textos/<key>"
LEGAL = ("privacy", "hours", "retention", "delivery")
TOLD = f"/consola/anuncios/{ID}"
WAITS = f"/consola/pendientes/{ID}"
OTHERS = [role for role in Role if role not in (A, P, V)]

GONE_DRAFT: Entries = {
    f"{DRAFT}/{ID}{end}": [Astray([P], f"{DRAFT}/{{gone_draft}}{at}"), All([P], TEAM)]
    for end, at in {
        **{end: end for end in ("", "/descartar", "/hoja", "/ideas", "/programar", "/propuestas", "/propuestas.csv")},
        "/propuestas/nueva": "/propuestas/nueva", "/vista": "/vista", "/hoja/<what>": "/hoja/usar",
    }.items()
}  # fmt: skip
OTHER_DRAFT: Entries = {  # the second proposal is another draft's
    f"{DRAFT}/{ID}/propuestas/<int:place>{end}": [Astray([P], f"{DRAFT}/{{draft}}/propuestas/1{end}"), All([P], TEAM)]
    for end in ("", "/quitar")
}
ANY_VOTE: Entries = {
    f"{VOTE}{end}": [All([P], CITY)]
    for end in ("/anular", "/cerrar", "/contar", "/corregir", "/publicar", "/recordatorios/cambiar", "/retomar")
}  # fmt: skip
OF_PAPER: Entries = {  # an assisted table has none of it
    f"{TABLE_}{end}": [Astray([P], f"/consola/mesas/{{assisted}}{end}", {"valid": "1"}), All([P], TEAM)]
    for end in ("/filas", "/enviar", "/descartar", "/plantilla.xlsx")
}
NO_IDEAS: Entries = {  # a consultation that never collected any
    f"{IDEAS}{end}": [Astray([P], f"/consola/ideas/cartagena-2022{end}", {"idea": "1"}), All([P], TEAM)]
    for end in ("", "/anotar", "/juntar", "/papeles", "/respuestas")
}
OTHER_IDEAS: Entries = {
    f"{ANSWER}{end}": [Astray([P], f"/consola/ideas/other/respuestas/{{answer}}{end}", {"idea": "1"}), All([P], TEAM)]
    for end in ("", "/descartar", "/enviar", "/sacar")
}
ANY_REQUEST: Entries = {
    f"{REQUEST}{end}": [All([P], REGISTER)]
    for end in (
        "", "/aplazar", "/borrar", "/cerrar", "/codigo", "/corregir", "/datos", "/datos.json", "/otro-codigo",
        "/papel", "/persona",
    )
}  # fmt: skip
ANY_PROMISE: Entries = {
    **{f"{PROMISE}/{end}": [All([P], TEAM)] for end in ("editar", "hitos", "reponer", "retirar")},
    **{f"{STEP}/{end}": [All([P], TEAM)] for end in ("editar", "quitar")},
}
OTHER_PLAN: Entries = {
    f"{PLAN}/{lot}/<{which}>/{end}": [Astray([A, P], f"/consola/planes/otro/{lot}/{of}/{end}"), All([A, P], KEEPS)]
    for lot, which, of in (("sillas", "seat", "academia-1"), ("oficinas", "office", "planeacion"))
    for end in ("codigo", "terminar")
}

OF_AN_ANNOUNCEMENT: Entries = {  # one of the clock's own is nobody's to write
    TOLD: [All([C, P, V, Role.AUDITOR], FOLLOWS)],
    f"{TOLD}/editar": [Astray([C, P], "/consola/anuncios/{reminder}/editar"), All([C, P], ONE_CITY)],
    f"{TOLD}/cancelar": [All([C, P, V], ONE_CITY)],
    f"{TOLD}/<what>": [Astray([C, P, V], "/consola/anuncios/{reminder}/borrar"), All([C, P, V], ONE_CITY)],
}

OF_A_CASE: Entries = {
    f"/consola/denuncias/<case>{end}": [Keyed([Role.RECEIVER], OPENS)]
    for end in (
        "", "/adjuntos/<part>", "/copia", "/nota", "/paso/<after>", "/plazo", "/remision", "/respuesta", "/retener",
    )
}  # fmt: skip
OF_A_KEY: Entries = {
    f"/consola/claves/{ID}/dar": [All([Role.RECEIVER], KEYS)],
    f"/consola/claves/{ID}/prueba": [All([Role.RECEIVER], KEYS)],
    f"/consola/claves/{ID}/prueba/archivo": [All([Role.RECEIVER], KEYS)],
    f"/consola/claves/{ID}/quitar": [All([A], KEEPS)],
}

TABLE: Entries = {
    **GONE_DRAFT, **OTHER_DRAFT, **ANY_VOTE, **OF_PAPER, **NO_IDEAS, **OTHER_IDEAS, **ANY_REQUEST, **ANY_PROMISE,
    **OTHER_PLAN, **OF_AN_ANNOUNCEMENT, **OF_A_CASE, **OF_A_KEY,
    f"{DRAFT}/plantilla.<kind>": [All([P], KIND)],
    "/consola/conexion/<place>": [All([A, P, C], CITY)],
    "/consola/camino/<slug>": [Astray([P, M], "/consola/camino/cartagena-2022")],
    VOTE: [All([P, V, M], CITY)],
    f"{VOTE}/recordatorios": [All([P, C, V, Role.AUDITOR], CITY)],
    f"{VOTE}/cartel-<size>.pdf": [Astray([P, V, M], f"/consola/consultas/{COLLECTS}/cartel-a4.pdf")],
    PROMISE: [Theirs([R], f"/consola/compromisos/{COMMITMENT}"), All([P, M], READS)],
    STEP: [
        Theirs([R], f"/consola/hitos/{COMMITMENT}.1"), Theirs([R], "/consola/hitos/otro-1.1"), All([P, M], READS),
    ],
    f"{STEP}/informe": [
        Theirs([R], f"/consola/hitos/{COMMITMENT}.1/informe"), Theirs([R], "/consola/hitos/otro-1.1/informe"),
    ],
    "/consola/objeciones/<int(max=2147483647):number>": [Theirs([R], "/consola/objeciones/{objection}")],
    "/consola/invitacion/<token>": [Astray([], "/consola/invitacion/{used_link}")],
    "/consola/mesas/abrir/<slug>": [All([P], CITY)],
    TABLE_: [All([P, V], TEAM)],
    f"{TABLE_}/terminar": [Astray([P], "/consola/mesas/{paper}/terminar"), All([P], TEAM)],
    f"{TABLE_}/devolver": [Astray([P, V], "/consola/mesas/{assisted}/devolver"), All([P, V], TEAM)],
    f"{TABLE_}/papeletas.pdf": [Astray([P], "/consola/mesas/{assisted}/papeletas.pdf"), All([P], TEAM)],
    WAITS: [
        Theirs([P, *OTHERS], "/consola/pendientes/{invites}"), Theirs([A, *OTHERS], "/consola/pendientes/{annuls}"),
        All([V], READS),
    ],
    f"{WAITS}/<outcome>": [
        *(Theirs([P, *OTHERS], f"/consola/pendientes/{{invites}}/{end}") for end in ("aceptar", "rechazar", "retirar")),
        *(Theirs([A, *OTHERS], f"/consola/pendientes/{{annuls}}/{end}") for end in ("aceptar", "rechazar", "retirar")),
        All([V], READS),
    ],
    STAFF: [All([A], KEEPS)],
    f"{STAFF}/cerrar": [Astray([A], "/consola/personal/{closed}/cerrar"), All([A], KEEPS)],
    f"{STAFF}/nuevo-comienzo": [All([A], KEEPS)],
    "/consola/personal/invitaciones/<code>/retirar": [
        Astray([A], "/consola/personal/invitaciones/{used_code}/retirar"), All([A], KEEPS),
    ],
    PLAN: [Theirs([R], "/consola/planes/plan-2023"), All([P, M], READS)],
    f"{PLAN}/calificaciones/<subject>": [
        Astray([M], f"/consola/planes/otro/calificaciones/{COMMITMENT}"),
        Astray([M], f"/consola/planes/otro/calificaciones/{COMMITMENT}.1"), All([M], READS),
    ],
    f"{PLAN}/compromisos": [All([P], TEAM)],
    f"{PLAN}/monitor.zip": [All([P, M], READS)],
    f"{PLAN}/oficinas": [All([A, P], KEEPS)],
    f"{PLAN}/sillas": [All([A, P], KEEPS)],
    TEXT: [*(Theirs([C], f"/consola/textos/{key}") for key in LEGAL), All([A], KEEPS)],
    f"{TEXT}/historia": [
        *(Theirs([C], f"/consola/textos/{key}/historia") for key in LEGAL), All([A], KEEPS),
    ],
    f"{TEXT}/historia/<int(max=2147483647):number>": [
        Theirs([C], "/consola/textos/privacy/historia/{legal}"),
        Astray([A, C], "/consola/textos/help/historia/{legal}"), All([A], KEEPS),
    ],
}  # fmt: skip


@pytest.fixture
def busy(sqlite_url: str, tmp_path: Path) -> Iterator[World]:
    """A city where something of each kind belongs to somebody."""
    world = World.on(sqlite_url, tmp_path).load().open()
    rules(world, desk=["document", "slips"])
    load_plan(world, the_plan())
    other = great_plan(commitments=1, milestones=2, slug="otro")
    load_plan(world, replace(other, sectors=other.sectors[:1]))
    with transaction(world.desk.engine) as connection:
        consultations.load(connection, collecting(UNTIL))
        consultations.load(connection, collecting(UNTIL, slug="other"))
        consultations.move(connection, "other", "draft", state="opened")
    yield world
    world.desk.engine.dispose()


@pytest.fixture
def app(busy: World) -> Flask:
    return wiring.app(busy.settings, busy.clock)


@pytest.fixture
def things(busy: World, app: Flask) -> dict[str, Any]:
    """What the addresses name: each is there, and of somebody."""
    now = busy.clock()
    admin = signed_in(app, busy, A, login="things")
    answer = admin.post("/consola/personal/invitar", {"login": "eva", "name": "Eva", "roles": ["monitor"]})
    link = re.findall(r"/consola/invitacion/([\w-]+)", answer.text)[0]
    code = re.findall(r"invitaciones/(\w+)/retirar", admin.get("/consola/personal").text)[0]
    admin.post("/consola/textos/privacy", _kept(admin, "privacy"))
    closed = account(busy, "closed", [M])
    assisted, paper = assisted_table(busy), paper_table(busy)
    said = speak(busy)
    with transaction(busy.desk.engine) as connection:
        accounts.forget(connection, code)  # as it is once it was used
        accounts.change(connection, closed, active=False)
        gone = drafts.start(connection, {"title_es": "Uno"}, None, now)
        one = drafts.start(connection, {"title_es": "Dos", "proposals": [{"id": "p1"}]}, None, now)
        drafts.start(connection, {"title_es": "Tres", "proposals": [{"id": "p1"}, {"id": "p2"}]}, None, now)
        drafts.discard(connection, gone)
        idea = {"collection": COLLECTS, "via": "workshop", "place": None, "text": "Luz"}
        ideas.enter(connection, [{**idea, "code": idea_commands.new_code()}], now)
        outcome = ideas.draft(connection, COLLECTS, now)
        ideas.put(connection, COLLECTS, [1], outcome)
        detail = {"login": "eva", "roles": ["approver"]}
        invites = approvals.ask(connection, "staff.invite", "0" * 64, detail, admin.id, now)
        words = {"es": "Porque sí, y así.", "en": "Because it is so.", "title": {"es": "Una", "en": "One"}, "print": ""}
        annuls = approvals.ask(connection, "consultation.annul", "cartagena-2022", words, admin.id, now)
        made = draft(now)
        reminder = announcements.make(connection, made, None, now, "opens", "cartagena-2022", "approved")
    legal = max(row["id"] for row in busy.rows(TextVersion) if row["key"] == "privacy")
    return {
        "gone_draft": gone, "draft": one, "answer": outcome, "objection": said["open"], "closed": closed,
        "assisted": assisted, "paper": paper, "used_link": link, "used_code": code, "legal": legal,
        "invites": invites, "annuls": annuls, "reminder": reminder,
    }  # fmt: skip


def _kept(who: Signed, key: str) -> dict[str, str]:
    """A form that keeps a text."""
    seen = re.search(r'name="seen" value="(\d+)"', who.get(f"/consola/textos/{key}").text)
    assert seen
    return {"es": "El texto nuevo de la ley.", "en": "The new text.", "hacer": "guardar", "seen": seen[1]}


def contents(world: World) -> dict[str, list[Any]]:
    """All that the database has, but for when a session was last used."""
    tables = [table for table in SQLModel.metadata.sorted_tables if table is not StaffSession.__table__]  # type: ignore[attr-defined]
    with reading(world.desk.engine) as connection:
        return {table.name: [tuple(row) for row in connection.execute(select(table))] for table in tables}


def test_every_place_in_an_address_says_for_each_role_what_is_not_theirs(app: Flask) -> None:
    found = {rule.rule: rule_of(app, rule.endpoint).roles for rule in console_rules(app) if rule.arguments}
    assert set(TABLE) == set(found)
    for path, entries in TABLE.items():
        assert {role for entry in entries for role in entry.roles} == found[path], path


def test_what_is_somebody_elses_is_as_if_it_were_not_there(busy: World, app: Flask, things: dict[str, Any]) -> None:
    nobody = Signed(app.test_client(), 0, "")
    people = {role: signed_in(app, busy, role, offices=["otro/o3"] if role is R else []) for role in Role}
    before, told = contents(busy), []
    for rule in sorted(console_rules(app), key=lambda rule: rule.rule):
        for entry in TABLE.get(rule.rule, ()):
            if isinstance(entry, All):
                continue
            address = entry.address.format(**things)
            assert view(app, address) == rule.endpoint
            for who in [people[role] for role in entry.roles] or [nobody]:
                for method in sorted({"GET", "POST"} & (rule.methods or set())):
                    theirs = seen(who, method, address, entry.form)
                    if theirs != seen(who, method, filled(rule), entry.form) or theirs[0] != 404:
                        told.append((who.login, method, address, theirs[0]))
    assert told == []
    assert contents(busy) == before


def seen(who: Signed, method: str, address: str, form: Mapping[str, str]) -> tuple[int, str]:
    """What somebody meets there, without what differs from one address or form to the next."""
    given = {"csrf_token": who.token(), **form} if method == "POST" else None
    answer = who.client.open(address, method=method, data=given, base_url=SITE)
    return answer.status_code, TOKEN.sub("", answer.data.decode("utf-8", "replace")).replace(address, "")


def test_what_is_somebody_elses_is_there_for_them(busy: World, app: Flask, things: dict[str, Any]) -> None:
    """Else a slip in an address would pass for a closed door."""
    owner = signed_in(app, busy, *Role, offices=["plan-2023/planeacion", "otro/o1"], login="owner")
    for entry in (entry for entries in TABLE.values() for entry in entries if type(entry) is Theirs):
        assert owner.get(entry.address.format(**things)).status_code in (200, 303, 405), entry.address
