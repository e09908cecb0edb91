"""One action in full: a card that is enough to decide by, then its evidence and every verdict."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from meta_autonomous.domain.action import ActionStatus, ActionType
from meta_autonomous.operations.shapes import number
from meta_autonomous.ports.records import ActionRecord
from meta_autonomous.render.actions import action_json, action_sides, status_words
from meta_autonomous.render.banner import banner
from meta_autonomous.render.document import (
    Block,
    Box,
    Column,
    Document,
    Line,
    Pairs,
    Span,
    Table,
    Tone,
    line,
)
from meta_autonomous.render.shape import plain, time_text
from meta_autonomous.render.stakes import (
    break_even,
    exact,
    if_nothing_is_done,
    moved,
    roas_by_day,
    rows_of,
)
from meta_autonomous.render.text import (
    UNKNOWN,
    clean,
    moment,
    percent,
    ratio,
    relative,
)
from meta_autonomous.render.tick import action_words, from_to, visible_sentence
from meta_autonomous.render.verdicts import verdict_table

_FEW: Final = 3
#: Already on the card, or what only an approval must find again.
_NOT_IN_EVIDENCE: Final = frozenset(
    {"base", "break_even_roas", "days", "expected_roas", "interval"}
)
#: The estimator's own quantities, in words.
_FACTS: Final = {
    "exposure": "spend that has had time to convert ($)",
    "orders_at_roas_1": "purchases expected at ROAS 1",
    "spend_usd": "spend ($)",
}


def detail_json(record: ActionRecord, *, platform: str) -> dict[str, Any]:
    """`suggestions show`: the list's keys, and everything else that is on record."""
    return action_json(record, platform=platform) | {
        "ad_id": record.ad_id,
        "amount_usd": None if record.amount_usd is None else str(record.amount_usd),
        "expected_roas": number(record.expected_roas),
        "is_urgent": record.is_urgent,
        "is_hard_stop": record.is_hard_stop,
        "route": record.route,
        "will_send": will_send(record),
        "verdicts": plain(record.verdicts),
        "evidence": plain(record.evidence),
        "last_seen_at": time_text(record.last_seen_at),
        "decided_at": time_text(record.decided_at),
        "tick_id": record.tick_id,
        "undoes": record.undoes,
        "message": record.message,
    }


def detail_document(record: ActionRecord, *, platform: str, now: datetime) -> Document:
    """`suggestions show`."""
    return Document.of(
        banner(platform),
        card(record, now),
        Line(),
        line(Span("What will be sent", Tone.STRONG)),
        *(line("  ", sentence) for sentence in will_send(record)),
        *_evidence(record.evidence),
        Line(),
        line(Span("What each rule said", Tone.STRONG)),
        verdict_table(record.verdicts),
    )


def card(record: ActionRecord, now: datetime) -> Box:
    """What, why, how sure, what it moves, what happens if nobody decides, and until when."""
    rows: list[tuple[str, str | Span]] = [
        ("what", f"{action_words(record.type)} {record.level} {record.entity_id}"),
        ("change", from_to(action_sides(record))),
        ("moves", moved(record)),
        ("why", visible_sentence(record.reason)),
        ("how sure", how_sure(record)),
    ]
    even = break_even(record.evidence, record.roas)
    if even:
        rows.append(("break-even", even))
    trend = roas_by_day(record.evidence)
    if trend:
        rows.append(("last days", trend))
    if record.status is ActionStatus.SUGGESTED:
        rows.append(("if you wait", if_nothing_is_done(record)))
    rows += [
        ("status", status_words(record)),
        ("created", f"{moment(record.created_at)} ({relative(record.created_at, now)})"),
        ("expires", f"{moment(record.expires_at)} ({relative(record.expires_at, now)})"),
        ("where", f"campaign {record.campaign_id} of account {record.account_id}"),
    ]
    if record.decided_by:
        rows.append(("decided by", clean(record.decided_by)))
    if record.executed_at:
        rows.append(("executed", moment(record.executed_at)))
    if record.message:
        rows.append(("note", visible_sentence(record.message)))
    return Box(f"{record.id} · {clean(record.entity_name)}", (Pairs(tuple(rows)),))


def how_sure(record: ActionRecord) -> str:
    """The confidence with the interval behind it."""
    told = f"{percent(_whole(record.confidence))} · true ROAS about {ratio(record.expected_roas)}"
    interval = record.evidence.get("interval")
    if isinstance(interval, Sequence) and len(interval) == 2:  # noqa: PLR2004 - low and high
        low, high = (exact(bound) for bound in interval)
        told += f", 90 % sure between {ratio(low)} and {ratio(high)}"
    return told


def will_send(record: ActionRecord) -> list[str]:
    """Each change that the action asks Meta for, in the order it is sent, as a sentence."""
    whom = f"{record.level} {record.entity_id}"
    if record.type is ActionType.PAUSE:
        return [f"{whom}: status ACTIVE → PAUSED"]
    if record.type is ActionType.RESUME:
        return [f"{whom}: status PAUSED → ACTIVE"]
    if record.type is ActionType.REALLOCATE:
        return [
            f"{record.level} {leg['entity_id']}: budget per day "
            f"{leg['current_budget']} → {leg['proposed_budget']} {record.currency}"
            for leg in record.legs
        ]
    change = f"{record.current_budget} → {record.proposed_budget} {record.currency}"
    return [f"{whom}: budget per day {change}"]


def _evidence(evidence: Mapping[str, Any]) -> Iterator[Block]:
    single = {
        key: value
        for key, value in evidence.items()
        if not rows_of(value) and key not in _NOT_IN_EVIDENCE
    }
    if single or rows_of(evidence.get("days")):
        yield Line()
        yield line(Span("What it is based on", Tone.STRONG))
    if single:
        yield Pairs(
            tuple((_FACTS.get(key, _words(key)), _fact(value)) for key, value in single.items())
        )
    for key, value in evidence.items():
        rows = rows_of(value)
        if rows:
            titles = tuple(rows[0])
            yield Line()
            yield line(Span(_words(key), Tone.QUIET))
            yield Table(
                tuple(Column(_words(title), is_number=title != titles[0]) for title in titles),
                tuple(tuple(_fact(row.get(title)) for title in titles) for row in rows),
                empty="",
            )


def _whole(share: Decimal | None) -> Decimal | None:
    """A probability to the percent; never rounded up to a certainty."""
    if share is None:
        return None
    return min(share, Decimal("0.99")).quantize(Decimal("0.01")) if share < 1 else share


def _words(name: str) -> str:
    return name.replace("_", " ")


def _fact(value: object) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, Mapping):
        return ", ".join(f"{_words(key)} {_fact(inner)}" for key, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) > _FEW:
            return f"{_fact(value[0])} to {_fact(value[-1])}"
        return ", ".join(_fact(inner) for inner in value) or UNKNOWN
    return clean(str(value))
