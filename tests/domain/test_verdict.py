"""One rule's word, which is true when the action may go on."""

import pytest

from meta_autonomous.domain.verdict import Effect, Ruling, Verdict


@pytest.mark.parametrize(
    ("effect", "goes_on"),
    [
        (Effect.NONE, True),
        (Effect.DEMOTES, True),
        (Effect.BLOCKS, False),
        (Effect.DEFERS, False),
    ],
)
def test_a_verdict_is_true_when_the_action_may_go_on(effect, goes_on):
    verdict = Verdict(
        rule="a.rule", ruling=Ruling.WARN, effect=effect, observed=1, limit=2, message="Why."
    )
    assert bool(verdict) is goes_on
    assert verdict.reason == "Why."


def test_the_rulings_are_the_contracts_words():
    assert {str(ruling) for ruling in Ruling} == {"pass", "block", "warn", "clamp"}
