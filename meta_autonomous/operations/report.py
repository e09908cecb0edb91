"""What a manager looks back on: spend against the cap, ROAS with its uncertainty, what was done,
what was held back and why. From the database alone."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final

from meta_autonomous.decision.calibration import Share
from meta_autonomous.decision.limits import PolicyBook
from meta_autonomous.decision.margin import break_even_roas
from meta_autonomous.domain.action import ActionStatus
from meta_autonomous.domain.entities import Level
from meta_autonomous.domain.quantities import Rates
from meta_autonomous.domain.verdict import Ruling
from meta_autonomous.operations.calibration import Calibration, calibrate, holdout_shape
from meta_autonomous.operations.portfolio import Portfolio, portfolio, rate_of
from meta_autonomous.ports.people import System
from meta_autonomous.ports.records import ActionRecord, AlertRecord, Trace
from meta_autonomous.ports.store import Store

_NOT_MEASURED: Final = "candidate.measured"
_MICROS: Final = Decimal(1_000_000)
#: Fewer predictions say nothing of how well they are calibrated.
ENOUGH_PREDICTIONS: Final = 30
#: The statuses of a record, grouped as people ask about them, in the order of a plot.
OUTCOMES: Final[Mapping[str, tuple[ActionStatus, ...]]] = {
    "executed": (ActionStatus.EXECUTED, ActionStatus.UNDONE),
    "waiting": (ActionStatus.SUGGESTED, ActionStatus.APPROVED, ActionStatus.EXECUTING),
    "rejected or expired": (
        ActionStatus.REJECTED,
        ActionStatus.EXPIRED,
        ActionStatus.SUPERSEDED,
    ),
    "blocked": (ActionStatus.BLOCKED, ActionStatus.DEFERRED),
    "failed": (ActionStatus.FAILED, ActionStatus.IN_DOUBT),
}
_GROUP_OF: Final = {status: group for group, many in OUTCOMES.items() for status in many}


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTotal:
    """One day over all ad accounts, each account's own day, in USD."""

    day: date
    spent_usd: Decimal
    value_usd: Decimal
    is_today: bool

    @property
    def roas(self) -> Decimal | None:
        return self.value_usd / self.spent_usd if self.spent_usd > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRoas:
    """A campaign over the window, as the last tick that read it saw it."""

    entity_id: str
    name: str
    spend_usd: Decimal
    roas: float | None
    expected: float | None
    low: float
    high: float
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCount:
    rule: str
    sentence: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Predictions of about one confidence: how sure they were, and how often they came true."""

    stated: float
    observed: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    platform: str
    mode: str
    made_at: datetime
    since: date
    window_days: int
    cap_usd: Decimal
    thresholds: Mapping[str, float]
    days: tuple[DayTotal, ...]
    unpriced: tuple[str, ...]
    campaigns: tuple[CampaignRoas, ...]
    outcomes: Mapping[date, Mapping[str, int]]
    blocks: tuple[RuleCount, ...]
    alerts: tuple[AlertRecord, ...]
    pending: int
    last_tick_at: datetime | None
    calibration: tuple[CalibrationBin, ...] = ()
    #: What the hold-out shows, as `calibration` tells it. None where nothing is left alone.
    holdout: Mapping[str, Any] | None = None
    #: The ROAS at which nothing is earned or lost, at PROFIT_MARGIN. None without a margin.
    break_even: Decimal | None = None
    portfolio: Portfolio | None = None

    @property
    def is_calibration_telling(self) -> bool:
        return sum(each.count for each in self.calibration) >= ENOUGH_PREDICTIONS

    @property
    def totals(self) -> Counter[str]:
        """Actions of the whole period by group."""
        found: Counter[str] = Counter()
        for counts in self.outcomes.values():
            found.update(counts)
        return found

    @property
    def window_roas(self) -> Decimal | None:
        """Of the complete days of the window."""
        complete = [each for each in self.days if not each.is_today][-self.window_days :]
        spent = sum((each.spent_usd for each in complete), Decimal(0))
        value = sum((each.value_usd for each in complete), Decimal(0))
        return value / spent if spent > 0 else None

    def to_json(self) -> dict[str, Any]:
        return {
            "platform": self.platform,
            "mode": self.mode,
            "made_at": self.made_at.isoformat(timespec="seconds"),
            "since": self.since.isoformat(),
            "cap_usd": f"{self.cap_usd:.2f}",
            "days": [
                {
                    "date": each.day.isoformat(),
                    "spend_usd": f"{each.spent_usd:.2f}",
                    "value_usd": f"{each.value_usd:.2f}",
                    "roas": None if each.roas is None else round(float(each.roas), 4),
                    "actions": dict(self.outcomes.get(each.day, {})),
                }
                for each in self.days
            ],
            "roas": None if self.window_roas is None else round(float(self.window_roas), 4),
            "campaigns": [
                {
                    "entity_id": each.entity_id,
                    "entity_name": each.name,
                    "spend_usd": f"{each.spend_usd:.2f}",
                    "roas": each.roas,
                    "expected_roas": each.expected,
                    "interval": [each.low, each.high],
                    "decision": each.decision,
                }
                for each in self.campaigns
            ],
            "outcomes": {group: self.totals[group] for group in OUTCOMES},
            "blocks": [
                {"rule": each.rule, "sentence": each.sentence, "count": each.count}
                for each in self.blocks
            ],
            "calibration": [
                {"stated": each.stated, "observed": each.observed, "count": each.count}
                for each in self.calibration
            ],
            "holdout": None if self.holdout is None else dict(self.holdout),
            "alerts": [alert.key for alert in self.alerts],
            "pending": self.pending,
            "unpriced_accounts": list(self.unpriced),
            "break_even_roas": None if self.break_even is None else float(self.break_even),
            "month": None if self.portfolio is None else self.portfolio.month_json(),
            "accounts": self.accounts(),
        }

    def accounts(self) -> list[dict[str, Any]]:
        """Each ad account as it stands today."""
        if self.portfolio is None:
            return []
        return [account.to_json() for account in self.portfolio.accounts]


def report(
    store: Store,
    system: System,
    book: PolicyBook,
    rates: Rates,
    *,
    days: int,
    now: datetime,
) -> Report:
    """The last `days` days, today among them. `now` is the local clock; on the sandbox its own."""
    last = store.last_tick() or {}
    ended = last.get("tick_completed_at")
    since = now.date() - timedelta(days=days - 1)
    totals, unpriced = _days(store, _account_ids(system, last), rates, since, now.date())
    records = store.actions(since=_midnight(now, since))
    limits = book.limits
    calibration = calibrate(store, limits=limits, rates=rates)
    has_holdout = limits.holdout_pct > 0 or calibration.holdout.withheld > 0
    return Report(
        platform=system.platform,
        mode=store.runtime().mode or system.mode,
        made_at=now,
        since=since,
        window_days=limits.lookback_days,
        cap_usd=limits.max_daily_spend_usd,
        thresholds={
            "hard stop": float(limits.hard_stop_roas),
            "scale down": float(limits.scale_down_roas),
            "scale up": float(limits.scale_up_roas),
        },
        days=totals,
        unpriced=unpriced,
        campaigns=tuple(_campaigns(store.traces(level=Level.CAMPAIGN))),
        outcomes=_outcomes(records, now.tzinfo),
        blocks=_blocks(records),
        alerts=store.open_alerts(),
        pending=len(store.actions(statuses=[ActionStatus.SUGGESTED])),
        last_tick_at=None if ended is None else datetime.fromisoformat(str(ended)),
        calibration=tuple(_came_true(calibration)),
        holdout=holdout_shape(calibration) if has_holdout else None,
        break_even=break_even_roas(limits.profit_margin),
        portfolio=portfolio(store, system, book, rates, ticks=(last,), now=now),
    )


def _came_true(told: Calibration) -> Iterator[CalibrationBin]:
    """What was predicted at all levels and thresholds, and how often it came true, by tenths."""
    tenths: dict[float, list[Share]] = defaultdict(list)
    for about in told.levels:
        for one in about.told.bins:
            tenths[one.low].append(one.share)
    for _, shares in sorted(tenths.items()):
        count = sum(share.count for share in shares)
        yield CalibrationBin(
            stated=sum(share.predicted * share.count for share in shares) / count,
            observed=sum(share.observed * share.count for share in shares) / count,
            count=count,
        )


def _midnight(now: datetime, day: date) -> datetime:
    return now.replace(
        year=day.year, month=day.month, day=day.day, hour=0, minute=0, second=0, microsecond=0
    )


def _account_ids(system: System, last: Mapping[str, Any]) -> tuple[str, ...]:
    seen = (str(account["account_id"]) for account in last.get("accounts", ()))
    return tuple(dict.fromkeys((*system.account_ids, *seen)))


def _days(
    store: Store, account_ids: Sequence[str], rates: Rates, since: date, today: date
) -> tuple[tuple[DayTotal, ...], tuple[str, ...]]:
    """Each day's sum, and the accounts whose currency has no rate."""
    spent: dict[date, Decimal] = defaultdict(Decimal)
    value: dict[date, Decimal] = defaultdict(Decimal)
    unpriced = []
    for account_id in account_ids:
        rate = rate_of(store.account(account_id).currency, rates)
        if rate is None:
            unpriced.append(account_id)
            continue
        # An account east of Greenwich may have a later day already.
        for day, (spend, sales) in store.day_totals(account_id, since=since).items():
            spent[day] += spend / _MICROS * rate
            value[day] += sales / _MICROS * rate
    first = min(spent, default=today)
    last = max(today, max(spent, default=today))
    count = (last - max(since, first)).days + 1
    days = (last - timedelta(days=age) for age in range(count - 1, -1, -1))
    return tuple(
        DayTotal(day=day, spent_usd=spent[day], value_usd=value[day], is_today=day >= today)
        for day in days
    ), tuple(unpriced)


def _campaigns(traces: Sequence[Trace]) -> Iterator[CampaignRoas]:
    """Those with an estimate, by spend. What is not measured by purchases has no ROAS."""
    found = []
    for trace in traces:
        kept = trace.evidence
        has_roas = kept.get("roas_low") is not None and kept.get("spend_usd") is not None
        if not has_roas or trace.first_binding == _NOT_MEASURED:
            continue
        found.append(
            CampaignRoas(
                entity_id=trace.entity_id,
                name=trace.name,
                spend_usd=Decimal(str(kept["spend_usd"])),
                roas=_number(kept.get("roas")),
                expected=_number(kept.get("expected_roas")),
                low=_number(kept["roas_low"]) or 0,
                high=_number(kept["roas_high"]) or 0,
                decision=trace.decision,
            )
        )
    yield from sorted(found, key=lambda each: (-each.spend_usd, each.entity_id))


def _number(value: Any) -> float | None:
    return None if value is None else round(float(value), 6)


def _outcomes(records: Sequence[ActionRecord], zone: tzinfo | None) -> dict[date, dict[str, int]]:
    """Distinct actions by the last day on which they were wanted or made, as they stand now. By
    that day the store selects them too: each one of the period has its place in it."""
    found: dict[date, Counter[str]] = defaultdict(Counter)
    for record in records:
        last = max(filter(None, (record.last_seen_at, record.executed_at)))
        found[last.astimezone(zone).date()][_GROUP_OF[record.status]] += 1
    return {day: dict(found[day]) for day in sorted(found)}


def _blocks(records: Sequence[ActionRecord]) -> tuple[RuleCount, ...]:
    """By the first rule that stopped each of them."""
    found: Counter[tuple[str, str]] = Counter()
    for record in records:
        if record.status is ActionStatus.BLOCKED:
            stopping = [v["rule"] for v in record.verdicts if v["outcome"] == Ruling.BLOCK]
            found[str(stopping[0]) if stopping else "unknown", record.reason] += 1
    return tuple(
        RuleCount(rule=rule, sentence=sentence, count=count)
        for (rule, sentence), count in found.most_common()
    )
