"""Why the last tick did what it did, or nothing, for each entity of the account."""

from decimal import Decimal

import pytest

from meta_autonomous.adapters.sandbox import faults
from meta_autonomous.domain.entities import Level
from meta_autonomous.operations.explain import Explanation, explain
from meta_autonomous.ports.errors import NotFound
from tests.operations.live_world import (
    FAILING_AD,
    FAILS,
    GROWS,
    MOVES_FROM,
    MOVES_TO,
    SHRINKS,
    Live,
)

CANNOT_BE_READ = "candidate.readable"


def told(live: Live, name: str) -> Explanation:
    with live.database() as store:
        return explain(store, live.sandbox.find(name))


def test_every_entity_of_the_account_can_be_explained(offered):
    with offered.database() as store:
        traces = store.traces()
        assert len(traces) > 80
        for trace in traces:
            shown = explain(store, trace.entity_id).to_json()
            assert shown["gates"]
            assert shown["summary"]
            if shown["decision"] == "none":
                assert shown["first_binding"] is not None, trace
                assert len(shown["summary"]) > 1


def test_the_shape_is_the_contracts(offered):
    shown = told(offered, GROWS).to_json()
    assert set(shown) >= {
        "entity_id",
        "level",
        "decision",
        "first_binding",
        "eligible_again_at",
        "gates",
    }
    assert set(shown["gates"][0]) >= {"rule", "outcome", "observed", "limit", "message"}
    (flip,) = told(offered, "New Arrivals - ES").to_json()["flips"]
    assert set(flip) == {"gate", "fact", "observed", "needed", "sentence"}
    assert (flip["gate"], flip["fact"]) == ("candidate.age", "time")
    assert flip["needed"] == told(offered, "New Arrivals - ES").to_json()["eligible_again_at"]
    assert shown["tick_id"] == "t1"


@pytest.mark.parametrize(
    ("name", "binding"),
    [
        ("New Arrivals - ES", "candidate.age"),
        ("Lead form - Trade customers", "candidate.measured"),
        ("ASC | Legacy shopping", "candidate.editable"),
        ("Weekend Boost - NL", "candidate.editable"),
        ("Spring Drop - PT", "candidate.status"),
        ("Newsletter subscribers", "wanted.roas"),
        ("Add to cart 7d", "wanted.confidence"),
        ("Catalog Sales - DE", "policy.geo_distribution"),
        ("Broad 25-54", "wanted.level"),
        ("Everything must go", "wanted.parent"),
        ("Weekend deal - Video", "candidate.parent"),
        ("Checkout D", "wanted.pause"),
        ("Checkout test - US", "wanted.children"),
    ],
)
def test_the_first_that_binds_is_named(offered, name, binding):
    assert told(offered, name).trace.first_binding == binding


def test_who_must_wait_is_told_until_when(offered):
    shown = told(offered, "New Arrivals - ES")
    assert shown.trace.eligible_again_at is not None
    assert "It would be looked at from" in shown.sentences[-1]


def test_under_a_campaign_budget_it_says_that_meta_moves_the_money(offered):
    assert "Meta itself moves money" in " ".join(told(offered, "Broad 25-54").sentences)


def test_what_is_suggested_is_bound_by_nothing(offered):
    for name in (GROWS, FAILS, FAILING_AD, MOVES_FROM, MOVES_TO):
        shown = told(offered, name)
        assert shown.trace.decision.endswith(": queued")
        assert shown.trace.first_binding is None
    assert "Suggested to a person" in told(offered, GROWS).sentences[0]
    assert "The furthest is 600.00 USD" in " ".join(told(offered, GROWS).sentences)


def test_what_became_of_a_suggestion_is_told(offered):
    offered.reject(offered.pending(SHRINKS).id)
    assert "was rejected by ana" in told(offered, SHRINKS).sentences[1]
    offered.approve(offered.pending(GROWS).id)
    assert "was executed by ana" in told(offered, GROWS).sentences[1]


def test_a_spared_parent_says_which_child_spares_it(offered):
    message = told(offered, "Checkout test - US").sentences[3]
    assert "What fails below it is paused instead" in message


def test_what_was_executed_is_told_as_executed(live):
    live.in_mode("auto").tick()
    assert told(live, GROWS).trace.decision == "scale_up: executed"
    assert "Executed: raise" in told(live, GROWS).sentences[0]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (faults.error(100, message="Too low"), "failed"),
        (faults.reset(), "in_doubt"),
        (faults.throttled(), "deferred"),
    ],
)
def test_what_did_not_go_well_is_not_told_as_executed(live, fault, outcome):
    campaign = live.sandbox.find(GROWS)
    live.sandbox.inject(fault, match=rf"^POST \S*/{campaign}\b")
    live.in_mode("auto").tick()
    assert told(live, GROWS).trace.decision == f"scale_up: {outcome}"


def test_what_the_stop_kept_back_is_told_as_deferred(live):
    live.in_mode("auto").tick(stop_requested=lambda: bool(live.writes()))
    assert told(live, GROWS).to_json()["decision"] == "scale_up: deferred"
    assert "not now" in told(live, GROWS).sentences[0]


def test_a_blocked_action_is_told_with_its_rule(live):
    live.limited(max_daily_spend_usd=Decimal(1)).tick()
    shown = told(live, GROWS)
    assert shown.trace.decision == "scale_up: safety_blocked"
    assert shown.trace.first_binding == "safety.daily_spend"
    assert "blocked by the safety engine" in shown.sentences[0]
    assert "daily cap" in shown.sentences[3]


def test_out_of_turn_it_says_that_the_turn_comes(live):
    live.limited(max_campaigns_per_tick=0).tick()
    assert told(live, GROWS).trace.first_binding == "candidate.turn"
    assert told(live, "Broad 25-54").trace.first_binding == "candidate.turn"
    assert told(live, FAILS).trace.first_binding is None  # a hard stop waits for no turn


def skipping(live: Live, name: str) -> dict:
    """What is told of an entity in whose row the last tick found no usable status."""

    def spoil(document: dict) -> None:
        for row in document["data"]:
            if row["name"] == name:
                row["effective_status"] = 7

    live.sandbox.inject(faults.altered(spoil), match=r"/campaigns")
    report = live.tick()
    assert any(live.sandbox.find(name) in error for error in report.errors)
    return told(live, name).to_json()


def test_what_the_last_tick_skipped_is_told_so_under_its_earlier_name(live):
    live.tick()
    shown = skipping(live, SHRINKS)
    assert (shown["decision"], shown["first_binding"]) == ("none", CANNOT_BE_READ)
    assert (shown["level"], shown["entity_name"]) == ("campaign", SHRINKS)
    first, why, *_ = shown["summary"]
    assert first == f"Nothing was done to the campaign {SHRINKS!r}."
    assert why.startswith("It was skipped: what Meta said of it could not all be read: campaign")
    live.tick()
    assert told(live, SHRINKS).to_json()["first_binding"] != CANNOT_BE_READ


def test_what_no_tick_could_read_yet_is_told_so_by_its_id(live):
    shown = skipping(live, SHRINKS)
    assert (shown["level"], shown["entity_name"]) == ("campaign", live.sandbox.find(SHRINKS))
    assert shown["campaign_id"] == shown["entity_id"]
    with live.database() as store:
        below = [
            trace
            for trace in store.traces()
            if trace.campaign_id == shown["entity_id"] and trace.first_binding == CANNOT_BE_READ
        ]
    assert {trace.level for trace in below} == set(Level)  # its ad sets and ads with it


def test_who_was_never_seen_can_not_be_explained(offered):
    with offered.database() as store, pytest.raises(NotFound, match="4711"):
        explain(store, "4711")


@pytest.mark.parametrize(
    ("name", "level"),
    [("Clearance - IT", "campaign"), ("US - Broad", "ad set"), ("Get your dream body", "ad")],
)
def test_a_name_is_answered_with_its_id_and_not_called_unseen(offered, name, level):
    with offered.database() as store:
        (known,) = [trace for trace in store.traces() if trace.name == name]
        with pytest.raises(NotFound) as refused:
            explain(store, name)
    assert refused.value.message == (
        f"That is a name, not an id; the {level} of that name is {known.entity_id}."
    )
    assert refused.value.remedy == f"Run `meta-auto explain {known.entity_id}`."


def test_a_name_that_several_bear_is_answered_with_all_their_ids(live):
    ids = {live.sandbox.find("Clearance - IT"), live.sandbox.find("Evergreen - FR")}
    for campaign_id in ids:
        live.sandbox.edit(campaign_id, name="Sale")
    live.tick()
    with live.database() as store, pytest.raises(NotFound) as refused:
        explain(store, "Sale")
    told = refused.value.message.removesuffix(".").partition("the campaigns of that name are ")[2]
    assert set(told.split(", ")) == ids
