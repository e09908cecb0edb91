"""The insights edge: what was delivered, by entity, by days of the account, by country."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from meta_autonomous.adapters.sandbox import physics, store
from meta_autonomous.adapters.sandbox.exchange import Params, invalid, json_param
from meta_autonomous.adapters.sandbox.listing import Context, check_fields, parse_fields
from meta_autonomous.adapters.sandbox.measures import COLUMNS, Facts, measured
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
from meta_autonomous.adapters.sandbox.store import LEVELS, Node
from meta_autonomous.adapters.sandbox.vocabulary import INSIGHTS_FIELDS, offset

_PRESETS: Final = {
    "last_3d": 3,
    "last_7d": 7,
    "last_14d": 14,
    "last_28d": 28,
    "last_30d": 30,
    "last_90d": 90,
}
_LONGEST_STEP: Final = 90  # days per row
_SUMS: Final = ", ".join(f"SUM(d.{name})" for name in COLUMNS)
_BARE: Final = ", ".join(f"d.{name}" for name in COLUMNS)
_ID_FIELDS: Final = {"campaign": "campaign_id", "adset": "adset_id", "ad": "ad_id"}
_PARENTS: Final = {
    "account": (),
    "campaign": (),
    "adset": ("campaign",),
    "ad": ("campaign", "adset"),
}

_Sums = tuple[int, ...]
_Key = tuple[int, int]  # entity, first day of the period
_Found = tuple[_Key, int, str | None, _Sums]  # with the country's rank and name


@dataclass(frozen=True, slots=True)
class _Query:
    level: str
    since: int  # ordinals, both inclusive
    until: int
    step: int  # days per row
    by_country: bool
    condition: str
    values: tuple[object, ...]
    joined: bool


def insights(context: Context, params: Params, *, within: Node) -> dict[str, Any]:
    """A page of rows. Rows exist only where something was delivered or bought."""
    query = _query(context, params, within)
    spec = parse_fields(params.get("fields", "impressions,spend"))
    check_fields(spec, INSIGHTS_FIELDS, "AdsInsights")
    limit = page_size(params)
    after = decode_cursor(params.get("after"), 3)
    rows: list[_Found] = []
    if query.by_country:
        # One row more than else: the first may have been told to its last country already.
        for key, sums in _periods(context, query, after, limit + 2, inclusive=True):
            for rank, (country, part) in enumerate(_countries(context, query, key, sums)):
                if after is None or (*key, rank) > after:
                    rows.append((key, rank, country, part))
            if len(rows) > limit:
                break
    else:
        rows = [
            (key, 0, None, sums)
            for key, sums in _periods(context, query, after, limit + 1, inclusive=False)
        ]
    shown = rows[:limit]
    names = _entities(context, query.level, {key[0] for key, *_ in shown})
    document: dict[str, Any] = {
        "data": [_row(context, query, found, names[found[0][0]], spec.keys()) for found in shown]
    }
    if shown:
        document["paging"] = {
            "cursors": {
                "before": encode_cursor(*shown[0][0], shown[0][1]),
                "after": encode_cursor(*shown[-1][0], shown[-1][1]),
            }
        }
    document["_more"] = len(rows) > limit
    if wants_summary(params):
        document["summary"] = _summary(context, query, spec.keys())
    return document


def _query(context: Context, params: Params, within: Node) -> _Query:
    level = params.get("level") or within.kind
    if level not in LEVELS:
        raise invalid("level must be one of: account, campaign, adset, ad", blame="level")
    breakdowns = params.get("breakdowns", "").strip('[]" ')
    if breakdowns not in {"", "country"}:
        raise invalid(f"breakdown {breakdowns} is not simulated", blame="breakdowns")
    since, until = _range(context, params)
    increment = params.get("time_increment", "all_days")
    if increment == "all_days":
        step = until - since + 1
    elif increment.isdigit() and 1 <= int(increment) <= _LONGEST_STEP:
        step = int(increment)
    else:
        raise invalid("time_increment must be 1 to 90, or all_days", blame="time_increment")
    condition, values, joined = _condition(level, params)
    if within.kind != "account":
        condition, joined = f"{condition} AND {_own_column(within.kind)} = ?", True
        values = [*values, within.id]
    return _Query(
        level=level,
        since=since,
        until=until,
        step=step,
        by_country=breakdowns == "country",
        condition=condition,
        values=tuple(values),
        joined=joined,
    )


def _own_column(kind: str) -> str:
    # Rows to be restricted by an ancestor are read at the ad level: see `_periods`.
    return {"ad": "a.id", "adset": "a.adset", "campaign": "a.campaign"}[kind]


def _range(context: Context, params: Params) -> tuple[int, int]:
    """First and last day (ordinals). `last_Nd` presets exclude today."""
    given = json_param(params, "time_range", None)
    today = context.today
    if given is not None:
        try:
            since = date.fromisoformat(given["since"]).toordinal()
            until = date.fromisoformat(given["until"]).toordinal()
        except (KeyError, TypeError, ValueError):
            raise invalid(
                "Must be a date representation in the format YYYY-MM-DD", blame="time_range"
            ) from None
        if since > until:
            raise invalid("The start date of the time range is after its end", blame="time_range")
        return since, until
    preset = params.get("date_preset", "last_30d")
    if preset in _PRESETS:
        return today - _PRESETS[preset], today - 1
    now = date.fromordinal(today)
    spans = {
        "today": (today, today),
        "yesterday": (today - 1, today - 1),
        "this_month": (now.replace(day=1).toordinal(), today),
        "maximum": (today - 3 * 365, today),
    }
    if preset not in spans:
        raise invalid(f"date_preset {preset} is not simulated", blame="date_preset")
    return spans[preset]


def _condition(level: str, params: Params) -> tuple[str, list[object], bool]:
    """SQL over (d = delivery row, a = its ad, s = its ad set, c = its campaign, e = its entity).

    Gone objects are left out below the account unless a status filter is given.
    """
    parts: list[str] = []
    values: list[object] = []
    joined = asked = False
    alias = {"ad": "a", "adset": "s", "campaign": "c"}
    for field, operator, wanted in filters(params):
        owner, _, name = field.rpartition(".")
        if owner not in alias or name not in {"effective_status", "id"}:
            raise invalid(f"Filtering field {field} is invalid", blame="filtering")
        if name == "effective_status":
            asked = True
            column, chosen = f"{alias[owner]}.effective", statuses_known(wanted)
        else:
            column, chosen = f"{alias[owner]}.id", ids_known(wanted)
            asked = asked or owner == level
        if owner == level:  # the row's own entity is at hand without joining its ads
            column = column.replace(f"{alias[owner]}.", "e.")
        else:
            joined = True
        parts.append(one_of(column, chosen, operator, values))
    if not asked and level != "account":
        parts.append("e.effective NOT IN ('ARCHIVED', 'DELETED')")
    return " AND ".join(parts) or "1", values, joined


def _periods(
    context: Context,
    query: _Query,
    after: tuple[int, ...] | None,
    limit: int,
    *,
    inclusive: bool,
) -> Iterator[tuple[_Key, _Sums]]:
    """Summed rows by (entity, period), from a position on, at most `limit` (-1: all)."""
    levels = {
        "account": "a.account",
        "campaign": "a.campaign",
        "adset": "a.adset",
        "ad": "d.entity",
    }
    values: list[object] = []
    # CROSS JOIN fixes the order: delivery is walked in its key's order, and a page stops early.
    if query.joined:
        # Restricted by another level: add up the ads' rows instead of reading ready sums.
        entity, level, owner = levels[query.level], store.AD, "a.account"
        source = (
            "delivery d CROSS JOIN entity a ON a.id = d.entity JOIN entity s ON s.id = a.adset "
            f"JOIN entity c ON c.id = a.campaign JOIN entity e ON e.id = {entity}"
        )
    else:
        entity, level, owner = "d.entity", LEVELS[query.level], "e.account"
        source = "delivery d CROSS JOIN entity e ON e.id = d.entity"
    period, sums, group = f"(d.day - {query.since}) / {query.step}", _SUMS, f"{entity}, period"
    order = f"{entity}, period"
    comparison, position = (">=" if inclusive else ">"), ""
    in_key_order = entity == "d.entity" and (
        query.step == 1 or query.since + query.step > query.until
    )
    if in_key_order and query.step == 1:  # a stored row is a row of the answer
        sums, group, order = _BARE, "", "d.entity, d.day"
        position = f"AND (d.entity, d.day) {comparison} (?, ?)" if after else ""
    elif in_key_order:  # one period: a row per entity
        group = order = entity
        position = f"AND d.entity {comparison} ?" if after else ""
    having = ""
    if after and not position:
        having = f"HAVING ({entity}, period) {comparison} (?, ?)"
    sql = (
        # Every part is written in this module; what clients send is bound.
        f"SELECT {entity} AS entity, {period} AS period, {sums} FROM {source} "  # noqa: S608
        f"WHERE d.level = ? AND {owner} = ? AND d.day BETWEEN ? AND ? AND {query.condition} "
        f"{position} {f'GROUP BY {group}' if group else ''} {having} "
        f"ORDER BY {order} LIMIT ?"
    )
    values = [level, context.account.id, query.since, query.until, *query.values]
    if after and in_key_order:
        values += after[: 2 if query.step == 1 else 1]
    elif after:
        values += [after[0], (after[1] - query.since) // query.step]
    for found in context.db.execute(sql, [*values, limit]):
        yield (found[0], query.since + found[1] * query.step), tuple(found[2:])


def _countries(context: Context, query: _Query, key: _Key, sums: _Sums) -> list[tuple[str, _Sums]]:
    """A row divided by the countries its ad sets deliver to; the parts sum to the whole."""
    entity, first = key
    last = min(query.until, first + query.step - 1)
    column = {"campaign": "campaign", "adset": "id", "account": "account"}.get(query.level)
    if column is None:
        where, owner = "id = (SELECT adset FROM entity WHERE id = ?)", entity
    else:
        where, owner = f"{column} = ? AND kind = 'adset'", entity
    shares: dict[str, float] = {}
    for adset in store.nodes(context.db, where, (owner,)):
        # An ad set counts by what it delivered in the period.
        weight = context.db.execute(
            "SELECT COALESCE(SUM(impressions), 0) FROM delivery "
            "WHERE level = ? AND entity = ? AND day BETWEEN ? AND ?",
            (store.ADSET, adset.id, first, last),
        ).fetchone()[0]
        for country, share in adset.hidden["countries"].items():
            shares[country] = shares.get(country, 0.0) + share * (weight or 1e-9)
    if not shares:
        return [("unknown", sums)]
    parts = [physics.split(amount, shares) for amount in sums]
    rows = [(country, tuple(part[country] for part in parts)) for country in sorted(shares)]
    return [(country, part) for country, part in rows if any(part)]


def _entities(
    context: Context, level: str, ids: set[int]
) -> dict[int, tuple[Node, dict[str, Node]]]:
    """The rows' entities, each with its parents by kind."""
    own = _by_id(context, ids)
    above: dict[int, Node] = {}
    for kind in _PARENTS[level]:
        above |= _by_id(context, {getattr(one, kind) for one in own.values()})
    return {
        one.id: (one, {kind: above[getattr(one, kind)] for kind in _PARENTS[level]})
        for one in own.values()
    }


def _by_id(context: Context, ids: set[int]) -> dict[int, Node]:
    marks = ",".join("?" * len(ids))
    return {one.id: one for one in store.nodes(context.db, f"id IN ({marks})", sorted(ids))}


def _row(
    context: Context,
    query: _Query,
    found: _Found,
    named: tuple[Node, Mapping[str, Node]],
    wanted: Iterable[str],
) -> dict[str, Any]:
    entity, parents = named
    (_, first), _, country, sums = found
    row = measured(_facts(context, sums), wanted)
    for name in wanted:
        if (
            name not in row
            and (value := _named(context, query.level, entity, parents, name)) is not None
        ):
            row[name] = value
    row["date_start"] = date.fromordinal(first).isoformat()
    row["date_stop"] = date.fromordinal(min(query.until, first + query.step - 1)).isoformat()
    if country is not None:
        row["country"] = country
    return row


def _named(
    context: Context, level: str, entity: Node, parents: Mapping[str, Node], name: str
) -> str | None:
    fields = context.account.fields
    if name in {"account_id", "account_name", "account_currency"}:
        values = {"account_id": str(context.account.id), "account_name": fields["name"]}
        return values.get(name, fields["currency"])
    lineage = {**parents, level: entity}
    for kind, id_field in _ID_FIELDS.items():
        if kind in lineage and name in {id_field, f"{kind}_name"}:
            found = lineage[kind]
            return str(found.id) if name == id_field else str(found.fields["name"])
    if name in {"objective", "buying_type"} and "campaign" in lineage:
        return str(lineage["campaign"].fields[name])
    if name == "optimization_goal" and "adset" in lineage:
        return str(lineage["adset"].fields[name])
    return None


def _facts(context: Context, sums: _Sums) -> Facts:
    return Facts._make((*sums, offset(context.account.fields["currency"])))


def _summary(context: Context, query: _Query, wanted: Iterable[str]) -> dict[str, Any]:
    total = [0] * len(COLUMNS)
    for _, sums in _periods(context, query, None, -1, inclusive=False):
        total = [sum(pair) for pair in zip(total, sums, strict=True)]
    return {
        **measured(_facts(context, tuple(total)), wanted),
        "date_start": date.fromordinal(query.since).isoformat(),
        "date_stop": date.fromordinal(query.until).isoformat(),
    }
