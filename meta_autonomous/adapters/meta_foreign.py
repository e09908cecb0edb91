"""Who else acts on the account: people and programs by its activity log, and Meta's own rules.

The log's values are brought to the words and units that a Change uses, so that a line of it can
be compared with what we asked for.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct, field

from meta_autonomous.adapters.meta_json import NotJson, strict_json
from meta_autonomous.adapters.meta_wire import Odd, Text, known, time_of
from meta_autonomous.domain.entities import Activity, Entity, Level, Status

_NULL: Final = Raw(b"null")


class RuleFilter(Struct):
    field: str
    operator: str = ""
    value: Raw = _NULL


class _EvaluationSpec(Struct):
    filters: list[RuleFilter] = []


class _ExecutionSpec(Struct):
    execution_type: str | None = None


class RuleRow(Struct, kw_only=True):
    """One of Meta's own automated rules."""

    status: str | None = None
    evaluation_spec: _EvaluationSpec = field(default_factory=_EvaluationSpec)
    execution_spec: _ExecutionSpec = field(default_factory=_ExecutionSpec)


class ActivityRow(Struct, kw_only=True):
    event_type: str
    event_time: str
    object_id: Text = None
    actor_id: Text = None
    application_id: Text = None
    extra_data: Raw = _NULL


def activity(row: ActivityRow) -> Activity:
    """Raises Odd. Values are brought to the words and units that a Change uses; what can't be
    is left as Meta wrote it."""
    at = time_of(row.event_time, "event_time")
    if at is None:
        raise Odd("an activity without a time")
    old, new = _old_and_new(row.extra_data)
    return Activity(
        object_id=str(row.object_id or ""),
        event_type=row.event_type,
        at=at,
        actor_id=known(row.actor_id),
        application_id=known(row.application_id),
        old=old,
        new=new,
    )


def governed(
    rules: Iterable[RuleRow], entities: Mapping[Level, Iterable[Entity]]
) -> frozenset[str]:
    """The entities that an enabled rule may change. A rule that names none governs its whole
    level; one whose filters can't be understood is taken for that too."""
    ids: set[str] = set()
    for rule in rules:
        if rule.status != "ENABLED" or rule.execution_spec.execution_type in ONLY_TELLS:
            continue
        named = _named_ids(rule)
        for level in _levels(rule):
            ids.update(
                entity.id for entity in entities[level] if named is None or entity.id in named
            )
    return frozenset(ids)


#: Rules that tell somebody and change nothing.
ONLY_TELLS: Final = frozenset({"NOTIFICATION", "PING_ENDPOINT"})
_LEVELS: Final = {"CAMPAIGN": Level.CAMPAIGN, "ADSET": Level.ADSET, "AD": Level.AD}


def _levels(rule: RuleRow) -> tuple[Level, ...]:
    for one in rule.evaluation_spec.filters:
        if one.field == "entity_type":
            named = [_LEVELS[word] for word in _words(one.value) or () if word in _LEVELS]
            if named:
                return tuple(named)
    return tuple(Level)


def _named_ids(rule: RuleRow) -> frozenset[str] | None:
    for one in rule.evaluation_spec.filters:
        if one.field == "id" and one.operator in ("IN", "EQUAL"):
            words = _words(one.value)
            return frozenset(words) if words is not None else None
    return None


def _words(value: Raw) -> tuple[str, ...] | None:
    """A filter's value, one word or a list of them; None when it is neither."""
    try:
        words = msgspec.json.decode(value, type=str | int | list[str | int])
    except msgspec.DecodeError:
        return None
    return tuple(map(str, words)) if isinstance(words, list) else (str(words),)


#: Words and numbers that the activity log uses for a run status.
_RUN_STATUS: Final = {
    "active": Status.ACTIVE,
    "inactive": Status.PAUSED,
    "paused": Status.PAUSED,
    "archived": Status.ARCHIVED,
    "deleted": Status.DELETED,
    "1": Status.ACTIVE,
    "15": Status.PAUSED,
}


def _old_and_new(extra: Raw) -> tuple[str | None, str | None]:
    """What `extra_data` says of a change: JSON in a JSON string, flat or nested once. A run
    status comes as a number too, and that counts before the word, which is in the language of
    whoever looks."""
    try:
        values = strict_json(bytes(extra))
        if isinstance(values, str):
            values = strict_json(values.encode())
    except (NotJson, UnicodeEncodeError):
        return None, None
    if not isinstance(values, dict):
        return None, None
    numbers = values.get("run_status")
    is_status = values.get("type") == "run_status" or isinstance(numbers, dict)
    read = []
    for key in ("old_value", "new_value"):
        value = _plain(values.get(key), key)
        if is_status:
            number = _plain(numbers.get(key), key) if isinstance(numbers, dict) else None
            word = _RUN_STATUS.get((number or "").lower()) or _RUN_STATUS.get(
                (value or "").lower()
            )
            value = word or value or number
        read.append(value)
    return read[0], read[1]


def _plain(value: object, key: str) -> str | None:
    if isinstance(value, dict):
        value = value.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) or None
