"""Suggestions and actions: rows of one table, in lists, in full, and after a decision."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from meta_autonomous.domain.action import ActionStatus, ActionType
from meta_autonomous.operations.shapes import number
from meta_autonomous.ports.records import ActionRecord
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
from meta_autonomous.render.shape import plain, time_text
from meta_autonomous.render.stakes import drawn_roas, exact, moved
from meta_autonomous.render.text import (
    clean,
    counted,
    moment,
    probability,
    ratio,
    relative,
    span,
    usd,
)
from meta_autonomous.render.tick import (
    action_words,
    break_even_line,
    entity_words,
    from_to,
    visible_sentence,
)

_TONES: Final[Mapping[str, Tone]] = {
    ActionStatus.SUGGESTED: Tone.STRONG,
    ActionStatus.APPROVED: Tone.STRONG,
    ActionStatus.EXECUTING: Tone.STRONG,
    ActionStatus.EXECUTED: Tone.GOOD,
    ActionStatus.FAILED: Tone.BAD,
    ActionStatus.IN_DOUBT: Tone.BAD,
    ActionStatus.BLOCKED: Tone.WARN,
    ActionStatus.DEFERRED: Tone.WARN,
}
_URGENCY: Final = {
    kind: rank
    for rank, kind in enumerate(
        (
            ActionType.PAUSE,
            ActionType.SCALE_DOWN,
            ActionType.REALLOCATE,
            ActionType.SCALE_UP,
            ActionType.RESUME,
        )
    )
}


class Handled(Protocol):
    """What became of one id that a person named."""

    @property
    def id(self) -> int | str: ...
    @property
    def status(self) -> str: ...
    @property
    def message(self) -> str: ...


# --- JSON ---------------------------------------------------------------------------------------


def suggestion_json(record: ActionRecord, *, platform: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": record.id,
        "status": record.status.value,
        "type": record.type.value,
        "level": record.level.value,
        "entity_id": record.entity_id,
        "entity_name": record.entity_name,
        "campaign_id": record.campaign_id,
        "account_id": record.account_id,
        "current_budget": record.current_budget,
        "proposed_budget": record.proposed_budget,
        "currency": record.currency,
        "change_pct": number(record.change_pct),
        "roas": number(record.roas),
        "break_even_roas": number(exact(record.evidence.get("break_even_roas"))),
        "confidence": number(record.confidence),
        "reason": record.reason,
        "created_at": time_text(record.created_at),
        "expires_at": time_text(record.expires_at),
        "platform": platform,
    }
    if record.type is ActionType.REALLOCATE:
        shown["legs"] = plain(record.legs)
    return shown


def action_json(record: ActionRecord, *, platform: str) -> dict[str, Any]:
    return suggestion_json(record, platform=platform) | {
        "executed_at": time_text(record.executed_at),
        "decided_by": record.decided_by,
    }


def handled_json(handled: Handled, *, platform: str) -> dict[str, Any]:
    return {
        "id": handled.id,
        "status": str(handled.status),
        "message": handled.message,
        "platform": platform,
    }


# --- for people ---------------------------------------------------------------------------------


def by_urgency(records: Iterable[ActionRecord]) -> tuple[ActionRecord, ...]:
    """Pending first; hard stops, other urgent ones, then in the order a tick works; large before
    small."""

    def key(record: ActionRecord) -> tuple[Any, ...]:
        return (
            record.status is not ActionStatus.SUGGESTED,
            not record.is_hard_stop,
            not record.is_urgent,
            _URGENCY[record.type],
            -abs(record.amount_usd or Decimal(0)),
            record.id,
        )

    return tuple(sorted(records, key=key))


def suggestions_document(
    records: Sequence[ActionRecord],
    *,
    platform: str,
    now: datetime,
    asked_for: Sequence[ActionStatus] = (ActionStatus.SUGGESTED,),
) -> Document:
    """`asked_for`: the statuses that were looked for, which an empty list speaks of."""
    columns = (
        Column("id", is_number=True),
        *_COLUMNS,
        Column("moves", below="moves {}"),
        Column("last days", below="{}"),
        _REASON,
        Column("age", below="{} old"),
        Column("expires", below="expires {}"),
    )
    rows = tuple(
        (
            str(record.id),
            *_row(record),
            moved(record),
            drawn_roas(record.evidence),
            _reason(record),
            span(now - record.created_at),
            relative(record.expires_at if record.status in _EXPIRING else None, now),
        )
        for record in records
    )
    return Document.of(
        banner(platform),
        Line(),
        Table(columns, rows, empty=_none(asked_for)),
        *_break_even(records),
        *_advice(records),
    )


#: What was closed otherwise waits for nobody, and expires no more.
_EXPIRING: Final = (ActionStatus.SUGGESTED, ActionStatus.EXPIRED)


def _none(asked_for: Sequence[ActionStatus]) -> str:
    words = ("waiting" if s is ActionStatus.SUGGESTED else _words(s) for s in asked_for)
    return f"No suggestions are {' or '.join(dict.fromkeys(words))}."


def actions_document(records: Sequence[ActionRecord], *, platform: str) -> Document:
    columns = (
        Column("id", is_number=True),
        Column("when"),
        *_COLUMNS,
        Column("decided by", below="by {}"),
        _REASON,
    )
    rows = tuple(
        (
            str(record.id),
            moment(record.executed_at or record.created_at),
            *_row(record),
            clean(record.decided_by or "-"),
            _reason(record),
        )
        for record in records
    )
    return Document.of(
        banner(platform),
        Line(),
        Table(columns, rows, empty="No actions found."),
        *_break_even(records),
    )


def approval_document(
    records: Sequence[ActionRecord], *, platform: str, now: datetime
) -> Document:
    """What stands to be approved at once, and what it comes to."""
    return Document(
        (
            *suggestions_document(records, platform=platform, now=now).blocks,
            Line(),
            line(Span(in_all(records), Tone.STRONG)),
        )
    )


def in_all(records: Sequence[ActionRecord]) -> str:
    """`3 suggestions: 2 pause, 1 scale up; in all $312 a day less.`"""
    kinds = Counter(action_words(record.type) for record in records)
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    known = [record.amount_usd for record in records if record.amount_usd is not None]
    total = sum(known, Decimal(0))
    unknown = len(records) - len(known)
    besides = f", and {unknown} of unknown size" if unknown else ""
    change = f"{usd(abs(total))} a day {'more' if total > 0 else 'less'}" if total else "no change"
    return f"{counted(len(records), 'suggestion')}: {told}; in all {change}{besides}."


def handled_document(
    results: Sequence[Handled], *, platform: str, deed: str = "decide"
) -> Document:
    """`deed`: what there was nothing to do of, when no id was named."""
    rows = tuple(
        (
            clean(str(result.id)),
            Span(_words(result.status), _TONES.get(result.status, Tone.QUIET)),
            visible_sentence(result.message),
        )
        for result in results
    )
    columns = (
        Column("id", is_number=all(isinstance(result.id, int) for result in results)),
        Column("status"),
        Column("what happened", may_wrap=True),
    )
    return Document.of(banner(platform), Line(), Table(columns, rows, empty=f"Nothing to {deed}."))


_COLUMNS: Final = (
    Column("entity", may_wrap=True),
    Column("action"),
    Column("from → to", may_wrap=True),
    Column("ROAS", is_number=True),
    Column("conf.", is_number=True),
    Column("status", may_wrap=True),
)
_REASON: Final = Column("reason", may_wrap=True, below="{}")


def _row(record: ActionRecord) -> tuple[Cell, ...]:
    return (
        entity_words(action_sides(record)),
        action_words(record.type),
        from_to(action_sides(record)),
        ratio(record.roas),
        probability(record.confidence),
        status_words(record),
    )


def _reason(record: ActionRecord) -> str:
    return clean(record.reason, longest=400)


def action_sides(record: ActionRecord) -> dict[str, Any]:
    return {
        "type": record.type.value,
        "entity_id": record.entity_id,
        "entity_name": record.entity_name,
        "current_budget": record.current_budget,
        "proposed_budget": record.proposed_budget,
        "currency": record.currency,
        "change_pct": record.change_pct,
        "legs": record.legs,
    }


def status_words(record: ActionRecord) -> Span:
    words = _words(record.status)
    if record.status is ActionStatus.SUGGESTED and record.is_urgent:
        return Span(f"{words}, urgent", Tone.BAD)
    return Span(words, _TONES.get(record.status, Tone.QUIET))


def _words(status: str) -> str:
    return str(status).replace("_", " ")


def _break_even(records: Sequence[ActionRecord]) -> Iterator[Block]:
    known = (exact(record.evidence.get("break_even_roas")) for record in records)
    even = next((roas for roas in known if roas is not None), None)
    if even is not None:
        yield break_even_line(even)


def _advice(records: Sequence[ActionRecord]) -> Iterator[Block]:
    pending = [record for record in records if record.status is ActionStatus.SUGGESTED]
    if pending:
        yield Line()
        first = pending[0].id
        yield line(
            Span(
                f"Why: meta-auto suggestions show {first} · yes: meta-auto suggestions approve "
                f"{first} · no: meta-auto suggestions reject {first}",
                Tone.QUIET,
            )
        )
