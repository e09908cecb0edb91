"""One message per tick at most, and only when there is something new for a person."""

from meta_autonomous.decision.granting import Decision
from meta_autonomous.domain.action import Action, Outcome
from meta_autonomous.domain.news import News, NewsItem
from meta_autonomous.operations.tick_report import Ending, TickReport
from meta_autonomous.operations.world import World

_TOLD = (Outcome.QUEUED, Outcome.EXECUTED, Outcome.FAILED, Outcome.IN_DOUBT)


async def send_digest(world: World, report: TickReport) -> bool:
    """Tell people what is new. Without news, what they could not be told before."""
    news = news_of(report)
    return await (world.notifier.catch_up() if news.is_empty else world.notifier.send(news))


def news_of(report: TickReport) -> News:
    """New suggestions, what was executed, failures, doubts and alerts of this tick; what is
    urgent comes first."""
    items = [
        _item(decision, action_id, handled)
        for decision, action_id, handled in report.decided
        if handled.outcome in _TOLD
    ]
    return News(
        platform=report.platform,
        about=f"tick {report.tick_id}, {report.mode} mode",
        alerts=tuple(alert.message for alert in report.new_alerts),
        settled=tuple(report.settled),
        items=tuple(sorted(items, key=lambda item: not item.is_urgent)),
        is_urgent=bool(report.new_alerts) or any(item.is_urgent for item in items),
        ledger_head=report.ledger_head,
    )


def _item(decision: Decision, action_id: int | None, handled: Ending) -> NewsItem:
    action = decision.action
    entity = action.entity
    return NewsItem(
        id=action_id,
        outcome=handled.outcome,
        is_urgent=decision.is_urgent,
        what=f"{action.type.value.replace('_', ' ')} {entity.level} {entity.name}",
        change=_change(action),
        reason=decision.reason,
        message=handled.message,
    )


def _change(action: Action) -> str:
    legs = [f"{leg.current} -> {leg.proposed}" for leg in action.legs]
    share = f" ({action.change_pct * 100:+.1f} %)" if action.change_pct is not None else ""
    return "; ".join(legs) + share if legs else ""
