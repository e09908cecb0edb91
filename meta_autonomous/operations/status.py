"""How the system stands: the dashboard's numbers, from the database alone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from meta_autonomous.decision.limits import PolicyBook
from meta_autonomous.domain.action import ActionStatus
from meta_autonomous.domain.quantities import Rates
from meta_autonomous.operations.portfolio import Portfolio, day_began, portfolio
from meta_autonomous.operations.shapes import counts_of
from meta_autonomous.ports.people import System
from meta_autonomous.ports.records import AlertRecord
from meta_autonomous.ports.store import Store
from meta_autonomous.ports.words import WORKER, Json

_COUNTED = (
    "policy_blocked",
    "safety_blocked",
    "queued",
    "executed",
    "failed",
    "in_doubt",
    "deferred",
    "unchanged",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    system: System
    mode: str
    is_started: bool
    now: datetime
    last_tick_at: datetime | None
    ticks_today: tuple[Json, ...]
    executed_by_people: int
    alerts: tuple[AlertRecord, ...]
    pending: int
    in_doubt: int
    spent_usd: Decimal
    book: PolicyBook
    portfolio: Portfolio

    @property
    def interval(self) -> timedelta:
        return timedelta(seconds=self.system.interval_seconds)

    @property
    def is_running(self) -> bool:
        """Enabled, started, and the last tick younger than two intervals."""
        recent = self.last_tick_at is not None and self.now - self.last_tick_at < 2 * self.interval
        return self.system.is_enabled and self.is_started and recent

    @property
    def next_tick_at(self) -> datetime | None:
        if self.last_tick_at is None or not (self.system.is_enabled and self.is_started):
            return None
        return self.last_tick_at + self.interval

    def to_json(self) -> dict[str, Any]:
        limits = self.book.limits
        return {
            "platform": self.system.platform,
            "enabled": self.system.is_enabled and self.is_started,
            "started": self.is_started,
            "mode": self.mode,
            "is_running": self.is_running,
            "interval_seconds": self.system.interval_seconds,
            "max_daily_spend_usd": float(limits.max_daily_spend_usd),
            "max_actions_per_tick": limits.max_actions_per_tick,
            "hard_stop_roas": float(limits.hard_stop_roas),
            "embargo_hours": float(limits.min_age_hours),
            "last_tick_at": _iso(self.last_tick_at),
            "next_tick_at": _iso(self.next_tick_at),
            "pending": self.pending,
            "in_doubt": self.in_doubt,
            "alerts": [
                {
                    "key": alert.key,
                    "severity": alert.severity,
                    "message": alert.message,
                    "raised_at": _iso(alert.raised_at),
                }
                for alert in self.alerts
            ],
            "today": self.today(),
            "month": self.portfolio.month_json(),
            "accounts": [account.to_json() for account in self.portfolio.accounts],
            "warnings": list(self.portfolio.warnings),
        }

    def today(self) -> dict[str, Any]:
        """The ticks of today added up, with each count's share of what was generated. What
        people approved in between is no tick's, and counted beside."""
        outcomes: Counter[str] = Counter()
        evaluated = 0
        for tick in self.ticks_today:
            evaluated += int(tick.get("campaigns_evaluated", 0))
            outcomes.update({word: int(tick.get(f"actions_{word}", 0)) for word in _COUNTED})
        counts = counts_of(outcomes)
        generated = counts["actions_generated"]
        shares = {
            f"{name}_pct": round(count / generated, 4) if generated else 0.0
            for name, count in counts.items()
            if name != "actions_generated"
        }
        return {
            "ticks": len(self.ticks_today),
            "campaigns_evaluated": evaluated,
            **counts,
            **shares,
            "executed_by_people": self.executed_by_people,
            "spend_usd": f"{self.spent_usd:.2f}",
            "cap_usd": f"{self.book.limits.max_daily_spend_usd:.2f}",
        }


def status(
    store: Store, system: System, book: PolicyBook, rates: Rates, *, now: datetime
) -> StatusReport:
    """`now` is the local clock; on the sandbox, its own."""
    runtime = store.runtime()
    last = store.last_tick()
    ticks_today = store.ticks_since(day_began(now))
    return StatusReport(
        system=system,
        mode=runtime.mode or system.mode,
        is_started=runtime.is_started,
        now=now,
        last_tick_at=_when(last),
        ticks_today=ticks_today,
        executed_by_people=_executed_by_people(store, day_began(now)),
        alerts=store.open_alerts(),
        pending=len(store.actions(statuses=[ActionStatus.SUGGESTED])),
        in_doubt=len(store.open_attempts()),
        spent_usd=_spent(ticks_today),
        book=book,
        portfolio=portfolio(store, system, book, rates, ticks=(last or {}, *ticks_today), now=now),
    )


def _executed_by_people(store: Store, since: datetime) -> int:
    """Approved by a person and executed since then, whether taken back by now or not."""
    done = store.actions(statuses=[ActionStatus.EXECUTED, ActionStatus.UNDONE], since=since)
    return sum(
        record.undoes is None
        and record.decided_by not in (None, WORKER)
        and record.executed_at is not None
        and record.executed_at >= since
        for record in done
    )


def _spent(ticks_today: Sequence[Json]) -> Decimal:
    """What today's latest tick that read an account knew; a stopped one knows nothing."""
    for tick in reversed(ticks_today):
        if any(account.get("spend_today") is not None for account in tick.get("accounts", ())):
            return Decimal(str(tick.get("spend_today_usd") or "0"))
    return Decimal(0)


def _when(tick: Json | None) -> datetime | None:
    said = (tick or {}).get("tick_completed_at")
    return None if said is None else datetime.fromisoformat(str(said))


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
