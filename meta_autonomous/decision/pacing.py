"""Where a month's spend leads: what was spent so far, and what comes to it at the present pace.

Money in USD. The pace is the mean of the latest complete days, the window that ROAS is measured
over; today counts with the larger of the pace and what it has spent already.
"""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

_NOTHING = Decimal(0)
#: A projection that leaves less room than this below the caps is worth a warning.
_NEARLY_ALL = Decimal("0.9")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """One calendar month. `allowed_usd` is what the daily cap lets through in all its days."""

    first: date
    spent_usd: Decimal
    projected_usd: Decimal
    allowed_usd: Decimal

    @property
    def share(self) -> Decimal:
        """Of what is allowed, the part that will be spent at this pace; where nothing is allowed,
        all of it is taken by any spend."""
        if not self.allowed_usd:
            return Decimal(self.projected_usd > 0)
        return self.projected_usd / self.allowed_usd

    @property
    def is_near(self) -> bool:
        """Hardly any room is left below the caps, or none."""
        return self.share > _NEARLY_ALL


def days_of(month: date) -> int:
    return monthrange(month.year, month.month)[1]


def pacing(
    spent: Mapping[date, Decimal],
    *,
    month: date,
    today: date,
    pace_days: int,
    cap_usd: Decimal,
) -> Pacing:
    """Of one account. `today` is the account's own day of its last read, which may lie beside the
    month: in the far west it begins hours later, in the far east it is over hours earlier."""
    first = month.replace(day=1)
    count = days_of(first)
    days = [first + timedelta(days=age) for age in range(count)]
    window = [today - timedelta(days=age) for age in range(1, pace_days + 1)]
    pace = sum((spent.get(day, _NOTHING) for day in window), _NOTHING) / pace_days
    so_far = sum((spent.get(day, _NOTHING) for day in days if day <= today), _NOTHING)
    rest_of_today = max(pace - spent.get(today, _NOTHING), _NOTHING) if today in days else _NOTHING
    to_come = sum(day > today for day in days)
    return Pacing(
        first=first,
        spent_usd=so_far,
        projected_usd=so_far + rest_of_today + pace * to_come,
        allowed_usd=cap_usd * count,
    )


def together(month: date, accounts: Iterable[Pacing], *, cap_usd: Decimal) -> Pacing:
    """All accounts under the one cap that they share."""
    each = tuple(accounts)
    first = month.replace(day=1)
    return Pacing(
        first=first,
        spent_usd=sum((one.spent_usd for one in each), _NOTHING),
        projected_usd=sum((one.projected_usd for one in each), _NOTHING),
        allowed_usd=cap_usd * days_of(first),
    )
