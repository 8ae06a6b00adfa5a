"""Paper: a table's signed paper ballots, typed in by one officer and confirmed by another.

What was typed is checked cell by cell, and kept sealed until the second officer says that it is what the papers and the
table's signed sheet say. Until then none of it is in the box.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from bot import assisted, booths
from bot.booths import Booth, NotTaken, Token
from bot.speech import LANGUAGES, Speaker
from flows.answers import fold, pick_one
from flows.language import Joined, NotUnderstood, Phrase, Said, _
from storage import ballots, batches, sheets
from storage.ballots import Paper, Twice
from storage.batches import Batch
from storage.faults import Fault
from storage.ink import Ink
from storage.typed import tidy

HEADERS = {
    "slip": ("papeleta", "slip"),
    "document": ("documento", "document"),
    "choices": ("propuestas", "proposals"),
    "age": ("edad", "age"),
    "sex": ("sexo", "sex"),
    "group": ("grupo", "group"),
    "place": ("barrio", "place"),
}
"""The columns of the spreadsheet, in Spanish and in English."""

TWICE = _("Somebody of this batch has a ballot already. Take the batch back and look at the marked rows.")
MOST_ROWS = 1_000
MOST_LETTERS = 200
"""Of a cell."""

UNREAD = "\N{WARNING SIGN}"
"""Begins a cell of which a program made something else: "1-4-6" became a date, and what was meant is lost."""

TAKEN = _("The program took this for a date or a formula. Write it again, with spaces between numbers: 1 4 6.")


@dataclass(frozen=True)
class Sheet:
    """What the signed sheet of a table states: papers that choose something, blank papers, and void ones."""

    valid: int
    blank: int
    void: int

    @property
    def papers(self) -> int:
        return self.valid + self.blank + self.void


@dataclass(frozen=True)
class Cell:
    """A cell as it was typed, what it was read as, and what is wrong with it."""

    typed: str
    means: Phrase = ""
    wrong: Phrase | None = None


@dataclass(frozen=True)
class Row:
    """A row of a batch; `paper` is None where a cell is wrong."""

    number: int
    cells: tuple[Cell, ...]
    paper: Paper | None


def columns(way: str) -> tuple[str, ...]:
    """The columns of a table that tells its voters apart that way, in the order in which they are typed."""
    return ("slip" if way == "slips" else "document", "choices", "age", "sex", "group", "place")


def arranged(way: str, found: Sequence[Sequence[sheets.Cell]]) -> list[list[str]]:
    """The rows in our order of columns. The first may name them in any order. Raises NotTaken."""
    wanted = columns(way)
    names = {fold(word): column for column in wanted for word in HEADERS[column]}
    rows = [[_text(cell) for cell in row] for row in found]
    header = [names.get(fold(cell), "") for cell in rows[0]] if rows else []
    if any(header):
        _check_header(way, rows[0], header)
        rows = [[row[header.index(c)] if c in header and header.index(c) < len(row) else "" for c in wanted]
                for row in rows[1:]]  # fmt: skip
    if len(rows) > MOST_ROWS:
        raise NotTaken(_("The file has too many rows: at most {n}.", n=MOST_ROWS))
    if any(cell for row in rows for cell in row[len(wanted) :]):
        raise NotTaken(_("A row has more cells than there are columns."))
    return [[*row, *[""] * len(wanted)][: len(wanted)] for row in rows]


def _text(cell: sheets.Cell) -> str:
    text = f"{UNREAD} {cell.values['was']}" if isinstance(cell, Fault) else cell
    return tidy(text[:MOST_LETTERS])


def _check_header(way: str, typed: Sequence[str], header: Sequence[str]) -> None:
    unknown = [cell for cell, name in zip(typed, header, strict=True) if cell and not name]
    if unknown:
        raise NotTaken(_("There is no column {name}.", name=unknown[0][:40]))
    for column in columns(way)[:2]:
        if column not in header:
            raise NotTaken(_("The column {name} is missing.", name=HEADERS[column][0]))
    twice = [name for name, times in Counter(filter(None, header)).items() if times > 1]
    if twice:
        raise NotTaken(_("The column {name} is there twice.", name=HEADERS[twice[0]][0]))


def keep(booth: Booth, batch_id: int, rows: Sequence[Sequence[str]], sheet: Sheet) -> None:
    """Keep what an officer typed, sealed, in place of what was there. Raises NotTaken."""
    booths.hold(booth, "paper")
    booths.held_batch(booth, batch_id, "paper", "open")
    sealed = booth.ink.seal(json.dumps([list(row) for row in rows]).encode(), booth.now)
    batches.change(
        booth.connection, batch_id, sealed=sealed, entered_by=booth.by,
        valid=sheet.valid, blank=sheet.blank, void=sheet.void,
    )  # fmt: skip


def typed_rows(ink: Ink, batch: Batch) -> list[list[str]]:
    """What was typed of a batch; nothing when its ink is gone and it has to be typed again."""
    plain = ink.open(batch.sealed) if batch.sealed else None
    rows: list[list[str]] = json.loads(plain) if plain else []
    return rows


def digest(batch: Batch) -> str:
    """Names what is confirmed: another letter or number would change it. Nothing of what was typed follows from it."""
    stated = f"{batch.id}|{batch.valid}|{batch.blank}|{batch.void}|"
    return sha256(stated.encode() + (batch.sealed or b"")).hexdigest()[:32]


def checked(booth: Booth, batch: Batch, rows: Sequence[Sequence[str]]) -> list[Row]:
    """Every row with what is wrong in it. Raises NotTaken when the ballot box cannot be opened."""
    reader = _Reader(booth, batch)
    read = [reader.row(number, row) for number, row in enumerate(rows, 1)]
    ids = [row.paper.voter.person_id for row in read if row.paper]
    return _mark_twice(read, ballots.on_roll(booth.connection, booth.slug, ids), batch.way)


def _mark_twice(rows: Sequence[Row], voted: set[int], way: str) -> list[Row]:
    """The second row of a document or slip is wrong, and so is one that has a ballot already."""
    seen: dict[int, int] = {}
    told: list[Row] = []
    for row in rows:
        why: Phrase | None = None
        if row.paper is not None:
            first = seen.setdefault(row.paper.voter.person_id, row.number)
            if row.paper.voter.person_id in voted:
                why = assisted.USED if way == "slips" else VOTED
            elif first != row.number:
                why = _("The same as in row {n}.", n=first)
        cells = row.cells
        told.append(row if why is None else Row(row.number, (Cell(cells[0].typed, wrong=why), *cells[1:]), None))
    return told


VOTED = _("Somebody with this document has a ballot already. A paper does not replace it.")


def faults(rows: Sequence[Row], batch: Batch, sheet: Sheet) -> list[Phrase]:
    """Why a batch cannot be sent to the second person yet, as a whole; no fault, nothing."""
    found: list[Phrase] = []
    bad = sum(any(cell.wrong for cell in row.cells) for row in rows)
    if bad:
        found.append(_("Rows to correct: {n}.", n=bad))
    if not sheet.papers:
        found.append(_("Write what the table's signed sheet states."))
    if len(rows) != sheet.valid:
        found.append(
            _("The sheet states {valid} valid ballots, and {rows} are typed here.", valid=sheet.valid, rows=len(rows))
        )
    if batch.first_slip is not None and batch.last_slip is not None:
        slips = batch.last_slip - batch.first_slip + 1
        if sheet.papers > slips:
            found.append(
                _(
                    "The sheet states {papers} papers, but the table has {slips} slips.",
                    papers=sheet.papers,
                    slips=slips,
                )
            )
    return found


def stated(batch: Batch) -> Sheet:
    return Sheet(batch.valid, batch.blank, batch.void)


def send(booth: Booth, batch_id: int) -> str:
    """Send a batch to the second person; the digest that they confirm. Raises NotTaken."""
    booths.hold(booth, "paper")
    batch = booths.held_batch(booth, batch_id, "paper", "open")
    found = faults(checked(booth, batch, typed_rows(booth.ink, batch)), batch, stated(batch))
    if found:
        raise NotTaken(Joined(found, " "))
    batches.change(booth.connection, batch_id, state="waiting", sent_by=booth.by)
    return digest(batch)


def take_back(booth: Booth, batch_id: int) -> None:
    """A batch that waits for the second person is opened again. Raises NotTaken."""
    booths.held_batch(booth, batch_id, "paper", "waiting")
    batches.change(booth.connection, batch_id, state="open")


def discard(booth: Booth, batch_id: int) -> None:
    """Wipe what was typed; the table's slips can be given to a new batch. Raises NotTaken."""
    batch = batches.one(booth.connection, batch_id)
    state = batch.state if batch is not None and batch.state in batches.UNCONFIRMED else "open"
    booths.held_batch(booth, batch_id, "paper", state)
    batches.change(booth.connection, batch_id, state="discarded", sealed=None, ended_by=booth.by, ended_at=booth.now)


def confirm(booth: Booth, batch_id: int, seen: str) -> int:
    """The second person confirms what they saw: its ballots go into the box; how many. Raises NotTaken.

    `seen` is the digest of what they saw. Nobody confirms what they typed or sent themselves.
    """
    booths.hold(booth, "paper")
    batch = booths.held_batch(booth, batch_id, "paper", "waiting")
    if booth.by in (batch.entered_by, batch.sent_by):
        raise NotTaken(_("You typed or sent this batch. Somebody else has to confirm it."))
    if digest(batch) != seen:
        raise NotTaken(_("This batch was changed after you looked at it. Look at it again."))
    rows = checked(booth, batch, typed_rows(booth.ink, batch))
    papers = [row.paper for row in rows if row.paper is not None]
    if len(papers) != batch.valid:
        raise NotTaken(TWICE)
    _put(booth, papers)
    batches.change(
        booth.connection, batch_id, state="boxed", sealed=None, ended_by=booth.by, ended_at=booths.hour(booth.now)
    )
    return len(papers)


def _put(booth: Booth, papers: Sequence[Paper]) -> None:
    try:
        if papers:
            ballots.put_papers(booth.connection, booth.slug, papers, booths.hour(booth.now))
    except Twice:
        raise NotTaken(TWICE) from None


def _taken(cell: Cell) -> Cell:
    return Cell(cell.typed, wrong=TAKEN) if cell.typed.startswith(UNREAD) else cell


class _Reader:
    """Reads the cells of a batch."""

    def __init__(self, booth: Booth, batch: Batch):
        self._booth = booth
        self._batch = batch
        self._says = [Speaker(language).say for language in LANGUAGES]

    def row(self, number: int, typed: Sequence[str]) -> Row:
        shown, choices, *asked = typed
        first, token = self._shown(shown)
        second, chosen = self._choices(choices)
        told = [self._asked(name, cell) for name, cell in zip(("age", "sex", "group", "place"), asked, strict=True)]
        cells = tuple(map(_taken, (first, second, *(cell for cell, _value in told))))
        if token is None or any(cell.wrong for cell in cells):
            return Row(number, cells, None)
        profile = dict(zip(("age", "sex", "group", "place"), (value for _cell, value in told), strict=True))
        voter = booths.voter(self._booth, self._batch, token.person_id, profile)
        return Row(number, cells, Paper(token.mark, chosen, voter))

    def _shown(self, typed: str) -> tuple[Cell, Token | None]:
        try:
            value = booths.read(self._batch, typed)
        except NotTaken as unread:
            return Cell(typed, wrong=unread.why), None
        return Cell(typed, value), booths.token(self._booth, self._batch.way, value)

    def _choices(self, typed: str) -> tuple[Cell, tuple[str, ...]]:
        if not typed:
            return Cell(typed, wrong=_("Empty. Blank papers have no row: state them as blank.")), ()
        try:
            chosen = assisted.read_choices(self._booth, typed)
        except NotTaken as unread:
            return Cell(typed, wrong=unread.why), ()
        numbers = [str(p.number) for p in self._booth.listed.seen.proposals if p.id in chosen]
        return Cell(typed, ", ".join(numbers)), chosen

    def _asked(self, name: str, typed: str) -> tuple[Cell, str | None]:
        if not typed:
            return Cell(typed), None
        if name == "place":
            return self._place(typed)
        options = self._booth.city.questions[name]
        for says in self._says:
            try:
                picked = pick_one(options).read(Said(typed, says=says))
            except NotUnderstood:
                continue
            return Cell(typed, next(o.label for o in options if o.id == picked)), picked
        known = Joined([option.label for option in options], " / ")
        return Cell(typed, wrong=_("Not an answer of the form. Write one of: {answers}", answers=known)), None

    def _place(self, typed: str) -> tuple[Cell, str | None]:
        city = self._booth.city
        try:
            code = booths.read_place(city, typed)
        except NotTaken as unread:
            return Cell(typed, wrong=unread.why), None
        return Cell(typed, city.territory.described(city.territory.places[code])), code
