"""What both engines are told of an action that a person asks for, after one fresh read."""

from datetime import datetime, timedelta

from meta_autonomous.decision.context import Case, Situation, Totals
from meta_autonomous.decision.safety_spend import UnreadAccount, daily_spend_totals
from meta_autonomous.domain.action import Action, ActionType, Route
from meta_autonomous.operations.asked_to_wait import remembering_to_wait, wait_if_asked_to
from meta_autonomous.operations.observe import Observed, observe
from meta_autonomous.operations.reconcile import reconcile
from meta_autonomous.operations.world import World
from meta_autonomous.ports.errors import PlatformError
from meta_autonomous.ports.records import AccountRecord


def case_of(
    world: World,
    situation: Situation,
    totals: Totals,
    action: Action,
    *,
    route: Route,
    now: datetime,
) -> Case:
    return Case(
        now=now,
        route=route,
        limits=world.book.limits_of(action.entity, situation.snapshot),
        book=world.book,
        situation=situation,
        totals=totals,
        is_manual_pause=action.type is ActionType.PAUSE,
    )


async def read_afresh(world: World, account_id: str) -> tuple[datetime, Observed]:
    """The trusted time, and the account after what was in doubt there is settled. Its lock is
    ours. Raises PlatformError; Throttled also when an earlier run was asked to wait."""
    with remembering_to_wait(world.store, account_id):
        now = await world.platform.trusted_now()
        wait_if_asked_to(world.store, account_id, now)
        await reconcile(world, account_id)
        return now, await observe(world, account_id, now=now)


async def totals_with(world: World, situation: Situation, now: datetime) -> Totals:
    """Money of all accounts: this one as just read, the others as their last read left them if
    that is younger than two intervals, else read too."""
    own = situation.snapshot.account.id
    situations, unread = [situation], []
    for account_id in world.system.account_ids:
        if account_id == own:
            continue
        record = world.store.account(account_id)
        if _is_recent(world, record, now):
            unread.append(UnreadAccount(account_id=account_id, projected_usd=record.projected_usd))
            continue
        seen = await _read_too(world, record, now)
        if seen is not None:
            situations.append(seen)
        else:
            unread.append(
                UnreadAccount(
                    account_id=account_id,
                    projected_usd=record.projected_usd,
                    budgets_usd=record.budgets_usd,
                )
            )
    return daily_spend_totals(
        situations,
        book=world.book,
        now=now,
        unread=unread,
        granted_usd=world.store.reserved_usd(),
    )


def _is_recent(world: World, record: AccountRecord, now: datetime) -> bool:
    age = None if record.last_read_at is None else now - record.last_read_at
    return age is not None and age < timedelta(seconds=2 * world.system.interval_seconds)


async def _read_too(world: World, record: AccountRecord, now: datetime) -> Situation | None:
    """Another account for its money alone: nothing of the read is recorded, since its lock is not
    ours. None when it can't be read, or Meta asked to leave it alone."""
    if record.blocked_until is not None and record.blocked_until > now:
        return None
    try:
        return (await observe(world, record.account_id, now=now)).situation
    except PlatformError:
        return None
