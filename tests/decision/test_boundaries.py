"""Every rule lets pass what is just allowed, refuses what is just not, and never trusts nothing.

The cases stand in `tests/decision/boundaries.py`; the README's table of rules names them.
"""

from collections import Counter

import pytest

from meta_autonomous.decision.candidates import gates_of
from meta_autonomous.decision.limits import PolicyBook
from meta_autonomous.decision.policy_engine import POLICY_RULES
from meta_autonomous.decision.safety import SAFETY_RULES
from meta_autonomous.domain.verdict import Effect
from tests.builders import NOW
from tests.decision.boundaries import BOUNDARIES, GATES, Boundary, GateCase, Side

RULES = {rule.id: rule for rule in (*POLICY_RULES, *SAFETY_RULES)}

#: Rules whose facts can't be missing: a set without a member says no, and a switch is on or off.
NOTHING_TO_MISS = {
    "safety.second_controller",
    "safety.learning_phase",
    "safety.tracking_outage",
    "safety.blast_radius",
    "auto.human_override",
    "limits.freeze",
}


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda boundary: boundary.id)
def test_at_its_boundary(boundary: Boundary) -> None:
    action, case = boundary.asked()
    rule = RULES[boundary.rule]

    verdict = rule.judge(action, case)

    assert rule.concerns(action, case)
    assert (verdict.effect is Effect.NONE) is (boundary.side is Side.ALLOWED), verdict.message
    assert (verdict.observed, verdict.limit) == (boundary.observed, boundary.limit)
    assert boundary.message in verdict.message
    assert verdict.rule == boundary.rule
    if boundary.side is not Side.ALLOWED:
        assert verdict.sentence == rule.sentence


def test_every_rule_has_a_case_that_it_allows_and_one_that_it_refuses() -> None:
    sides = {rule: {b.side for b in BOUNDARIES if b.rule == rule} for rule in RULES}
    assert [
        rule for rule, known in sides.items() if not {Side.ALLOWED, Side.REFUSED} <= known
    ] == []
    assert {rule for rule, known in sides.items() if Side.ODD not in known} == NOTHING_TO_MISS


def test_every_case_is_of_a_rule_and_told_apart() -> None:
    assert {boundary.rule for boundary in BOUNDARIES} == set(RULES)
    assert max(Counter(boundary.id for boundary in BOUNDARIES).values()) == 1


@pytest.mark.parametrize(
    "gate", GATES, ids=lambda gate: f"{gate.gate}-{'open' if gate.is_open else 'shut'}-{gate.says}"
)
def test_a_gate_at_its_boundary(gate: GateCase) -> None:
    situation, book = gate.situation(), PolicyBook(scope=gate.scope)
    campaign = situation.snapshot.campaigns["c1"]
    asked = {one.rule: one for one in gates_of(campaign, book.limits, book, situation, NOW)}
    assert bool(asked[gate.gate]) is gate.is_open, asked[gate.gate].message
    assert [rule for rule, one in asked.items() if not one] == (
        [] if gate.is_open else [gate.gate]
    )
    assert set(asked) == {one.gate for one in GATES}


def test_odd_input_has_a_message_of_its_own() -> None:
    for rule in RULES:
        told = {
            side: {b.message for b in BOUNDARIES if (b.rule, b.side) == (rule, side)}
            for side in Side
        }
        assert not told[Side.ODD] & told[Side.ALLOWED]
