"""Announcing: each fault of a draft is named, nobody agrees to their own words, every step is in the record."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from bot.announcements import announcing
from bot.announcements.announcing import KIND
from bot.announcements.templates import DECLARED
from bot.catalogue import Catalogue, read
from bot.lifecycle import NotPossible
from bot.speech import Speaker
from storage import announcements, approvals
from storage.announcements import Announcement, AnnouncementRow
from storage.audiences import Audience
from storage.audit import Audited
from storage.contacts import Contact
from storage.database import columns, reading, transaction
from storage.templates import TemplateRow
from tests.announcing import agree, draft, worded
from tests.console import account
from tests.test_headcount import settle
from tests.world import World
from web.console.access import Role


def city_of(world: World) -> Catalogue:
    with reading(world.desk.engine) as connection:
        return read(connection)


def stands(world: World, id: int) -> Announcement:
    with reading(world.desk.engine) as connection:
        found = announcements.one(connection, id)
    assert found is not None
    return found


def team(world: World) -> list[int]:
    return [account(world, login, [Role.COMMUNICATIONS]) for login in ("ana", "bea", "carla")]


def begun(world: World, by: int, **change: Any) -> int:
    with transaction(world.desk.engine) as connection:
        return announcing.create(connection, draft(world.clock(), **change), by, world.clock())


def asked(world: World, id: int, by: int) -> int:
    with transaction(world.desk.engine) as connection:
        digest = stands(world, id).draft.digest
        return announcing.ask(connection, city_of(world), id, digest, by, world.clock())


def agreed(world: World, id: int, by: int) -> None:
    with transaction(world.desk.engine) as connection:
        announcing.approve(connection, id, stands(world, id).draft.digest, by, world.clock())


def changed(world: World, id: int, by: int, revision: int = 1, **change: Any) -> None:
    with transaction(world.desk.engine) as connection:
        announcing.edit(connection, id, revision, draft(world.clock(), **change), by, world.clock())


def noted(world: World) -> list[tuple[str, str]]:
    return [(row["action"], row["subject"]) for row in world.rows(Audited)]


# What is wrong with a draft


@pytest.mark.parametrize(
    ("change", "where", "said"),
    [
        ({"words": worded("es", title="")}, "title_es", "is empty"),
        ({"words": worded("en", title="Two\nlines")}, "title_en", "U+000A"),
        ({"words": worded("es", title="x" * 61)}, "title_es", "at most 60"),
        ({"words": worded("en", text="x" * 901)}, "text_en", "at most 900"),
        ({"words": worded("es", text="Con\u200bcero")}, "text_es", "U+200B"),
        ({"words": worded("es", short="")}, "short_es", "is empty"),
        ({"words": worded("es", short="x" * 300)}, "short_es", "takes 3 text messages"),
        ({"words": worded("en", short="€" * 150)}, "short_en", "takes 3 text messages"),
        ({"words": {"es": draft(datetime.now(UTC)).words["es"]}}, "title_en", "is empty"),
        ({"topic": "weather"}, "topic", "votes, news"),
        ({"category": "authentication"}, "category", "utility, marketing"),
        ({"urgent": "porque sí"}, "urgent", "20 to 300"),
        ({"audience": Audience(places=("atlantis",))}, "places", "atlantis"),
        ({"audience": Audience(groups=("kings",))}, "groups", "kings"),
        ({"audience": Audience(languages=("fr",))}, "languages", "fr"),
        ({"audience": Audience(channels=("fax",))}, "channels", "fax"),
        ({"audience": Audience(roles=("mayor",))}, "roles", "mayor"),
        ({"audience": Audience(follows=("commitment:no-such",))}, "follows", "no-such"),
        ({"audience": Audience(voted_in="no-such")}, "voted_in", "no-such"),
    ],
)
def test_each_fault_is_named_at_its_field(little_world: World, change: dict[str, Any], where: str, said: str) -> None:
    found = announcing.faults(draft(little_world.clock(), **change), city_of(little_world), little_world.clock())
    assert list(found) == [where] or set(found) == {f"{name}_en" for name in ("title", "text", "short")}
    assert said in Speaker("en").say(found[where])


def test_a_moment_that_is_past_or_over_before_it_begins_is_named(little_world: World) -> None:
    now, city = little_world.clock(), city_of(little_world)
    late = draft(now, send_at=now, until=now)
    assert list(announcing.faults(late, city, now)) == ["send_at", "until"]


def test_a_draft_that_lacks_nothing_has_no_fault(little_world: World) -> None:
    audience = Audience(
        places=("bocagrande",), groups=("women",), languages=("es",), channels=("sms",), roles=("seat",),
    )  # fmt: skip
    whole = draft(little_world.clock(), audience=audience, urgent="Se rompió un tubo del acueducto.")
    assert announcing.faults(whole, city_of(little_world), little_world.clock()) == {}


def test_accents_cost_nothing_by_sms_and_an_emoji_shows_what_it_would_cost(little_world: World) -> None:
    accents = draft(little_world.clock(), words=worded("es", short="Mañana habrá mercado en la vía: júntese aquí."))
    assert announcing.segments(accents, "es") == 1
    assert announcing.uncarried("Mañana habrá mercado.") == ("", 0)
    assert announcing.uncarried("Mercado 🎉 hoy 🎉") == ("🎉", 1)
    assert announcing.uncarried("Mercado 🎉 " + "x" * 130) == ("🎉", 3)


# Two people


def test_what_was_asked_for_is_agreed_to_by_somebody_who_wrote_none_of_it(world: World) -> None:
    ana, bea, carla = team(world)
    id = begun(world, ana)
    changed(world, id, bea, words=worded("es", title="Otro título"))
    asked(world, id, ana)
    for author in (ana, bea):
        with pytest.raises(NotPossible, match="You wrote some of these words"):
            agreed(world, id, author)
    assert stands(world, id).state == "asked"
    agreed(world, id, carla)
    now = stands(world, id)
    assert (now.state, now.approved_by, now.made_by, now.authors) == ("approved", carla, ana, frozenset((ana, bea)))
    assert [action for action, subject in noted(world) if action.startswith("announcement.")] == [
        "announcement.made", "announcement.changed", "announcement.approved",
    ]  # fmt: skip


def test_an_edit_voids_what_was_agreed_to_and_withdraws_what_was_asked(world: World) -> None:
    ana, bea, carla = team(world)
    id = begun(world, ana)
    request = asked(world, id, ana)
    first = stands(world, id).draft.digest
    changed(world, id, bea, words=worded("es", text="Otra cosa."))
    with reading(world.desk.engine) as connection:
        assert approvals.about(connection, KIND, str(id)) is None
    assert ("approval.withdrawn", str(request)) in noted(world)
    with transaction(world.desk.engine) as connection, pytest.raises(NotPossible, match="It changed after"):
        announcing.approve(connection, id, first, carla, world.clock())
    asked(world, id, ana)
    agreed(world, id, carla)
    changed(world, id, ana, revision=2, audience=Audience(places=("bocagrande",)))
    now = stands(world, id)
    assert (now.state, now.approved_by, now.revision) == ("draft", None, 3)


def test_the_same_words_once_more_change_nothing(little_world: World) -> None:
    ana, _bea, carla = team(little_world)
    id = begun(little_world, ana)
    asked(little_world, id, ana)
    changed(little_world, id, carla)
    assert stands(little_world, id).state == "asked"
    agreed(little_world, id, carla)


def test_of_two_who_edit_at_once_the_second_is_told(little_world: World) -> None:
    ana, bea, _carla = team(little_world)
    id = begun(little_world, ana)
    changed(little_world, id, ana, urgent="Se rompió un tubo del acueducto.")
    with pytest.raises(NotPossible, match="Somebody else changed it"):
        changed(little_world, id, bea, words=worded("es", title="Otro"))


def test_only_what_is_whole_and_as_it_was_looked_at_is_asked_for(little_world: World) -> None:
    (ana, *_others), now = team(little_world), little_world.clock()
    id = begun(little_world, ana, words=worded("es", title=""))
    with pytest.raises(NotPossible, match="not finished"):
        asked(little_world, id, ana)
    with transaction(little_world.desk.engine) as connection, pytest.raises(NotPossible, match="after you looked"):
        announcing.ask(connection, city_of(little_world), id, "another", ana, now)
    whole = begun(little_world, ana)
    asked(little_world, whole, ana)
    asked(little_world, whole, ana)  # it was refused, or nobody answered
    agreed(little_world, whole, _others[0])
    with pytest.raises(NotPossible, match="already"):
        asked(little_world, whole, ana)


def test_what_is_of_no_more_use_is_not_agreed_to(little_world: World) -> None:
    ana, bea, _carla = team(little_world)
    id = begun(little_world, ana)
    asked(little_world, id, ana)
    little_world.clock.forward(days=3)
    with pytest.raises(NotPossible, match="is past"):
        agreed(little_world, id, bea)


def test_what_is_under_way_is_paused_taken_up_and_ended_once(world: World) -> None:
    ana, bea, _carla = team(world)
    id = begun(world, ana)
    steps = (announcing.pause, announcing.resume)
    for step in steps:
        with transaction(world.desk.engine) as connection, pytest.raises(NotPossible):
            step(connection, id, ana, world.clock())
    asked(world, id, ana)
    agreed(world, id, bea)
    with transaction(world.desk.engine) as connection:
        announcements.move(connection, id, ("approved",), "sending")
        announcing.pause(connection, id, ana, world.clock())
    assert (stands(world, id).state, stands(world, id).hold) == ("paused", "staff")
    with pytest.raises(NotPossible, match="cannot be changed any more"):
        changed(world, id, ana, words=worded("es", title="Otro"))
    with transaction(world.desk.engine) as connection:
        announcing.resume(connection, id, ana, world.clock())
    assert (stands(world, id).state, stands(world, id).hold) == ("sending", "")
    with transaction(world.desk.engine) as connection:
        announcing.cancel(connection, id, ana, world.clock())
    assert stands(world, id).finished_at is None, "the worker ends it, when it has taken back what waits"
    with transaction(world.desk.engine) as connection, pytest.raises(NotPossible, match="over already"):
        announcing.cancel(connection, id, ana, world.clock())
    told = [action for action, subject in noted(world) if action.startswith("announcement.")]
    assert told[2:] == ["announcement.paused", "announcement.resumed", "announcement.cancelled"]


@pytest.mark.parametrize("hold", announcing.SPOILT)
def test_what_does_not_hold_any_more_cannot_go_on(little_world: World, hold: str) -> None:
    ana, *_others = team(little_world)
    id = begun(little_world, ana)
    with transaction(little_world.desk.engine) as connection:
        announcements.move(connection, id, ("draft",), "paused", hold=hold)
        with pytest.raises(NotPossible, match="write it again"):
            announcing.resume(connection, id, ana, little_world.clock())


def test_ending_what_waits_for_a_second_person_withdraws_that(little_world: World) -> None:
    ana, _bea, carla = team(little_world)
    id = begun(little_world, ana)
    asked(little_world, id, ana)
    with transaction(little_world.desk.engine) as connection:
        announcing.cancel(connection, id, ana, little_world.clock())
        assert approvals.about(connection, KIND, str(id)) is None
    with pytest.raises(NotPossible):
        agreed(little_world, id, carla)


def test_a_reminder_is_the_clocks_own(little_world: World) -> None:
    ana, *_others = team(little_world)
    with transaction(little_world.desk.engine) as connection:
        whole = draft(little_world.clock())
        id = announcements.make(
            connection, whole, None, little_world.clock(), kind="opens", subject="x", state="approved"
        )
    with pytest.raises(NotPossible, match="made by the clock"):
        changed(little_world, id, ana, words=worded("es", title="Otro"))
    with transaction(little_world.desk.engine) as connection:
        announcing.cancel(connection, id, ana, little_world.clock())


def test_figures_are_published_once_they_are_final(little_world: World) -> None:
    ana, *_others = team(little_world)
    id = begun(little_world, ana)
    with transaction(little_world.desk.engine) as connection, pytest.raises(NotPossible, match="not final"):
        announcing.publish(connection, id, ana, little_world.clock())
    row = columns(AnnouncementRow)
    with transaction(little_world.desk.engine) as connection:
        connection.execute(update(AnnouncementRow).where(row.id == id).values(counted_at=little_world.clock()))
        announcing.publish(connection, id, ana, little_world.clock())
    with transaction(little_world.desk.engine) as connection, pytest.raises(NotPossible, match="published already"):
        announcing.publish(connection, id, ana, little_world.clock())


# Whom it reaches, and what it costs


def estimated(world: World, **change: Any) -> announcing.Estimate:
    with reading(world.desk.engine) as connection:
        return announcing.estimate(connection, read(connection), draft(world.clock(), **change), world.clock())


def test_people_are_counted_by_part_of_the_city_and_channel_without_pointing_at_anybody(world: World) -> None:
    agree(world, 1, 52, place="bocagrande")
    agree(world, 101, 23, place="nelson-mandela")
    agree(world, 201, 3, place="la-boquilla")
    settle(world, 301, 9, place="bocagrande")  # agreed to nothing
    found = estimated(world)
    assert found.people == 75
    assert found.by_channel == {"sms": 75}
    assert found.by_unit == {"ucg-1": 50}, "with the three of one part another one is hidden, or they would follow"
    assert estimated(world, audience=Audience(places=("la-boquilla",))).people is None
    assert estimated(world, topic="votes").people is None


WIDE = ("ucg-1", "l1")


@pytest.mark.parametrize(
    "more",
    [
        {"places": ("bocagrande",)}, {"groups": ("women",)}, {"languages": ("en",)}, {"channels": ("sms",)},
        {"roles": ("seat",)}, {"follows": ("all",)},
    ],
)  # fmt: skip
@pytest.mark.parametrize("voted", [True, False])
def test_nobody_can_be_singled_out_by_whether_they_took_part(
    little_world: World, more: dict[str, Any], voted: bool
) -> None:
    city, now = city_of(little_world), little_world.clock()
    alone = Audience(voted_in="cartagena-2022", voted=voted, places=WIDE)
    assert announcing.faults(draft(now, audience=alone), city, now) == {}
    narrow = replace(alone, **more)
    assert list(announcing.faults(draft(now, audience=narrow), city, now)) == ["voted_in"]
    assert announcing.faults(draft(now, audience=Audience(**more)), city, now) == {}


def test_by_a_vote_it_goes_to_five_people_or_more(world: World) -> None:
    ana, *_others = team(world)
    agree(world, 1, 4, place="bocagrande")
    whom = Audience(voted_in="cartagena-2022", places=("ucg-1",))
    id = begun(world, ana, audience=whom)
    with pytest.raises(NotPossible, match="five people or more"):
        asked(world, id, ana)
    agree(world, 5, 1, place="bocagrande")
    assert asked(world, id, ana)


def test_what_it_costs_does_not_tell_whether_anybody_is_there(world: World) -> None:
    nobody = estimated(world)
    assert (nobody.people, nobody.pesos) == (None, 5 * 220)
    agree(world, 1, 4)
    assert estimated(world) == nobody
    assert estimated(world, audience=Audience(channels=("telegram",))).pesos == 0
    agree(world, 5, 1)
    assert estimated(world).pesos == 10 * 220


def test_whatsapp_costs_what_meta_takes_the_template_for(world: World) -> None:
    agree(world, 1, 5)
    with transaction(world.desk.engine) as connection:
        row, early = columns(Contact), world.clock() - timedelta(hours=25)
        values = {"channel": "whatsapp", "address": "whatsapp:" + row.address, "heard_at": early}
        connection.execute(update(Contact).values(**values))
    whom = Audience(channels=("whatsapp",))
    prices = city_of(world).delivery.price
    utility, marketing = (prices("whatsapp", what) for what in ("utility", "marketing"))
    assert utility < marketing
    assert estimated(world, audience=whom).pesos == 10 * utility
    approved(world, "marketing")
    assert estimated(world, audience=whom).pesos == 10 * marketing


def approved(world: World, category: str) -> None:
    """Meta has approved the templates for news, as it takes them."""
    with transaction(world.desk.engine) as connection:
        for each in (each for each in DECLARED if each.name == "news"):
            values = {"sid": f"HX{each.language}", "name": each.name, "language": each.language, "status": "approved"}
            more = {"digest": each.digest, "category": category, "reason": "", "checked_at": world.clock()}
            connection.execute(insert(TemplateRow), {**values, **more})


def test_the_cost_is_that_of_each_channel_rounded_up_and_spread_over_days(world: World) -> None:
    agree(world, 1, 1003, place="bocagrande")
    found = estimated(world)
    assert found.pesos == 1005 * 220
    assert (found.daily, found.days) == (400_000, 1)
    twice = estimated(world, words=worded("es", short="x" * 200))
    assert (twice.pesos, twice.days) == (1005 * 440, 2)


def test_whatsapp_outside_the_window_costs_a_template_and_other_countries_are_left_out(world: World) -> None:
    now = world.clock()
    agree(world, 1, 30)
    with transaction(world.desk.engine) as connection:
        row = columns(Contact)
        early = {"channel": "whatsapp", "heard_at": now - timedelta(hours=25)}
        connection.execute(update(Contact).where(row.id <= 20).values(**early))
        connection.execute(update(Contact).where(row.id <= 20).values(address="whatsapp:" + row.address))
        connection.execute(update(Contact).where(row.id <= 10).values(heard_at=now - timedelta(hours=23)))
        for n in range(21, 31):
            connection.execute(update(Contact).where(row.id == n).values(address=f"+1555{n:07}"))
    found = estimated(world, category="marketing")
    assert (found.people, found.templated, found.abroad) == (20, 10, 10)
    assert found.by_channel == {"whatsapp": 20}
    assert found.pesos == 5 * 220, "no step is smaller than five of the dearest messages"
