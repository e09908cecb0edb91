"""Suggestions and actions: rows of one table, in lists, in full, and after a decision."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from meta_autonomous.domain.action import ActionStatus, ActionType
from meta_autonomous.operations.shapes import number
from meta_autonomous.ports import ActionRecord
from meta_autonomous.render.banner import banner
from meta_autonomous.render.document import (
    Block,
    Box,
    Cell,
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
from meta_autonomous.render.text import clean, moment, ratio, relative, span
from meta_autonomous.render.tick import action_words, entity_words, from_to, visible_sentence
from meta_autonomous.render.verdicts import verdict_table

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
#: What an approval must find again; people see the change itself.
_NOT_FOR_PEOPLE: Final = frozenset({"base"})
_FEW: Final = 3
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
    records: Sequence[ActionRecord], *, platform: str, now: datetime
) -> Document:
    columns = (
        Column("id", is_number=True),
        *_COLUMNS,
        _REASON,
        Column("age", below="{} old"),
        Column("expires", below="expires {}"),
    )
    rows = tuple(
        (
            str(record.id),
            *_row(record),
            _reason(record),
            span(now - record.created_at),
            relative(record.expires_at, now),
        )
        for record in records
    )
    return Document.of(
        banner(platform),
        Line(),
        Table(columns, rows, empty="No suggestions are waiting."),
        *_advice(records),
    )


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
    return Document.of(banner(platform), Line(), Table(columns, rows, empty="No actions found."))


def detail_document(record: ActionRecord, *, platform: str, now: datetime) -> Document:
    about = Pairs(
        (
            ("action", f"{action_words(record.type)} {record.level} {record.entity_id}"),
            ("name", clean(record.entity_name)),
            ("campaign", f"{record.campaign_id} of account {record.account_id}"),
            ("change", from_to(_sides(record))),
            ("status", _status(record)),
            ("reason", visible_sentence(record.reason)),
            ("ROAS", f"{ratio(record.roas)}, expected {ratio(record.expected_roas)}"),
            ("confidence", ratio(record.confidence)),
            ("created", f"{moment(record.created_at)} ({relative(record.created_at, now)})"),
            ("expires", f"{moment(record.expires_at)} ({relative(record.expires_at, now)})"),
            ("decided by", clean(record.decided_by or "-")),
            ("executed", moment(record.executed_at)),
            *((("note", visible_sentence(record.message)),) if record.message else ()),
        )
    )
    return Document.of(
        banner(platform),
        Box(f"Action {record.id}", (about,)),
        Line(),
        line(Span("What will be sent", Tone.STRONG)),
        *(line("  ", sentence) for sentence in will_send(record)),
        *_evidence(record.evidence),
        Line(),
        line(Span("What each rule said", Tone.STRONG)),
        verdict_table(record.verdicts),
    )


def handled_document(results: Sequence[Handled], *, platform: str) -> Document:
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
    return Document.of(banner(platform), Line(), Table(columns, rows, empty="Nothing to decide."))


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
    moved = f"{record.current_budget} → {record.proposed_budget} {record.currency}"
    return [f"{whom}: budget per day {moved}"]


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
        entity_words(_sides(record)),
        action_words(record.type),
        from_to(_sides(record)),
        ratio(record.roas),
        ratio(record.confidence),
        _status(record),
    )


def _reason(record: ActionRecord) -> str:
    return clean(record.reason, longest=400)


def _sides(record: ActionRecord) -> dict[str, Any]:
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


def _status(record: ActionRecord) -> Span:
    words = _words(record.status)
    if record.status is ActionStatus.SUGGESTED and record.is_urgent:
        return Span(f"{words}, urgent", Tone.BAD)
    return Span(words, _TONES.get(record.status, Tone.QUIET))


def _words(status: str) -> str:
    return str(status).replace("_", " ")


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


def _evidence(evidence: Mapping[str, Any]) -> Iterator[Block]:
    if not evidence:
        return
    yield Line()
    yield line(Span("What it is based on", Tone.STRONG))
    single = {
        key: value
        for key, value in evidence.items()
        if not _is_rows(value) and key not in _NOT_FOR_PEOPLE
    }
    if single:
        yield Pairs(tuple((_words(key), _fact(value)) for key, value in single.items()))
    for key, rows in evidence.items():
        if _is_rows(rows):
            titles = tuple(rows[0])
            yield Line()
            yield line(Span(_words(key), Tone.QUIET))
            yield Table(
                tuple(Column(_words(title), is_number=title != titles[0]) for title in titles),
                tuple(tuple(_fact(row.get(title)) for title in titles) for row in rows),
                empty="",
            )


def _is_rows(value: object) -> bool:
    return isinstance(value, Sequence) and bool(value) and isinstance(value[0], Mapping)


def _fact(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{_words(key)} {_fact(inner)}" for key, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) > _FEW:
            return f"{_fact(value[0])} to {_fact(value[-1])}"
        return ", ".join(_fact(inner) for inner in value) or "-"
    return clean(str(value))
