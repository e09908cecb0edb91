"""Changing the account: creating, editing, and the activity log that remembers who did it."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from meta_autonomous.adapters.sandbox import physics, store
from meta_autonomous.adapters.sandbox.store import Node
from meta_autonomous.adapters.sandbox.vocabulary import GONE, timestamp

#: How long a new creative waits for Meta's review.
REVIEW_SECONDS: Final = 3 * 3_600


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changed something, and through which application."""

    id: str
    name: str
    application_id: str
    application_name: str


#: The holder of the sandbox's token.
TOKEN_HOLDER: Final = Actor(
    "122107390518004277", "meta-auto system user", "734912860155073", "meta-auto"
)
#: A person in Ads Manager, which signs the activity log by its old name.
PERSON: Final = Actor("10159338471220645", "Lucía Fernández", "119211728144504", "Power Editor")
ACTORS: Final = {"person": PERSON, "token": TOKEN_HOLDER}

_OBJECT_TYPES: Final = {"campaign": "CAMPAIGN_GROUP", "adset": "CAMPAIGN", "ad": "ADGROUP"}
_CREATED: Final = {
    "campaign": "create_campaign_group",
    "adset": "create_ad_set",
    "ad": "create_ad",
}
_EVENT_TYPES: Final = {
    ("campaign", "status"): "update_campaign_run_status",
    ("adset", "status"): "update_ad_set_run_status",
    ("ad", "status"): "update_ad_run_status",
    ("campaign", "daily_budget"): "update_campaign_budget",
    ("campaign", "lifetime_budget"): "update_campaign_budget",
    ("adset", "daily_budget"): "update_ad_set_budget",
    ("adset", "lifetime_budget"): "update_ad_set_budget",
    ("campaign", "name"): "update_campaign_name",
    ("adset", "name"): "update_ad_set_name",
    ("ad", "name"): "update_ad_friendly_name",
    ("ad", "creative"): "update_ad_creative",
    ("adset", "bid_amount"): "update_ad_set_bidding",
    ("campaign", "bid_strategy"): "update_ad_set_bid_strategy",
    ("adset", "bid_strategy"): "update_ad_set_bid_strategy",
    ("adset", "targeting"): "update_ad_set_target_spec",
}
_RUN_STATUS: Final = {
    "ACTIVE": "Active",
    "PAUSED": "Inactive",
    "ARCHIVED": "Archived",
    "DELETED": "Deleted",
}
_RUN_NUMBER: Final = {"ACTIVE": 1, "PAUSED": 15}
_BUDGET_LABEL: Final = {"daily_budget": "Per day", "lifetime_budget": "Lifetime budget"}
#: Meta does not move `updated_time` for these.
_UNTIMED: Final = frozenset({"daily_budget", "lifetime_budget", "spend_cap"})


def effective_status(one: Node, adset: Node | None, campaign: Node | None) -> str:
    """An entity's effective status from its own and its parents' configured ones."""
    own = str(one.fields.get("status", "ACTIVE"))
    parents = [parent for parent in (campaign, adset) if parent is not None]
    if own in GONE:
        return own
    for parent in parents:
        if parent.fields["status"] in GONE:
            return str(parent.fields["status"])
    if own == "PAUSED":
        return own
    for parent in parents:
        if parent.fields["status"] == "PAUSED":
            return "CAMPAIGN_PAUSED" if parent.kind == "campaign" else "ADSET_PAUSED"
    return str(one.hidden.get("review") or own)


def refresh(db: sqlite3.Connection, one: Node) -> None:
    """Store an entity with its effective status, and its children with theirs."""
    campaign = store.node(db, one.campaign) if one.campaign is not None else None
    adset = store.node(db, one.adset) if one.adset is not None else None
    store.save(db, replace(one, effective=effective_status(one, adset, campaign)))
    if one.kind == "campaign":
        below = store.nodes(db, "campaign = ?", (one.id,))
        adsets = {child.id: child for child in below if child.kind == "adset"}
        store.save(
            db,
            *(
                replace(
                    child,
                    effective=effective_status(
                        child, adsets.get(child.adset) if child.adset else None, one
                    ),
                )
                for child in below
            ),
        )
    elif one.kind == "adset":
        below = store.nodes(db, "adset = ?", (one.id,))
        store.save(
            db,
            *(replace(ad, effective=effective_status(ad, one, campaign)) for ad in below),
        )


def create(
    db: sqlite3.Connection, made: Iterable[Mapping[str, Any]], *, at: int, actor: Actor
) -> None:
    """Create entities, parents first, and log it."""
    for values in made:
        one = Node(effective="ACTIVE", **values)
        refresh(db, one)
        if one.kind in _CREATED:
            log(db, one, at=at, actor=actor, event_type=_CREATED[one.kind], extra={})


def apply(
    db: sqlite3.Connection, one: Node, changed: Mapping[str, Any], *, at: int, actor: Actor
) -> None:
    """Set fields of an entity, with what follows from it in the real world.

    `review` (None, PENDING_REVIEW, DISAPPROVED, WITH_ISSUES, …) sets Meta's own verdict on an
    entity, which no API field writes.
    """
    fields, hidden = dict(one.fields), dict(one.hidden)
    for name, new in changed.items():
        if name == "review":
            hidden["review"] = new
            continue
        old, value = fields.get(name), _as_stored(name, new)
        if old == value:
            continue
        fields[name] = value
        event_type = _EVENT_TYPES.get((one.kind, name))
        if event_type is not None:
            extra = _extra(name, old, value)
            log(db, one, at=at, actor=actor, event_type=event_type, extra=extra)
        if name not in _UNTIMED and one.kind != "account":
            fields["updated_time"] = timestamp(at, _zone(db, one))
        if name == "creative":
            hidden["review"] = "PENDING_REVIEW"
            schedule(db, at + REVIEW_SECONDS, {"do": "review", "id": one.id, "review": None})
        if name == "daily_budget" and one.kind == "adset":
            db.execute("INSERT INTO budget_change VALUES (?, ?)", (one.id, at))
    refresh(db, replace(one, fields=fields, hidden=hidden))
    if _is_significant(one, fields):
        _restart_learning(db, one, at)


def log(
    db: sqlite3.Connection,
    one: Node,
    *,
    at: int,
    actor: Actor,
    event_type: str,
    extra: Mapping[str, Any],
) -> None:
    entry = {
        "actor_id": actor.id,
        "actor_name": actor.name,
        "application_id": actor.application_id,
        "application_name": actor.application_name,
        "event_type": event_type,
        "translated_event_type": event_type.replace("_", " ").capitalize(),
        "object_id": str(one.id),
        "object_name": one.fields.get("name", ""),
        "object_type": _OBJECT_TYPES.get(one.kind, "ACCOUNT"),
        # A JSON string inside the JSON, as Meta sends it.
        "extra_data": json.dumps(extra, ensure_ascii=False),
    }
    db.execute(
        "INSERT INTO activity (account, at, object, entry) VALUES (?, ?, ?, ?)",
        (one.account, at, one.id, json.dumps(entry, ensure_ascii=False)),
    )


def schedule(db: sqlite3.Connection, at: int, deed: Mapping[str, Any]) -> None:
    """Something that will happen in the world when its clock gets there."""
    db.execute("INSERT INTO event (at, deed) VALUES (?, ?)", (at, json.dumps(deed)))


def perform(db: sqlite3.Connection, deed: Mapping[str, Any], *, at: int) -> None:
    """One scheduled event. What it is about may be gone by then: then nothing happens."""
    if deed["do"] == "create":
        create(db, deed["nodes"], at=at, actor=PERSON)
        return
    one = store.node(db, deed["id"])
    if one is None or one.effective in GONE:
        return
    if deed["do"] == "review":
        apply(db, one, {"review": deed["review"]}, at=at, actor=PERSON)
    else:
        apply(db, one, deed["changes"], at=at, actor=PERSON)


def _as_stored(name: str, value: Any) -> Any:
    if name == "creative" and not isinstance(value, dict):
        return {"id": str(value)}
    if name in _UNTIMED and value is not None:
        return int(value)
    return value


def _extra(name: str, old: Any, new: Any) -> dict[str, Any]:
    """What the log says of a change: budgets nested and in minor units, statuses in words."""
    if name in _BUDGET_LABEL:
        label = _BUDGET_LABEL[name]
        return {
            "old_value": {"old_value": old, "type": label},
            "new_value": {"new_value": new, "type": label},
            "type": "payment_amount",
        }
    if name == "status":
        return {
            "old_value": _RUN_STATUS.get(old, old),
            "new_value": _RUN_STATUS.get(new, new),
            "run_status": {"old_value": _RUN_NUMBER.get(old), "new_value": _RUN_NUMBER.get(new)},
            "type": "run_status",
        }
    if name == "creative":
        return {"old_value": (old or {}).get("id"), "new_value": new["id"]}
    return {"old_value": old, "new_value": new}


def _is_significant(before: Node, fields: Mapping[str, Any]) -> bool:
    if fields.get("creative") != before.fields.get("creative"):
        return True
    for name in ("daily_budget", "lifetime_budget"):
        old, new = before.fields.get(name), fields.get(name)
        if old and new and abs(new / old - 1) > physics.SIGNIFICANT_EDIT:
            return True
    return False


def _restart_learning(db: sqlite3.Connection, one: Node, at: int) -> None:
    """A significant edit sends the ad set, or every ad set of a campaign budget, to learning."""
    if one.kind == "campaign":
        adsets = store.nodes(db, "campaign = ? AND kind = 'adset'", (one.id,))
    elif one.kind == "adset":
        adsets = store.nodes(db, "id = ?", (one.id,))
    else:
        adsets = store.nodes(db, "id = ?", (one.adset,))
    for adset in adsets:
        adset.fields["learning_stage_info"] = learning("LEARNING", at)
    store.save(db, *adsets)


def learning(status: str, since: int, conversions: int = 0) -> dict[str, Any]:
    """An ad set's learning stage; `conversions` count from the last significant edit."""
    return {
        "status": status,
        "conversions": conversions,
        "last_sig_edit_ts": since,
        "attribution_windows": ["1d_view", "7d_click"],
    }


def _zone(db: sqlite3.Connection, one: Node) -> ZoneInfo:
    account = store.node(db, one.account)
    if account is None:
        raise LookupError(f"entity {one.id} belongs to no account")
    return ZoneInfo(account.fields["timezone_name"])
