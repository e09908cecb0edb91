"""The seed's `OptimizationService.evaluate_campaign`: wanted actions, before any rule."""

from typing import Any

from meta_autonomous.decision.candidates import gates_of, open_entities
from meta_autonomous.decision.optimizer import Campaigns, want
from meta_autonomous.domain.action import Action
from meta_autonomous.operations.observe import observe
from meta_autonomous.operations.shapes import number
from meta_autonomous.operations.world import World
from meta_autonomous.ports.errors import NotFound


async def evaluate_campaign(world: World, campaign_id: str) -> list[dict[str, Any]]:
    """Raises NotFound when no configured account has the campaign, PlatformError when the account
    can't be read."""
    now = await world.platform.trusted_now()
    for account_id in world.system.account_ids or await world.platform.account_ids():
        seen = await observe(world, account_id, now=now)
        campaign = seen.situation.snapshot.campaigns.get(campaign_id)
        if campaign is None:
            continue
        limits = world.book.limits_for(account_id, campaign.name)
        gates = {
            entity.id: gates_of(entity, limits, world.book, seen.situation, now)
            for entity in seen.situation.snapshot.entities()
        }
        opened = open_entities(gates, seen.situation)
        if campaign_id not in opened:
            return []
        look = Campaigns(
            situation=seen.situation, now=now, open_ids=opened, pause_window=seen.pause_window
        )
        return [_shape(action) for action in want(campaign, limits, look).actions]
    raise NotFound(
        f"No configured ad account has a campaign {campaign_id}.",
        remedy="Ids are in `meta-auto campaigns list`.",
    )


def _shape(action: Action) -> dict[str, Any]:
    return {
        "type": action.type.value,
        "target_id": action.entity.id,
        "level": action.entity.level.value,
        "amount_pct": number(action.change_pct),
        "new_budget": None if action.proposed_budget is None else action.proposed_budget.plain(),
        "roas": number(action.roas),
        "confidence": number(action.confidence),
        "reason": action.reason,
    }
