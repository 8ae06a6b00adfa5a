"""Assisted ballots: an officer enters the ballot of somebody without a phone, who stands before them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot import booths
from bot.booths import Booth, NotTaken
from flows.answers import pick_some
from flows.language import NotUnderstood, Phrase, Said, _
from storage import ballots

AGAIN = _("A ballot was already entered with this document. If the person wants to change it, mark the box below.")
USED = _("A ballot was already entered with this slip. A slip serves once.")


class Already(NotTaken):
    """Somebody with this document voted at a table before; they may change that ballot if they say so."""


@dataclass(frozen=True)
class Entered:
    """The receipt, to be shown once, and whether an earlier ballot of the same document is void now."""

    receipt: str
    replaced: bool


def enter(
    booth: Booth,
    batch_id: int,
    shown: str,
    choices: Sequence[str],
    profile: Mapping[str, str | None],
    again: bool = False,
) -> Entered:
    """Put an assisted ballot in the box. Raises NotTaken, and Already unless `again` says that it is a change.

    `shown` is the document or slip, `choices` are ids of proposals. The last ballot counts, as in a chat.
    """
    booths.hold(booth, "assisted")
    batch = booths.held_batch(booth, batch_id, "assisted", "open")
    known = {name: _known(booth, name, profile.get(name)) for name in ("age", "sex", "group", "place")}
    token = booths.token(booth, batch.way, booths.read(batch, shown))
    voter = booths.voter(booth, batch, token.person_id, known)
    now = booths.hour(booth.now)
    chosen = _valid(booth, choices)
    if not ballots.enrol(booth.connection, booth.slug, voter, now):
        if batch.way == "slips":
            raise NotTaken(USED)
        if not again:
            raise Already(AGAIN)
    receipt, replaced = ballots.cast(booth.connection, booth.slug, voter, token.mark, chosen, now)
    return Entered(receipt, replaced)


def read_choices(booth: Booth, typed: str) -> tuple[str, ...]:
    """The proposals that somebody listed, in the words of the chat ("1 4 6"). Raises NotTaken."""
    seen = booth.listed.seen
    reader = pick_some([p.option for p in seen.proposals], seen.least, seen.most)
    try:
        return tuple(reader.read(Said(typed)))
    except NotUnderstood as unread:
        raise NotTaken(unread.hint) from None


def _valid(booth: Booth, choices: Sequence[str]) -> tuple[str, ...]:
    seen = booth.listed.seen
    chosen = tuple(p.id for p in seen.proposals if p.id in choices)
    if not set(choices) <= set(chosen):
        raise NotTaken(_("A proposal was marked that is not on this ballot."))
    if not seen.least <= len(chosen) <= seen.most:
        raise NotTaken(how_many(booth))
    return chosen


def how_many(booth: Booth) -> Phrase:
    """How many proposals a ballot may have."""
    seen = booth.listed.seen
    if seen.least == seen.most:
        return _("Mark {n}, not more and not fewer.", n=seen.most)
    return _("Mark from {least} to {most}.", least=seen.least, most=seen.most)


def _known(booth: Booth, name: str, value: str | None) -> str | None:
    """An answer of the form, if the city's form has it; what was left empty is not kept."""
    if not value:
        return None
    known = booth.city.territory.places if name == "place" else {o.id for o in booth.city.questions[name]}
    if value not in known:
        raise NotTaken(_("An answer was marked that the form does not have."))
    return value
