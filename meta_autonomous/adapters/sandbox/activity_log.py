"""The activities edge: who changed what, newest first."""

import json
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from meta_autonomous.adapters.sandbox import paging
from meta_autonomous.adapters.sandbox.exchange import Params, invalid
from meta_autonomous.adapters.sandbox.listing import Context, check_fields, parse_fields
from meta_autonomous.adapters.sandbox.vocabulary import ACTIVITY_FIELDS, utc_timestamp

_WEEK: Final = 7 * 86_400
_CATEGORIES: Final = {"BUDGET": "_budget", "STATUS": "_run_status"}


def activities(context: Context, params: Params) -> dict[str, Any]:
    """The log, newest first; the last week unless `since` and `until` say otherwise."""
    zone = context.zone
    until = _moment(params.get("until"), context.now, zone)
    since = _moment(params.get("since"), until - _WEEK, zone)
    where = "account = ? AND at BETWEEN ? AND ?"
    values: list[object] = [context.account.id, since, until]
    if oid := params.get("oid"):
        where, values = f"{where} AND object = ?", [*values, *paging.ids_known([oid])]
    limit = paging.page_size(params)
    if position := paging.decode_cursor(params.get("after"), 2):
        where, values = f"{where} AND (at, id) < (?, ?)", [*values, *position]
    rows = context.db.execute(
        f"SELECT at, id, entry FROM activity WHERE {where} ORDER BY at DESC, id DESC LIMIT ?",  # noqa: S608
        [*values, limit + 1],
    ).fetchall()
    spec = parse_fields(params.get("fields", "event_time,event_type"))
    check_fields(spec, ACTIVITY_FIELDS, "AdActivity")
    suffix = _CATEGORIES.get(params.get("category", ""), "")
    shown = []
    for at, _, text in rows[:limit]:
        entry = json.loads(text)
        entry["event_time"] = utc_timestamp(at)
        entry["date_time_in_timezone"] = datetime.fromtimestamp(at, zone).strftime(
            "%m/%d/%Y %H:%M"
        )
        # Meta filters before it pages; short pages are allowed, and clients must cope.
        if entry["event_type"].endswith(suffix):
            shown.append({name: entry[name] for name in spec if name in entry})
    document: dict[str, Any] = {"data": shown, "_more": len(rows) > limit}
    if rows:
        last = rows[:limit][-1]
        document["paging"] = {
            "cursors": {
                "before": paging.encode_cursor(rows[0][0], rows[0][1]),
                "after": paging.encode_cursor(last[0], last[1]),
            }
        }
    return document


def _moment(text: str | None, default: int, zone: ZoneInfo) -> int:
    """A unix time, or a date (its midnight in the account's zone), as unix seconds."""
    if not text:
        return default
    if text.isdecimal() and len(text) <= paging.LONGEST_ID:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"Invalid date {text!r}") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())
