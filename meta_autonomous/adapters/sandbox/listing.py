"""Reading objects: one by id, or a page of an edge, with the fields that were asked for."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from meta_autonomous.adapters.sandbox import store
from meta_autonomous.adapters.sandbox.exchange import Params, invalid, json_param
from meta_autonomous.adapters.sandbox.paging import (
    decode_cursor,
    encode_cursor,
    filters,
    ids_known,
    one_of,
    page_size,
    statuses_known,
    wants_summary,
)
from meta_autonomous.adapters.sandbox.store import Node
from meta_autonomous.adapters.sandbox.vocabulary import NODE_TYPES, NUMERIC_STRINGS

EDGES: Final = {"campaigns": "campaign", "adsets": "adset", "ads": "ad"}
_ABOVE: Final[Mapping[str, tuple[str, ...]]] = {
    "campaign": (),
    "adset": ("campaign",),
    "ad": ("campaign", "adset"),
}

Spec = dict[str, "Spec | None"]
Where = tuple[str, list[object]]


@dataclass(frozen=True, slots=True)
class Context:
    """What projecting needs to know besides the entity itself."""

    db: sqlite3.Connection
    account: Node
    now: int

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.account.fields["timezone_name"])

    @property
    def today(self) -> int:
        return datetime.fromtimestamp(self.now, self.zone).date().toordinal()


def parse_fields(text: str) -> Spec:
    """``id,creative{id},adrules_governed.limit(5){name}`` as nested names."""
    spec, rest = _parse(text, 0)
    if rest != len(text):
        raise invalid("Syntax error in fields.", blame="fields")
    return spec


def _parse(text: str, at: int) -> tuple[Spec, int]:
    spec: Spec = {}
    name = ""

    def finish(sub: Spec | None) -> None:
        if plain := name.partition(".")[0].strip():
            spec[plain] = sub

    while at < len(text):
        mark = text[at]
        at += 1
        if mark == "{":
            sub, at = _parse(text, at)
            finish(sub)
            name = ""
        elif mark in ",}":
            finish(None)
            name = ""
            if mark == "}":
                return spec, at
        elif mark == "(":  # modifiers of an edge are accepted and ignored
            at = max(at, text.find(")", at) + 1)
        else:
            name += mark
    finish(None)
    return spec, at


def check_fields(spec: Spec, known: frozenset[str], node_type: str) -> None:
    for name in spec:
        if name not in known:
            raise invalid(f"Tried accessing nonexisting field ({name}) on node type ({node_type})")


def one(context: Context, entity: Node, params: Params) -> dict[str, Any]:
    return objects(context, [entity], parse_fields(params.get("fields", "id")))[0]


def objects(context: Context, entities: Sequence[Node], spec: Spec) -> list[dict[str, Any]]:
    """Entities of one kind as JSON objects: only the fields asked for, and always the id."""
    if not entities:
        return []
    node_type, known = NODE_TYPES[entities[0].kind]
    if entities[0].kind in EDGES.values():
        known |= {"adrules_governed"}
    check_fields(spec, known, node_type)
    makers = [(name, sub, _maker(context, entities, name, sub)) for name, sub in spec.items()]
    result = []
    for entity in entities:
        shown: dict[str, Any] = {}
        for name, sub, make in makers:
            value = make(entity)
            if value is not None:
                shown[name] = _narrowed(value, sub)
        shown["id"] = f"act_{entity.id}" if entity.kind == "account" else str(entity.id)
        result.append(shown)
    return result


def _narrowed(value: Any, sub: Spec | None) -> Any:
    """A struct with only the members asked for. Edges are narrowed where they are made."""
    if sub is None or not isinstance(value, dict) or "data" in value:
        return value
    return {name: member for name, member in value.items() if name in sub}


def _maker(
    context: Context, entities: Sequence[Node], name: str, sub: Spec | None
) -> Callable[[Node], Any]:
    """How one field is found. Fields that need other rows read them once for the whole page."""
    if name in _SHARED:
        return _SHARED[name](context, entities, sub or {"id": None})
    if name in _DIRECT:
        return _DIRECT[name]
    if name in NUMERIC_STRINGS:
        return lambda entity: _text(entity.fields.get(name))
    return lambda entity: entity.fields.get(name)


def _amount_spent(context: Context, _: Sequence[Node], __: Spec) -> Callable[[Node], Any]:
    return lambda entity: str(spent(context, entity))


def _remaining(context: Context, entities: Sequence[Node], _: Spec) -> Callable[[Node], Any]:
    used = _spent_by_holder(context, entities)
    return lambda entity: _budget_remaining(entity, used)


def _campaigns(context: Context, entities: Sequence[Node], sub: Spec) -> Callable[[Node], Any]:
    parents = _parents(context, {entity.campaign for entity in entities}, sub)
    return lambda entity: parents.get(entity.campaign)


def _adsets(context: Context, entities: Sequence[Node], sub: Spec) -> Callable[[Node], Any]:
    parents = _parents(context, {entity.adset for entity in entities}, sub)
    return lambda entity: parents.get(entity.adset)


def _rules(context: Context, _: Sequence[Node], sub: Spec) -> Callable[[Node], Any]:
    rules = store.nodes(context.db, "account = ? AND kind = 'rule'", (context.account.id,))
    return lambda entity: _governed(context, rules, entity, sub)


_SHARED: Final[Mapping[str, Callable[[Context, Sequence[Node], Spec], Callable[[Node], Any]]]] = {
    "amount_spent": _amount_spent,
    "budget_remaining": _remaining,
    "campaign": _campaigns,
    "adset": _adsets,
    "adrules_governed": _rules,
}
_DIRECT: Final[Mapping[str, Callable[[Node], Any]]] = {
    "account_id": lambda entity: str(entity.account),
    "campaign_id": lambda entity: _text(entity.campaign),
    "adset_id": lambda entity: _text(entity.adset),
    "effective_status": lambda entity: entity.effective,
    "configured_status": lambda entity: entity.fields.get("status"),
}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def spent(context: Context, entity: Node, since: int = 0) -> int:
    """Minor units spent by an entity from a day (ordinal) on."""
    row = context.db.execute(
        "SELECT COALESCE(SUM(spend), 0) FROM delivery WHERE level = ? AND entity = ? AND day >= ?",
        (store.LEVELS[entity.kind], entity.id, since),
    ).fetchone()
    return int(row[0])


def _spent_by_holder(context: Context, entities: Sequence[Node]) -> dict[int, int]:
    """Today's spend of daily budgets and all spend of lifetime budgets, in a query for each."""
    used: dict[int, int] = {}
    for name, since in (("daily_budget", context.today), ("lifetime_budget", 0)):
        holders = [entity.id for entity in entities if entity.fields.get(name)]
        marks = ",".join("?" * len(holders))
        rows = context.db.execute(
            "SELECT entity, SUM(spend) FROM delivery WHERE level = ? AND day >= ? "  # noqa: S608
            f"AND entity IN ({marks}) GROUP BY entity",
            (store.LEVELS[entities[0].kind], since, *holders),
        )
        used.update(rows.fetchall())
    return used


def _budget_remaining(entity: Node, used: Mapping[int, int]) -> str:
    budget = entity.fields.get("lifetime_budget") or entity.fields.get("daily_budget") or 0
    return str(max(0, budget - used.get(entity.id, 0)))


def _parents(
    context: Context, ids: set[int | None], spec: Spec
) -> dict[int | None, dict[str, Any]]:
    wanted = sorted(found for found in ids if found is not None)
    marks = ",".join("?" * len(wanted))
    parents = store.nodes(context.db, f"id IN ({marks})", wanted)
    shown = objects(context, parents, spec)
    return {parent.id: view for parent, view in zip(parents, shown, strict=True)}


def _governed(
    context: Context, rules: Sequence[Node], entity: Node, spec: Spec
) -> dict[str, Any] | None:
    found = governing(rules, entity)
    return {"data": objects(context, found, spec)} if found else None


def governing(rules: Sequence[Node], entity: Node) -> list[Node]:
    """The enabled automated rules whose filters name this entity, or all of its kind."""
    found = []
    for rule in rules:
        filters = {one["field"]: one["value"] for one in rule.fields["evaluation_spec"]["filters"]}
        names = filters.get("id")
        is_its_kind = filters.get("entity_type", "").lower() == entity.kind
        names_it = names is None or str(entity.id) in names
        if rule.fields["status"] == "ENABLED" and is_its_kind and names_it:
            found.append(rule)
    return found


# --- pages ----------------------------------------------------------------------------------


def edge(context: Context, kind: str, params: Params, *, within: Node | None) -> dict[str, Any]:
    """A page of campaigns, ad sets or ads of the account or of a parent."""
    where, values = _conditions(kind, params)
    if within is None or within.kind == "account":
        where, values = (
            f"account = ? AND kind = ? AND {where}",
            [context.account.id, kind, *values],
        )
    else:
        where, values = f"{within.kind} = ? AND kind = ? AND {where}", [within.id, kind, *values]
    spec = parse_fields(params.get("fields", "id"))
    return page(context, params, where, values, spec)


def page(
    context: Context, params: Params, where: str, values: list[object], spec: Spec
) -> dict[str, Any]:
    limit = page_size(params)
    after = decode_cursor(params.get("after"), 1)
    found = store.nodes(
        context.db,
        f"{where} AND id > ? ORDER BY id LIMIT ?",
        [*values, after[0] if after else 0, limit + 1],
    )
    shown = found[:limit]
    document: dict[str, Any] = {"data": objects(context, shown, spec)}
    if shown:
        document["paging"] = {
            "cursors": {
                "before": encode_cursor(shown[0].id),
                "after": encode_cursor(shown[-1].id),
            }
        }
    document["_more"] = len(found) > limit
    if wants_summary(params):
        count = context.db.execute(f"SELECT COUNT(*) FROM entity WHERE {where}", values)  # noqa: S608
        document["summary"] = {"total_count": count.fetchone()[0]}
    return document


def _conditions(kind: str, params: Params) -> Where:
    """The SQL of `effective_status` and `filtering`. Gone objects come only when asked for."""
    parts: list[str] = []
    values: list[object] = []
    statuses = json_param(params, "effective_status", None)
    asked = statuses is not None
    if statuses is not None:
        parts.append(one_of("effective", statuses_known(statuses), "IN", values))
    for field, operator, wanted in filters(params):
        level, _, name = field.rpartition(".")
        is_own = level in {"", kind}
        # An ad can be filtered by its ad set or campaign, an ad set by its campaign.
        if name not in {"effective_status", "id"} or not (is_own or level in _ABOVE[kind]):
            raise invalid(f"Filtering field {field} is invalid", blame="filtering")
        asked = asked or is_own or name == "effective_status"
        if name == "id":
            column = "id" if is_own else level
            parts.append(one_of(column, ids_known(wanted), operator, values))
        else:
            test = one_of("effective", statuses_known(wanted), operator, values)
            if not is_own:
                test = f"{level} IN (SELECT id FROM entity WHERE {test})"  # noqa: S608
            parts.append(test)
    if not asked:
        parts.append("effective NOT IN ('ARCHIVED', 'DELETED')")
    return " AND ".join(parts) or "1", values
