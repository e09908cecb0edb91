"""What a replay found: where decisions would differ, the money, and what the days after said."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from meta_autonomous.decision.differences import GRANTED, Brief, BriefLeg, Side
from meta_autonomous.decision.later import LATER_DAYS, Later
from meta_autonomous.domain.action import ActionType
from meta_autonomous.domain.quantities import Currency, Money
from meta_autonomous.operations.backfill import Backfilled
from meta_autonomous.operations.replay import PastWish, Replayed, Told
from meta_autonomous.operations.shapes import number
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
from meta_autonomous.render.shape import time_text
from meta_autonomous.render.text import clean, counted, moment, parsed, ratio, usd
from meta_autonomous.render.tick import OUTCOMES, action_words, entity_words, from_to

Json = Mapping[str, Any]

HINDSIGHT = (
    "Nobody looked at backfilled days at the time: their numbers are those known now, with "
    "today's budgets and statuses."
)
_ALONE = (
    "Each tick is decided by itself on what was recorded: what a changed decision would have led "
    "to is not simulated."
)

_OTHER_NUMBERS = Span("the same, with other numbers in its verdicts", Tone.QUIET)


# --- JSON ---------------------------------------------------------------------------------------


def replay_json(found: Replayed, changes: Mapping[str, str], *, platform: str) -> dict[str, Any]:
    """`money_moved_usd` is USD per day of budgets, over all ticks: granted for the first time."""
    return {
        "platform": platform,
        "since": time_text(found.since),
        "set": {name.upper(): value for name, value in changes.items()},
        "ticks": found.ticks,
        "backfilled_ticks": found.backfilled,
        "incomplete_ticks": found.incomplete,
        "decisions": found.decisions,
        "identical": found.is_identical,
        "money_moved_usd": {
            "recorded": _dollars(found.recorded_usd),
            "replayed": _dollars(found.replayed_usd),
            "difference": _dollars(found.replayed_usd - found.recorded_usd),
        },
        "differing": [_told_json(one) for one in found.differing],
        "past": [_past_json(one) for one in found.past],
    }


def _told_json(told: Told) -> dict[str, Any]:
    pair = told.difference
    return {
        "tick_id": told.tick_id,
        "at": time_text(told.at),
        "backfilled": told.is_backfilled,
        **_whom(pair.either),
        "was": None if pair.was is None else _brief_json(pair.was),
        "would_be": None if pair.would_be is None else _brief_json(pair.would_be),
        "same_but_for_numbers": pair.is_same_but_for_numbers,
        "difference_usd": _dollars(pair.difference_usd),
        "later": {
            "about": "was" if pair.either is pair.was else "would_be",
            **_later_json(pair.either, told.later),
        },
    }


def _past_json(wish: PastWish) -> dict[str, Any]:
    return {
        "first_at": time_text(wish.at),
        "days": wish.days,
        **_whom(wish.brief),
        **_brief_json(wish.brief),
        "later": _later_json(wish.brief, wish.later),
    }


def _whom(brief: Brief) -> dict[str, Any]:
    return {
        "account_id": brief.account_id,
        "entity_id": brief.entity_id,
        "entity_name": brief.entity_name,
        "level": brief.level.value,
        "campaign_id": brief.campaign_id,
    }


def _brief_json(brief: Brief) -> dict[str, Any]:
    first = brief.legs[0] if brief.legs else None
    shape: dict[str, Any] = {
        "type": brief.type.value,
        "outcome": brief.outcome.value,
        "route": brief.route.value,
        "current_budget": None if first is None else _major(first.current, brief),
        "proposed_budget": None if first is None else _major(first.proposed, brief),
        "currency": brief.currency,
        "change_pct": None if first is None else _change(first),
        "amount_usd": None if brief.amount_usd is None else _dollars(brief.amount_usd),
        "roas": number(brief.roas),
        "confidence": number(brief.confidence),
        "reason": brief.reason,
    }
    if brief.type is ActionType.REALLOCATE:
        shape["legs"] = [
            {
                "entity_id": leg.entity_id,
                "entity_name": leg.entity_name,
                "current_budget": _major(leg.current, brief),
                "proposed_budget": _major(leg.proposed, brief),
            }
            for leg in brief.legs
        ]
    return shape


def _change(leg: BriefLeg) -> float | int | None:
    if leg.current == 0:
        return None
    return number(Decimal(leg.proposed - leg.current) / leg.current)


def _later_json(brief: Brief, later: Later) -> dict[str, Any]:
    claim = brief.claim
    return {
        "days": later.days,
        "spend": _of_micros(later.facts.spend_micros),
        "purchases": later.facts.purchases,
        "purchase_value": _of_micros(later.facts.value_micros),
        "roas": number(later.roas),
        "donor_roas": number(later.donor_roas),
        "claim": f"{claim.side.value} {claim.threshold}",
        "held": later.held,
        "settled": later.is_settled,
        "says": _sentence(brief, later),
    }


def _sentence(brief: Brief, later: Later) -> str:
    """`ROAS 0.60 over the next 7 days → right`."""
    if later.days == 0:
        return "no complete day after it yet"
    length = "day" if later.days == 1 else f"{later.days} days"
    if later.days < LATER_DAYS:
        length += " so far"
    if later.roas is None:
        return f"nothing was spent over the next {length}: can't tell"
    told = f"ROAS {ratio(later.roas)}"
    if brief.claim.side is Side.TIMES:
        told += f" against {ratio(later.donor_roas)}"
    word = {True: "right", False: "wrong", None: "can't tell"}[later.held]
    return f"{told} over the next {length} → {word}"


def _dollars(value: Decimal) -> str:
    return f"{value:.2f}"


def _major(minor: int, brief: Brief) -> str:
    return Money(minor, Currency(brief.currency)).plain()


def _of_micros(amount: int) -> str:
    return f"{Decimal(amount) / 1_000_000:.2f}"


# --- for people ---------------------------------------------------------------------------------


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
        yield line(Span(f"{left_out} left out: parts of them were pruned.", Tone.QUIET))
    if shaped["differing"] or shaped["past"]:
        yield line(Span(_ALONE, Tone.QUIET))
    if shaped["backfilled_ticks"]:
        yield line(Span(HINDSIGHT, Tone.QUIET))


# --- backfill -----------------------------------------------------------------------------------


def backfill_json(done: Backfilled, *, platform: str) -> dict[str, Any]:
    return {
        "platform": platform,
        "days": [day.isoformat() for day in done.days],
        "accounts": list(done.accounts),
        "actions_wanted": done.wanted,
        "days_already_recorded": done.already_recorded,
        "hindsight": HINDSIGHT,
        "errors": [f"account {key}: {message}" for key, message in done.failed.items()],
    }


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
