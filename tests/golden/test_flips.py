"""What `explain` says would flip the outcome does flip it, and a little less does not.

Each case changes the named fact or limit to the value that the explanation asks for, and decides
again. Where a value can be missed by a little, it is.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from meta_autonomous.decision.context import EntityMemory, Memory
from meta_autonomous.decision.limits import Limits, Scope
from meta_autonomous.domain.entities import Entity
from meta_autonomous.domain.quantities import Rates
from tests.builders import NOW, an_evaluation
from tests.decision.shop import a_shop, wanted_in
from tests.golden.situations import AD, CAMPAIGN, GOOD, SITUATIONS, Scene
from tests.golden.told import explained, outcome


def needed(name: str, gate: str) -> Any:
    """The value that the explanation asks for at that gate."""
    (found,) = [flip for flip in explained(name).flips if flip.gate.rule == gate]
    return found.flip.needed


def observed(name: str, gate: str) -> Decimal:
    (found,) = [flip for flip in explained(name).flips if flip.gate.rule == gate]
    return Decimal(str(found.gate.observed))


# --- limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "gate", "limit", "least", "flipped"),
    [
        ("daily_cap", "safety.daily_spend", "max_daily_spend_usd", "1", "scale_up: queued"),
        (
            "campaign_cap",
            "policy.campaign_budget",
            "max_campaign_budget_usd",
            "1",
            "scale_up: queued",
        ),
        ("no_step", "policy.budget_change", "max_daily_change_pct", "0.0001", "scale_up: queued"),
        ("not_its_turn", "candidate.turn", "max_campaigns_per_tick", "1", "scale_up: queued"),
        (
            "too_many_actions",
            "limits.actions_per_tick",
            "max_actions_per_tick",
            "1",
            "scale_up: queued",
        ),
    ],
)
def test_a_limit_at_the_value_asked_for_lets_it_go_ahead_and_the_next_lower_does_not(
    name, gate, limit, least, flipped
):
    wanted, scene = needed(name, gate), SITUATIONS[name]
    whole = isinstance(wanted, int)
    before = explained(name).trace.decision
    assert outcome(scene) == before != flipped
    assert outcome(scene, **{limit: wanted}) == flipped
    missed = wanted - 1 if whole else wanted - Decimal(least)
    assert outcome(scene, **{limit: missed}) == before


@pytest.mark.parametrize(
    ("name", "gate", "limit", "flipped"),
    [
        ("not_sure_enough", "wanted.confidence", "min_action_confidence", "scale_up: queued"),
        ("reversal", "wanted.confidence", "reversal_confidence", "scale_up: queued"),
        ("bad_but_not_sure_enough", "wanted.pause", "hard_stop_confidence", "pause: queued"),
        (
            "raise_left_to_a_person",
            "auto.confidence",
            "min_auto_confidence",
            "scale_up: executed",
        ),
    ],
)
def test_the_confidence_asked_for_is_the_whole_difference(name, gate, limit, flipped):
    scene, sure = SITUATIONS[name], observed(name, gate)
    assert needed(name, gate) == getattr(scene.book.limits, limit)
    assert outcome(scene, **{limit: sure}) == flipped
    assert outcome(scene, **{limit: sure + Decimal("0.000001")}) != flipped


# --- time ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "gate", "flipped"),
    [
        ("too_young", "candidate.age", "scale_up: queued"),
        ("cooldown_after_own_change", "safety.cooldown", "scale_up: queued"),
        ("cooldown_after_somebodys_edit", "safety.cooldown", "scale_up: queued"),
        ("freeze", "limits.freeze", "scale_up: queued"),
        ("rejected_today", "wanted.rejected", "scale_up: queued"),
        ("sent_too_often", "safety.platform_pace", "scale_up: queued"),
        ("human_override", "auto.human_override", "scale_up: executed"),
    ],
)
def test_at_the_time_told_it_goes_ahead_and_a_second_before_it_does_not(name, gate, flipped):
    scene = SITUATIONS[name]
    wait = datetime.fromisoformat(needed(name, gate)) - NOW
    assert outcome(later(scene, wait)) == flipped
    assert outcome(later(scene, wait - timedelta(seconds=1))) == outcome(scene) != flipped


def test_a_reversal_that_is_sure_enough_only_waits_for_the_last_change_to_be_7_days_old():
    scene, again = SITUATIONS["reversal"], explained("reversal").trace.eligible_again_at
    assert again is not None
    assert outcome(later(scene, again - NOW)) == "scale_up: queued"
    assert outcome(later(scene, again - NOW - timedelta(seconds=1))) == "none"


def later(scene: Scene, passed: timedelta) -> Scene:
    """The same numbers, so much later: all that happened lies so much further back."""
    freezes = tuple(
        replace(one, starts_at=one.starts_at - passed, ends_at=one.ends_at - passed)
        for one in scene.book.freezes
    )
    older = {key: _older(one, passed) for key, one in scene.memory.entities.items()}
    aged = with_entities(
        scene,
        lambda entity: replace(
            entity, created_at=entity.created_at and entity.created_at - passed
        ),
    )
    return replace(
        aged,
        memory=replace(scene.memory, entities=older),
        book=replace(scene.book, freezes=freezes),
    )


def _older(memory: EntityMemory, passed: timedelta) -> EntityMemory:
    def back(value: Any) -> Any:
        if isinstance(value, datetime):
            return value - passed
        if isinstance(value, dict):
            return {key: back(one) for key, one in value.items()}
        if isinstance(value, tuple) and value and isinstance(value[0], datetime):
            return tuple(map(back, value))
        return value

    fields = {name: back(getattr(memory, name)) for name in EntityMemory.__slots__}
    if memory.last_executed_at and passed >= timedelta(hours=19):
        fields["budgets_24h"] = ()  # what was in force more than a day ago is no base
    return EntityMemory(**fields)


def with_entities(scene: Scene, changed: Callable[[Entity], Entity]) -> Scene:
    read = scene.snapshot
    levels: dict[str, Any] = {
        level: {key: changed(one) for key, one in getattr(read, level).items()}
        for level in ("campaigns", "adsets", "ads")
    }
    return replace(scene, snapshot=replace(read, **levels))


# --- facts --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    name: str
    gate: str
    make: Callable[[Scene], Scene]
    flipped: str = "scale_up: queued"


def of_entity(entity_id: str, **fields: Any) -> Callable[[Scene], Scene]:
    return lambda scene: with_entities(
        scene, lambda one: replace(one, **fields) if one.id == entity_id else one
    )


def of_everything(**fields: Any) -> Callable[[Scene], Scene]:
    return lambda scene: with_entities(
        scene, lambda one: replace(one, **{k: v for k, v in fields.items() if hasattr(one, k)})
    )


def of_memory(make: Callable[[Memory], Memory]) -> Callable[[Scene], Scene]:
    return lambda scene: replace(scene, memory=make(scene.memory))


def of_limits(**limits: Any) -> Callable[[Scene], Scene]:
    return lambda scene: replace(scene, book=scene.book_with(**limits))


def forgotten(scene: Scene) -> Scene:
    entities = {**scene.memory.entities, CAMPAIGN: EntityMemory(budgets_known=True)}
    return replace(scene, memory=replace(scene.memory, entities=entities))


def with_days(days: Any) -> Callable[[Scene], Scene]:
    def make(scene: Scene) -> Scene:
        read = scene.snapshot
        own = {"campaign": CAMPAIGN, "adset": "2201", "ad": AD}
        sold = {level: {**by_id, own[level.value]: days} for level, by_id in read.days.items()}
        return replace(scene, snapshot=replace(read, days=sold))

    return make


FACTS = [
    Change(
        "creative_not_approved",
        "policy.creative_approval",
        of_memory(lambda m: replace(m, approved_creatives=m.approved_creatives | {"cr3202"})),
    ),
    Change("disapproved_by_meta", "safety.creative", of_entity("3202", effective_status="ACTIVE")),
    Change("disapproved_by_meta", "safety.creative", of_entity("3202", status="PAUSED")),
    Change("learning_phase", "safety.learning_phase", of_everything(learning="SUCCESS")),
    Change(
        "learning_phase",
        "safety.learning_phase",
        of_limits(block_increase_while_learning=False),
    ),
    Change(
        "second_controller",
        "safety.second_controller",
        of_limits(block_on_second_controller=False),
        "scale_up: executed",
    ),
    Change(
        "second_controller",
        "safety.second_controller",
        lambda s: replace(s, snapshot=replace(s.snapshot, governed_by_rules=frozenset())),
        "scale_up: executed",
    ),
    Change(
        "out_of_scope",
        "candidate.scope",
        lambda s: replace(s, book=replace(s.book, scope=Scope())),
    ),
    Change("too_little_data", "safety.minimum_data", with_days(GOOD)),
    Change(
        "no_rate",
        "safety.sanity",
        lambda s: replace(s, rates=Rates({"SEK": Decimal("0.095")})),
    ),
    Change(
        "another_account_unread", "safety.daily_spend", lambda scene: replace(scene, unread=())
    ),
    Change("in_doubt", "limits.in_doubt", forgotten),
    Change(
        "blast_radius",
        "safety.blast_radius",
        of_memory(lambda m: replace(m, automatic_pauses=m.automatic_pauses[:1])),
        "pause: executed",
    ),
    Change(
        "tracking_outage",
        "safety.tracking_outage",
        lambda s: replace(s, snapshot=SITUATIONS["raise_executed"].snapshot),
        "scale_up: executed",
    ),
    Change("paused_by_a_person", "candidate.status", of_everything(effective_status="ACTIVE")),
    Change("with_issues", "wanted.status", of_everything(effective_status="ACTIVE")),
    Change(
        "not_measured",
        "candidate.measured",
        of_everything(objective="OUTCOME_SALES", optimization_goal="VALUE"),
        "pause: queued",
    ),
    Change(
        "countries",
        "policy.geo_distribution",
        of_limits(min_spain_percentage=Decimal("0.2298")),
    ),
    Change(
        "platform_pace",
        "safety.platform_pace",
        lambda s: replace(s, snapshot=replace(s.snapshot, days=_tomorrow(s))),
        "scale_down: queued",
    ),
]


def _tomorrow(scene: Scene) -> Any:
    """The same, before anything was spent of the new day."""
    today = scene.snapshot.today
    return {
        level: {
            key: {day: facts for day, facts in days.items() if day != today}
            for key, days in by_id.items()
        }
        for level, by_id in scene.snapshot.days.items()
    }


@pytest.mark.parametrize("change", FACTS, ids=lambda change: change.name)
def test_the_fact_asked_for_flips_the_outcome(change):
    scene = SITUATIONS[change.name]
    assert change.gate in {flip.gate.rule for flip in explained(change.name).flips}
    assert outcome(scene) != change.flipped
    assert outcome(change.make(scene)) == change.flipped


def test_of_two_that_bind_together_neither_is_enough_and_both_are():
    scene = SITUATIONS["cap_and_cooldown"]
    cap = needed("cap_and_cooldown", "safety.daily_spend")
    rested = forgotten(scene)
    blocked = "scale_up: safety_blocked"
    assert outcome(scene) == outcome(rested) == blocked
    assert outcome(scene, max_daily_spend_usd=cap) == blocked
    assert outcome(rested, max_daily_spend_usd=cap) == "scale_up: queued"
    for flip in explained("cap_and_cooldown").flips:
        assert flip.sentence.endswith("once nothing else stands in the way.")


# --- numbers that only the estimator makes --------------------------------------------------------


def kinds(roas: str, sure: float) -> list[str]:
    """What a campaign with that ROAS wants; `sure` is the confidence in either direction."""
    up = Decimal(roas) >= Decimal("1.75")
    finding = an_evaluation("c1", roas=roas, prob_below=1 - sure if up else sure)
    return [str(action.type) for action in wanted_in(a_shop(found=[finding])).actions]


@pytest.mark.parametrize(
    ("roas", "end", "beside", "would"),
    [("1.87", "2.0", "1.99", "scale_up"), ("1.55", "1.5", "1.51", "scale_down")],
)
def test_out_of_the_middle_it_takes_the_roas_and_the_confidence_that_are_told(
    roas, end, beside, would
):
    finding = an_evaluation("c1", roas=roas, prob_below=0.5)
    (gate,) = [
        gate
        for gate in wanted_in(a_shop(found=[finding])).gates["c1"]
        if gate.rule == "wanted.roas"
    ]
    assert gate.flip is not None
    assert gate.flip.needed == Decimal(end)
    assert f"of at {'least' if would == 'scale_up' else 'most'} {end}" in gate.flip.words
    assert "65 % sure of it" in gate.flip.words
    assert kinds(roas, 0.99) == []
    assert kinds(end, 0.65) == [would]
    assert kinds(end, 0.649) == []
    assert kinds(beside, 0.99) == []


def test_what_has_no_budget_is_paused_at_the_roas_that_is_told():
    shop = a_shop(found=[an_evaluation("a1", roas="1.87", prob_below=0.1)])
    gate = wanted_in(shop).gates["a1"][-1]
    assert gate.flip is not None
    assert (gate.flip.would, gate.flip.needed) == ("be paused", Limits().hard_stop_roas)

    def paused(roas: str, sure: float) -> list[str]:
        found = [an_evaluation("a1", roas=roas, prob_below=sure)]
        return [str(action.type) for action in wanted_in(a_shop(found=found)).actions]

    assert paused("0.89", 0.70) == ["pause"]
    assert paused("0.9", 0.99) == []
    assert paused("0.89", 0.699) == []
