"""POST on an object: Meta's validation rules, then the change.

Every rule that a budget controller can run into refuses here with the code that Meta documents.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from meta_autonomous.adapters.sandbox import changes, store
from meta_autonomous.adapters.sandbox.exchange import (
    GraphError,
    Params,
    invalid,
    json_param,
    refused,
    unknown_object,
)
from meta_autonomous.adapters.sandbox.listing import Context, spent
from meta_autonomous.adapters.sandbox.store import Node
from meta_autonomous.adapters.sandbox.vocabulary import GONE, STATUSES, major, offset

_HOUR: Final = 3_600
#: Budget changes of one ad set that Meta takes within an hour.
CHANGES_PER_HOUR: Final = 4
_HIGHEST_BUDGET: Final = 1_000_000  # major units
_BUDGETS: Final = ("daily_budget", "lifetime_budget")
_IGNORED: Final = frozenset({"access_token", "appsecret_proof", "execution_options", "fields"})
_GONE_SUBCODES: Final = {"campaign": 1487566, "adset": 1487056, "ad": 1885088}


def update(context: Context, one: Node, params: Params, *, apply: bool = True) -> dict[str, Any]:
    """Validate and, unless it is a dry run, apply. `apply=False` loses the write silently."""
    if one.kind not in _GONE_SUBCODES:
        raise unknown_object("POST", str(one.id))
    wanted = {name: value for name, value in params.items() if name not in _IGNORED}
    # An empty budget is accepted and ignored: `success: true` alone proves nothing.
    wanted = {k: v for k, v in wanted.items() if not (k in _BUDGETS and v == "")}
    _refuse_unless_editable(one, wanted)
    accepted: dict[str, Any] = {}
    for name, value in wanted.items():
        if name == "status":
            accepted[name] = _status(value)
        elif name in _BUDGETS and one.kind != "ad":
            accepted[name] = _budget(context, one, name, value)
        elif name == "name":
            accepted[name] = value
        else:
            raise invalid(f"Param {name} is not a valid parameter for this object.", blame=name)
    options = json_param(params, "execution_options", [])
    if "validate_only" not in options and apply:
        changes.apply(context.db, one, accepted, at=context.now, actor=changes.TOKEN_HOLDER)
    return {"success": True}


def _refuse_unless_editable(one: Node, wanted: Mapping[str, str]) -> None:
    is_only_deletion = wanted.get("status") == "DELETED" and one.effective == "ARCHIVED"
    if one.effective in GONE and not (set(wanted) <= {"name"} or is_only_deletion):
        raise refused(
            _GONE_SUBCODES[one.kind],
            f"Can't edit {one.effective.lower()} object",
            f"This object is {one.effective.lower()}; only its name can be changed.",
        )
    if one.fields.get("smart_promotion_type") == "AUTOMATED_SHOPPING_ADS":
        raise invalid(
            "Legacy Advantage+ Shopping Campaigns can no longer be created, duplicated or "
            "updated through the API.",
        )


def _status(value: str) -> str:
    if value not in STATUSES:
        raise invalid(
            f"Param status must be one of {{{', '.join(sorted(STATUSES))}}} - got {value!r}",
            blame="status",
        )
    return value


def _budget(context: Context, one: Node, name: str, text: str) -> int:
    """The validated amount in minor units."""
    if not text.isdecimal():
        raise invalid(f"Param {name} must be an integer greater or equal to zero", blame=name)
    amount = int(text)
    _refuse_in_wrong_place(context.db, one)
    if one.fields.get(name) is None:
        raise refused(
            1885272 if amount == 0 else 1885270,
            "Budget type can't be changed",
            "An object keeps its daily or its lifetime budget.",
            blame=name,
        )
    currency = context.account.fields["currency"]
    unit = offset(currency)
    lowest = int(context.account.fields["min_daily_budget"])
    if amount < lowest:
        level = "campaign" if one.kind == "campaign" else "ad set"
        raise refused(
            1885272,
            "Budget is too low",
            f"Your {level} budget must be more than {currency}{major(lowest, unit)}.",
            blame=name,
        )
    _refuse_below_children(context, one, amount, lowest)
    if amount > _HIGHEST_BUDGET * unit:
        raise refused(1885261, "Budget is too high", "Your budget is too high.", blame=name)
    _refuse_under_spent(context, one, name, amount)
    if one.kind == "adset" and amount != one.fields[name]:
        _refuse_hasty(context, one)
    return amount


def _refuse_in_wrong_place(db: sqlite3.Connection, one: Node) -> None:
    """The budget is the campaign's or its ad sets', never both."""
    if one.kind == "adset":
        campaign = store.node(db, one.campaign or 0)
        conflict = campaign is not None and _has_budget(campaign)
    else:
        adsets = store.nodes(db, "campaign = ? AND kind = 'adset'", (one.id,))
        conflict = not _has_budget(one) and any(map(_has_budget, adsets))
    if conflict:
        raise refused(
            1885621,
            "Budget Conflict: Campaign Already Has a Budget",
            "You can only set an ad set budget or a campaign budget.",
        )


def _refuse_below_children(context: Context, one: Node, amount: int, lowest: int) -> None:
    if one.kind != "campaign":
        return
    count = context.db.execute(
        "SELECT COUNT(*) FROM entity WHERE campaign = ? AND kind = 'adset' AND effective IN "
        "('ACTIVE', 'WITH_ISSUES')",
        (one.id,),
    ).fetchone()[0]
    if amount < count * lowest:
        raise refused(
            2238055,
            "Campaign budget is too low",
            f"Your campaign budget must be at least {count * lowest} for its {count} ad sets.",
            blame="daily_budget",
        )


def _refuse_under_spent(context: Context, one: Node, name: str, amount: int) -> None:
    """A cut must leave 10 % above what was spent: spending goes on while the budget updates."""
    if amount >= one.fields[name]:
        return
    since = context.today if name == "daily_budget" else 0
    used = spent(context, one, since)
    if amount * 10 < used * 11:
        unit = offset(context.account.fields["currency"])
        lowest = major(-(-used * 11 // 10), unit)
        raise refused(
            1885650,
            "Budget is too low",
            "The minimum amount required to account for any spending that occurs while your "
            f"budget is updated, which may take up to 15 minutes, is {lowest}.",
            blame=name,
        )


def _refuse_hasty(context: Context, one: Node) -> None:
    count = context.db.execute(
        "SELECT COUNT(*) FROM budget_change WHERE adset = ? AND at > ?",
        (one.id, context.now - _HOUR),
    ).fetchone()[0]
    if count >= CHANGES_PER_HOUR:
        raise GraphError(
            "(#613) You can only change your ad set budget 4 times per hour. Please wait to make "
            "more changes.",
            code=613,
            subcode=1487632,
        )


def _has_budget(one: Node) -> bool:
    return bool(one.fields.get("daily_budget") or one.fields.get("lifetime_budget"))
