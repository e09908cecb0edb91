"""One message per tick at most, and only when there is something new for a person."""

from meta_autonomous.domain.action import Outcome
from meta_autonomous.operations.tick_report import TickReport
from meta_autonomous.operations.world import World


async def send_digest(world: World, report: TickReport) -> bool:
    """Tell people what is new: suggestions, automatic actions, failures, alerts of this tick."""
    news = [
        (decision, action_id, handled)
        for decision, action_id, handled in report.decided
        if handled.outcome in (Outcome.QUEUED, Outcome.EXECUTED, Outcome.FAILED, Outcome.IN_DOUBT)
    ]
    if not news and not report.new_alerts and not report.settled:
        return False
    where = "SANDBOX " if report.platform == "sandbox" else ""
    lines = [f"{where}meta-auto, tick {report.tick_id} ({report.mode} mode)", ""]
    lines += [f"ALERT {alert.message}" for alert in report.new_alerts]
    lines += [f"SETTLED {message}" for message in report.settled]
    for decision, action_id, handled in news:
        action = decision.action
        size = ""
        if action.current_budget is not None and action.proposed_budget is not None:
            size = f" {action.current_budget} -> {action.proposed_budget}"
        lines.append(
            f"#{action_id} {handled.outcome}: {action.type} {action.entity.level} "
            f"{action.entity.name}{size}. {decision.reason}. {handled.message}".rstrip()
        )
    if any(handled.outcome is Outcome.QUEUED for _, _, handled in news):
        lines += ["", "Approve with: meta-auto suggestions approve ID"]
    if report.ledger_head is not None:
        lines += ["", f"Ledger: {report.ledger_head}"]
    urgent = bool(report.new_alerts) or any(decision.is_urgent for decision, _, _ in news)
    return await world.notifier.send(
        subject=f"{where}meta-auto: {len(news)} news, {len(report.new_alerts)} alerts",
        body="\n".join(lines),
        is_urgent=urgent,
    )
