"""Every ad account side by side, for who manages several: today's spend against the cap in force
there, ROAS, what waits, what is wrong, which limits differ, and where the month leads. From the
database alone."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from meta_autonomous.decision.limits import PolicyBook
from meta_autonomous.decision.pacing import Pacing, pacing, together
from meta_autonomous.domain.action import ActionStatus
from meta_autonomous.domain.quantities import Currency, Rates, UnknownCurrency
from meta_autonomous.ports.people import System
from meta_autonomous.ports.records import AccountRecord, AlertRecord
from meta_autonomous.ports.store import Store
from meta_autonomous.ports.words import Json

_MICROS: Final = Decimal(1_000_000)
_NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLimit:
    """A limit that an override replaces for the whole of one account."""

    name: str
    value: Decimal
    everywhere: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStanding:
    """How one account stands. Amounts in USD are None in a currency without a rate, and of an
    account that was not read yet, and `missing` says which; so is the ROAS of a window without
    spend."""

    account_id: str
    name: str
    currency: str | None
    state: str
    spend_today_usd: Decimal | None
    cap_usd: Decimal
    roas: Decimal | None
    pending: int
    alerts: tuple[str, ...]
    own_limits: tuple[OwnLimit, ...]
    month: Pacing | None
    missing: str

    def to_json(self) -> dict[str, Any]:
        return {
            "account_id": self.account_id,
            "name": self.name,
            "currency": self.currency,
            "state": self.state,
            "spend_usd": _usd(self.spend_today_usd),
            "cap_usd": _usd(self.cap_usd),
            "roas": None if self.roas is None else round(float(self.roas), 4),
            "pending": self.pending,
            "alerts": list(self.alerts),
            "overrides": {
                own.name: {"value": float(own.value), "everywhere": float(own.everywhere)}
                for own in self.own_limits
            },
            "month": None if self.month is None else _month_json(self.month),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """`month` is that of all accounts but those that are left out; None if all are."""

    accounts: tuple[AccountStanding, ...]
    month: Pacing | None

    @property
    def left_out(self) -> tuple[AccountStanding, ...]:
        return tuple(account for account in self.accounts if account.month is None)

    def month_json(self) -> dict[str, Any] | None:
        if self.month is None:
            return None
        left_out = [
            {"account_id": one.account_id, "name": one.name, "because": one.missing}
            for one in self.left_out
        ]
        return _month_json(self.month) | {"left_out": left_out}

    @property
    def warnings(self) -> tuple[str, ...]:
        """Where the month's spend comes near what the daily cap allows in all, or past it."""
        month = self.month
        if month is None or not month.is_near:
            return ()
        sentence = (
            f"At this pace {month.first:%B} ends at {month.projected_usd:,.0f} USD: "
            f"{month.share:.0%} of the {month.allowed_usd:,.0f} USD that MAX_DAILY_SPEND_USD "
            "allows in all its days."
        )
        return (sentence,)


def portfolio(
    store: Store,
    system: System,
    book: PolicyBook,
    rates: Rates,
    *,
    ticks: Sequence[Json],
    now: datetime,
) -> Portfolio:
    """`ticks` are recent ones, the oldest first: what they said of an account names it."""
    said = {str(one["account_id"]): one for tick in ticks for one in tick.get("accounts", ())}
    account_ids = tuple(dict.fromkeys((*system.account_ids, *said)))
    pending = Counter(one.account_id for one in store.actions(statuses=[ActionStatus.SUGGESTED]))
    alerts = _alerts(store, account_ids)
    month = now.date().replace(day=1)
    standings = tuple(
        _standing(
            store,
            book,
            rates,
            store.account(account_id),
            said=said.get(account_id, {}),
            pending=pending[account_id],
            alerts=tuple(alert.key for alert in alerts.get(account_id, ())),
            now=now,
        )
        for account_id in account_ids
    )
    cap = book.limits.max_daily_spend_usd
    known = [standing.month for standing in standings if standing.month is not None]
    return Portfolio(
        accounts=standings, month=together(month, known, cap_usd=cap) if known else None
    )


def _standing(
    store: Store,
    book: PolicyBook,
    rates: Rates,
    record: AccountRecord,
    *,
    said: Json,
    pending: int,
    alerts: tuple[str, ...],
    now: datetime,
) -> AccountStanding:
    day, limits = now.date(), book.limits_for(record.account_id, "")
    rate, today = rate_of(record.currency, rates), record.last_read_on
    spent: dict[date, Decimal] = {}
    value: dict[date, Decimal] = {}
    if today is not None:
        since = min(day.replace(day=1), today - timedelta(days=limits.lookback_days))
        for past, micros in store.day_totals(record.account_id, since=since).items():
            spent[past], value[past] = (amount / _MICROS for amount in micros)
    window = [past for past in spent if _is_within(past, today, limits.lookback_days)]
    spend = sum((spent[past] for past in window), _NOTHING)
    sales = sum((value[past] for past in window), _NOTHING)
    return AccountStanding(
        account_id=record.account_id,
        name=str(said.get("name") or ""),
        currency=record.currency,
        state=str(said.get("state") or ("ok" if today else "never read")),
        spend_today_usd=_spent_today(record, spent, rate, now=now),
        cap_usd=limits.max_daily_spend_usd,
        roas=sales / spend if spend > 0 else None,
        pending=pending,
        alerts=alerts,
        own_limits=tuple(_own_limits(book, record.account_id)),
        month=None
        if rate is None or today is None
        else pacing(
            {past: amount * rate for past, amount in spent.items()},
            month=day,
            today=today,
            pace_days=limits.lookback_days,
            cap_usd=limits.max_daily_spend_usd,
        ),
        missing="never read" if today is None else "no rate" if rate is None else "",
    )


def day_began(now: datetime) -> datetime:
    """What was read before it is not told as today's. An account's own midnight is another, but
    its time zone is not on record; a read shows its own day, whichever that was."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _spent_today(
    record: AccountRecord, spent: dict[date, Decimal], rate: Decimal | None, *, now: datetime
) -> Decimal | None:
    """In USD; None unless it was read today."""
    read_at, read_on = record.last_read_at, record.last_read_on
    if rate is None or read_at is None or read_on is None or read_at < day_began(now):
        return None
    return spent.get(read_on, _NOTHING) * rate


def _is_within(day: date, today: date | None, days: int) -> bool:
    """One of the complete days before the account's today."""
    return today is not None and today - timedelta(days=days) <= day < today


def _own_limits(book: PolicyBook, account_id: str) -> Iterator[OwnLimit]:
    """Of overrides for the account as a whole; one for a pattern of names is not the account's."""
    for name, (value, _) in book.sources(account_id, "").items():
        yield OwnLimit(name=name.upper(), value=value, everywhere=getattr(book.limits, name))


def _alerts(store: Store, account_ids: Sequence[str]) -> dict[str, list[AlertRecord]]:
    """The open alerts of each account: those about it, and those about an entity in it."""
    found: dict[str, list[AlertRecord]] = {}
    for alert in store.open_alerts():
        subject = alert.entity_id or alert.key.partition(":")[2]
        account_id = subject if subject in account_ids else _account_of(store, subject)
        if account_id:
            found.setdefault(account_id, []).append(alert)
    return found


def _account_of(store: Store, entity_id: str) -> str | None:
    traced = store.trace(entity_id) if entity_id else None
    return None if traced is None else str(traced[0].evidence.get("account_id") or "") or None


def rate_of(code: str | None, rates: Rates) -> Decimal | None:
    """USD for one unit of an account's currency, if it is known and has a rate."""
    try:
        return None if code is None else rates.rate(Currency(code))
    except UnknownCurrency:
        return None


def _month_json(month: Pacing) -> dict[str, Any]:
    return {
        "first_day": month.first.isoformat(),
        "spend_usd": _usd(month.spent_usd),
        "projected_usd": _usd(month.projected_usd),
        "allowed_usd": _usd(month.allowed_usd),
        "projected_pct": round(float(month.share), 4),
        "is_near": month.is_near,
    }


def _usd(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"
