"""The published results, for anybody: no consent is needed to read them."""

from flows.consultation import Published, Results, one_of
from flows.language import Joined, Look, Phrase, Say, Talk, _, many

SHOWN = 5
MOST_LISTED = 8


def results(slug: str = "") -> Talk:
    """The most voted proposals of a published consultation."""
    slugs: list[str] = yield from Look(Published(), "published")
    if slug in slugs:
        slugs = [slug]
    if not slugs:
        yield Say(_("There are no published results yet."))
        return None
    consultation = yield from one_of(slugs[:MOST_LISTED], _("Which results do you want to see?"))
    if consultation is None:
        return "menu"
    found = yield from Look(Results(consultation.slug))
    lines: list[Phrase] = []
    for place, (proposal, votes) in enumerate(found["votes"][:SHOWN], 1):
        title = consultation.proposal(proposal).title
        lines.append(many("{place}. {title}: {n} vote", "{place}. {title}: {n} votes", votes, place=place, title=title))
    tied: list[Phrase] = [_("Some of these are tied."), consultation.tie] if found["ties"] else []
    yield Say(
        Joined(
            [
                consultation.title,
                many("{n} person voted. The most voted:", "{n} people voted. The most voted:", found["ballots"]),
                *lines,
                *tied,
            ]
        )
    )
    return None
