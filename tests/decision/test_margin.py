"""Break-even at a margin, and the thresholds that lose money there."""

from decimal import Decimal

import pytest

from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.margin import break_even_roas, losing_thresholds


@pytest.mark.parametrize(
    ("margin", "even"), [(None, None), ("0.5", 2), ("0.4", "2.5"), (1, 1), ("0.3", "3.3333")]
)
def test_break_even_is_the_margins_inverse(margin, even):
    found = break_even_roas(None if margin is None else Decimal(margin))
    assert found == (None if even is None else Decimal(even))


def test_without_a_margin_nothing_is_said():
    assert losing_thresholds(Limits()) == ()


@pytest.mark.parametrize(
    ("margin", "named"),
    [
        ("0.70", []),  # break-even 1.43, below every threshold
        ("0.60", ["RESUME_ROAS", "SCALE_DOWN_ROAS"]),  # 1.67
        ("0.45", ["SCALE_UP_ROAS", "RESUME_ROAS", "SCALE_DOWN_ROAS"]),  # 2.22
    ],
)
def test_the_defaults_lose_money_below_a_margin_of_two_thirds(margin, named):
    sentences = losing_thresholds(Limits(profit_margin=Decimal(margin)))
    assert len(sentences) == len(named)
    for sentence, name in zip(sentences, named, strict=True):
        assert name in sentence
        assert "break-even" in sentence


def test_thresholds_that_follow_the_margin_are_not_named():
    limits = Limits(
        profit_margin=Decimal("0.4"),
        scale_up_roas=Decimal("3.2"),
        scale_down_roas=Decimal("2.5"),
        resume_roas=Decimal("2.5"),
    )
    assert losing_thresholds(limits) == ()
