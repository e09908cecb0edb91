"""What is at stake in one action: the money it moves, what goes on without it, and the ROAS of the
days behind it, drawn."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from meta_autonomous.domain.action import ActionType
from meta_autonomous.ports.records import ActionRecord
from meta_autonomous.render.text import UNKNOWN, amount, ratio, usd

_LEVELS: Final = "▁▂▃▄▅▆▇█"
_NO_SPEND: Final = "·"
_WINDOW_DAYS: Final = 7


def moved(record: ActionRecord) -> str:
    """The money that it moves, per day and in dollars."""
    if record.type is ActionType.REALLOCATE:
        before, after = exact(record.current_budget), exact(record.proposed_budget)
        if before is None or after is None:
            return UNKNOWN
        return f"{amount(before - after, record.currency)} a day from one ad set to the other"
    if record.amount_usd is None:
        return UNKNOWN
    direction = "more" if record.amount_usd > 0 else "less"
    return f"{usd(abs(record.amount_usd))} a day {direction}"


def if_nothing_is_done(record: ActionRecord) -> str:
    """What goes on while nobody decides."""
    again = "The suggestion ends and is made again while the figures hold."
    if record.type is ActionType.PAUSE:
        return f"It keeps spending{_per_day(record)} at this ROAS. {again}"
    if record.type is ActionType.RESUME:
        return f"It stays paused. {again}"
    if record.type is ActionType.REALLOCATE:
        return f"Both budgets stay. {again}"
    return f"The budget stays at {amount(record.current_budget, record.currency)} a day. {again}"


def roas_by_day(evidence: Mapping[str, Any]) -> str:
    """ROAS of the window's days as a sparkline with its two ends: `▃▅▆█▆▅▇  2.10 to 3.69`."""
    ratios = [_roas(day) for day in rows_of(evidence.get("days"))[-_WINDOW_DAYS:]]
    known = [one for one in ratios if one is not None]
    if not known:
        return ""
    return f"{sparkline(ratios)}  ROAS a day, {ratio(min(known))} to {ratio(max(known))}"


def sparkline(values: Sequence[Decimal | None]) -> str:
    """One sign for each value, from zero to the largest; a dot for none."""
    top = max((value for value in values if value is not None), default=Decimal(0))
    if top <= 0:
        return "".join(_NO_SPEND if value is None else _LEVELS[0] for value in values)
    steps = len(_LEVELS) - 1
    return "".join(
        _NO_SPEND if value is None else _LEVELS[int(max(value, Decimal(0)) / top * steps)]
        for value in values
    )


def drawn_roas(evidence: Mapping[str, Any]) -> str:
    """The sparkline alone: `▃▅▆█▆▅▇`."""
    return roas_by_day(evidence).partition("  ")[0]


def break_even(evidence: Mapping[str, Any], roas: Decimal | None) -> str:
    """Where money begins to be made, at the margin that was in force, and on which side of it
    this ROAS lies. Empty without a margin."""
    even = exact(evidence.get("break_even_roas"))
    if even is None:
        return ""
    side = "" if roas is None else f"; {ratio(roas)} is {_side(roas, even)}"
    return f"a ROAS of {ratio(even)} at your margin{side}"


def _side(roas: Decimal, even: Decimal) -> str:
    if roas == even:
        return "just that"
    return "above it" if roas > even else "below it: it loses money"


def rows_of(value: object) -> Sequence[Mapping[str, Any]]:
    """What is kept of each day or sibling; nothing where it is no such list."""
    if isinstance(value, Sequence) and value and isinstance(value[0], Mapping):
        return value
    return ()


def exact(value: object) -> Decimal | None:
    """A number out of the record's JSON."""
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None


def _roas(day: Mapping[str, Any]) -> Decimal | None:
    """None on a day without spend."""
    spend, value = exact(day.get("spend")), exact(day.get("purchase_value"))
    return (value or Decimal(0)) / spend if spend else None


def _per_day(record: ActionRecord) -> str:
    spends = [exact(day.get("spend")) for day in rows_of(record.evidence.get("days"))]
    known = [spend for spend in spends if spend is not None]
    if not known:
        return ""
    return f" about {sum(known) / len(known):,.2f} {record.currency} a day"
