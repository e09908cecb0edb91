"""What each action's confidence is the probability of."""

from decimal import Decimal

import pytest

from meta_autonomous.decision.claim import Claim, Side, claim_of
from meta_autonomous.decision.limits import Limits
from tests.builders import (
    a_pause,
    a_reallocation,
    a_resume,
    a_scale_down,
    a_scale_up,
    an_adset,
)


@pytest.mark.parametrize(
    ("action", "side", "threshold"),
    [
        (a_pause(is_hard_stop=True), Side.BELOW, "0.9"),
        (a_pause(), Side.BELOW, "0.8"),
        (a_scale_down(), Side.AT_MOST, "1.5"),
        (a_scale_up(), Side.AT_LEAST, "2.0"),
        (a_resume(), Side.AT_LEAST, "1.5"),
        (
            a_reallocation(an_adset("s1", budget=100), an_adset("s2", budget=100)),
            Side.TIMES,
            "1.5",
        ),
    ],
)
def test_each_action_claims_a_side_of_its_threshold(action, side, threshold):
    assert claim_of(action, Limits()) == Claim(side=side, threshold=Decimal(threshold))


def test_a_claim_is_told_in_words():
    assert str(Claim(side=Side.AT_LEAST, threshold=Decimal("2.0"))) == "at least 2.0"
