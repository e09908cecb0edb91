"""What was believed and what stood in the past, for judging it by what came of it."""

import json

from sqlalchemy import select

from meta_autonomous.adapters.database.tables import entity_snapshots, meta_roas_metrics
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.domain.entities import Level
from meta_autonomous.ports.records import EntityState, PastEstimate


def past_estimates(unit: Unit, account_id: str) -> tuple[PastEstimate, ...]:
    """Of each entity and day the last one; rows from before posteriors were kept are left out."""
    table = meta_roas_metrics
    query = (
        select(
            table.c.entity_id,
            table.c.level,
            table.c.window_until,
            table.c.created_at,
            table.c.spend,
            table.c.impressions,
            table.c.currency,
            table.c.details,
        )
        .where(
            table.c.platform == unit.platform,
            table.c.account_id == account_id,
            table.c.window_until.is_not(None),
        )
        .order_by(table.c.window_until, table.c.created_at)
    )
    found: dict[tuple[str, object], PastEstimate] = {}
    for row in unit.connection.execute(query):
        posterior = json.loads(row.details).get("posterior")
        if posterior is None:
            continue
        found[row.entity_id, row.window_until] = PastEstimate(
            entity_id=row.entity_id,
            level=Level(row.level),
            window_until=row.window_until,
            created_at=row.created_at,
            spend=row.spend,
            impressions=row.impressions,
            currency=row.currency,
            posterior=tuple(map(float, posterior)),
        )
    return tuple(found.values())


def entity_states(unit: Unit, account_id: str) -> tuple[EntityState, ...]:
    """Each entity's states, the oldest first."""
    table = entity_snapshots
    query = (
        select(table)
        .where(table.c.platform == unit.platform, table.c.account_id == account_id)
        .order_by(table.c.entity_id, table.c.valid_from)
    )
    return tuple(
        EntityState(
            entity_id=row.entity_id,
            level=Level(row.level),
            campaign_id=row.campaign_id,
            adset_id=row.adset_id,
            valid_from=row.valid_from,
            status=row.status,
            effective_status=row.effective_status,
            budget_minor=row.budget_minor,
        )
        for row in unit.connection.execute(query)
    )
