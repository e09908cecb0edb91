"""What the numbers ask for, before any rule (contract section 4, step 4)."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_autonomous.decision.context import Situation
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.optimizer import Wanted, is_hard_stop, want_resume
from meta_autonomous.domain.action import Action, ActionType
from meta_autonomous.domain.entities import Budget, BudgetKind, Entity
from meta_autonomous.domain.quantities import Currency, Money
from meta_autonomous.domain.verdict import Ruling
from tests.builders import (
    NOW,
    a_snapshot,
    an_account,
    an_ad,
    an_evaluation,
    daily,
    lifetime,
    remembering,
    usd,
)
from tests.decision.shop import (
    a_campaign,
    a_shop,
    an_adset,
    believed,
    looking_at,
    surely_bad,
    surely_good,
    wanted_in,
    wish,
)

YEN = Currency("JPY")
#: Hard stops as hard to reach as can be, so that the ordinary pause shows.
NO_HARD_STOPS = Limits(hard_stop_confidence=Decimal(1))


def about(roas: object, prob_below: float | None = None, **numbers: object) -> Situation:
    """A shop whose campaign has this finding, and nothing else has any."""
    return a_shop(found=[an_evaluation("c1", roas=roas, prob_below=prob_below, **numbers)])


def paused(wanted: Wanted) -> list[str]:
    return [action.entity.id for action in wanted.actions if action.type is ActionType.PAUSE]


def kinds(wanted: Wanted) -> set[ActionType]:
    return {action.type for action in wanted.actions}


def the_move(situation: Situation, limits: Limits | None = None) -> Action | None:
    """The reallocation that the shop's campaign asks for, or None."""
    actions = wanted_in(situation, limits).actions
    return next((action for action in actions if action.type is ActionType.REALLOCATE), None)


def stopping(wanted: Wanted, entity_id: str) -> list[str]:
    return [gate.rule for gate in wanted.gates.get(entity_id, []) if not gate]


def change(action: Action | None) -> Decimal | None:
    assert action is not None
    return action.change_pct


# --- hard stop ----------------------------------------------------------------------------------


def test_a_hard_stop_pauses_and_says_so_first():
    action = wish(about("0.89", 0.70))
    assert action is not None
    assert action.type is ActionType.PAUSE
    assert action.is_hard_stop
    assert action.reason.startswith("HARD STOP")
    assert action.confidence == Decimal("0.7")


@pytest.mark.parametrize(
    ("roas", "sure", "spend"),
    [("0.9", 0.99, 700), ("0.89", 0.699, 700), ("0.89", 0.99, "99.99")],
)
def test_a_hard_stop_needs_all_three_of_roas_confidence_and_spend(roas, sure, spend):
    finding = an_evaluation(roas=roas, prob_below=sure, spend=spend)
    assert not is_hard_stop(finding, Limits())


def test_a_hard_stop_needs_spend_but_no_impressions():
    assert is_hard_stop(
        an_evaluation(roas="0.5", prob_below=0.9, spend=100, impressions=1), Limits()
    )


def test_what_was_never_measured_is_in_no_hard_stop():
    assert not is_hard_stop(None, Limits())
    assert not is_hard_stop(an_evaluation(roas="0.5", prob_below=None), Limits())
    assert not is_hard_stop(an_evaluation(roas="0.5", prob_below=0.99, spend=None), Limits())


@pytest.mark.parametrize(
    ("sure", "spend", "observed", "missing"),
    [
        (0.69, 700, Decimal("0.69"), "only 69 % sure that the true one is, and 70 % is needed."),
        (0.99, 99, Decimal(99), "but it spent $99, and $100 is needed."),
        (None, 700, None, "how sure that is can't be told, and 70 % is needed."),
        (0.5, 60, Decimal("0.5"), "70 % is needed; it spent $60, and $100 is needed."),
    ],
)
def test_what_only_looks_like_a_hard_stop_is_told_what_is_missing(sure, spend, observed, missing):
    wanted = wanted_in(about("0.89", sure, spend=spend))
    assert stopping(wanted, "c1")[0] == "wanted.pause"
    spared = wanted.gates["c1"][0]
    assert spared.observed == observed
    assert spared.message.endswith(missing)
    assert spared.flip.would == "be paused"
    assert "wanted.pause" not in stopping(wanted_in(about("0.9", 0.5)), "c1")
    assert "wanted.pause" not in stopping(wanted_in(about(None, None, spend=0)), "c1")


# --- the ordinary pause -------------------------------------------------------------------------


def test_with_tightened_hard_stops_a_weak_one_is_paused_all_the_same():
    action = wish(about("0.79", 0.65), NO_HARD_STOPS)
    assert action is not None
    assert action.type is ActionType.PAUSE
    assert not action.is_hard_stop
    assert not action.reason.startswith("HARD STOP")


@pytest.mark.parametrize(
    "numbers",
    [
        {"roas": "0.8"},
        {"prob_below": 0.649},
        {"impressions": 999},
        {"spend": "99.99"},
    ],
)
def test_the_ordinary_pause_needs_roas_confidence_and_minimum_data(numbers):
    known = {"roas": "0.79", "prob_below": 0.65, "spend": 100, "impressions": 1000}
    assert paused(wanted_in(about(**known), NO_HARD_STOPS)) == ["c1"]
    action = wish(about(**known | numbers), NO_HARD_STOPS)
    assert action is None or action.type is not ActionType.PAUSE


def test_nothing_is_paused_without_a_roas():
    assert wish(about(None, 0.99, spend=0)) is None


# --- parents and children -----------------------------------------------------------------------

TWO_ADS = (a_campaign(), an_adset(), an_ad(), an_ad("a2"))
FAILING_ABOVE = (surely_bad("c1"), surely_bad("s1"))


def test_a_failing_parent_of_failing_children_is_paused_alone():
    situation = a_shop(*TWO_ADS, found=[*FAILING_ABOVE, surely_bad("a1"), surely_bad("a2")])
    wanted = wanted_in(situation)
    assert paused(wanted) == ["c1"]
    assert len(wanted.actions) == 1
    assert stopping(wanted, "a1") == ["wanted.parent"]


def test_a_child_that_earns_its_keep_spares_the_parents():
    situation = a_shop(
        *TWO_ADS, found=[*FAILING_ABOVE, surely_bad("a1"), surely_good("a2", "0.9")]
    )
    wanted = wanted_in(situation)
    assert paused(wanted) == ["a1"]
    assert stopping(wanted, "c1")[0] == "wanted.children"
    assert stopping(wanted, "s1")[0] == "wanted.children"


def test_every_failing_child_gets_an_action_of_its_own():
    situation = a_shop(
        *TWO_ADS,
        an_ad("a3"),
        found=[*FAILING_ABOVE, surely_bad("a1"), surely_bad("a2"), surely_good("a3")],
    )
    assert paused(wanted_in(situation)) == ["a1", "a2"]


@pytest.mark.parametrize(
    "child",
    [
        surely_good("a2", "0.89"),
        surely_good("a2", 3, spend=99),
        surely_good("a2", 3, impressions=999),
    ],
)
def test_a_child_below_the_line_or_with_little_data_spares_nobody(child):
    situation = a_shop(*TWO_ADS, found=[*FAILING_ABOVE, surely_bad("a1"), child])
    assert paused(wanted_in(situation)) == ["c1"]


def test_a_paused_child_spares_nobody():
    entities = (*TWO_ADS[:3], an_ad("a2", status="PAUSED"))
    situation = a_shop(*entities, found=[*FAILING_ABOVE, surely_bad("a1"), surely_good("a2")])
    assert paused(wanted_in(situation)) == ["c1"]


def test_one_ad_set_can_fail_as_a_whole_beside_a_good_one():
    situation = a_shop(
        *TWO_ADS,
        an_adset("s2"),
        an_ad("b1", adset="s2"),
        found=[surely_bad("c1"), surely_bad("s1"), surely_good("s2")],
    )
    assert paused(wanted_in(situation)) == ["s1"]


def test_a_failing_child_is_found_below_a_parent_that_does_well():
    situation = a_shop(*TWO_ADS, found=[surely_good("c1", "1.8"), surely_bad("a2")])
    assert paused(wanted_in(situation)) == ["a2"]


def test_a_young_child_is_not_paused():
    entities = (*TWO_ADS[:3], an_ad("a2", created_at=NOW - timedelta(hours=47)))
    situation = a_shop(*entities, found=[surely_bad("a2")])
    assert wanted_in(situation).actions == []


def test_nothing_else_is_wanted_below_what_is_paused():
    situation = realloc_shop("0.2", "0.5", "0.8", found=[surely_bad("c1")])
    assert [(a.type, a.entity.id) for a in wanted_in(situation).actions] == [
        (ActionType.PAUSE, "c1")
    ]


def test_an_entity_gets_one_action_at_most():
    situation = a_shop(*TWO_ADS, found=[*FAILING_ABOVE, surely_bad("a1"), surely_good("a2")])
    touched = [key for action in wanted_in(situation).actions for key in action.entity_ids]
    assert len(touched) == len(set(touched))


# --- turns and issues ---------------------------------------------------------------------------


def test_out_of_turn_only_hard_stops_are_looked_for():
    assert paused(wanted_in(about("0.5", 0.9), only_hard_stops=True)) == ["c1"]
    assert wanted_in(about("0.5", 0.9), NO_HARD_STOPS, only_hard_stops=True).actions == []
    assert wanted_in(about(3, 0.01), only_hard_stops=True).actions == []


def test_a_campaign_with_issues_may_be_paused_and_nothing_else():
    issues = a_campaign(effective_status="WITH_ISSUES")
    bad = a_shop(issues, an_adset(), an_ad(), found=[surely_bad("c1")])
    assert paused(wanted_in(bad)) == ["c1"]
    good = a_shop(issues, an_adset(), an_ad(), found=[surely_good("c1")])
    assert wanted_in(good).actions == []
    assert stopping(wanted_in(good), "c1") == ["wanted.status"]


def test_an_ad_set_with_issues_keeps_its_budget():
    adset = an_adset(budget=100, effective_status="WITH_ISSUES")
    situation = a_shop(a_campaign(budget=None), adset, an_ad(), found=[surely_good("s1")])
    wanted = wanted_in(situation)
    assert wanted.actions == []
    assert stopping(wanted, "s1") == ["wanted.status"]


# --- scale down ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roas", "wanted_change"),
    [
        ("1.5", "-0.01"),  # at least 1 %
        ("1.49", "-0.01"),
        ("1.2", "-0.2"),
        ("0.9", "-0.4"),
        ("0.76", "-0.4933333333"),
        ("0.3", "-0.5"),  # never more than half
    ],
)
def test_a_cut_is_as_deep_as_the_roas_is_low(roas, wanted_change):
    action = wish(about(roas, 0.65), replace(NO_HARD_STOPS, pause_roas=Decimal(0)))
    assert action is not None
    assert action.type is ActionType.SCALE_DOWN
    current, proposed = Decimal(500), action.proposed_budget
    assert proposed is not None
    exact = current * (1 + Decimal(wanted_change))
    # Rounded towards the present budget, so never deeper than wanted.
    assert 0 <= proposed.major - exact < Decimal("0.0101")


def test_a_cut_needs_the_confidence_of_any_action():
    assert wish(about("1.5", 0.65)) is not None
    wanted = wanted_in(about("1.5", 0.649))
    assert wanted.actions == []
    assert stopping(wanted, "c1") == ["wanted.confidence"]


def test_no_cut_beside_a_pause():
    assert [a.type for a in wanted_in(about("0.5", 0.9)).actions] == [ActionType.PAUSE]


# --- scale up -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roas", "budget"),
    [
        ("2.0", "505.00"),  # at least 1 %
        ("2.01", "505.00"),
        ("2.3", "575.00"),
        ("2.6", "650.00"),
        ("3.0", "750.00"),
        ("9.0", "750.00"),  # never more than half
    ],
)
def test_a_raise_is_as_high_as_the_roas_is(roas, budget):
    action = wish(about(roas, 0.35))
    assert action is not None
    assert action.type is ActionType.SCALE_UP
    assert action.proposed_budget == usd(budget)
    assert action.confidence == Decimal("0.65")


def test_a_raise_needs_the_confidence_of_any_action():
    wanted = wanted_in(about("2.0", 0.351))
    assert wanted.actions == []
    assert stopping(wanted, "c1") == ["wanted.confidence"]


@pytest.mark.parametrize("roas", ["1.51", "1.75", "1.99"])
def test_between_the_thresholds_nothing_is_changed(roas):
    wanted = wanted_in(about(roas, 0.5))
    assert wanted.actions == []
    assert stopping(wanted, "c1") == ["wanted.roas"]


def test_without_spend_nothing_is_changed():
    wanted = wanted_in(about(None, None, spend=0))
    assert wanted.actions == []
    assert stopping(wanted, "c1") == ["wanted.roas"]
    assert stopping(wanted_in(a_shop()), "c1") == ["wanted.roas"]


def test_without_a_posterior_nothing_is_changed():
    wanted = wanted_in(about(3, None))
    assert wanted.actions == []
    assert stopping(wanted, "c1") == ["wanted.confidence"]


def test_thresholds_are_the_settings():
    limits = Limits(scale_up_roas=Decimal("4.0"), scale_down_roas=Decimal("3.0"))
    assert change(wish(about(5, 0.1), limits)) == Decimal("0.25")
    assert wish(about("3.5", 0.1), limits) is None
    assert change(wish(about("2.4", 0.9), limits)) == Decimal("-0.2")


def test_money_at_stake_is_what_is_moved_in_dollars():
    assert wish(about(3, 0.1)).stake_usd == 250
    assert wish(about("0.5", 0.9, spend=700)).stake_usd == 100  # a day of its spend


def test_a_raise_of_a_budget_that_is_hardly_spent_gets_a_warning():
    def warnings(spend: object) -> list[str]:
        wanted = wanted_in(about(3, 0.1, spend=spend))
        assert len(wanted.actions) == 1
        return [gate.rule for gate in wanted.gates["c1"] if gate.ruling is Ruling.WARN]

    assert warnings("2449.99") == ["wanted.underspent"]  # of 500 a day in seven days
    assert warnings("2450") == []


# --- where the budget lives ---------------------------------------------------------------------


def test_a_budget_is_changed_where_it_lives_and_the_others_are_told_where_that_is():
    findings = [surely_good(key) for key in ("c1", "s1", "a1")]
    on_campaign = wanted_in(a_shop(found=findings))
    assert [action.entity.id for action in on_campaign.actions] == ["c1"]
    assert stopping(on_campaign, "s1") == ["wanted.level"]
    assert "Meta itself moves money" in on_campaign.gates["s1"][-1].message
    assert stopping(on_campaign, "a1") == ["wanted.level"]

    entities = (a_campaign(budget=None), an_adset(budget=100), an_ad())
    on_adset = wanted_in(a_shop(*entities, found=findings))
    assert [action.entity.id for action in on_adset.actions] == ["s1"]
    assert "its budget lives on its ad sets" in on_adset.gates["c1"][-1].message
    assert "its ad set 'name of s1'" in on_adset.gates["a1"][-1].message


# --- rounding, the minimum ----------------------------------------------------------------------


def in_currency(currency: str, budget: int, **account: object) -> Situation:
    """A shop whose campaign has so many minor units a day, and a ROAS far too good or too bad."""
    unit = Currency(currency)
    campaign = a_campaign(budget=Budget(BudgetKind.DAILY, Money(budget, unit)))
    read = a_snapshot(campaign, an_adset(), an_ad(), account=an_account(currency=unit, **account))
    return a_shop(snapshot=read, rates={currency: "0.01"})


def with_finding(situation: Situation, roas: str, prob_below: float) -> Situation:
    finding = an_evaluation("c1", roas=roas, prob_below=prob_below)
    return replace(situation, evaluations={"c1": finding})


@pytest.mark.parametrize("currency", ["JPY", "HUF"])
def test_yen_and_forints_have_no_smaller_unit_and_are_rounded_towards_the_present(currency):
    shop = in_currency(currency, 3_333)
    assert wish(with_finding(shop, "2.25", 0.1)).proposed_budget.minor == 3_749  # 3749.6
    assert wish(with_finding(shop, "1.3", 0.9)).proposed_budget.minor == 2_889  # 2888.6


def test_cents_are_rounded_towards_the_present_too():
    shop = in_currency("EUR", 3_333)
    assert wish(with_finding(shop, "2.25", 0.1)).proposed_budget.minor == 3_749
    assert wish(with_finding(shop, "1.3", 0.9)).proposed_budget.minor == 2_889


def test_a_step_below_the_smallest_unit_is_no_change():
    wanted = wanted_in(with_finding(in_currency("JPY", 99), "2.0", 0.1))
    assert wanted.actions == []
    assert stopping(wanted, "c1") == ["wanted.budget"]


def test_a_cut_stops_at_the_accounts_minimum():
    for minimum in (900, 990):
        shop = in_currency("USD", 1_000, min_daily_budget=Money(minimum, Currency("USD")))
        assert wish(with_finding(shop, "0.9", 0.65)).proposed_budget.minor == minimum


@pytest.mark.parametrize("minimum", [991, 1_000, 1_500])
def test_less_than_a_percent_above_the_minimum_or_under_it_nothing_is_cut(minimum):
    shop = in_currency("USD", 1_000, min_daily_budget=Money(minimum, Currency("USD")))
    wanted = wanted_in(with_finding(shop, "1.0", 0.9))
    assert wanted.actions == []
    assert stopping(wanted, "c1") == ["wanted.budget"]


@given(
    budget=st.integers(1, 10_000_000),
    roas=st.decimals("0.91", 20, places=4),
    minimum=st.integers(1, 200_000),
)
def test_no_wanted_budget_leaves_the_bounds(budget, roas, minimum):
    account = {"min_daily_budget": Money(minimum, YEN)}
    sure = 0.99 if roas < 2 else 0.01
    found = wanted_in(with_finding(in_currency("JPY", budget, **account), str(roas), sure)).actions
    for action in found:
        proposed, step = action.proposed_budget.minor, abs(action.change_pct)
        assert step <= Decimal("0.5")
        assert proposed != budget
        assert (proposed > budget) is (roas >= 2)
        assert proposed > budget or proposed >= min(minimum, budget)


# --- lifetime budgets ---------------------------------------------------------------------------


def test_a_lifetime_budget_is_changed_by_its_daily_equivalent():
    campaign = a_campaign(budget=lifetime(700, remaining=300, days_left=3))
    situation = a_shop(campaign, an_adset(), an_ad(), found=[surely_bad("c1", "1.2")])
    action = wish(situation)
    assert action.current_budget == usd(100)
    assert action.proposed_budget == usd(80)
    assert campaign.budget.amount_for(action.proposed_budget, NOW) == usd(640)  # spent + 3 x 80


@pytest.mark.parametrize(
    "budget",
    [
        Budget(BudgetKind.LIFETIME, usd(700), usd(300), None),
        Budget(BudgetKind.LIFETIME, usd(700), None, NOW + timedelta(days=3)),
        lifetime(700, remaining=0, days_left=3),
        daily(0),
    ],
)
def test_a_budget_per_day_that_can_not_be_told_is_left_alone(budget):
    situation = a_shop(a_campaign(budget=budget), an_adset(), an_ad(), found=[surely_good("c1")])
    wanted = wanted_in(situation)
    assert wanted.actions == []
    assert stopping(wanted, "c1") == ["wanted.budget"]


# --- reversal -----------------------------------------------------------------------------------


def after_a_change(direction: int, *, days: float, roas: str, sure: float) -> Situation:
    memory = remembering(last_direction=direction, last_direction_at=NOW - timedelta(days=days))
    prob_below = 1 - sure if float(roas) >= 2 else sure
    finding = an_evaluation("c1", roas=roas, prob_below=prob_below)
    return a_shop(found=[finding], memory={"c1": memory})


@pytest.mark.parametrize(("direction", "roas"), [(1, "1.2"), (-1, "2.5")])
def test_to_turn_round_within_seven_days_more_confidence_is_needed(direction, roas):
    assert wish(after_a_change(direction, days=6.99, roas=roas, sure=0.849)) is None
    assert wish(after_a_change(direction, days=6.99, roas=roas, sure=0.85)) is not None
    assert wish(after_a_change(direction, days=7, roas=roas, sure=0.65)) is not None


@pytest.mark.parametrize(("direction", "roas"), [(1, "2.5"), (-1, "1.2"), (0, "2.5")])
def test_to_go_on_in_the_same_direction_the_usual_confidence_is_enough(direction, roas):
    assert wish(after_a_change(direction, days=2, roas=roas, sure=0.65)) is not None


def test_a_reversal_is_never_easier_than_another_action():
    limits = Limits(reversal_confidence=Decimal("0.1"))
    assert wish(after_a_change(1, days=1, roas="1.2", sure=0.649), limits) is None


# --- a person's no ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "roas", "prob_below"),
    [
        (ActionType.PAUSE, "0.5", 0.9),
        (ActionType.SCALE_UP, "3", 0.1),
        (ActionType.SCALE_DOWN, "1.2", 0.9),
    ],
)
def test_what_a_person_rejected_rests_for_24_hours(kind, roas, prob_below):
    def after(hours: float) -> list[ActionType]:
        memory = {"c1": remembering(rejected_at={kind: NOW - timedelta(hours=hours)})}
        finding = an_evaluation("c1", roas=roas, prob_below=prob_below)
        return [a.type for a in wanted_in(a_shop(found=[finding], memory=memory)).actions]

    assert kind not in after(23.99)
    assert after(24) == [kind]


def test_a_rest_is_told_with_its_end():
    rejected_at = NOW - timedelta(hours=4)
    memory = {"c1": remembering(rejected_at={ActionType.SCALE_UP: rejected_at})}
    wanted = wanted_in(a_shop(found=[surely_good("c1")], memory=memory))
    rest = next(gate for gate in wanted.gates["c1"] if gate.rule == "wanted.rejected")
    assert rest.eligible_at == rejected_at + timedelta(hours=24)


def test_another_kind_of_action_does_not_rest():
    memory = {"c1": remembering(rejected_at={ActionType.SCALE_DOWN: NOW})}
    assert wish(a_shop(found=[surely_good("c1")], memory=memory)) is not None


# --- reallocation -------------------------------------------------------------------------------


def realloc_shop(*roas: str, budgets: tuple[object, ...] = (), **changes: object) -> Situation:
    """A campaign whose ad sets s1, s2 … have these ROAS, and 100 USD a day each."""
    found = list(changes.pop("found", []))
    spread = changes.pop("spread", 0.05)
    amounts = budgets or (100,) * len(roas)
    entities: list[Entity] = [changes.pop("campaign", a_campaign(budget=None))]
    for number, (value, budget) in enumerate(zip(roas, amounts, strict=True), 1):
        entities += [
            an_adset(f"s{number}", budget=budget, **changes.pop(f"s{number}", {})),
            an_ad(f"a{number}", adset=f"s{number}"),
        ]
        found.append(believed(f"s{number}", value, spread=spread))
    return a_shop(*entities, found=found, **changes)


def test_money_goes_from_the_worst_to_the_best_of_three_siblings():
    action = wish(realloc_shop("1.6", "1.7", "3.2"))
    assert action.type is ActionType.REALLOCATE
    assert action.entity_ids == ("s1", "s3")
    assert action.entity.id == "s1"
    assert action.roas == Decimal("1.6")  # of the entity that it names


def test_two_siblings_are_too_few():
    assert the_move(realloc_shop("1.6", "3.2")) is None


@pytest.mark.parametrize(
    "odd",
    [
        {"status": "PAUSED", "effective_status": "PAUSED"},
        {"effective_status": "WITH_ISSUES"},
        {"created_at": NOW - timedelta(hours=3)},
        {"budget": lifetime(700, remaining=300, days_left=3)},
        {"budget": None},
    ],
)
def test_a_sibling_that_can_not_take_part_does_not_count(odd):
    whole = realloc_shop("1.6", "1.7", "3.2")
    entities = [
        replace(entity, **odd) if entity.id == "s2" else entity
        for entity in whole.snapshot.entities()
    ]
    assert the_move(whole) is not None
    assert the_move(a_shop(*entities, found=whole.evaluations.values())) is None


def test_the_best_must_be_one_and_a_half_times_the_worst():
    limits = Limits(reallocate_ratio=Decimal("1.4"))
    assert the_move(realloc_shop("1.6", "1.7", "2.3", spread=0.001)) is None
    assert the_move(realloc_shop("1.6", "1.7", "2.3", spread=0.001), limits) is not None


def test_a_ratio_that_is_not_sure_enough_moves_nothing_and_says_so():
    wanted = wanted_in(realloc_shop("1.6", "1.7", "2.4", spread=0.001))  # exactly: P = 0.5
    assert ActionType.REALLOCATE not in kinds(wanted)
    assert "wanted.reallocate" in stopping(wanted, "s1")


def test_only_ad_sets_with_minimum_data_are_compared():
    shop = realloc_shop("1.6", "1.7", "3.2")
    thin = {key: replace(found, spend_usd=Decimal(99)) for key, found in shop.evaluations.items()}
    assert the_move(replace(shop, evaluations=thin)) is None
    one = thin | {"s3": shop.evaluations["s3"]}
    assert the_move(replace(shop, evaluations=one)) is None


@pytest.mark.parametrize("missing", [None, an_evaluation("s2", roas=None), an_evaluation("s2")])
def test_a_sibling_without_a_roas_or_posterior_is_not_compared(missing):
    shop = realloc_shop("1.6", "0.95", "3.2")
    evaluations = {key: found for key, found in shop.evaluations.items() if key != "s2"}
    if missing is not None:
        evaluations["s2"] = missing
    assert the_move(replace(shop, evaluations=evaluations)).entity_ids == ("s1", "s3")


def moved(*roas: str, **changes: object) -> Decimal:
    donor, receiver = the_move(realloc_shop(*roas, **changes)).legs
    assert donor.current - donor.proposed == receiver.proposed - receiver.current
    return (donor.current - donor.proposed).major


def test_with_certainty_a_fifth_of_the_smaller_budget_is_moved():
    assert moved("1.6", "1.7", "9", spread=0.01) == 20
    assert moved("1.6", "1.7", "9", spread=0.01, budgets=(100, 100, 50)) == 10
    assert moved("1.6", "1.7", "9", spread=0.01, budgets=(30, 100, 500)) == 6


def test_the_amount_grows_with_the_confidence():
    action = the_move(realloc_shop("1.6", "1.7", "3.2", spread=0.3))
    assert Decimal("0.75") <= action.confidence < Decimal("0.99")
    expected = 100 * Decimal("0.2") * (action.confidence - Decimal("0.65")) / Decimal("0.35")
    got = (action.legs[0].current - action.legs[0].proposed).major
    assert 0 <= expected - got < Decimal("0.01")


def test_the_donor_keeps_the_accounts_minimum():
    action = the_move(realloc_shop("1.6", "1.7", "9", spread=0.01, budgets=("1.05", 100, 500)))
    assert action.legs[0].proposed == usd(1)


def test_a_donor_at_the_minimum_gives_nothing_and_says_so():
    wanted = wanted_in(realloc_shop("1.6", "1.7", "9", spread=0.01, budgets=(1, 100, 500)))
    assert ActionType.REALLOCATE not in kinds(wanted)
    assert stopping(wanted, "s1") == ["wanted.roas", "wanted.budget"]


def test_under_a_campaign_budget_ad_sets_are_not_reallocated_and_explain_says_so():
    both = realloc_shop("1.6", "1.7", "3.2", campaign=a_campaign(budget=500))
    assert the_move(both) is None
    usual = realloc_shop("1.6", "1.7", "3.2", campaign=a_campaign(), budgets=(None,) * 3)
    assert the_move(usual) is None
    assert "Meta itself moves money" in wanted_in(usual).gates["s1"][-1].message


def test_a_reallocation_replaces_the_scale_actions_of_its_two_ad_sets():
    wanted = wanted_in(realloc_shop("1.2", "1.3", "3.2"))
    assert [(a.type, a.entity.id) for a in wanted.replaced] == [
        (ActionType.SCALE_DOWN, "s1"),
        (ActionType.SCALE_UP, "s3"),
    ]
    assert [(a.type, a.entity.id) for a in wanted.actions] == [
        (ActionType.SCALE_DOWN, "s2"),
        (ActionType.REALLOCATE, "s1"),
    ]


def test_what_is_paused_takes_no_part_in_a_reallocation():
    wanted = wanted_in(realloc_shop("0.5", "1.6", "3.2", "1.7"))
    assert {a.entity.id: a.type for a in wanted.actions} == {
        "s1": ActionType.PAUSE,
        "s2": ActionType.REALLOCATE,
    }


def test_a_rejected_reallocation_rests_and_its_scale_actions_stay():
    rejected = remembering(rejected_at={ActionType.REALLOCATE: NOW - timedelta(hours=1)})
    wanted = wanted_in(realloc_shop("1.2", "1.7", "3.2", memory={"s1": rejected}))
    assert kinds(wanted) == {ActionType.SCALE_DOWN, ActionType.SCALE_UP}


@pytest.mark.parametrize(("entity", "direction"), [("s1", 1), ("s3", -1)])
def test_to_move_money_against_a_recent_change_more_confidence_is_needed(entity, direction):
    turned = remembering(last_direction=direction, last_direction_at=NOW - timedelta(days=3))
    usual = realloc_shop("1.6", "1.7", "3.2", spread=0.25)
    assert Decimal("0.75") <= the_move(usual).confidence < Decimal("0.85")
    turning = realloc_shop("1.6", "1.7", "3.2", spread=0.25, memory={entity: turned})
    assert the_move(turning) is None
    assert "wanted.reallocate" in stopping(wanted_in(turning), "s1")


@given(
    roas=st.lists(st.decimals("0.95", 8, places=2), min_size=3, max_size=5),
    budgets=st.lists(st.integers(100, 5_000_000), min_size=5, max_size=5),
    spread=st.floats(0.01, 0.6),
)
def test_a_reallocation_keeps_the_total_to_the_minor_unit(roas, budgets, spread):
    cents = tuple(daily(Decimal(minor) / 100) for minor in budgets[: len(roas)])
    action = the_move(realloc_shop(*map(str, roas), budgets=cents, spread=spread))
    if action is not None:
        down, up = action.legs
        assert down.current - down.proposed == up.proposed - up.current
        assert -Decimal("0.2") <= down.change_pct < 0
        assert 0 < up.change_pct <= Decimal("0.2")


# --- resume -------------------------------------------------------------------------------------

PAUSED = an_ad(status="PAUSED")


def resumed(roas: object, prob_below: float | None, limits: Limits | None = None) -> Wanted:
    """What is wanted for a paused ad whose window, restated, says this."""
    limits = limits or Limits()
    situation = a_shop(a_campaign(), an_adset(), PAUSED)
    finding = an_evaluation("a1", roas=roas, prob_below=prob_below)
    look = looking_at(situation, limits, pause_window=lambda _: finding)
    return want_resume(PAUSED, limits, look)


def test_what_we_paused_is_resumed_when_its_window_restated_says_that_it_was_wrong():
    (action,) = resumed("1.5", 0.35).actions
    assert action.type is ActionType.RESUME
    assert action.confidence == Decimal("0.65")
    assert action.new_status == "ACTIVE"


@pytest.mark.parametrize(
    ("roas", "prob_below"), [("1.49", 0.1), ("1.5", 0.351), (None, 0.1), ("3", None)]
)
def test_a_resume_needs_roas_and_confidence(roas, prob_below):
    wanted = resumed(roas, prob_below)
    assert wanted.actions == []
    assert stopping(wanted, "a1") == ["wanted.resume"]


def test_what_is_in_hard_stop_is_not_resumed_whatever_the_threshold():
    limits = Limits(resume_roas=Decimal("0.5"), min_action_confidence=Decimal("0.2"))
    assert resumed("0.6", 0.75, limits).actions == []
    assert len(resumed("0.6", 0.69, limits).actions) == 1


def test_without_a_window_of_its_pause_nothing_is_resumed():
    situation = a_shop(a_campaign(), an_adset(), PAUSED)
    assert want_resume(PAUSED, Limits(), looking_at(situation, Limits())).actions == []


def test_a_rejected_resume_rests():
    memory = {"a1": remembering(rejected_at={ActionType.RESUME: NOW - timedelta(hours=2)})}
    situation = a_shop(a_campaign(), an_adset(), PAUSED, memory=memory)
    look = looking_at(situation, Limits(), pause_window=lambda _: surely_good("a1"))
    assert want_resume(PAUSED, Limits(), look).actions == []


@pytest.mark.parametrize("roas", ["0", "3"])
def test_a_threshold_of_zero_is_passed_by_the_largest_step(roas):
    """Settings that ask for it are odd, but they are no reason for a tick to end."""
    limits = Limits(
        scale_up_roas=Decimal(0), scale_down_roas=Decimal(0), hard_stop_roas=Decimal(0)
    )
    action = wish(a_shop(found=[surely_good("c1", roas)]), limits)
    assert action is not None
    assert action.change_pct == Decimal("0.5")
