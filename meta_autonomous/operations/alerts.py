"""What people must hear of: raised once, cleared once (contract section 9)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Protocol

from meta_autonomous.domain.action import Outcome
from meta_autonomous.operations.tick_report import TickReport
from meta_autonomous.operations.world import World
from meta_autonomous.ports import WORKER, AlertRecord

NEAR_CAP: Final = Decimal("0.90")
FAILING_SHARE: Final = Decimal("0.10")
FAILING_AT_LEAST: Final = 5
HARD_STOP_STANDS: Final = timedelta(hours=24)


class AlertMaker(Protocol):
    def __call__(
        self, key: str, severity: str, message: str, entity_id: str | None = None
    ) -> AlertRecord: ...


#: Alerts whose condition every complete tick looks at afresh: absent means cleared.
_REVIEWED: Final = (
    "auth:",
    "no_purchases:",
    "tracking_outage:",
    "blast_radius:",
    "spend_near_cap",
    "spend_over_cap",
    "actions_failing",
)


def review_alerts(world: World, report: TickReport, *, now: datetime) -> None:
    """Raise what is new, clear what is over, and leave in the report what stands."""
    present = {alert.key: alert for alert in _conditions(report, world, now)}
    report.new_alerts += tuple(
        alert for alert in present.values() if world.store.raise_alert(alert, who=WORKER)
    )
    for alert in world.store.open_alerts():
        if alert.key not in present and _is_over(alert, report, now):
            world.store.clear_alert(alert.key, at=now, who=WORKER)
    report.alerts = world.store.open_alerts()


def _is_over(alert: AlertRecord, report: TickReport, now: datetime) -> bool:
    if alert.key.startswith("hard_stop:"):
        return now - alert.raised_at >= HARD_STOP_STANDS
    if not alert.key.startswith(_REVIEWED):
        return False
    account_id = alert.key.partition(":")[2]
    return not account_id or account_id in report.situations


def _conditions(report: TickReport, world: World, now: datetime) -> Iterator[AlertRecord]:
    def alert(key: str, severity: str, message: str, entity_id: str | None = None) -> AlertRecord:
        return AlertRecord(
            key=key, severity=severity, message=message, raised_at=now, entity_id=entity_id
        )

    for account_id, message in report.auth_failures.items():
        yield alert(f"auth:{account_id}", "critical", f"Ad account {account_id}: {message}")
    for account_id, situation in report.situations.items():
        if situation.purchases_28d == 0:
            yield alert(
                f"no_purchases:{account_id}",
                "warning",
                f"Ad account {account_id} has had no purchase in 28 days: nothing is decided "
                "there. Check the pixel and the conversions API.",
            )
        if situation.outage is not None:
            outage = situation.outage
            yield alert(
                f"tracking_outage:{account_id}",
                "critical",
                f"Ad account {account_id}: {outage.seen_purchases} purchases on "
                f"{', '.join(day.isoformat() for day in outage.days)} where about "
                f"{outage.expected_purchases:.0f} were to be expected: tracking looks broken. "
                "Nothing is executed automatically until it recovers.",
            )
    yield from _of_actions(report, alert_of=alert)
    yield from _of_spend(report, world, alert_of=alert)


def _of_actions(report: TickReport, *, alert_of: AlertMaker) -> Iterator[AlertRecord]:
    shown = (Outcome.EXECUTED, Outcome.QUEUED, Outcome.IN_DOUBT)
    for decision, _, handled in report.decided:
        action = decision.action
        if action.is_hard_stop and handled.outcome in shown:
            done = {
                Outcome.EXECUTED: "It was paused automatically.",
                Outcome.QUEUED: "It waits for a person's approval.",
                Outcome.IN_DOUBT: "Whether the pause took effect is being settled.",
            }[handled.outcome]
            yield alert_of(
                f"hard_stop:{action.entity.id}",
                "critical",
                f"{action.reason} ({action.entity.level} {action.entity.id}, "
                f"{action.entity.name}). {done}",
                action.entity.id,
            )
        if any(
            v.rule == "safety.blast_radius" and v.effect.value == "demotes"
            for v in decision.verdicts
        ):
            yield alert_of(
                f"blast_radius:{decision.account_id}",
                "critical",
                f"Ad account {decision.account_id}: automatic pauses would cover more than half "
                "of its spend. The rest waits for a person.",
            )
    attempts = report.outcomes["executed"] + report.outcomes["failed"]
    failed = report.outcomes["failed"]
    if attempts >= FAILING_AT_LEAST and failed > attempts * FAILING_SHARE:
        yield alert_of(
            "actions_failing", "warning", f"{failed} of {attempts} actions failed in this tick."
        )


def _of_spend(report: TickReport, world: World, *, alert_of: AlertMaker) -> Iterator[AlertRecord]:
    spent, cap = report.totals.spent_usd, world.book.limits.max_daily_spend_usd
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
