"""A plan on which everybody has spoken, and plans of any size, for tests of what the public sees."""

import hashlib
import io
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count, cycle, islice
from pathlib import Path

from PIL import Image
from sqlalchemy import Connection

from storage import contacts, plans, voices
from storage.database import transaction
from storage.folder import read_folder
from storage.plan_folder import Event, Named, ReadCommitment, ReadMilestone, ReadPlan, Span
from tests.world import CARTAGENA, World, address

COMMITMENT = "cartagena-cuenta"
UNBROKEN = "https://cartagena.example/" + "una-palabra-sin-fin" * 4
SENT_AS = "cedula-de-la-vecina-123.jpg"
"""The name that a sender gave to a file: nobody else sees it."""


def words(text: str) -> dict[str, str]:
    return dict.fromkeys(("es", "en"), text)


def long_words(letters: int) -> str:
    """Spanish words, so many letters in all."""
    some = cycle(("más", "información", "y", "participación", "para", "todos", "los", "niños"))
    return " ".join(islice(some, letters))[:letters].strip()


def picture() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (40, 30), "#17594a").save(made, "JPEG")
    return made.getvalue()


def attach(connection: Connection, world: World, body: bytes, kind: str, **to: int) -> None:
    """A file of evidence for a report (`report_id`) or a grade (`grade_id`)."""
    file = {"name": SENT_AS, "kind": kind, "size": len(body), "sha256": hashlib.sha256(body).hexdigest(), "body": body}
    voices.keep_file(connection, {**to, **file}, world.clock())


def load_plan(world: World, plan: ReadPlan) -> None:
    with transaction(world.desk.engine) as connection:
        plans.load(connection, plan.slug, plan.as_json(), plan.digest, world.clock())


def the_plan() -> ReadPlan:
    """Cartagena's plan of 2023, with an event that can be rated."""
    (plan,) = read_folder(CARTAGENA).plans
    return replace(plan, events=(Event("cuentas", words("Cuentas en la plaza"), "2023-02-01", "2023-03-31"),))


def speak(world: World, milestone: str = f"{COMMITMENT}.1", text: str = "Hicimos dos jornadas.") -> dict[str, int]:
    """Every voice speaks on a milestone, some more than once; the numbers of what they said."""
    plan = the_plan()
    with transaction(world.desk.engine) as connection:
        first = voices.report(
            connection, milestone, "planeacion", "in-progress", f"Primero. {text}", "chat", tick(world)
        )
        voices.judge(connection, first, "academia-1", "objected", f"Falta el acta. {text}", tick(world))
        open_ = voices.object_to(
            connection, first, person(connection, world), "Yo estuve y no hubo reunión", tick(world)
        )
        report = voices.report(connection, milestone, "planeacion", "complete", text, "chat", tick(world))
        attach(connection, world, picture(), "image/jpeg", report_id=report)
        attach(connection, world, b"%PDF-1.4 acta", "application/pdf", report_id=report)
        for n, seat in enumerate(seats(plan)[:9]):
            verdict = "objected" if n % 4 == 1 else "validated"
            voices.judge(connection, report, seat, verdict, text if n % 2 else "", tick(world))
        answered = voices.object_to(connection, report, person(connection, world), f"No fue todo. {text}", tick(world))
        voices.answer(connection, answered, "planeacion", f"Adjuntamos el acta. {text}", tick(world))
        grade = voices.grade(connection, plan.slug, milestone, "substantial", text, tick(world))
        attach(connection, world, b"%PDF-1.4 informe", "application/pdf", grade_id=grade)
        voices.grade(connection, plan.slug, milestone.partition(".")[0], "limited", f"En conjunto. {text}", tick(world))
    return {"first": first, "report": report, "open": open_, "answered": answered, "grade": grade}


def rate(world: World, people: int, event: str = "cuentas") -> None:
    with transaction(world.desk.engine) as connection:
        for n in range(people):
            voices.rate(connection, "plan-2023", event, person(connection, world), 1 + n % 5, 4)


_PEOPLE = count(1000)


def person(connection: Connection, world: World) -> int:
    """Somebody who wrote by SMS and agreed to what we keep."""
    number = address("sms", next(_PEOPLE))
    contact = contacts.add(connection, "sms", number, number, "es", world.clock())
    return contacts.consent(connection, contact, "2026-11", world.clock())


def tick(world: World) -> datetime:
    """Each voice speaks a minute after the one before."""
    world.clock.forward(minutes=1)
    return world.clock()


def seats(plan: ReadPlan) -> Sequence[str]:
    return [f"{sector.id}-{n}" for sector in plan.sectors for n in range(1, sector.seats + 1)]


def great_plan(commitments: int = 25, milestones: int = 10, objectives: int = 5, slug: str = "grande") -> ReadPlan:
    """A plan as large as that of a country, with texts as long as they may be."""
    made = the_plan()
    offices = tuple(Named(f"o{n}", words(f"{n} {long_words(84)}"), words(f"Entidad {n}")) for n in range(1, 23))
    aims = tuple(Named(f"m{n}", words(f"{n} {long_words(84)}")) for n in range(1, objectives + 1))
    return replace(
        made,
        slug=slug,
        title=words(long_words(90)),
        source=words(f"{long_words(200)} {UNBROKEN}"),
        objectives=aims,
        offices=offices,
        span=Span("2022-01", "2025-12"),
        commitments=tuple(
            great_commitment(made.commitments[0], slug, n, milestones, f"m{n % objectives + 1}")
            for n in range(1, commitments + 1)
        ),
    )


def great_commitment(like: ReadCommitment, slug: str, number: int, milestones: int, aim: str) -> ReadCommitment:
    steps = tuple(
        ReadMilestone(
            n,
            words(f"{n} {long_words(80)}"),
            words(f"Paso {n}"),
            long_words(2900),
            ("o1", f"o{n % 22 + 1}"),
            Span("2022-01", f"{2022 + n % 2}-{n % 12 + 1:02}"),
        )
        for n in range(1, milestones + 1)
    )
    return replace(
        like,
        id=f"{slug}-{number}",
        number=number,
        objective=aim,
        title=words(f"{number} {long_words(84)}"),
        short=words(f"Compromiso {number}"),
        more=words(long_words(590)),
        official=long_words(2900),
        leads=("o1", "o2", "o3", "o4"),
        partners=(long_words(88), long_words(80)),
        sdgs=(1, 11, 16),
        span=Span("2022-01", "2025-12"),
        milestones=steps,
    )


def sqlite_copy(template: Path, folder: Path) -> str:
    """The address of a database like the template."""
    folder.mkdir(exist_ok=True)
    shutil.copy(template, folder / "cuenta.db")
    return f"sqlite:///{folder / 'cuenta.db'}"
