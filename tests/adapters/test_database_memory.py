"""What is remembered of an entity: what we did, what others did, and since when we know."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event as sqlalchemy_event

from meta_autonomous.adapters.database import Database
from meta_autonomous.decision.context import NO_MEMORY, AutomaticPause, EntityMemory
from meta_autonomous.domain.action import ActionStatus, ActionType
from meta_autonomous.domain.entities import (
    AccountSnapshot,
    Activity,
    Budget,
    BudgetKind,
    UnreadHolder,
)
from meta_autonomous.domain.intent import AttemptEvent
from meta_autonomous.ports.words import WORKER
from tests.adapters.database_scene import (
    ACCOUNT,
    NOON,
    TODAY,
    a_campaign,
    a_database,
    a_snapshot,
    an_ad,
    an_adset,
    carry_out,
    closed_at_the_end,  # noqa: F401
    daily,
    granted,
    hours,
    intend,
    opened,
    pause,
    reallocate,
    record,
    scale,
    suggested,
    usd,
    with_budget,
)

S = ActionStatus
OUR_APP = "app-1"


def read(database: Database, *entities: Any, at: datetime, **values: Any) -> AccountSnapshot:
    snapshot = a_snapshot(*entities, at=at, **values)
    database.record_snapshot(snapshot, tick_id="t")
    return snapshot


def memory_of(
    database: Database, entity: Any, *, at: datetime = NOON, **values: Any
) -> EntityMemory:
    """What is remembered when the entity is read as given."""
    snapshot = a_snapshot(entity, at=at, **values)
    return database.memory(snapshot, now=at, our_application_id=OUR_APP).of(entity.id)


def an_activity(
    entity_id: str = "11",
    kind: str = "update_ad_set_budget",
    *,
    at: datetime,
    old: str | None = "5000",
    new: str | None = "7000",
    application_id: str | None = "ads-manager",
) -> Activity:
    return Activity(
        object_id=entity_id,
        event_type=kind,
        at=at,
        actor_id="ben",
        application_id=application_id,
        old=old,
        new=new,
    )


# --- nothing, and since when --------------------------------------------------------------------


def test_of_a_new_account_nothing_is_known(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    assert memory_of(database, an_adset()) == NO_MEMORY


def test_budgets_are_known_once_a_record_is_a_day_old_and_reads_went_on(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    for n in range(-26, 0):
        read(database, an_adset(), at=NOON + hours(n))
    assert not memory_of(database, an_adset(), at=NOON - hours(3)).budgets_known
    assert memory_of(database, an_adset()).budgets_known
    assert memory_of(database, an_adset(), at=NOON + hours(22)).budgets_known
    assert not memory_of(database, an_adset(), at=NOON + hours(24)).budgets_known


def test_after_a_gap_budgets_are_unknown_until_reads_have_gone_on_for_a_day(
    tmp_path: Path,
) -> None:
    database = a_database(tmp_path)
    read(database, an_adset(), at=NOON - timedelta(days=5))
    read(database, an_adset(), at=NOON - hours(25))
    assert not memory_of(database, an_adset(), at=NOON - hours(2)).budgets_known
    read(database, an_adset(), at=NOON - hours(2))
    assert memory_of(database, an_adset()).budgets_known


def test_the_activity_log_makes_up_for_a_missing_record_and_is_remembered(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    entity = with_budget(an_adset(), 70)
    log = [an_activity(at=NOON - hours(3))]
    found = memory_of(database, entity, activities=log)
    assert found.budgets_known
    assert found.budgets_24h == (usd(50),)
    assert found.foreign_change_at == NOON - hours(3)
    read(database, entity, at=NOON, activities=log)
    later = memory_of(database, entity, at=NOON + hours(1))
    assert later.budgets_known
    assert later.budgets_24h == (usd(50),)
    assert later.foreign_change_at == NOON - hours(3)
    assert memory_of(database, entity, at=NOON + hours(22)).budgets_24h == ()


def test_an_entity_that_came_into_being_since_is_known_from_its_start(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    for n in range(-30, 0, 6):
        read(database, a_campaign(), at=NOON + hours(n))
    young = an_adset(created_at=NOON - hours(2))
    old = an_adset("12")
    snapshot = a_snapshot(young, old)
    memory = database.memory(snapshot, now=NOON, our_application_id=None)
    assert memory.of("11").budgets_known
    assert not memory.of("12").budgets_known


def test_the_last_known_budget_of_what_is_unread_now_is_remembered(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    for n, budget in ((-90, 50), (-80, 60)):  # days ago, and unchanged since
        read(database, a_campaign(), an_adset(budget=daily(budget)), at=NOON + hours(n))
    unread = {"11": UnreadHolder(campaign_id="1", budget=None)}
    snapshot = a_snapshot(a_campaign(), at=NOON, unread=unread)
    memory = database.memory(snapshot, now=NOON, our_application_id=None)
    assert memory.last_budgets == {"11": usd(60)}


def test_a_lifetime_budget_is_no_budget_per_day_of_what_is_unread_now(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(
        database,
        a_campaign(),
        an_adset(budget=Budget(BudgetKind.LIFETIME, usd(30_000), usd(9_000), NOON + hours(99))),
        at=NOON - hours(2),
    )
    unread = {"11": UnreadHolder(campaign_id="1", budget=None)}
    snapshot = a_snapshot(a_campaign(), at=NOON, unread=unread)
    assert database.memory(snapshot, now=NOON, our_application_id=None).last_budgets == {}


def test_another_platforms_past_is_not_ours(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(database, an_adset(), at=NOON - hours(1))
    carry_out(database, an_adset(), 60, at=NOON - hours(1))
    sandbox = opened(tmp_path, platform="sandbox")
    snapshot = a_snapshot(with_budget(an_adset(), 60))
    memory = sandbox.memory(snapshot, now=NOON, our_application_id=None)
    assert memory.of("11") == NO_MEMORY
    assert memory.approved_creatives == frozenset()


# --- changes by others --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"budget": daily(70)}, "budget 50.00 USD (daily) → 70.00 USD (daily)"),
        ({"budget": None}, "budget 50.00 USD (daily) → none"),
        ({"status": "PAUSED"}, "status ACTIVE → PAUSED"),
        ({"bid": "120"}, "bid none → 120"),
    ],
)
def test_a_change_that_we_did_not_make_was_made_by_someone_else(
    tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    database = a_database(tmp_path)
    read(database, an_adset(), at=NOON - hours(1))
    found = memory_of(database, an_adset(**changed))
    assert (found.foreign_change_at, found.foreign_change) == (NOON, words)
    assert found.last_executed_at is None


def test_it_is_remembered_after_it_was_recorded(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(database, an_adset(), at=NOON - hours(2))
    read(database, with_budget(an_adset(), 70), at=NOON - hours(1))
    found = memory_of(database, with_budget(an_adset(), 70))
    assert found.foreign_change_at == NOON - hours(1)
    assert found.budgets_24h == (usd(50),)


@pytest.mark.parametrize("changed", [{"name": "renamed"}, {"effective_status": "CAMPAIGN_PAUSED"}])
def test_a_rename_or_a_parents_pause_is_no_change_of_its_own(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    database = a_database(tmp_path)
    read(database, an_adset(), at=NOON - hours(1))
    assert memory_of(database, an_adset(**changed)).foreign_change_at is None


def test_what_we_changed_is_not_a_change_by_others(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(database, an_adset(), at=NOON - hours(2))
    carry_out(database, an_adset(), 60, at=NOON - hours(1))
    found = memory_of(database, with_budget(an_adset(), 60))
    assert found.foreign_change_at is None
    assert found.last_executed_at == NOON - hours(1)
    assert (found.last_direction, found.last_direction_at) == (1, NOON - hours(1))
    assert found.budgets_24h == (usd(50),)


def test_a_budget_that_we_replaced_a_day_ago_is_no_base_although_no_read_has_seen_it_go(
    tmp_path: Path,
) -> None:
    database = a_database(tmp_path)
    read(database, an_adset(), at=NOON - hours(25))
    carry_out(database, an_adset(), 60, at=NOON - hours(25))
    assert memory_of(database, with_budget(an_adset(), 60)).budgets_24h == ()

    read(database, with_budget(an_adset(), 60), at=NOON)
    later = NOON + hours(1)
    assert memory_of(database, with_budget(an_adset(), 60), at=later).budgets_24h == ()


def test_nor_one_that_somebody_else_replaced_by_the_logs_word(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(database, an_adset(), at=NOON - hours(30))
    log = [an_activity(at=NOON - hours(26))]
    found = memory_of(database, with_budget(an_adset(), 70), activities=log)
    assert found.budgets_24h == ()


def test_without_the_logs_word_it_may_have_been_in_force_until_now(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(database, an_adset(), at=NOON - hours(30))
    assert memory_of(database, with_budget(an_adset(), 70)).budgets_24h == (usd(50),)


def test_not_even_on_a_clock_that_stands_still(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(database, an_adset(), at=NOON)
    carry_out(database, an_adset(), 60, at=NOON)
    found = memory_of(database, with_budget(an_adset(), 60))
    assert found.foreign_change_at is None
    read(database, with_budget(an_adset(), 60), at=NOON)
    assert memory_of(database, with_budget(an_adset(), 60)).foreign_change_at is None


def test_what_we_may_have_changed_is_not_a_change_by_others(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(database, an_adset(), at=NOON - hours(2))
    intend(database, an_adset(), 60, at=NOON - hours(1))
    found = memory_of(database, with_budget(an_adset(), 60))
    assert found.foreign_change_at is None
    assert found.in_doubt_since == NOON - hours(1)
    assert found.last_executed_at is None


def test_what_meta_refused_us_was_done_by_someone_else(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(database, an_adset(), at=NOON - hours(2))
    attempt = intend(database, an_adset(), 60, at=NOON - hours(1))
    database.record_event(attempt, AttemptEvent.ANSWERED_NO, at=NOON - hours(1), detail="no")
    found = memory_of(database, with_budget(an_adset(), 60))
    assert found.foreign_change_at == NOON
    assert found.in_doubt_since is None


def test_a_person_who_changed_it_after_us_is_seen(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(database, an_adset(), at=NOON - hours(2))
    carry_out(database, an_adset(), 60, at=NOON - hours(1))
    found = memory_of(database, with_budget(an_adset(), 65))
    assert found.foreign_change_at == NOON
    assert found.budgets_24h == (usd(50), usd(60))


def test_a_value_that_we_set_long_before_does_not_explain_a_new_change_to_it(
    tmp_path: Path,
) -> None:
    database = a_database(tmp_path)
    read(database, an_adset(), at=NOON - hours(9))
    carry_out(database, an_adset(), 60, at=NOON - hours(8))
    read(database, with_budget(an_adset(), 60), at=NOON - hours(7))
    read(database, with_budget(an_adset(), 80), at=NOON - hours(6))
    found = memory_of(database, with_budget(an_adset(), 60))
    assert found.foreign_change_at == NOON


def test_not_even_when_it_was_taken_back_before_we_saw_it(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(database, an_adset(), at=NOON - hours(9))
    carry_out(database, an_adset(), 60, at=NOON - hours(8))
    for n in (-7, -6, -5):  # someone was quicker than our next read
        read(database, an_adset(), at=NOON + hours(n))
    read(database, with_budget(an_adset(), 60), at=NOON - hours(4))
    found = memory_of(database, with_budget(an_adset(), 60))
    assert found.foreign_change_at == NOON - hours(4)


def test_the_activity_log_gives_the_moment_and_tells_of_what_was_changed_back(
    tmp_path: Path,
) -> None:
    database = a_database(tmp_path)
    read(database, an_adset(), at=NOON - hours(4))
    log = [
        an_activity(at=NOON - hours(3), new="9000"),
        an_activity(at=NOON - hours(2), old="9000", new="7000"),
    ]
    found = memory_of(database, with_budget(an_adset(), 70), activities=log)
    assert found.foreign_change_at == NOON - hours(2)
    assert found.budgets_24h == (usd(50), usd(90))


def test_two_changes_within_one_second_are_two(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    then = NOON - hours(2)
    log = [  # the newest first, as Meta tells them
        an_activity(at=then, old="9000", new="7000"),
        an_activity(at=then, old="5000", new="9000"),
    ]
    entity = with_budget(an_adset(), 70)
    assert memory_of(database, entity, activities=log).budgets_24h == (usd(50), usd(90))

    for n in (1, 2):  # told twice, they are still the same two
        read(database, entity, at=NOON + hours(n), activities=log)
    found = memory_of(database, entity, at=NOON + hours(3))
    assert found.budgets_24h == (usd(50), usd(90))
    assert found.foreign_change_at == then


def test_our_change_hides_nobodys_of_the_same_second(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    theirs = an_activity(at=NOON, old="7000", new="5000")
    read(database, an_adset(), at=NOON, activities=[theirs])
    carry_out(database, an_adset(), 60, at=NOON)
    ours = an_activity(at=NOON, old="5000", new="6000", application_id=OUR_APP)
    after = with_budget(an_adset(), 60)
    read(database, after, at=NOON + hours(1), activities=[ours, theirs])
    found = memory_of(database, after, at=NOON + hours(2))
    assert found.foreign_change_at == NOON
    assert found.budgets_24h == (usd(50), usd(70))


def test_our_own_lines_of_the_activity_log_are_ours_whatever_words_meta_has(
    tmp_path: Path,
) -> None:
    database = a_database(tmp_path)
    read(database, an_adset(), at=NOON - hours(2))
    carry_out(database, an_adset(), "PAUSED", at=NOON - hours(1))
    paused = an_adset(status="PAUSED", effective_status="PAUSED")
    line = an_activity(
        kind="update_ad_set_run_status",
        at=NOON - hours(1) + timedelta(minutes=9),
        old="Active",
        new="Inactive",
        application_id=OUR_APP,
    )
    found = memory_of(database, paused, activities=[line])
    assert found.foreign_change_at is None
    assert found.paused_by_us_at == NOON - hours(1)
    theirs = replace(line, application_id="ads-manager")
    assert memory_of(database, paused, activities=[theirs]).foreign_change_at == theirs.at


def test_a_line_of_our_application_that_we_have_no_record_of_is_a_change(tmp_path: Path) -> None:
    line = an_activity(at=NOON - hours(1), application_id=OUR_APP)
    found = memory_of(a_database(tmp_path), an_adset(), activities=[line])
    assert found.foreign_change_at == NOON - hours(1)


@pytest.mark.parametrize("kind", ["update_ad_set_name", "create_ad", "update_ad_set_target_spec"])
def test_other_activities_start_no_cooldown(tmp_path: Path, kind: str) -> None:
    line = an_activity(kind=kind, at=NOON - hours(1))
    found = memory_of(a_database(tmp_path), an_adset(), activities=[line])
    assert found.foreign_change_at is None


def test_a_lifetime_budgets_past_is_counted_per_day(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    ends_at = NOON + timedelta(days=10)

    def lifetime(total: int) -> Budget:
        # 100 USD are spent of it
        return Budget(BudgetKind.LIFETIME, usd(total), usd(total - 100), ends_at)

    read(database, an_adset(budget=lifetime(600)), at=NOON - hours(1))
    found = memory_of(database, an_adset(budget=lifetime(1100)))
    assert found.budgets_24h == (usd(50),)
    assert found.foreign_change is not None


# --- what we did --------------------------------------------------------------------------------


def test_both_ad_sets_of_a_reallocation_were_acted_upon(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    donor, receiver = an_adset("11"), an_adset("12")
    carry_out(
        database, donor, 45, at=NOON - hours(3), decision=granted(reallocate(donor, receiver, 5))
    )
    assert memory_of(database, with_budget(donor, 45)).last_direction == -1
    assert memory_of(database, receiver).last_executed_at is None


def test_budget_writes_of_the_last_hour_are_counted(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    for n, to in ((-2, 60), (-0.9, 70), (-0.5, 80)):
        carry_out(database, an_adset(), to, at=NOON + hours(n))
    attempt = intend(database, an_adset(), 90, at=NOON)
    database.record_event(attempt, AttemptEvent.NEVER_LEFT, at=NOON, detail="")
    found = memory_of(database, an_adset())
    assert found.budget_sent_at == (NOON - hours(0.9), NOON - hours(0.5))


def test_until_when_meta_takes_no_other_budget_is_remembered(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    attempt = intend(database, an_adset(), 60, at=NOON)
    until = NOON + hours(1)
    database.record_event(
        attempt, AttemptEvent.ANSWERED_NO, at=NOON, detail="", blocked_until=until
    )
    assert memory_of(database, an_adset()).budget_blocked_until == until
    assert memory_of(database, an_adset(), at=until).budget_blocked_until is None


def test_a_refused_budget_is_remembered_while_the_entity_stands_as_it_stood(
    tmp_path: Path,
) -> None:
    database = a_database(tmp_path)
    attempt = intend(database, an_adset(), 60, at=NOON)
    database.record_event(attempt, AttemptEvent.ANSWERED_NO, at=NOON, detail="(#100) no")
    later = NOON + hours(2)
    assert memory_of(database, an_adset(), at=later).budget_refused_at == NOON
    assert memory_of(database, an_adset(), at=later).budget_blocked_until is None
    edited = an_adset(budget=daily(55))
    assert memory_of(database, edited, at=later).budget_refused_at is None


def test_a_request_to_wait_is_no_refusal(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    attempt = intend(database, an_adset(), 60, at=NOON)
    database.record_event(
        attempt, AttemptEvent.ANSWERED_NO, at=NOON, detail="", blocked_until=NOON
    )
    assert memory_of(database, an_adset(), at=NOON + hours(1)).budget_refused_at is None


def test_a_pause_of_ours_is_remembered_with_the_day_of_its_decision(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    ad = an_ad()
    read(database, ad, at=NOON - timedelta(days=3, hours=1))
    carry_out(database, ad, "PAUSED", at=NOON - timedelta(days=3))
    paused = replace(ad, status="PAUSED", effective_status="PAUSED")
    found = memory_of(database, paused)
    assert found.paused_by_us_at == NOON - timedelta(days=3)
    assert found.paused_on == TODAY - timedelta(days=3)
    assert memory_of(database, ad).paused_by_us_at is None
    later = memory_of(database, paused, at=NOON + timedelta(days=12))
    assert later.paused_by_us_at is None


def test_the_day_of_a_decision_is_the_accounts_own(tmp_path: Path) -> None:
    from zoneinfo import ZoneInfo

    database = a_database(tmp_path)
    late = datetime(2026, 3, 9, 23, 30, tzinfo=UTC)
    carry_out(database, an_ad(), "PAUSED", at=late)
    madrid = replace(ACCOUNT, timezone=ZoneInfo("Europe/Madrid"))
    found = memory_of(database, an_ad(status="PAUSED"), account=madrid)
    assert found.paused_on == TODAY


def test_a_pause_that_a_person_lifted_and_made_again_is_not_ours(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    ad = an_ad()
    paused = replace(ad, status="PAUSED", effective_status="PAUSED")
    read(database, ad, at=NOON - hours(9))
    carry_out(database, ad, "PAUSED", at=NOON - hours(8))
    read(database, paused, at=NOON - hours(7))
    read(database, ad, at=NOON - hours(6))
    found = memory_of(database, paused)
    assert found.paused_by_us_at is None
    assert found.reversed_at == {ActionType.PAUSE: NOON - hours(6)}


def test_a_change_of_the_creative_is_dated(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(database, an_ad(), at=NOON - hours(9))
    assert memory_of(database, an_ad()).creative_changed_at is None
    other = an_ad(creative_id="c2")
    assert memory_of(database, other).creative_changed_at == NOON
    read(database, other, at=NOON - hours(8))
    read(database, replace(other, name="renamed"), at=NOON - hours(7))
    found = memory_of(database, replace(other, name="renamed"))
    assert found.creative_changed_at == NOON - hours(8)


# --- a person's word ----------------------------------------------------------------------------


def undo(database: Database, original: int, action: Any, *, at: datetime) -> None:
    decision = granted(action, created_by="ana", undoes=original, route="undo")
    carry_out(database, action.entity, 50, at=at, decision=decision, who="ana")
    database.move(
        original,
        expected=[S.EXECUTED],
        to=S.UNDONE,
        at=at,
        who="ana",
        event="optimization_undone",
    )


def test_what_a_person_undid_is_remembered_by_its_kind(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    original = carry_out(database, an_adset(), 60, at=NOON - hours(3)).action_id
    undo(database, original, scale(with_budget(an_adset(), 60), 50), at=NOON - hours(2))
    found = memory_of(database, an_adset())
    assert found.reversed_at == {ActionType.SCALE_UP: NOON - hours(2)}
    assert memory_of(database, an_adset(), at=NOON + timedelta(days=7)).reversed_at == {}


def test_what_a_person_turned_back_in_ads_manager_is_a_reversal_too(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read(database, an_adset(), at=NOON - hours(4))
    carry_out(database, an_adset(), 60, at=NOON - hours(3))
    read(database, with_budget(an_adset(), 60), at=NOON - hours(2))
    assert memory_of(database, with_budget(an_adset(), 80)).reversed_at == {}
    found = memory_of(database, with_budget(an_adset(), 50))
    assert found.reversed_at == {ActionType.SCALE_UP: NOON}


def test_what_a_person_rejected_is_remembered_by_its_kind(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    move, cut = record(
        database,
        suggested(reallocate(an_adset("11"), an_adset("12"), 5)),
        suggested(scale(an_adset("13"), 40)),
    )
    for action_id in (move, cut):
        database.move(
            action_id,
            expected=[S.SUGGESTED],
            to=S.REJECTED,
            at=NOON - hours(2),
            who="ana",
            event="optimization_rejected",
        )
    snapshot = a_snapshot(an_adset("11"), an_adset("12"), an_adset("13"))
    memory = database.memory(snapshot, now=NOON, our_application_id=None)
    assert memory.of("12").rejected_at == {ActionType.REALLOCATE: NOON - hours(2)}
    assert memory.of("13").rejected_at == {ActionType.SCALE_DOWN: NOON - hours(2)}


def test_a_pending_suggestion_is_known_on_each_entity_that_it_changes(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    move, stop, _ = record(
        database,
        suggested(reallocate(an_adset("11"), an_adset("12"), 5)),
        suggested(pause()),
        suggested(scale(an_adset("13")), expires_at=NOON),
    )
    snapshot = a_snapshot(an_adset("11"), an_adset("12"), an_adset("13"), an_ad())
    memory = database.memory(snapshot, now=NOON, our_application_id=None)
    pending = memory.of("12").pending
    assert pending is not None
    assert pending == memory.of("11").pending
    assert (pending.action_id, pending.type, pending.entity_ids) == (
        move,
        ActionType.REALLOCATE,
        ("11", "12"),
    )
    assert (pending.base, pending.proposed, pending.moved) == (usd(50), usd(45), usd(5))
    stopping = memory.of("111").pending
    assert stopping is not None
    assert (stopping.action_id, stopping.base) == (stop, None)
    assert memory.of("13").pending is None


# --- the blast radius ---------------------------------------------------------------------------


def test_automatic_pauses_of_a_day_are_remembered(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    carry_out(database, an_ad("111"), "PAUSED", at=NOON - hours(25))
    carry_out(database, an_ad("112"), "PAUSED", at=NOON - hours(23))
    intend(database, an_ad("113"), "PAUSED", at=NOON - hours(1))
    record(database, suggested(pause(an_ad("114"))), at=NOON)
    carry_out(database, an_adset("12"), 40, at=NOON - hours(1))
    carry_out(
        database,
        an_ad("115"),
        "PAUSED",
        at=NOON - hours(1),
        decision=granted(pause(an_ad("115")), created_by="ana"),
        who="ana",
    )
    memory = database.memory(a_snapshot(), now=NOON, our_application_id=None)
    assert memory.automatic_pauses == (
        AutomaticPause(entity_id="112", campaign_id="1", adset_id="11", at=NOON - hours(23)),
        AutomaticPause(entity_id="113", campaign_id="1", adset_id="11", at=NOON - hours(1)),
    )
    assert WORKER == "autonomous_worker"


# --- how much it takes --------------------------------------------------------------------------


def test_the_number_of_queries_does_not_grow_with_the_account(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    counts = []
    for size in (1, 200):
        snapshot = a_snapshot(*(an_adset(f"{n}") for n in range(size)))
        database.record_snapshot(snapshot, tick_id="t")
        for n in range(0, size, 20):
            carry_out(database, an_adset(f"{n}"), 60)
        seen: list[str] = []

        def note(_c: Any, _k: Any, statement: str, *_: Any, seen: list[str] = seen) -> None:
            seen.append(statement)

        sqlalchemy_event.listen(database._engine, "before_cursor_execute", note)
        database.memory(snapshot, now=NOON, our_application_id=None)
        sqlalchemy_event.remove(database._engine, "before_cursor_execute", note)
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 15
