"""The published results, for anybody: no consent is needed to read them."""

from collections.abc import Sequence

from flows.consultation import Published, Results, one_of, tell_annulled
from flows.language import Joined, Look, Phrase, Say, Talk, _, many

SHOWN = 5
MOST_LISTED = 8


def results(slug: str = "") -> Talk:
    """The most voted proposals of a published consultation."""
    slugs: list[str] = yield from Look(Published(), "published")
    if slug in slugs:
        slugs = [slug]
    annulled = yield from tell_annulled(slug)
    if not slugs:
        if not annulled:
            yield Say(_("There are no published results yet."))
        return None
    consultation = yield from one_of(slugs[:MOST_LISTED], _("Which results do you want to see?"))
    if consultation is None:
        return "menu"
    found = yield from Look(Results(consultation.slug))
    lines: list[Phrase] = []
    shown = best(found["votes"])
    for place, proposal, votes in shown:
        title = consultation.proposal(proposal).title
        lines.append(many("{place}. {title}: {n} vote", "{place}. {title}: {n} votes", votes, place=place, title=title))
    ties = len({place for place, _proposal, _votes in shown}) < len(shown)
    tied: list[Phrase] = [_("Some of these are tied."), consultation.tie] if ties else []
    yield Say(
        Joined(
            [
                consultation.title,
                many("{n} person voted. The most voted:", "{n} people voted. The most voted:", found["ballots"]),
                *lines,
                *tied,
            ]
        ),
        picture=f"results/{consultation.slug}",
    )
    return None


def best(votes: Sequence[tuple[str, int]]) -> list[tuple[int, str, int]]:
    """The first places (place, proposal, votes). Those with as many votes share a place, and are shown all or none."""
    ranked = [(1 + sum(more > mine for _id, more in votes), id, mine) for id, mine in votes]
    cut = next((place for place, _id, _votes in ranked[SHOWN:]), 0)
    kept = [row for row in ranked[:SHOWN] if row[0] != cut]
    return kept or [row for row in ranked if row[0] == 1]
