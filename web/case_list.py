"""The pages of complaints that everybody may read: where each one stands, once a week; and how many there were."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Response, abort

from bot.catalogue import Catalogue
from bot.complaints import case_sheets
from bot.complaints.case_sheets import BANDS, LONGER, begins
from bot.desk import Desk
from flows.case import STATES, Intake
from flows.language import Phrase, _
from storage import catalogue as shelf
from storage.database import reading
from web import paging
from web.rendering import kept, page

MOST = 150
"""Complaints on one page, which keeps it with its stylesheet under 50 kB."""

MOST_QUARTERS = 12
"""Quarters on the page of figures; the file has all of them."""

DAYS: Mapping[str, Phrase] = {
    **{str(most): _("Up to {n} working days", n=most) for most in BANDS},
    LONGER: _("More than {n} working days", n=BANDS[-1]),
}


@dataclass(frozen=True)
class Table:
    """One property of the complaints of a quarter: how many in all and by each value; None is hidden."""

    title: Phrase
    number: int | None
    rows: list[tuple[Phrase, int | None]]


@dataclass(frozen=True)
class Quarter:
    """What was published of a quarter."""

    first: date
    last: date
    tables: list[Table]


def add(blueprint: Blueprint, desk: Desk) -> None:
    """Add the pages; they are registered once for each language. A city without an intake has none."""

    @blueprint.get("/denuncias")
    def cases() -> Response:
        with reading(desk.engine) as connection:
            city = desk.catalogue(connection, shelf.revision(connection))
            intake_of(city)
            found = case_sheets.listed(connection)
        at, rows = found or (None, [])
        return kept(
            page(
                "case_list.html",
                city=city.city,
                day=at.astimezone(city.hours.zone).date() if at else None,
                part=paging.part(rows, paging.asked(), most=MOST),
                number=len(rows),
                states=STATES,
            )
        )

    @blueprint.get("/denuncias/cifras")
    def case_figures() -> Response:
        with reading(desk.engine) as connection:
            city = desk.catalogue(connection, shelf.revision(connection))
            intake, found = intake_of(city), case_sheets.figures(connection)
        quarters = [_quarter(name, body) for name, body in reversed(list(found.items())[-MOST_QUARTERS:])]
        return kept(page("case_figures.html", city=city.city, quarters=quarters, days=intake.days))


def intake_of(city: Catalogue) -> Intake:
    """Who takes the city's complaints; 404 where nobody does."""
    return city.city.intake or abort(404)


def _quarter(name: str, body: Mapping[str, Any]) -> Quarter:
    first = begins(name)
    return Quarter(
        first,
        begins(case_sheets.quarter_of(first + timedelta(days=100))) - timedelta(days=1),
        [
            Table(_("Received in these months"), body["received"]["all"], _rows(body["received"]["by"], STATES)),
            Table(_("First answered in these months"), body["answered"]["all"], _rows(body["answered"]["by"], DAYS)),
        ],
    )


def _rows(by: Mapping[str, int | None], words: Mapping[str, Phrase]) -> list[tuple[Phrase, int | None]]:
    order: Iterable[str] = (*words, *by)
    return [(words.get(key, key), by[key]) for key in dict.fromkeys(order) if key in by]
