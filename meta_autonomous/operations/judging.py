"""What both engines are told of an action that a person asks for, after one fresh read."""

from datetime import datetime, timedelta

from meta_autonomous.decision.context import Case, Situation, Totals
from meta_autonomous.decision.safety_spend import UnreadAccount, daily_spend_totals
from meta_autonomous.domain.action import Action, ActionType, Route
from meta_autonomous.operations.world import World


def case_of(
    world: World,
    situation: Situation,
    totals: Totals,
    action: Action,
    *,
    route: Route,
    now: datetime,
) -> Case:
    account = situation.snapshot.account
    campaign = situation.snapshot.campaigns.get(action.entity.campaign_id)
    name = campaign.name if campaign is not None else action.entity.name
    return Case(
        now=now,
        route=route,
        limits=world.book.limits_for(account.id, name),
        book=world.book,
        situation=situation,
        totals=totals,
        is_manual_pause=action.type is ActionType.PAUSE,
    )


def totals_with(world: World, situation: Situation, now: datetime) -> Totals:
    """Money of all accounts: this one as just read, the others as their last read left them."""
    own = situation.snapshot.account.id
    others = [account_id for account_id in world.system.account_ids if account_id != own]
    return daily_spend_totals(
        [situation],
        book=world.book,
        now=now,
        unread=[_last_read(world, account_id, now) for account_id in others],
        granted_usd=world.store.reserved_usd(),
    )


def _last_read(world: World, account_id: str, now: datetime) -> UnreadAccount:
    """Younger than two intervals its projected day holds; older, its budgets count at worst."""
    record = world.store.account(account_id)
    age = None if record.last_read_at is None else now - record.last_read_at
    is_recent = age is not None and age < timedelta(seconds=2 * world.system.interval_seconds)
    return UnreadAccount(
        account_id=account_id,
        projected_usd=record.projected_usd,
        budgets_usd=None if is_recent else record.budgets_usd,
    )
