"""One full cycle against the served sandbox and a real database (contract section 4)."""

import logging
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from meta_autonomous.adapters.sandbox import faults
from meta_autonomous.decision.limits import PolicyBook, Scope
from meta_autonomous.domain.action import ActionStatus, ActionType, Outcome
from meta_autonomous.domain.entities import Level
from meta_autonomous.domain.intent import AttemptState
from meta_autonomous.operations import auto_worker
from meta_autonomous.operations.tick_report import TickReport
from meta_autonomous.operations.watched import watched_tick
from meta_autonomous.ports.errors import Busy, NotFound, StoreUnavailable
from meta_autonomous.ports.records import LedgerEvent
from meta_autonomous.ports.words import WORKER
from tests.operations.live_world import (
    FAILING_AD,
    FAILS,
    GROWS,
    MOVES_FROM,
    SECOND_ACCOUNT,
    SERVICE,
    SHRINKS,
    Live,
    outcome_of,
)

pytestmark = pytest.mark.slow

#: Everything else is left alone, so that a test follows one campaign.
ONLY_ONE = PolicyBook(scope=Scope(include=(GROWS,)))


def with_both_accounts(live: Live) -> Live:
    ids = (live.account_id, SECOND_ACCOUNT)
    live.system = replace(live.system, account_ids=ids)
    return live


def only_one(live: Live, mode: str = "auto") -> Live:
    live.book = ONLY_ONE
    return live.in_mode(mode)


def state_of(report: TickReport, account_id: str) -> str:
    return report.accounts[account_id].state


def counted(report: TickReport) -> dict[str, int]:
    told = report.to_json()
    return {str(word): told[f"actions_{word}"] for word in Outcome}


# --- what a tick tells --------------------------------------------------------------------------


def test_the_tick_tells_the_seeds_fields_and_the_contracts(live):
    told = live.tick().to_json()
    assert set(told) >= {
        "success",
        "tick_started_at",
        "tick_completed_at",
        "campaigns_evaluated",
        "actions_generated",
        "actions_policy_blocked",
        "actions_safety_blocked",
        "actions_queued",
        "actions_executed",
        "actions_failed",
        "errors",
        "tick_id",
        "mode",
        "platform",
        "dry_run",
        "requests",
        "actions_deferred",
        "actions_unchanged",
        "actions_in_doubt",
        "accounts",
        "alerts",
        "actions",
    }
    assert told["success"] is True
    assert told["campaigns_evaluated"] == 13
    assert set(told["actions"][0]) >= {
        "id",
        "type",
        "level",
        "entity_id",
        "entity_name",
        "campaign_id",
        "account_id",
        "current_budget",
        "proposed_budget",
        "currency",
        "change_pct",
        "roas",
        "expected_roas",
        "confidence",
        "outcome",
        "reason",
        "verdicts",
    }


@pytest.mark.parametrize("mode", ["suggest", "auto"])
def test_the_counts_add_up_to_what_was_generated(live, mode):
    live.in_mode(mode)
    for _ in range(2):
        report = live.tick()
        told = report.to_json()
        assert told["actions_generated"] == len(told["actions"]) == sum(counted(report).values())


def test_an_account_is_read_in_few_requests_and_never_one_per_campaign(live):
    assert live.tick().to_json()["requests"] <= 20
    asked = [request.text for request in live.sandbox.requests]
    assert not [text for text in asked if "ids=" in text]


def test_the_policy_in_force_is_on_record_and_its_change_too(live):
    live.system = replace(live.system, policy={"max": "1"}, policy_digest="one")
    live.tick()
    assert live.tick().to_json()["policy_digest"] == "one"
    assert len(live.ledger("policy_changed")) == 1
    live.system = replace(live.system, policy={"max": "2"}, policy_digest="two")
    live.tick()
    last = live.ledger("policy_changed")[-1].event
    assert last.before == {"max": "1"}
    assert last.after == {"max": "2", "policy_digest": "two"}


def test_the_ledgers_head_goes_into_the_log_once_and_into_the_digest(live, caplog):
    """Where whoever may rewrite the ledger can't: noted there, a rewritten one is found."""
    caplog.set_level(logging.INFO, logger="meta_auto.tick")
    live.inside(lambda world: watched_tick(world, tick_id="t1"), actor=SERVICE)
    with live.database() as database:
        head = database.ledger_head()
        assert database.verify_ledger(expect=head).head == head
    (told,) = [one for one in caplog.messages if "ledger_" in one]
    assert told.endswith(f" ledger_head={head}")
    ((_, body, _),) = live.mailbox.letters
    assert body.endswith(f"Ledger: {head}\n")


def test_every_tick_is_in_the_ledger(live):
    live.tick()
    live.tick()
    assert [one.event.tick_id for one in live.ledger("tick_completed")] == ["t1", "t2"]


# --- suggest mode -------------------------------------------------------------------------------


def test_suggest_mode_queues_and_sends_nothing(live):
    report = live.tick()
    assert counted(report)["queued"] == 9
    assert counted(report)["executed"] == 0
    assert live.writes() == []
    assert report.exit_code == 0


def test_five_hundred_dollars_become_a_suggestion_of_six_hundred(live):
    live.tick()
    suggestion = live.pending(GROWS)
    assert (suggestion.current_budget, suggestion.proposed_budget) == ("500.00", "600.00")
    assert suggestion.change_pct == Decimal("0.2")
    assert suggestion.amount_usd == 100
    assert suggestion.expires_at == live.sandbox.now() + timedelta(hours=24)


def test_a_hard_stop_waits_as_urgent_with_an_alert(live):
    report = live.tick()
    assert outcome_of(report, FAILS) == "queued"
    assert live.pending(FAILS).is_urgent
    assert live.pending(FAILS).reason.startswith("HARD STOP")
    assert f"hard_stop:{live.sandbox.find(FAILS)}" in {alert.key for alert in report.alerts}
    assert live.field(FAILS, "status") == "ACTIVE"


def test_a_hard_stop_is_executed_in_suggest_mode_only_by_its_setting(live):
    live.limited(hard_stop_executes_in_suggest=True)
    report = live.tick()
    assert outcome_of(report, FAILS) == "executed"
    assert live.field(FAILS, "status") == "PAUSED"
    assert outcome_of(report, SHRINKS) == "queued"


def test_one_letter_a_tick_tells_everything_that_is_new(live):
    live.tick()
    ((subject, body, is_urgent),) = live.mailbox.letters
    assert "SANDBOX" in subject
    assert is_urgent
    assert GROWS in body
    assert "500.00 USD -> 600.00 USD" in body
    assert "HARD STOP" in body


def test_the_same_again_is_unchanged_and_nobody_is_told(live):
    live.tick()
    before = {record.id: record for record in live.actions(statuses=[ActionStatus.SUGGESTED])}
    live.passes(minutes=30)
    report = live.tick()
    assert counted(report)["queued"] == 0
    assert counted(report)["unchanged"] == len(before)
    kept = live.pending(GROWS)
    then = before[kept.id]
    assert (kept.proposed_budget, kept.expires_at) == (then.proposed_budget, then.expires_at)
    assert kept.last_seen_at > then.last_seen_at
    assert len(live.ledger("optimization_suggested")) == len(before)
    assert len(live.mailbox.letters) == 1


def test_another_base_budget_supersedes_the_suggestion(live):
    live.tick()
    old = live.pending(SHRINKS)
    live.limited(action_cooldown_hours=Decimal(0))
    live.sandbox.edit(live.sandbox.find(SHRINKS), daily_budget=44_000)
    live.tick()
    assert live.pending(SHRINKS).id != old.id
    assert live.record(old.id).status is ActionStatus.SUPERSEDED


def test_a_suggestion_expires_and_the_next_tick_looks_afresh(live):
    live.tick()
    old = live.pending(SHRINKS)
    live.passes(hours=24)
    live.tick()
    assert live.record(old.id).status is ActionStatus.EXPIRED
    assert live.pending(SHRINKS).id != old.id


def test_what_was_rejected_is_not_proposed_for_24_hours(live):
    live.tick()
    rejected = live.pending(SHRINKS)
    assert live.reject(rejected.id)[0].status == "rejected"
    live.passes(hours=23)
    names = {decision.action.entity.name for decision, _, _ in live.tick().decided}
    assert SHRINKS not in names
    live.passes(hours=1)
    live.tick()
    assert live.pending(SHRINKS).id != rejected.id


# --- auto mode ----------------------------------------------------------------------------------


def test_auto_mode_executes_what_is_safe_at_ten_percent(live):
    report = live.in_mode("auto").tick()
    assert outcome_of(report, GROWS) == "executed"
    assert live.field(GROWS, "daily_budget") == 55_000
    assert live.field(SHRINKS, "daily_budget") == 40_500
    assert live.field(FAILS, "status") == "PAUSED"
    assert live.field(FAILING_AD, "status") == "PAUSED"
    assert report.exit_code == 0


def test_auto_mode_leaves_a_type_that_is_left_out_to_people(live):
    scales = frozenset({ActionType.SCALE_UP, ActionType.SCALE_DOWN})
    report = live.in_mode("auto").limited(auto_action_types=scales).tick()
    assert outcome_of(report, FAILS) == "queued"
    assert outcome_of(report, GROWS) == "executed"


def test_auto_mode_never_moves_money_between_ad_sets_by_itself(live):
    live.in_mode("auto").limited(auto_action_types=frozenset({ActionType.PAUSE}))
    assert outcome_of(live.tick(), MOVES_FROM) == "queued"
    assert live.pending(MOVES_FROM).type is ActionType.REALLOCATE


def test_what_auto_mode_executes_supersedes_what_waited_for_a_person(live):
    live.tick()
    waiting = live.pending(GROWS)
    live.in_mode("auto").tick()
    assert live.record(waiting.id).status is ActionStatus.SUPERSEDED


def test_what_was_executed_rests_the_next_tick(live):
    only_one(live).tick()
    live.passes(minutes=30)
    assert outcome_of(live.tick(), GROWS) == "policy_blocked"
    assert live.field(GROWS, "daily_budget") == 55_000


def test_the_stored_mode_wins_over_the_configured_one(live):
    with live.database() as store:
        event = LedgerEvent(event="mode_changed", who="ana", at=live.sandbox.now())
        store.set_mode("auto", event=event)
    report = live.in_mode("suggest").tick()
    assert report.mode == "auto"
    assert counted(report)["executed"] > 0


def test_past_the_most_per_tick_the_rest_is_deferred(live):
    report = live.in_mode("auto").limited(max_actions_per_tick=2).tick()
    assert counted(report)["executed"] == 2
    assert counted(report)["deferred"] > 0
    assert outcome_of(report, FAILS) == "executed"
    assert len(live.writes()) == 2


def test_every_campaign_has_its_turn(live):
    live.limited(max_campaigns_per_tick=5)
    waiting = set()
    for turn in range(3):
        assert live.tick().evaluated == 5
        waiting |= {(turn, key) for key in who_waits(live)}
        live.passes(minutes=30)
    names = {key for _, key in waiting}
    assert len(names) == 13
    assert all({turn for turn, key in waiting if key == name} < {0, 1, 2} for name in names)


def who_waits(live: Live) -> set[str]:
    with live.database() as store:
        campaigns = store.traces(level=Level.CAMPAIGN)
    return {t.entity_id for t in campaigns if "candidate.turn" in {g.rule for g in t.gates}}


def test_what_we_paused_is_suggested_for_a_resume_when_it_was_wrong(live):
    only = PolicyBook(scope=Scope(include=(FAILS,)))
    live.book = only
    live.in_mode("auto").tick()
    assert live.field(FAILS, "status") == "PAUSED"
    live.passes(hours=25)
    assert live.tick().decided == []  # its window is as bad as it was
    forgiving = {"hard_stop_roas": "0.05", "pause_roas": "0.05", "resume_roas": "0.1"}
    live.limited(**{key: Decimal(value) for key, value in forgiving.items()})
    assert outcome_of(live.tick(), FAILS) == "queued"  # never by itself
    suggestion = live.pending(FAILS)
    assert suggestion.type is ActionType.RESUME
    assert suggestion.amount_usd == 220
    assert live.approve(suggestion.id)[0].status == "executed"
    assert live.field(FAILS, "status") == "ACTIVE"


def test_what_a_person_paused_is_not_ours_to_resume(live):
    forgiving = {"hard_stop_roas": "0.05", "pause_roas": "0.05", "resume_roas": "0.1"}
    live.limited(**{key: Decimal(value) for key, value in forgiving.items()})
    live.tick()
    live.sandbox.edit(live.sandbox.find(FAILS), status="PAUSED")
    live.passes(hours=25)
    names = {decision.action.entity.name for decision, _, _ in live.tick().decided}
    assert FAILS not in names


# --- a write that does not go well --------------------------------------------------------------


def test_a_refused_write_has_failed_and_the_tick_says_so(live):
    live.sandbox.inject(faults.error(100, message="Budget is too low"), match=r"^POST ")
    report = only_one(live).tick()
    assert outcome_of(report, GROWS) == "failed"
    assert report.exit_code == 4
    assert not report.success
    assert "Budget is too low" in " ".join(report.errors)


def test_an_unclear_answer_is_in_doubt_and_the_next_tick_settles_it(live):
    live.sandbox.inject(faults.reset(), match=r"^POST ")
    report = only_one(live).tick()
    assert outcome_of(report, GROWS) == "in_doubt"
    assert report.exit_code == 4
    live.passes(minutes=30)
    again = live.tick()
    assert "not applied" in " ".join(again.settled).lower()
    assert again.exit_code == 0


def test_what_is_in_doubt_gets_no_other_write(live):
    live.sandbox.inject(faults.apply_late(60), match=r"^POST ")
    only_one(live).tick()
    live.system = replace(live.system, settle_seconds=3600)
    live.passes(minutes=30)
    report = live.tick()
    assert outcome_of(report, GROWS) == "deferred"
    assert len(live.writes()) == 1


def test_two_changes_in_doubt_end_the_writes_until_they_are_settled(live):
    live.sandbox.inject(faults.reset(), match=r"^POST ", times=2)
    live.system = replace(live.system, settle_seconds=3600)
    report = live.in_mode("auto").tick()
    assert (counted(report)["in_doubt"], counted(report)["deferred"]) == (2, 7)
    live.passes(minutes=30)
    live.sandbox.forget_requests()
    again = live.tick()
    assert live.writes() == []
    assert counted(again)["executed"] == 0
    assert "too many writes in doubt" in " ".join(h.message for _, _, h in again.decided)


def test_a_throttled_write_ends_the_writes_of_its_account(live):
    live.sandbox.inject(faults.throttled(regain_minutes=7), match=r"^POST ")
    report = live.in_mode("auto").tick()
    assert counted(report)["executed"] == 0
    assert counted(report)["deferred"] == 9
    assert len(live.writes()) == 1
    assert state_of(report, live.account_id) == "throttled"
    assert report.exit_code == 75  # there is no other account
    assert report.to_json()["campaigns_evaluated"] > 0


def test_a_tick_that_wrote_before_it_was_throttled_has_worked(live):
    live.sandbox.inject(faults.throttled(regain_minutes=7), match=r"^POST ", after=1)
    report = live.in_mode("auto").tick()
    assert counted(report)["executed"] == 1
    assert state_of(report, live.account_id) == "throttled"
    assert report.exit_code == 0


def test_one_entitys_own_limit_at_meta_defers_it_alone_for_an_hour(live):
    only_one(live)
    live.sandbox.inject(faults.error(613, subcode=1_487_632), match=r"^POST ", times=100)
    report = live.tick()
    assert outcome_of(report, GROWS) == "deferred"
    assert state_of(report, live.account_id) == "ok"
    assert report.exit_code == 0
    live.passes(minutes=30)
    assert outcome_of(live.tick(), GROWS) == "deferred"
    assert len(live.writes()) == 1
    live.sandbox.clear_faults()
    live.passes(minutes=31)
    assert outcome_of(live.tick(), GROWS) == "executed"


@pytest.mark.parametrize("where", [r"^POST ", r"^GET \S*/campaigns"])
def test_a_penalty_raises_an_alert_and_stops_the_account_for_hours(live, where):
    live.sandbox.inject(faults.error(368), match=where)
    key = f"penalised:{live.account_id}"
    report = live.in_mode("auto").tick()
    assert state_of(report, live.account_id) == "throttled"
    assert key in {alert.key for alert in report.alerts}
    sent = len(live.writes())
    live.passes(hours=3)
    waits = live.tick()
    assert key in {alert.key for alert in waits.alerts}
    assert len(live.writes()) == sent
    live.passes(hours=2)
    assert key not in {alert.key for alert in live.tick().alerts}
    assert len(live.writes()) > sent


def test_what_meta_forbade_is_not_sent_for_a_person_either(live):
    live.tick()
    first, second = live.pending(GROWS), live.pending(SHRINKS)
    live.sandbox.inject(faults.error(368), match=r"^POST ")
    for waiting in (first, second):
        (done,) = live.approve(waiting.id)
        assert done.exit_code == 75
    assert len(live.writes()) == 1
    assert live.record(second.id).status is ActionStatus.SUGGESTED


def test_a_token_that_ends_during_a_tick_stops_the_account_with_an_alert(live):
    first = live.sandbox.find(FAILS)
    live.sandbox.inject(faults.unauthorised(), match=rf"^GET \S*/{first}\?", times=5)
    report = live.in_mode("auto").tick()
    assert live.writes() == []
    assert counted(report)["deferred"] == 8
    assert report.exit_code == 4
    assert f"auth:{live.account_id}" in {alert.key for alert in report.alerts}


def test_a_token_that_may_not_write_is_refused_once_with_an_alert(live):
    live.sandbox.inject(faults.unauthorised(), match=r"^POST ", times=9)
    report = live.in_mode("auto").tick()
    assert counted(report)["failed"] == 1
    assert counted(report)["deferred"] == 8
    assert report.exit_code == 4
    assert [one.state for one in report.accounts.values()] == ["failed"]
    assert f"auth:{live.account_id}" in {alert.key for alert in report.alerts}


def test_a_stop_ends_the_tick_after_the_write_in_hand(live):
    def stopped() -> bool:
        return len(live.writes()) > 0

    report = live.in_mode("auto").tick(stop_requested=stopped)
    assert counted(report)["executed"] == 1
    assert counted(report)["deferred"] == 8
    assert len(live.actions(statuses=[ActionStatus.APPROVED])) == 0


def test_when_its_time_is_used_up_a_tick_begins_no_other_write(live):
    live.system = replace(live.system, interval_seconds=4)
    live.sandbox.inject(faults.hang(2.5), match=r"^POST ")
    report = live.in_mode("auto").tick(write_timeout=5.0)
    assert len(live.writes()) == 1
    assert counted(report)["deferred"] == 8
    (_, _, handled) = report.decided[1]
    assert "time is used up" in handled.message


# --- accounts that can't be read ----------------------------------------------------------------


def test_one_broken_account_never_stops_another(live):
    with_both_accounts(live)
    live.sandbox.inject(faults.server_error(), match=f"act_{SECOND_ACCOUNT}", times=100)
    report = live.tick()
    assert state_of(report, SECOND_ACCOUNT) == "failed"
    assert state_of(report, live.account_id) == "ok"
    assert counted(report)["queued"] > 0
    assert report.exit_code == 4
    assert SECOND_ACCOUNT in report.errors[0]


def test_what_an_unread_account_may_spend_is_unknown_so_nothing_grows(live):
    with_both_accounts(live)
    live.sandbox.inject(faults.server_error(), match=f"act_{SECOND_ACCOUNT}", times=100)
    report = live.tick()
    assert outcome_of(report, GROWS) == "safety_blocked"
    assert outcome_of(report, SHRINKS) == "queued"
    live.sandbox.clear_faults()
    live.tick()
    live.sandbox.inject(faults.server_error(), match=f"act_{SECOND_ACCOUNT}", times=100)
    assert outcome_of(live.tick(), GROWS) == "unchanged"  # its last budgets stand in for it


def test_an_account_that_is_slow_is_left_for_the_next_tick(live):
    live.system = replace(live.system, interval_seconds=2)
    live.sandbox.inject(faults.hang(1.5), match=r"/campaigns")
    report = live.tick()
    assert state_of(report, live.account_id) == "failed"
    assert "Reading did not end within 1 s" in report.errors[0]


def test_one_odd_entity_is_skipped_by_name_and_the_rest_goes_on(live):
    def spoil(document: dict) -> None:
        for row in document["data"]:
            if row["name"] == SHRINKS:
                row["daily_budget"] = "a lot"

    live.sandbox.inject(faults.altered(spoil), match=r"/campaigns")
    report = live.tick()
    assert live.sandbox.find(SHRINKS) in report.errors[0]
    assert outcome_of(report, GROWS) == "queued"
    assert report.exit_code == 0


def test_an_ad_whose_purchases_are_odd_leaves_out_its_campaign_alone(live):
    campaign_id = live.sandbox.find(SHRINKS)

    def spoil(document: dict) -> None:
        for row in document["data"]:
            if row.get("campaign_id") == campaign_id and "ad_id" in row:
                row["actions"] = "garbage"

    live.sandbox.inject(faults.altered(spoil), match=r"/insights\S*level=ad&", times=100)
    report = live.tick()
    assert report.exit_code == 0
    assert any(campaign_id in error and "insights of ad" in error for error in report.errors)
    assert campaign_id not in {d.action.entity.campaign_id for d, _, _ in report.decided}
    assert outcome_of(report, GROWS) == "queued"


def throttle(live: Live, **options: object) -> None:
    live.sandbox.inject(faults.throttled(**options), match=f"act_{live.account_id}", times=100)


def test_a_throttled_account_alone_is_left_for_later(live):
    throttle(live)
    report = live.tick()
    assert report.exit_code == 75
    assert not report.success
    (account,) = report.to_json()["accounts"]
    assert account["state"] == "throttled"
    assert account["blocked_until"] is not None


def test_a_throttled_account_beside_a_healthy_one_is_no_failure(live):
    with_both_accounts(live)
    throttle(live)
    report = live.tick()
    assert report.exit_code == 0
    assert state_of(report, live.account_id) == "throttled"
    assert state_of(report, SECOND_ACCOUNT) == "ok"


def test_how_long_meta_asked_to_wait_is_remembered(live):
    throttle(live, regain_minutes=10)
    live.tick()
    live.sandbox.clear_faults()
    live.sandbox.forget_requests()
    live.passes(minutes=9)
    assert live.tick().exit_code == 75
    assert not [one for one in live.sandbox.requests if "act_" in one.target]
    live.passes(minutes=2)
    assert live.tick().exit_code == 0
    with live.database() as store:
        assert store.account(live.account_id).blocked_until is None


def test_a_throttle_before_anything_was_asked_of_an_account_is_remembered_too(live):
    live.sandbox.inject(faults.throttled(code=4, subcode=None), match=r"/me", times=100)
    assert live.tick().exit_code == 75
    with live.database() as store:
        assert store.account(live.account_id).blocked_until is not None


def test_a_refused_token_ends_with_four_and_an_alert_that_is_cleared(live):
    live.sandbox.inject(faults.unauthorised(), times=100)
    report = live.tick()
    assert report.exit_code == 4
    assert [alert.key for alert in report.alerts] == [f"auth:{live.account_id}"]
    assert live.mailbox.letters[0][2]
    live.sandbox.clear_faults()
    after = live.tick()
    assert after.exit_code == 0
    assert f"auth:{live.account_id}" not in {alert.key for alert in after.alerts}


def test_when_meta_is_unreachable_the_tick_says_so(live):
    live.sandbox.inject(faults.bad_gateway(), times=1000)
    report = live.tick()
    assert report.exit_code == 4
    assert report.errors
    assert counted(report) == dict.fromkeys(counted(report), 0)


def test_an_account_without_purchases_generates_nothing_with_an_alert(live):
    with_both_accounts(live)
    assert f"no_purchases:{SECOND_ACCOUNT}" in {alert.key for alert in live.tick().alerts}


def test_an_account_that_is_not_configured_is_not_worked(live):
    with pytest.raises(NotFound, match="4711 is not configured"):
        live.tick(accounts=["4711"])


def test_only_the_named_account_is_worked(live):
    with_both_accounts(live)
    assert set(live.tick(accounts=[SECOND_ACCOUNT]).accounts) == {SECOND_ACCOUNT}


@pytest.mark.parametrize("step", ["reconcile", "observe", "record_account", "supersede_stale"])
def test_a_bug_that_one_accounts_data_wakes_costs_the_others_nothing(live, monkeypatch, step):
    sound = getattr(auto_worker, step)

    def broken_for_the_second(world, of_it, **options):
        if SECOND_ACCOUNT in str(of_it):  # its id, or what was read of it
            raise ZeroDivisionError("a ratio of nothing")
        return sound(world, of_it, **options)

    monkeypatch.setattr(auto_worker, step, broken_for_the_second)
    report = only_one(with_both_accounts(live)).tick()

    assert report.exit_code == 4
    assert {key: one.state for key, one in report.accounts.items()} == {
        live.account_id: "ok",
        SECOND_ACCOUNT: "failed",
    }
    assert any(f"account {SECOND_ACCOUNT}: something in it" in one for one in report.errors)
    assert report.evaluated > 0
    assert set(report.situations) == {live.account_id}


@pytest.mark.parametrize("step", ["reconcile", "observe", "record_account"])
def test_a_database_that_fails_is_no_accounts_fault_and_ends_the_tick(live, monkeypatch, step):
    def fails(*_, **__):
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(auto_worker, step, fails)
    with pytest.raises(StoreUnavailable):
        with_both_accounts(live).tick()


# --- time ---------------------------------------------------------------------------------------


def test_a_tick_is_on_record_as_ended_when_it_ended(live):
    fault = faults.interfere(lambda: live.passes(minutes=1))
    live.sandbox.inject(fault, match=r"^POST ")
    only_one(live).tick()

    (executed,) = live.ledger("optimization_executed")
    (completed,) = live.ledger("tick_completed")
    (began,) = live.ledger("policy_changed")
    assert completed.event.at >= executed.event.at > began.event.at


def skewed(live: Live, **ahead: float) -> TickReport:
    return live.tick(clock=lambda: live.sandbox.now() + timedelta(**ahead))


@pytest.mark.parametrize("ahead", [{"minutes": 3}, {"days": -400}, {"days": 2}])
def test_under_a_wrong_clock_a_tick_only_reads_and_reports(live, ahead):
    report = skewed(live.in_mode("auto"), **ahead)
    assert report.exit_code == 4
    assert live.writes() == []
    assert counted(report)["executed"] == counted(report)["queued"] == 0
    assert live.actions() == ()
    assert "clock" in report.errors[0]


def test_a_wrong_clock_expires_nothing_and_leaves_no_time_in_the_records(live):
    live.tick()
    waiting = live.pending(GROWS)
    skewed(live, days=400)
    assert live.pending(GROWS).id == waiting.id
    assert live.tick().exit_code == 0


def test_a_clock_that_is_a_minute_off_is_good_enough(live):
    assert skewed(live, seconds=119).exit_code == 0


def test_without_a_date_header_the_time_is_not_to_be_trusted(live):
    live.sandbox.inject(faults.missing_date(), times=1000)
    report = live.in_mode("auto").tick()
    assert report.exit_code == 4
    assert live.writes() == []


def test_a_clock_behind_the_ledger_is_not_to_be_trusted(live):
    with live.database() as store:
        later = live.sandbox.now() + timedelta(minutes=3)
        store.append(LedgerEvent(event="tick_completed", who=WORKER, at=later))
    report = live.in_mode("auto").tick()
    assert report.exit_code == 4
    assert "ledger" in report.errors[0]
    assert live.writes() == []


# --- stopped, disabled --------------------------------------------------------------------------


def test_told_to_end_while_meta_hangs_a_tick_does_not_wait_for_it(live):
    told = []
    live.sandbox.inject(faults.hang(20), match=r"/insights", times=9)
    live.sandbox.inject(faults.interfere(lambda: told.append(1)), match=r"/campaigns")
    began = time.monotonic()

    report = live.in_mode("auto").tick(stop_requested=lambda: bool(told))

    assert time.monotonic() - began < 10
    assert report.exit_code == 75
    assert [one.state for one in report.accounts.values()] == ["stopped"]
    assert "stopped while this account was read" in report.errors[0]
    assert live.writes() == []


def test_a_refused_budget_is_not_sent_again_every_tick(live):
    live.sandbox.inject(faults.error(100, subcode=1885272), match=r"^POST ", times=9)
    assert outcome_of(only_one(live).tick(), GROWS) == "failed"
    live.passes(minutes=30)

    assert outcome_of(live.tick(), GROWS) == "deferred"
    with live.database() as store:
        trace = store.trace(live.sandbox.find(GROWS))
    assert trace is not None
    assert trace[0].first_binding == "safety.platform_pace"

    live.passes(hours=6)
    live.sandbox.clear_faults()
    assert outcome_of(live.tick(), GROWS) == "executed"


def stop(live: Live) -> Live:
    with live.database() as store:
        event = LedgerEvent(event="system_stopped", who="ana", at=live.sandbox.now())
        store.set_started(is_started=False, event=event)
    return live


def test_a_stopped_system_decides_nothing_and_says_so(live):
    report = stop(live).tick()
    told = report.to_json()
    assert (told["started"], told["enabled"]) == (False, True)
    assert report.exit_code == 0
    assert told["campaigns_evaluated"] == told["actions_generated"] == 0
    assert told["spend_today_usd"] is None  # nothing was read
    assert not [one for one in live.sandbox.requests if "act_" in one.target]


def test_a_disabled_system_decides_nothing_either(live):
    live.system = replace(live.system, is_enabled=False)
    report = live.tick()
    assert report.to_json()["enabled"] is False
    assert report.exit_code == 0
    assert live.actions() == ()


def test_a_stopped_system_settles_what_is_in_doubt_and_expires_what_is_old(live):
    live.sandbox.inject(faults.reset(), match=r"^POST ")
    live.in_mode("auto").limited(auto_action_types=frozenset({ActionType.SCALE_UP})).tick()
    waiting = live.pending(SHRINKS)
    live.passes(hours=25)
    live.sandbox.forget_requests()
    report = stop(live).tick()
    assert report.settled
    assert report.exit_code == 0
    assert live.writes() == []
    with live.database() as store:
        assert store.open_attempts() == ()
    assert live.record(waiting.id).status is ActionStatus.EXPIRED


# --- locks, dry runs ----------------------------------------------------------------------------


def test_of_two_ticks_at_once_the_second_has_nothing_to_do(live):
    with live.database() as other, other.account_lock(live.account_id) as is_ours:
        assert is_ours
        with pytest.raises(
            Busy, match=r"Another command is working on ad account \d+: a tick, or a person"
        ):
            live.tick()
    assert live.tick().exit_code == 0


def test_beside_a_locked_account_the_others_are_worked(live):
    with_both_accounts(live)
    with live.database() as other, other.account_lock(live.account_id):
        report = live.tick()
    assert state_of(report, live.account_id) == "locked"
    assert state_of(report, SECOND_ACCOUNT) == "ok"
    assert report.exit_code == 0


def test_a_dry_run_decides_as_a_tick_does_and_writes_nothing(live):
    live.tick()
    before = live.ledger("tick_completed"), live.actions()
    planned = live.in_mode("auto").tick(dry_run=True)
    assert live.writes() == []
    assert (live.ledger("tick_completed"), live.actions()) == before
    done = live.tick()

    def told(report: TickReport) -> list[tuple[str, str]]:
        return [(d.action.entity.id, str(h.outcome)) for d, _, h in report.decided]

    assert told(planned) == told(done)
    assert live.mailbox.letters[1:] == live.mailbox.letters[1:2]  # one for each real tick


def test_a_dry_run_leaves_a_throttled_account_as_it_is(live):
    throttle(live)
    assert live.tick(dry_run=True).exit_code == 75
    with live.database() as store:
        assert store.account(live.account_id).blocked_until is None


# --- baseline, memory ---------------------------------------------------------------------------


def test_what_people_change_by_hand_starts_the_cooldown(live):
    live.tick()
    live.passes(minutes=30)
    live.sandbox.edit(live.sandbox.find(SHRINKS), daily_budget=46_000)
    live.passes(minutes=30)
    assert outcome_of(live.tick(), SHRINKS) == "safety_blocked"


def test_what_we_paused_is_not_touched_again_while_it_rests(live):
    live.in_mode("auto").tick()
    live.passes(hours=2)
    names = {decision.action.entity.name for decision, _, _ in live.tick().decided}
    assert FAILS not in names
    with live.database() as store:
        attempts = [a.state for r in live.actions() for a in store.attempts_of(r.id)]
    assert set(attempts) == {AttemptState.CONFIRMED}
