"""What an increase books of the day's cap at the moment its intent is committed.

The rule `safety.daily_spend` judged the action by what was known then; another host may have been
granted money since. So the same sum is made once more inside the commit, where nobody else can
book, with the day's projection and the grants as the database holds them by then.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from meta_autonomous.decision.context import Case
from meta_autonomous.decision.safety_spend import extra_usd, rise_usd
from meta_autonomous.domain.action import Action

_NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyAtCommit:
    """USD of one day. Without a cap nothing is compared: cuts and pauses free money."""

    extra_usd: Decimal = _NOTHING  # beyond today's budgets, for the record
    rise_usd: Decimal = _NOTHING  # by which the projected day rises
    projected_usd: Decimal = _NOTHING  # the projected day without this action, before grants
    cap_usd: Decimal | None = None
    factor: Decimal = Decimal(1)  # how much of a granted daily budget Meta may spend on one day

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise ValueError("a daily budget counts once at least")

    def why_over(self, *, elsewhere_usd: Decimal, on_record_usd: Decimal) -> str | None:
        """Why the day would exceed the cap; None when it would not. `elsewhere_usd` is granted to
        others and not in a projection yet, `on_record_usd` the projection by the latest reads."""
        if self.cap_usd is None:
            return None
        projected = max(self.projected_usd, on_record_usd)
        granted = elsewhere_usd * self.factor
        if projected + granted + self.rise_usd <= self.cap_usd:
            return None
        return (
            f"{self.rise_usd:.2f} USD more in the projected day of {projected:.2f} USD, with "
            f"{granted:.2f} USD granted elsewhere, exceeds the daily cap of {self.cap_usd:.2f} USD"
        )


NO_MONEY: Final = MoneyAtCommit()


def money_at_commit(action: Action, case: Case) -> MoneyAtCommit:
    """By the same sums as the rule: `case.totals` are those that it was judged with. Raises
    ValueError for what the rule would have blocked as unknown."""
    extra = sum(extra_usd(action, case.situation, case.now).values(), _NOTHING)
    if extra <= 0:
        return NO_MONEY
    return MoneyAtCommit(
        extra_usd=extra,
        rise_usd=rise_usd(action, case),
        projected_usd=case.totals.projected_usd,
        cap_usd=case.limits.max_daily_spend_usd,
        factor=max(case.limits.daily_overspend_factor, Decimal(1)),
    )
