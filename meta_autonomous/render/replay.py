"""What a replay found: where decisions would differ, the money, and what the days after said."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from meta_autonomous.decision.differences import GRANTED
from meta_autonomous.operations.backfill import Backfilled
from meta_autonomous.render.banner import banner
from meta_autonomous.render.document import (
    Block,
    Cell,
    Column,
    Document,
    Line,
    Span,
    Table,
    Tone,
    line,
)
from meta_autonomous.render.replay_shape import HINDSIGHT
from meta_autonomous.render.text import clean, counted, moment, parsed, usd
from meta_autonomous.render.tick import OUTCOMES, action_words, entity_words, from_to

Json = Mapping[str, Any]

_ALONE: Final = (
    "Each tick is decided by itself on what was recorded: what a changed decision would have led "
    "to is not simulated."
)

_OTHER_NUMBERS: Final = Span("the same, with other numbers in its verdicts", Tone.QUIET)


def replay_document(shaped: Json) -> Document:
    return Document.of(
        banner(shaped["platform"]),
        line(_headline(shaped)),
        *_verdict(shaped),
        *_differing(shaped["differing"]),
        *_past(shaped["past"]),
        *_notes(shaped),
    )


def _headline(shaped: Json) -> str:
    said = ", ".join(f"{clean(key)}={clean(value)}" for key, value in shaped["set"].items())
    since = moment(parsed(shaped["since"]))
    parts = [
        f"{counted(shaped['ticks'], 'tick')} since {since} decided again",
        f"with {said}" if said else "under the limits of that time",
    ]
    return " ".join(parts) + f": {counted(shaped['decisions'], 'decision')} on record."


def _verdict(shaped: Json) -> Iterator[Block]:
    if not shaped["ticks"]:
        yield line(
            "Nothing is recorded since then. Ticks record themselves; `meta-auto backfill --days "
            "30` records the days before the first one."
        )
        return
    if shaped["identical"]:
        words = "would be the same" if shaped["set"] else "came out as recorded, to the last digit"
        yield line(Span(f"Every decision {words}.", Tone.GOOD))
    else:
        count = counted(len(shaped["differing"]), "decision")
        yield line(Span(f"{count} would differ.", Tone.WARN))
    money = shaped["money_moved_usd"]
    yield line(
        f"Budget moved per day, over all ticks: {usd(money['recorded'])} on record, "
        f"{usd(money['replayed'])} decided again."
    )


def _differing(differing: Sequence[Json]) -> Iterator[Block]:
    telling = [one for one in differing if _tells(one)]
    if telling:
        yield Line()
        yield _table(telling)
    if len(telling) < len(differing):
        rest = counted(len(differing) - len(telling), "of them", "of them")
        yield line(
            Span(
                f"{rest} would be blocked or wait as before, at another size: --json has all.",
                Tone.QUIET,
            )
        )


def _tells(one: Json) -> bool:
    """Whether anything else would happen, now or once a person approves."""
    was, would_be = one["was"], one["would_be"]
    if was is None or would_be is None or was["outcome"] != would_be["outcome"]:
        return True
    return was["outcome"] in GRANTED or was["type"] != would_be["type"]


def _table(differing: Sequence[Json]) -> Table:
    columns = (
        Column("tick"),
        Column("entity"),
        Column("was", may_wrap=True),
        Column("would be", may_wrap=True),
        Column("USD a day", is_number=True),
        Column("later data", may_wrap=True, below="later data: {}"),
    )
    return Table(columns, tuple(_rows(differing)), empty="")


def _rows(differing: Sequence[Json]) -> Iterator[tuple[Cell, ...]]:
    """The same difference in ticks that follow one another is one row."""
    by_entity = sorted(differing, key=lambda one: (one["entity_id"], one["at"]))
    rows: list[tuple[str, tuple[Cell, ...]]] = []
    for _, run in groupby(by_entity, key=_same):
        same = list(run)
        first = same[0]
        when = moment(parsed(first["at"]))
        rows.append(
            (
                first["at"],
                (
                    when if len(same) == 1 else f"{when} ×{len(same)}",
                    entity_words(_action_of(first)),
                    _side(first["was"]),
                    _OTHER_NUMBERS if first["same_but_for_numbers"] else _side(first["would_be"]),
                    f"{Decimal(first['difference_usd']):+,.2f}",
                    _later_cell(first["later"]),
                ),
            )
        )
    rows.sort(key=lambda row: row[0])
    return (row for _, row in rows)


def _same(one: Json) -> tuple[Any, ...]:
    return (
        one["entity_id"],
        *(
            None
            if side is None
            else (side["type"], side["outcome"], side["current_budget"], side["proposed_budget"])
            for side in (one["was"], one["would_be"])
        ),
    )


def _action_of(one: Json) -> Json:
    """The side that tells whom it is about, as the tick's views take an action."""
    return {**one, **(one["would_be"] or one["was"])}


def _side(side: Json | None) -> Cell:
    if side is None:
        return Span("nothing", Tone.QUIET)
    words, tone = OUTCOMES[side["outcome"]]
    return Span(f"{action_words(side['type'])} {from_to(side)}: {words}", tone)


def _later_cell(later: Json) -> Cell:
    tone = {True: Tone.GOOD, False: Tone.BAD, None: Tone.QUIET}[later["held"]]
    return Span(str(later["says"]), tone)


def _past(past: Iterable[Json]) -> Iterator[Block]:
    rows = tuple(
        (
            moment(parsed(wish["first_at"]))[:10],
            entity_words(wish),
            f"{action_words(wish['type'])} {from_to(wish)}",
            str(wish["days"]),
            _later_cell(wish["later"]),
        )
        for wish in past
    )
    if not rows:
        return
    yield Line()
    yield line(Span("What the backfilled days would have brought", Tone.STRONG))
    yield Table(
        (
            Column("first on"),
            Column("entity"),
            Column("action", may_wrap=True),
            Column("days", is_number=True),
            Column("later data", may_wrap=True, below="later data: {}"),
        ),
        rows,
        empty="",
    )


def _notes(shaped: Json) -> Iterator[Line]:
    if shaped["incomplete_ticks"]:
        left_out = counted(shaped["incomplete_ticks"], "tick")
        yield line(Span(f"{left_out} left out: pruned in part, or not readable here.", Tone.QUIET))
    if shaped["differing"] or shaped["past"]:
        yield line(Span(_ALONE, Tone.QUIET))
    if shaped["backfilled_ticks"]:
        yield line(Span(HINDSIGHT, Tone.QUIET))


def backfill_document(done: Backfilled, *, platform: str) -> Document:
    accounts = counted(len(done.accounts), "ad account")
    blocks: list[Block] = [
        banner(platform),
        line(
            f"{counted(len(done.days), 'past day')} of {accounts} recorded; "
            f"{counted(done.wanted, 'action')} would have been executed or queued on them, day by "
            "day."
        ),
    ]
    if done.already_recorded:
        blocks.append(
            line(f"{counted(done.already_recorded, 'day')} left out: ticks were recorded then.")
        )
    blocks += [
        line(Span("Error: ", Tone.BAD), clean(f"account {key}: {message}", longest=400))
        for key, message in done.failed.items()
    ]
    blocks.append(line(Span(HINDSIGHT, Tone.QUIET)))
    if done.days:
        back = len(done.days) + done.already_recorded + 1
        blocks.append(line(f"Next: meta-auto replay --since {back}d"))
    return Document.of(*blocks)
