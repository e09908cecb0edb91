"""What reading an entity back says of a change that was asked for: the reconciliation table.

Two readings judge an attempt: the account's activity log, which may prove that our request took
effect (or that someone changed the value after us), and the entity itself. The log may lag and a
request may take effect late, so before the settle time a reading is evidence *for* an effect,
never proof *against* one. What reading can't settle goes to a person.

What may live here: the two readings, and the table, which is pure. Nothing here writes anything.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from meta_autonomous.domain.entities import Activity, BudgetKind, Entity
from meta_autonomous.domain.intent import (
    Attempt,
    AttemptEvent,
    AttemptState,
    Change,
    ChangedField,
)
from meta_autonomous.ports.errors import PlatformError
from meta_autonomous.ports.platform import AdsPlatform

#: Meta's clock and ours differ by less than this, so the log is searched from so much earlier.
SEARCH_BACK: Final = timedelta(seconds=120)
#: When readings that can't tell have gone on for so long, a person decides.
READS_BEFORE_A_PERSON: Final = 3
WAIT_BEFORE_A_PERSON: Final = timedelta(minutes=60)


class Footprint(StrEnum):
    """What the activity log says of our change."""

    OURS = "ours"  # our application set the wanted value
    NONE = "none"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Reading:
    """The value that an entity showed, and what the log said just before."""

    value: str | None  # None: it holds no such value any more
    footprint: Footprint


def value_of(entity: Entity, field: ChangedField) -> str | None:
    """The value of one field as Meta's own text, comparable with a change's `old` and `new`."""
    match field:
        case ChangedField.STATUS:
            return entity.status
        case ChangedField.DAILY_BUDGET:
            return _amount(entity, BudgetKind.DAILY)
        case ChangedField.LIFETIME_BUDGET:
            return _amount(entity, BudgetKind.LIFETIME)


def _amount(entity: Entity, kind: BudgetKind) -> str | None:
    if entity.budget is None or entity.budget.kind is not kind:
        return None
    return str(entity.budget.amount.minor)


async def read_back(platform: AdsPlatform, attempt: Attempt) -> Reading:
    """Read the log, then the entity. Raises PlatformError when the entity could not be read.

    In this order, because a change that takes effect between the two must look unattributed (and
    wait for the settle time), not overridden.
    """
    change = attempt.change
    footprint = await _footprint(platform, attempt)
    entity = await platform.read_entity(change.account_id, change.entity_id, change.level)
    return Reading(value_of(entity, change.field), footprint)


async def _footprint(platform: AdsPlatform, attempt: Attempt) -> Footprint:
    """Searched from the intent, not from the answer: an effect precedes the answer to it.

    Where we don't know our own name in the log, whoever set exactly our value since then was we.
    """
    change = attempt.change
    since = attempt.intended_at - SEARCH_BACK
    try:
        log = await platform.read_activities(
            change.account_id, since=since, entity_id=change.entity_id
        )
    except PlatformError:
        return Footprint.UNREADABLE
    entries = [line for line in log if line.at >= since and _tells_of(line, change)]
    ours = platform.application_id
    is_ours = any(ours in (None, entry.application_id) for entry in entries)
    return Footprint.OURS if is_ours else Footprint.NONE


def _tells_of(line: Activity, change: Change) -> bool:
    return line.object_id == change.entity_id and line.new == change.new


# --- the table ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a reading makes of an attempt: an event, or None while only time can tell."""

    event: AttemptEvent | None
    message: str
    supersedes: bool = False  # the entity stands elsewhere: nothing of the decision holds


def judge(attempt: Attempt, reading: Reading, *, age: timedelta, settle: timedelta) -> Judgement:
    """The reconciliation table. `age` is counted from the latest moment at which the request may
    have been under way to the moment before the reading began."""
    change = attempt.change
    if reading.value == change.new:
        is_proven = reading.footprint is Footprint.OURS
        return CONFIRMED if is_proven else _UNATTRIBUTED if age >= settle else _NOT_YET
    if reading.footprint is Footprint.OURS:
        return _OVERRIDDEN
    if age < settle and (reading.value == change.old or reading.footprint is Footprint.NONE):
        return _NOT_YET
    if reading.footprint is not Footprint.NONE:
        # It may have taken effect and been taken back since; only the log could tell.
        return cannot_tell(attempt, "the activity log can't tell whether it took effect", age=age)
    if reading.value != change.old:
        return _STANDS_ELSEWHERE
    return _ACCEPTED_IN_VAIN if attempt.state is AttemptState.ACCEPTED else _NOT_APPLIED


def cannot_tell(attempt: Attempt, why: str, *, age: timedelta) -> Judgement:
    """Wait for another reading, but not for ever."""
    is_last = attempt.unsettled_reads + 1 >= READS_BEFORE_A_PERSON
    if is_last or age >= WAIT_BEFORE_A_PERSON:
        return Judgement(AttemptEvent.UNSETTLED, f"reading can't settle it: {why}")
    return Judgement(AttemptEvent.UNREADABLE, f"not settled yet: {why}")


_NOT_YET: Final = Judgement(None, "not settled yet: it may still take effect")
CONFIRMED: Final = Judgement(AttemptEvent.SEEN_APPLIED, "read back as asked")
_UNATTRIBUTED: Final = Judgement(
    AttemptEvent.SEEN_APPLIED, "read back as asked; the activity log does not name us"
)
_OVERRIDDEN: Final = Judgement(
    AttemptEvent.SEEN_OVERRIDDEN, "it took effect, and someone changed it afterwards"
)
_NOT_APPLIED: Final = Judgement(
    AttemptEvent.SEEN_NOT_APPLIED, "not applied; will be decided afresh"
)
_STANDS_ELSEWHERE: Final = Judgement(
    AttemptEvent.SEEN_NOT_APPLIED,
    "not applied: someone changed it to another value meanwhile",
    supersedes=True,
)
_ACCEPTED_IN_VAIN: Final = Judgement(
    AttemptEvent.UNSETTLED, "Meta accepted it, but it never took effect"
)
