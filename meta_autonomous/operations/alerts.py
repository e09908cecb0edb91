"""What people must hear of: raised once, cleared once (contract section 9)."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Protocol

from meta_autonomous.decision.context import Situation, Totals
from meta_autonomous.decision.safety import BLAST_RADIUS
from meta_autonomous.decision.safety_spend import WORST_OVERSPEND
from meta_autonomous.domain.action import ActionStatus, Outcome
from meta_autonomous.domain.verdict import Effect, Ruling
from meta_autonomous.operations.hard_stop_alerts import (
    PREFIX,
    follow_hard_stops,
    hard_stop_message,
    said_at_first,
)
from meta_autonomous.operations.tick_report import TickReport
from meta_autonomous.operations.world import World
from meta_autonomous.ports.records import ActionRecord, AlertRecord
from meta_autonomous.ports.words import WORKER

NEAR_CAP: Final = Decimal("0.90")
FAILING_SHARE: Final = Decimal("0.10")
FAILING_AT_LEAST: Final = 5
BLOCKED_SHARE: Final = Decimal("0.50")
BLOCKED_AT_LEAST: Final = 10
A_DAY: Final = timedelta(hours=24)
TOKEN_EXPIRING: Final = "token_expiring"  # noqa: S105 - an alert's key
HARD_STOP_STANDS: Final = timedelta(hours=24)

_TRIED: Final = frozenset({ActionStatus.EXECUTED, ActionStatus.UNDONE, ActionStatus.FAILED})


class AlertMaker(Protocol):
    def __call__(
        self, key: str, severity: str, message: str, entity_id: str | None = None
    ) -> AlertRecord: ...


#: Alerts whose condition every complete tick looks at afresh: absent means cleared.
_REVIEWED: Final = (
    "auth:",
    "penalised:",
    "account_status:",
    "no_purchases:",
    "tracking_outage:",
    "blast_radius:",
    "runaway_day:",
    "spend_near_cap",
    "spend_over_cap",
    "actions_failing",
    "actions_blocked",
)


def review_alerts(world: World, report: TickReport, *, now: datetime) -> None:
    """Raise what is new, clear what is over, and leave in the report what stands."""
    present = {alert.key: alert for alert in _conditions(report, world, now)}
    report.new_alerts += tuple(
        alert for alert in present.values() if world.store.raise_alert(alert, who=WORKER)
    )
    for alert in world.store.open_alerts():
        if alert.key not in present and _is_over(alert, report, world, now):
            world.store.clear_alert(alert.key, at=now, who=WORKER)
    follow_hard_stops(world.store, at=now, who=WORKER)
    report.alerts = world.store.open_alerts()


def _is_over(alert: AlertRecord, report: TickReport, world: World, now: datetime) -> bool:
    if alert.key.startswith(PREFIX):  # an undo's end is seen by following the pause
        return alert.acknowledged_by is not None or now - alert.raised_at >= HARD_STOP_STANDS
    if alert.key.startswith("dead_guard:"):
        return True  # it rests on the policy alone, which every tick knows
    if alert.key == TOKEN_EXPIRING:
        return report.token is not None and report.token.is_told
    if not alert.key.startswith(_REVIEWED):
        return False
    if alert.key.startswith("spend_"):
        # Less than all accounts spend less than all of them.
        return {*world.system.account_ids, *report.accounts} <= set(report.situations)
    account_id = alert.key.partition(":")[2]
    # Of what was not looked at nothing is known, so it is not over.
    return account_id in report.situations if account_id else bool(report.situations)


def _conditions(report: TickReport, world: World, now: datetime) -> Iterator[AlertRecord]:
    def alert(key: str, severity: str, message: str, entity_id: str | None = None) -> AlertRecord:
        return AlertRecord(
            key=key, severity=severity, message=message, raised_at=now, entity_id=entity_id
        )

    for guard in report.dead_guards:
        yield alert(
            f"dead_guard:{guard}",
            "critical",
            f"The guard {guard} can't fire under the policy in force, in auto mode. See "
            "`meta-auto policies selftest`; mend the setting, or accept it by `meta-auto mode "
            f"set auto --accept {guard}`.",
        )
    if report.token is not None and report.token.expires_soon(now):
        yield alert(
            TOKEN_EXPIRING,
            "warning",
            f"The access token expires at {report.token.expires_at:%Y-%m-%d %H:%M} UTC; after "
            "that nothing works. Create a new system-user token and put it in its place.",
        )
    yield from _of_refusals(report, alert_of=alert)
    yield from _of_accounts(report, alert_of=alert)
    yield from _of_actions(report, alert_of=alert)
    if report.situations:
        yield from _of_the_day(world, now, alert_of=alert)
        yield from _of_spend(report, world, alert_of=alert)


def _of_refusals(report: TickReport, *, alert_of: AlertMaker) -> Iterator[AlertRecord]:
    for account_id, message in report.auth_failures.items():
        yield alert_of(f"auth:{account_id}", "critical", f"Ad account {account_id}: {message}")
    for account_id, message in report.penalties.items():
        yield alert_of(
            f"penalised:{account_id}",
            "critical",
            f"Ad account {account_id} is blocked for breaking Meta's rules: nothing is sent there "
            f"for some hours. Look into Account Quality. {message}",
        )


def _of_accounts(report: TickReport, *, alert_of: AlertMaker) -> Iterator[AlertRecord]:
    for account_id, situation in report.situations.items():
        account = situation.snapshot.account
        if not account.can_deliver:
            yield alert_of(
                f"account_status:{account_id}",
                "warning",
                f"Ad account {account_id} has status {account.status}: its ads can't run, and "
                "nothing is decided there. Look at it in Ads Manager.",
            )
        if situation.purchases_28d == 0:
            yield alert_of(
                f"no_purchases:{account_id}",
                "warning",
                f"Ad account {account_id} has had no purchase in 28 days: nothing is decided "
                "there. Check the pixel and the conversions API.",
            )
        if situation.outage is not None:
            outage = situation.outage
            yield alert_of(
                f"tracking_outage:{account_id}",
                "critical",
                f"Ad account {account_id}: {outage.seen_purchases} purchases on "
                f"{', '.join(day.isoformat() for day in outage.days)} where about "
                f"{outage.expected_purchases:.0f} were to be expected: tracking looks broken. "
                "Nothing is executed automatically until it recovers.",
            )


def _of_actions(report: TickReport, *, alert_of: AlertMaker) -> Iterator[AlertRecord]:
    for decision, _, handled in report.decided:
        action = decision.action
        if action.is_hard_stop and handled.outcome is not Outcome.UNCHANGED:
            message = hard_stop_message(
                reason=action.reason,
                level=action.entity.level,
                entity_id=action.entity.id,
                name=action.entity.name,
                done=said_at_first(handled.outcome),
            )
            yield alert_of(f"hard_stop:{action.entity.id}", "critical", message, action.entity.id)
        if any(
            v.rule == BLAST_RADIUS.id and v.effect is Effect.DEMOTES for v in decision.verdicts
        ):
            yield alert_of(
                f"blast_radius:{decision.account_id}",
                "critical",
                f"Ad account {decision.account_id}: automatic pauses would cover more than half "
                "of its spend. The rest waits for a person.",
            )


def _of_the_day(world: World, now: datetime, *, alert_of: AlertMaker) -> Iterator[AlertRecord]:
    """Shares of what was tried, and of what was wanted, within 24 hours."""
    records = world.store.actions(since=now - A_DAY)
    tried = [r for r in records if r.status in _TRIED]
    failed = [r for r in tried if r.status is ActionStatus.FAILED]
    if len(tried) >= FAILING_AT_LEAST and len(failed) > len(tried) * FAILING_SHARE:
        yield alert_of(
            "actions_failing",
            "warning",
            f"{len(failed)} of {len(tried)} actions that were tried in 24 hours failed.",
        )
    blocked = [r for r in records if r.status is ActionStatus.BLOCKED and _is_more_than_a_wait(r)]
    if len(records) >= BLOCKED_AT_LEAST and len(blocked) > len(records) * BLOCKED_SHARE:
        reasons = Counter(record.reason for record in blocked)
        yield alert_of(
            "actions_blocked",
            "warning",
            f"{len(blocked)} of {len(records)} actions of 24 hours were blocked, most of them by "
            f"this: {reasons.most_common(1)[0][0]}",
        )


def _is_more_than_a_wait(record: ActionRecord) -> bool:
    """Something refuses it that time alone won't cure."""
    return any(v["outcome"] == Ruling.BLOCK and not v.get("eligible_at") for v in record.verdicts)


def _of_spend(report: TickReport, world: World, *, alert_of: AlertMaker) -> Iterator[AlertRecord]:
    spent, cap = report.totals.seen_usd, world.book.limits.max_daily_spend_usd
    if spent > cap:
        yield alert_of(
            "spend_over_cap",
            "critical",
            f"Today's spend of ${spent:,.2f} is over the cap of ${cap:,.2f}.",
        )
    elif spent > cap * NEAR_CAP:
        yield alert_of(
            "spend_near_cap",
            "warning",
            f"Today's spend of ${spent:,.2f} is over 90 % of the cap of ${cap:,.2f}.",
        )
    for account_id, situation in report.situations.items():
        running = list(_running_away(situation, report.totals))
        if running:
            yield alert_of(
                f"runaway_day:{account_id}",
                "warning",
                f"Ad account {account_id}: today {', '.join(running)} spent more than "
                f"{WORST_OVERSPEND} times the daily budget, which Meta should not do. Look at it "
                "in Ads Manager.",
            )


def _running_away(situation: Situation, totals: Totals) -> Iterator[str]:
    snapshot = situation.snapshot
    for holder in (*snapshot.campaigns.values(), *snapshot.adsets.values()):
        day = totals.holders.get(holder.id)
        if day is not None and day.spent_usd > day.budget_usd * WORST_OVERSPEND > 0:
            yield f"{holder.level} {holder.name}"
