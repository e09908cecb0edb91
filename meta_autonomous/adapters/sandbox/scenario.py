"""The opening world: the shop's account, its past, and what people will do in the coming days."""

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from meta_autonomous.adapters.sandbox import changes, delivery, store
from meta_autonomous.adapters.sandbox.plan import Draft, Values, account_values
from meta_autonomous.adapters.sandbox.shop import EMOJI_NAME, NEWCOMER, PLANS

ACCOUNT_ID: Final = 1_184_736_205_518_823
OPENS_AT: Final = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
HISTORY_DAYS: Final = 43
_ZONE: Final = ZoneInfo("Europe/Madrid")
_HOUR: Final = 3_600
_DAY: Final = 24 * _HOUR


def open_world(db: sqlite3.Connection, *, seed: int, start: datetime) -> None:
    """Create the account and live through its past up to `start` (aware)."""
    opening = int(start.timestamp())
    local = start.astimezone(_ZONE)
    midnight = int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
    first_day = local.date() - timedelta(days=HISTORY_DAYS)
    began = int(datetime(first_day.year, first_day.month, first_day.day, tzinfo=_ZONE).timestamp())
    store.set_setting(db, "seed", seed)
    store.set_setting(db, "now", began)
    account = account_values(
        ACCOUNT_ID,
        name="Sandbox Shop",
        currency="USD",
        zone=_ZONE,
        zone_number=306,
        opening=opening,
    )
    changes.create(db, [account], at=began, actor=changes.PERSON)
    draft = Draft(ACCOUNT_ID, zone=_ZONE, per_unit=100, opening=opening)
    for plan in PLANS:
        made, created = draft.campaign(plan), draft.at(plan.age)
        if created <= began:
            changes.create(db, made, at=created, actor=changes.PERSON)
        else:
            changes.schedule(db, created, {"do": "create", "nodes": made})
    _set_former_budgets(db, draft)
    store.save(db, *_rules(draft, opening))
    for at, deed in _events(draft, opening):
        changes.schedule(db, at, deed)
    delivery.run(db, midnight, by_day_until=midnight)
    delivery.run(db, opening)


def _set_former_budgets(db: sqlite3.Connection, draft: Draft) -> None:
    """What people will edit during the past starts at its earlier value."""
    for name, before in (
        ("Lookalike 2% - FR/LAL 2% - High value", 10_000),
        ("Bundle Deals - ES/PT/Bundles - Broad", 9_000),
    ):
        adset = store.node(db, draft.ids[name])
        if adset is not None:
            adset.fields["daily_budget"] = before
            store.save(db, adset)


def _events(draft: Draft, opening: int) -> list[tuple[int, Values]]:
    """What people did before the opening, and will do after it."""
    ids = draft.ids

    def edit(name: str, **fields: object) -> Values:
        return {"do": "edit", "id": ids[name], "changes": fields}

    newcomer = draft.campaign(NEWCOMER)
    day3 = draft.at(NEWCOMER.age)
    reviews = [
        (day3 + 4 * _HOUR, {"do": "review", "id": one["id"], "review": None})
        for one in newcomer
        if one["kind"] == "ad"
    ]
    return [
        (opening - 12 * _DAY - 2 * _HOUR, edit("Spring Drop - PT", status="PAUSED")),
        (opening - 5 * _DAY - 3 * _HOUR, edit("Influencer test (old)", status="DELETED")),
        (opening - 3 * _DAY - 4 * _HOUR, edit("Summer Sale 2026", status="ARCHIVED")),
        (
            opening - 3 * _DAY - _HOUR,
            edit("Lookalike 2% - FR/LAL 2% - High value", daily_budget=16_000),
        ),
        (opening - 5 * _HOUR, edit("Bundle Deals - ES/PT/Bundles - Broad", daily_budget=11_000)),
        (opening + 22 * _HOUR + 1_800, edit("Catalog Sales - DE", daily_budget=65_000)),
        (
            opening + 23 * _HOUR,
            edit("Promo - Video", creative={"id": str(draft.new_id("new creative"))}),
        ),
        (day3, {"do": "create", "nodes": newcomer}),
        *reviews,
    ]


def _rules(draft: Draft, opening: int) -> list[store.Node]:
    governed = str(draft.ids[EMOJI_NAME])
    created = draft.at(45)

    def rule(name: str, status: str, target: str, action: str) -> store.Node:
        return store.Node(
            id=draft.new_id(name),
            kind="rule",
            account=draft.account,
            campaign=None,
            adset=None,
            effective="ACTIVE",
            fields={
                "name": name,
                "status": status,
                "evaluation_spec": {
                    "evaluation_type": "SCHEDULE",
                    "filters": [
                        {"field": "entity_type", "operator": "EQUAL", "value": "CAMPAIGN"},
                        {"field": "id", "operator": "IN", "value": [target]},
                        {"field": "time_preset", "operator": "EQUAL", "value": "LAST_7D"},
                        {
                            "field": "website_purchase_roas",
                            "operator": "LESS_THAN",
                            "value": 0.3,
                        },
                    ],
                },
                "execution_spec": {"execution_type": action},
                "schedule_spec": {"schedule_type": "SEMI_HOURLY"},
                "created_time": datetime.fromtimestamp(created, _ZONE).strftime(
                    "%Y-%m-%dT%H:%M:%S%z"
                ),
                "updated_time": datetime.fromtimestamp(opening - 9 * _DAY, _ZONE).strftime(
                    "%Y-%m-%dT%H:%M:%S%z"
                ),
            },
            hidden={},
        )

    return [
        rule("Protect loyalty ROAS", "ENABLED", governed, "PAUSE"),
        rule("Old weekend rule", "DISABLED", str(draft.ids["Weekend Boost - NL"]), "PAUSE"),
    ]
