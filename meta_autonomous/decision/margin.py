"""What a ROAS is worth to its owner: break-even at a margin, and thresholds that lose money.

At a margin of 40 % a sale of 100 leaves 40 for the advertising that brought it, so a ROAS of 2.5
(1 / 0.40) breaks even. The default thresholds know of no margin.
"""

from decimal import Decimal

from meta_autonomous.decision.limits import Limits

_PLACES = Decimal("0.0001")


def break_even_roas(margin: Decimal | None) -> Decimal | None:
    """The ROAS that neither earns nor loses, four places; None without a margin."""
    return None if not margin else (1 / margin).quantize(_PLACES)


def losing_thresholds(limits: Limits) -> tuple[str, ...]:
    """A sentence for each threshold that feeds a loss at PROFIT_MARGIN, or leaves it alone.

    Empty without a margin. Break-even is meant on the average sale: the next dollar earns less
    than the average one, so the sentences err on the mild side.
    """
    even = break_even_roas(limits.profit_margin)
    if even is None:
        return ()
    told = f"break-even is a ROAS of {even:.2f} at a margin of {limits.profit_margin:.0%}"
    found: list[str] = []
    if limits.scale_up_roas < even:
        found.append(
            f"SCALE_UP_ROAS {limits.scale_up_roas} raises the budgets of what loses money: {told}."
        )
    if limits.resume_roas < even:
        found.append(f"RESUME_ROAS {limits.resume_roas} resumes what loses money: {told}.")
    if limits.scale_down_roas < even:
        found.append(
            f"Between SCALE_DOWN_ROAS {limits.scale_down_roas} and break-even money is lost and "
            f"nothing is cut: {told}."
        )
    return tuple(found)
