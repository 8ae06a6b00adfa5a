"""A draft as it is typed: the checks of a city's folder, with each fault beside its field."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.consultations import ConsultationRow
from storage.faults import Fault
from storage.folder import read_folder
from storage.loading import consultation_row
from storage.typed import CELLS, FIELDS, LISTS, check, cut, typed_of

CITIES = Path(__file__).parent.parent / "territories"
(PLAZA,) = read_folder(CITIES / "ejemplo").consultations
LIMA = ZoneInfo("America/Lima")


def plaza(**change: Any) -> dict[str, Any]:
    """The example's consultation as somebody would type it, but for these fields."""
    return {**typed_of(ConsultationRow(**consultation_row(PLAZA))), **change}


@pytest.mark.parametrize("city", ["ejemplo", "cartagena"])
def test_a_consultation_of_a_folder_typed_into_the_form_is_the_same_to_the_letter(city: str) -> None:
    for consultation in read_folder(CITIES / city).consultations:
        row = ConsultationRow(**consultation_row(consultation))
        found = check(typed_of(row), ZoneInfo(row.zone))
        assert found.faults == {}
        assert found.consultation is not None
        assert found.consultation.digest == consultation.digest


@pytest.mark.parametrize(
    ("change", "where", "reason"),
    [
        ({"title_es": ""}, ("title_es",), "is empty"),
        ({"title_es": "x" * 81}, ("title_es",), "has 81 characters; at most 80 fit"),
        ({"title_es": "a\u200bb"}, ("title_es",), "has the invisible character U+200B"),
        ({"slug": ""}, ("slug",), "is empty"),
        ({"slug": "La Plaza"}, ("slug",), '"La Plaza" must be 1 to 40 of a-z, 0-9 and -, and begin with a letter'),
        ({"slug": "taken"}, ("slug",), "is the address of another consultation"),
        ({"opens_day": "mañana"}, ("opens",), "needs a day, such as 30/11/2026"),
        ({"opens_day": "31/02/2030"}, ("opens",), "is no day of the calendar"),
        ({"opens_day": "04/03/0030"}, ("opens",), "is not a date of our times"),
        ({"opens_hour": "8 am"}, ("opens",), "needs an hour from 00:00 to 23:59, such as 18:00"),
        ({"opens_hour": "24:00"}, ("opens",), "needs an hour from 00:00 to 23:59, such as 18:00"),
        ({"opens_day": "", "opens_hour": ""}, ("opens",), "is empty"),
        ({"closes_day": "2030-03-01"}, ("closes",), "must be later than opens"),
        ({"paper_until_day": "2030-03-09"}, ("paper_until",), "cannot be earlier than closes; without paper it is"),
        ({"least": "0"}, ("least",), "must be from 1 to 200"),
        ({"least": "dos"}, ("least",), "must be from 1 to 200"),
        ({"least": ""}, ("least",), "is empty"),
        ({"most": "6"}, ("most",), "is 6, but there are only 5 proposals"),
        ({"least": "3"}, ("most",), "is 2, less than least, which is 3"),
        ({"identity": "face"}, ("identity",), "must be one of: contact, phone, document"),
        ({"people_per_contact": "51"}, ("people_per_contact",), "must be from 1 to 50"),
        ({"tie_en": "x" * 301}, ("tie_en",), "has 301 characters; at most 300 fit"),
        ({"proposals": []}, ("proposals",), "there is no proposal yet"),
        ({"proposals": [{}] * 201}, ("200", ""), "more than 200 proposals"),
    ],
)
def test_a_fault_stands_beside_its_field(change: dict[str, Any], where: tuple[str, ...], reason: str) -> None:
    found = check(plaza(**change), LIMA, frozenset({"taken"}))
    assert found.consultation is None
    assert next(str(fault) for fault in found.faults[where]).startswith(reason)


def test_a_day_is_typed_as_in_the_city_or_as_a_browser_sends_it() -> None:
    for day, hour in (("04/03/2030", "8:00"), ("2030-03-04", "08:00"), ("4/3/2030", "8.00")):
        found = check(plaza(opens_day=day, opens_hour=hour), LIMA)
        assert found.consultation is not None, found.faults
        assert found.consultation.opens_at == datetime(2030, 3, 4, 13, tzinfo=UTC)


def test_without_paper_its_hour_may_stay_empty() -> None:
    found = check(plaza(paper_until_day="", paper_until_hour=""), LIMA)
    assert found.consultation is not None
    assert found.consultation.paper_until == found.consultation.closes_at
    amiss = check(plaza(closes_day="", closes_hour="", paper_until_day="", paper_until_hour=""), LIMA)
    assert set(amiss.faults) == {("closes",)}, "the same fault is not named twice"


def test_an_hour_in_which_the_clocks_change_is_refused() -> None:
    found = check(plaza(opens_day="2029-09-02", opens_hour="00:30"), ZoneInfo("America/Santiago"))
    (reason,) = found.of("opens")
    assert isinstance(reason, Fault)
    assert reason.msgid == "falls where the clocks change in {zone}: choose another hour"


def test_an_empty_draft_names_everything_that_is_missing_once() -> None:
    found = check({}, LIMA)
    assert all(len(faults) == 1 for faults in found.faults.values())
    missing = {where[0] for where in found.faults}
    assert missing >= {"slug", "title_es", "title_en", "opens", "closes", "least", "most", "identity", "proposals"}


TYPED = st.one_of(st.text(max_size=90), st.sampled_from(["1", "2", "2030-03-04", "10:00", "contact", "arboles", "\0"]))
PROPOSALS = st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys((*CELLS, "number"), TYPED)), max_size=4)


@given(st.fixed_dictionaries({}, optional={**dict.fromkeys(FIELDS, TYPED), "proposals": PROPOSALS}))
def test_whatever_is_typed_is_checked(typed: dict[str, Any]) -> None:
    found = check({**plaza(), **typed}, LIMA)
    assert (found.consultation is None) == bool(found.faults)
    for place in found.proposals_amiss:
        assert found.of_proposal(place)


@given(st.text())
def test_what_is_kept_of_a_field_fits_every_database(typed: str) -> None:
    assert "\0" not in cut(typed)
    cut(typed + "\ud800").encode()


def test_the_lists_are_ticked() -> None:
    found = check(plaza(asks=["age", "income"], desk=["document", "crystal"], shown=["sex"]), LIMA)
    assert LISTS == ("asks", "desk", "shown")
    assert found.consultation is not None
    assert found.consultation.rules["desk"] == ("document",)
    assert (found.consultation.rules["asks"], found.consultation.rules["small_cells"]) == (("age",), {"sex": "shown"})


def test_until_when_ideas_are_taken_may_stay_empty_and_is_checked_as_in_a_file() -> None:
    plain = check(plaza(), LIMA).consultation
    assert plain is not None
    assert "ideas_until" not in plain.rules
    found = check(plaza(ideas_until_day="01/03/2030", ideas_until_hour="18:00", desk=["slips"]), LIMA).consultation
    assert found is not None
    assert found.rules["ideas_until"] == "2030-03-01T23:00:00+00:00"
    again = check(typed_of(ConsultationRow(**consultation_row(found))), LIMA).consultation
    assert again is not None
    assert again.digest == found.digest, "nothing is lost on the way through the form"
    for change, reason in (
        ({"ideas_until_day": "05/03/2030", "ideas_until_hour": "08:00"}, "cannot be later than opens"),
        ({"ideas_until_day": "pronto"}, "needs a day"),
        ({"ideas_until_hour": "18:00"}, "needs a day"),
    ):
        (fault,) = check(plaza(**change), LIMA).of("ideas_until")
        assert str(fault).startswith(reason)


def test_who_collects_ideas_needs_no_proposals_yet() -> None:
    when = {"ideas_until_day": "01/03/2030", "ideas_until_hour": "18:00"}
    assert check(plaza(proposals=[], **when), LIMA, to_collect=True).consultation is not None
    assert set(check(plaza(proposals=[], **when), LIMA).faults) == {("proposals",)}
    assert set(check(plaza(proposals=[]), LIMA, to_collect=True).faults) == {("ideas_until",)}
