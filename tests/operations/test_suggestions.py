"""What a person does with a suggestion, on the served sandbox and a real database."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from meta_autonomous.adapters.sandbox import faults
from meta_autonomous.decision.geo import Geography, geography_of
from meta_autonomous.domain.action import ActionStatus
from meta_autonomous.operations import by_person
from meta_autonomous.operations.by_person import Handled, exit_code_of
from meta_autonomous.operations.observe import observe
from meta_autonomous.operations.world import World
from meta_autonomous.ports.errors import Busy, NotAllowed
from meta_autonomous.ports.people import Actor
from meta_autonomous.ports.records import LedgerEvent
from tests.operations.live_world import (
    FAILING_AD,
    FAILS,
    GROWS,
    MOVES_FROM,
    MOVES_TO,
    SECOND_ACCOUNT,
    SERVICE,
    SHRINKS,
    Live,
    outcome_of,
)

pytestmark = pytest.mark.slow

LIFETIME = "Gift Guide - BE (lifetime)"


def approved(live: Live, name: str, **options: object) -> Handled:
    (handled,) = live.approve(live.pending(name).id, **options)
    return handled


# --- approved -----------------------------------------------------------------------------------


def test_an_approval_executes_and_is_read_back(offered):
    suggestion = offered.pending(GROWS)
    (handled,) = offered.approve(suggestion.id)
    assert (handled.status, handled.exit_code) == ("executed", 0)
    assert offered.field(GROWS, "daily_budget") == 60_000
    record = offered.record(suggestion.id)
    assert (record.status, record.decided_by) == (ActionStatus.EXECUTED, "ana")
    assert record.executed_at is not None


def test_who_approved_what_and_by_which_verdicts_is_in_the_ledger(offered):
    approved(offered, GROWS)
    (said,) = offered.ledger("optimization_approved")
    assert said.event.who == "ana"
    assert said.event.after["verdicts"]
    (done,) = offered.ledger("optimization_executed")
    assert done.event.who == "ana"


def test_a_pause_is_carried_out_on_every_level(offered):
    for name in (FAILS, FAILING_AD):
        assert approved(offered, name).status == "executed"
        assert offered.field(name, "status") == "PAUSED"


def test_a_reallocation_lowers_first_and_keeps_the_total(offered):
    before = [offered.field(name, "daily_budget") for name in (MOVES_FROM, MOVES_TO)]
    assert approved(offered, MOVES_FROM).status == "executed"
    after = [offered.field(name, "daily_budget") for name in (MOVES_FROM, MOVES_TO)]
    assert sum(after) == sum(before)
    assert after[0] < before[0]
    assert [offered.sandbox.find(MOVES_FROM) in text for text in offered.writes()] == [True, False]


def test_a_lifetime_budget_is_set_to_what_is_spent_and_the_new_rest(offered):
    before = offered.field(LIFETIME, "lifetime_budget")
    assert approved(offered, LIFETIME).status == "executed"
    assert 300_000 < offered.field(LIFETIME, "lifetime_budget") < before


def test_a_half_done_reallocation_has_failed_and_its_decrease_stands(offered):
    receiver = offered.sandbox.find(MOVES_TO)
    offered.sandbox.inject(faults.error(100), match=rf"^POST \S*/{receiver}\b")
    handled = approved(offered, MOVES_FROM)
    assert (handled.status, handled.exit_code) == ("failed", 4)
    assert "actions undo" in handled.message
    assert offered.field(MOVES_FROM, "daily_budget") < 8_000


def test_approving_all_at_once_is_possible_for_what_one_tick_offered(offered):
    records = offered.actions(statuses=[ActionStatus.SUGGESTED])
    handled = offered.approve(*(record.id for record in records))
    assert {one.status for one in handled} == {"executed"}
    assert exit_code_of(handled) == 0
    assert len(records) == 9


def test_an_approved_suggestion_rests_the_next_tick(offered):
    approved(offered, SHRINKS)
    offered.passes(minutes=30)
    names = {d.action.entity.name: str(h.outcome) for d, _, h in offered.tick().decided}
    assert names[SHRINKS] in ("policy_blocked", "safety_blocked")


# --- never twice --------------------------------------------------------------------------------


def test_what_was_approved_is_not_done_again(offered):
    suggestion = offered.pending(GROWS)
    offered.approve(suggestion.id)
    (again,) = offered.approve(suggestion.id)
    assert (again.status, again.exit_code) == ("executed", 3)
    assert "Already executed by ana" in again.message
    assert len(offered.writes()) == 1


def test_of_two_approvals_at_once_one_executes(offered):
    suggestion = offered.pending(GROWS)
    with ThreadPoolExecutor() as people:
        both = list(people.map(lambda _: offered.approve(suggestion.id)[0], range(2)))
    assert sorted(one.exit_code for one in both) == [0, 3]
    assert len(offered.writes()) == 1


def test_the_same_number_twice_is_one_suggestion(offered):
    number = offered.pending(GROWS).id
    assert [one.status for one in offered.approve(number, number)] == ["executed"]


# --- the money of the other accounts -------------------------------------------------------------


def reads_of(live: Live, account_id: str) -> int:
    return sum(f"act_{account_id}/insights" in one.text for one in live.sandbox.requests)


def in_two_accounts(live: Live) -> Live:
    ids = (live.account_id, SECOND_ACCOUNT)
    live.system = replace(live.system, account_ids=ids)
    live.tick()
    return live


def test_an_approval_counts_the_other_accounts_as_a_tick_has_just_read_them(live):
    before = reads_of(in_two_accounts(live), SECOND_ACCOUNT)
    assert approved(live, GROWS).status == "executed"
    assert reads_of(live, SECOND_ACCOUNT) == before


def test_it_reads_them_too_when_the_last_tick_is_two_intervals_old(live):
    before = reads_of(in_two_accounts(live), SECOND_ACCOUNT)
    live.passes(hours=2)
    assert approved(live, GROWS).status == "executed"
    assert reads_of(live, SECOND_ACCOUNT) > before


def test_one_that_cant_be_read_then_counts_at_its_worst(live):
    in_two_accounts(live)
    live.passes(hours=2)
    with live.database() as store:
        record = store.account(SECOND_ACCOUNT)
        store.save_account(replace(record, budgets_usd=Decimal(100_000)))
    live.sandbox.inject(faults.unauthorised(), match=f"act_{SECOND_ACCOUNT}", times=100)
    refused = approved(live, GROWS)
    assert (refused.status, refused.exit_code) == ("suggested", 3)
    assert "safety.daily_spend" in refused.message


def test_nor_is_one_read_that_meta_asked_to_leave_alone(live):
    before = reads_of(in_two_accounts(live), SECOND_ACCOUNT)
    live.passes(hours=2)
    with live.database() as store:
        until = live.sandbox.now() + timedelta(hours=1)
        store.save_account(replace(store.account(SECOND_ACCOUNT), blocked_until=until))
    assert approved(live, GROWS).status == "executed"
    assert reads_of(live, SECOND_ACCOUNT) == before


# --- stale, expired, gone -----------------------------------------------------------------------


def test_what_somebody_changed_since_is_superseded_and_left_alone(offered):
    suggestion = offered.pending(GROWS)
    offered.sandbox.edit(offered.sandbox.find(GROWS), daily_budget=51_000)
    (handled,) = offered.approve(suggestion.id)
    assert (handled.status, handled.exit_code) == ("superseded", 3)
    assert "budget 500.00 USD → 510.00 USD" in handled.message
    assert offered.record(suggestion.id).status is ActionStatus.SUPERSEDED
    assert offered.writes() == []


def test_what_somebody_paused_since_is_superseded(offered):
    offered.sandbox.edit(offered.sandbox.find(FAILS), status="PAUSED")
    assert approved(offered, FAILS).status == "superseded"


def test_a_pause_does_not_wait_because_somebody_changed_the_budget(offered):
    offered.sandbox.edit(offered.sandbox.find(FAILS), daily_budget=20_000)
    assert approved(offered, FAILS).status == "executed"


def test_what_is_held_out_since_is_not_approved(offered):
    """Else the campaigns that are left alone would not be."""
    offered.limited(holdout_pct=Decimal(1))
    handled = approved(offered, GROWS)
    assert (handled.status, handled.exit_code) == ("superseded", 3)
    assert "held out until" in handled.message
    assert offered.writes() == []
    assert approved(offered, FAILS).status == "executed"  # a hard stop is never withheld


def test_a_tick_closes_what_is_held_out_since(offered):
    waiting = offered.pending(GROWS)
    offered.limited(holdout_pct=Decimal(1)).tick()
    closed = offered.record(waiting.id)
    assert (closed.status, "held out until" in closed.message) == (ActionStatus.SUPERSEDED, True)
    pending = offered.actions(statuses=[ActionStatus.SUGGESTED])
    assert pending
    assert all(action.is_hard_stop for action in pending)


def test_what_is_gone_is_superseded(offered):
    offered.sandbox.edit(offered.sandbox.find(SHRINKS), status="DELETED")
    handled = approved(offered, SHRINKS)
    assert (handled.status, handled.exit_code) == ("superseded", 3)
    assert "no longer there" in handled.message


def test_the_change_of_either_side_makes_a_reallocation_stale(offered):
    offered.sandbox.edit(offered.sandbox.find(MOVES_TO), daily_budget=12_500)
    assert approved(offered, MOVES_FROM).status == "superseded"


def test_what_expired_is_closed_and_not_done(offered):
    suggestion = offered.pending(GROWS)
    offered.passes(hours=24)
    (handled,) = offered.approve(suggestion.id)
    assert (handled.status, handled.exit_code) == ("expired", 3)
    assert offered.record(suggestion.id).status is ActionStatus.EXPIRED
    assert offered.writes() == []


def test_an_unknown_number_is_not_found(offered):
    handled = offered.approve(4711)
    assert [(one.status, one.exit_code) for one in handled] == [("not_found", 3)]


def test_when_some_are_done_and_some_refused_the_code_says_so(offered):
    done, refused = offered.approve(offered.pending(GROWS).id, 4711)
    assert (done.status, refused.status) == ("executed", "not_found")
    assert exit_code_of([done, refused]) == 4
    assert exit_code_of([refused]) == 3
    assert exit_code_of([]) == 0


def test_answers_come_in_the_order_of_the_questions(offered):
    ids = [4711, offered.pending(SHRINKS).id, offered.pending(GROWS).id]
    assert [one.id for one in offered.approve(*ids)] == ids


# --- judged again -------------------------------------------------------------------------------


def test_a_cap_that_was_reached_since_refuses(offered):
    offered.limited(max_daily_spend_usd=Decimal(1_000))
    handled = approved(offered, GROWS)
    assert (handled.status, handled.exit_code) == ("suggested", 3)
    assert "[safety.daily_spend]" in handled.message
    assert offered.pending(GROWS).status is ActionStatus.SUGGESTED
    assert offered.writes() == []


def test_a_size_that_is_too_large_by_now_is_refused_and_not_cut(offered):
    offered.limited(max_daily_change_pct=Decimal("0.15"))
    handled = approved(offered, GROWS)
    assert handled.exit_code == 3
    assert "[policy.budget_change]" in handled.message
    assert offered.field(GROWS, "daily_budget") == 50_000


def test_what_was_approved_before_counts_for_the_cap(offered):
    ids = [record.id for record in offered.actions(statuses=[ActionStatus.SUGGESTED])]
    projected = offered.tick(dry_run=True).totals.projected_usd
    offered.limited(max_daily_spend_usd=projected + 110)
    handled = {one.id: one for one in offered.approve(*sorted(ids))}
    assert handled[offered.actions(entity_id=offered.sandbox.find(GROWS))[0].id].exit_code == 0
    refused = [one for one in handled.values() if one.exit_code == 3]
    assert refused
    assert all("[safety.daily_spend]" in one.message for one in refused)


def test_what_was_approved_before_counts_for_the_countries(live):
    germany, france = "Catalog Sales - DE", "LAL 2% - High value"
    live.limited(min_spain_percentage=Decimal(0), block_increase_while_learning=False).tick()
    raises = [live.pending(germany), live.pending(france)]
    present = live.inside(lambda world: geography(world, live.account_id))
    spain, more = present.amounts["ES"], [record.amount_usd * 100 for record in raises]
    with_one, with_both = (spain / (present.known + extra) for extra in (more[0], sum(more)))
    live.limited(min_spain_percentage=(with_one + with_both) / 2)
    first, second = live.approve(*(record.id for record in raises))
    assert (first.exit_code, second.exit_code) == (0, 3)
    assert "[policy.geo_distribution]" in second.message


def test_what_was_paused_before_counts_for_the_countries_too(live):
    france = "LAL 2% - High value"
    live.limited(min_spain_percentage=Decimal(0), block_increase_while_learning=False).tick()
    pause, raised = live.pending(FAILS), live.pending(france)
    present = live.inside(lambda world: geography(world, live.account_id))
    more, less = raised.amount_usd * 100, -pause.amount_usd * 100
    french = present.amounts["FR"] + more
    with_italy, without = (french / (present.known + more - gone) for gone in (0, less))
    live.limited(max_single_country_pct=(with_italy + without) / 2)
    first, second = live.approve(pause.id, raised.id)
    assert (first.exit_code, second.exit_code) == (0, 3)
    assert "[policy.geo_distribution]" in second.message


async def geography(world: World, account_id: str) -> Geography:
    now = await world.platform.trusted_now()
    seen = await observe(world, account_id, now=now)
    return geography_of(seen.situation.snapshot, now)


def _waits(live: Live, name: str) -> bool:
    entity_id = live.sandbox.find(name)
    return bool(live.actions(statuses=[ActionStatus.SUGGESTED], entity_id=entity_id))


# --- a smaller budget ---------------------------------------------------------------------------


def test_a_smaller_change_than_proposed_may_be_approved(offered):
    handled = approved(offered, GROWS, budget=Decimal("549.90"))
    assert handled.status == "executed"
    assert offered.field(GROWS, "daily_budget") == 54_990
    (said,) = offered.ledger("optimization_approved")
    assert "549.90" in said.event.why


def test_a_smaller_cut_may_be_approved_too(offered):
    assert approved(offered, SHRINKS, budget=Decimal(420)).status == "executed"
    assert offered.field(SHRINKS, "daily_budget") == 42_000


@pytest.mark.parametrize(
    ("budget", "why"),
    [
        ("600.01", "must lie between"),
        ("500", "must lie between"),
        ("499", "must lie between"),
        ("550.001", "finer than the smallest unit"),
    ],
)
def test_an_amount_that_is_no_smaller_change_is_refused(offered, budget, why):
    handled = approved(offered, GROWS, budget=Decimal(budget))
    assert (handled.status, handled.exit_code) == ("suggested", 3)
    assert why in handled.message
    assert offered.writes() == []


@pytest.mark.parametrize("name", [FAILS, MOVES_FROM])
def test_an_amount_goes_with_one_budget_only(offered, name):
    handled = approved(offered, name, budget=Decimal(100))
    assert handled.exit_code == 3
    assert "one budget only" in handled.message


# --- who may ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "actor", [Actor(name="eve"), SERVICE, replace(SERVICE, is_manager=True, is_admin=True)]
)
def test_only_a_manager_decides_and_never_the_service(offered, actor):
    number = offered.pending(GROWS).id
    with pytest.raises(NotAllowed, match=actor.name):
        offered.approve(number, actor=actor)
    with pytest.raises(NotAllowed, match=actor.name):
        offered.reject(number, actor=actor)
    assert offered.writes() == []


def test_while_the_system_is_stopped_a_person_may_still_approve_and_is_told(offered):
    with offered.database() as store:
        event = LedgerEvent(event="system_stopped", who="ana", at=offered.sandbox.now())
        store.set_started(is_started=False, event=event)
    handled = approved(offered, GROWS)
    assert handled.status == "executed"
    assert "The system is stopped" in handled.message


def test_while_another_works_the_account_an_approval_waits_and_then_gives_up(offered, monkeypatch):
    monkeypatch.setattr(by_person, "LOCK_WAIT_SECONDS", 0.1)
    number = offered.pending(GROWS).id
    with offered.database() as other, other.account_lock(offered.account_id):
        with pytest.raises(Busy, match="is being worked on"):
            offered.approve(number)
        both = offered.approve(4711, number)
    assert [(one.status, one.exit_code) for one in both] == [("not_found", 3), ("suggested", 75)]
    assert offered.pending(GROWS).id == number


# --- when Meta does not answer well -------------------------------------------------------------


def test_an_unclear_answer_leaves_it_in_doubt(offered):
    offered.sandbox.inject(faults.reset(), match=r"^POST ")
    handled = approved(offered, GROWS)
    assert (handled.status, handled.exit_code) == ("in_doubt", 4)


def test_a_write_that_arrived_unheard_is_found_by_reading(offered):
    offered.sandbox.inject(faults.reset_after(), match=r"^POST ")
    assert approved(offered, GROWS).status == "executed"
    assert len(offered.writes()) == 1


def test_a_yes_that_changed_nothing_is_in_doubt(offered):
    offered.sandbox.inject(faults.forgotten(), match=r"^POST ")
    handled = approved(offered, GROWS)
    assert (handled.status, handled.exit_code) == ("in_doubt", 4)


def test_a_refusal_of_metas_is_told(offered):
    offered.sandbox.inject(faults.error(100, message="Too low"), match=r"^POST ")
    handled = approved(offered, GROWS)
    assert (handled.status, handled.exit_code) == ("failed", 4)
    assert "Too low" in handled.message


def test_what_is_in_doubt_gets_no_other_write(offered):
    offered.sandbox.inject(faults.reset(), match=r"^POST ")
    approved(offered, GROWS)
    offered.tick()
    offered.sandbox.forget_requests()
    assert not _waits(offered, GROWS)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (faults.throttled(), 75),
        (faults.bad_gateway(), 4),
        (faults.unauthorised(), 4),
    ],
)
def test_when_the_account_can_not_be_read_nothing_is_done(offered, fault, code):
    number = offered.pending(GROWS).id
    offered.sandbox.inject(fault, times=1000)
    (handled,) = offered.approve(number)
    assert (handled.status, handled.exit_code) == ("suggested", code)
    assert "Nothing was done" in handled.message
    offered.sandbox.clear_faults()
    assert offered.pending(GROWS).id == number


def test_a_throttle_heard_by_an_approval_holds_for_the_next_one(offered):
    account = offered.account_id
    offered.sandbox.inject(faults.throttled(), match=f"act_{account}", times=1000)
    assert approved(offered, GROWS).exit_code == 75
    with offered.database() as store:
        until = store.account(account).blocked_until
    assert until is not None
    offered.sandbox.clear_faults()
    offered.sandbox.forget_requests()
    handled = approved(offered, GROWS)
    assert (handled.status, handled.exit_code) == ("suggested", 75)
    assert f"{until:%H:%M}" in handled.message
    assert not [one for one in offered.sandbox.requests if account in one.text]
    offered.sandbox.advance(until - offered.sandbox.now() + timedelta(seconds=1))
    assert approved(offered, GROWS).exit_code != 75


def test_under_a_wrong_clock_nothing_is_done(offered):
    def ahead() -> object:
        return offered.sandbox.now() + timedelta(minutes=3)

    handled = approved(offered, GROWS, clock=ahead)
    assert (handled.status, handled.exit_code) == ("suggested", 4)
    assert offered.writes() == []


# --- rejected -----------------------------------------------------------------------------------


def test_a_rejection_closes_the_suggestion_with_its_reason(offered):
    number = offered.pending(GROWS).id
    (handled,) = offered.reject(number)
    assert (handled.status, handled.exit_code) == ("rejected", 0)
    (said,) = offered.ledger("optimization_rejected")
    assert (said.event.who, said.event.why) == ("ana", "not now")
    assert offered.writes() == []


def test_what_was_rejected_can_neither_be_rejected_nor_approved_again(offered):
    number = offered.pending(GROWS).id
    offered.reject(number)
    for again in (offered.reject(number), offered.approve(number)):
        assert [(one.status, one.exit_code) for one in again] == [("rejected", 3)]
        assert "Already rejected by ana" in again[0].message


def test_an_unknown_number_can_not_be_rejected(offered):
    assert offered.reject(4711)[0].status == "not_found"


def test_what_a_person_rejected_is_not_automatic_for_seven_days(offered):
    offered.reject(offered.pending(SHRINKS).id)
    offered.in_mode("auto").passes(hours=25)
    assert outcome_of(offered.tick(), SHRINKS) == "queued"
    assert offered.pending(SHRINKS).change_pct < Decimal("-0.1")  # a person's step
