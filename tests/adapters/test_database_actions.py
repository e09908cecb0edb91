"""Decisions on record: one row per distinct action, moved by conditional updates, told once."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from meta_autonomous.adapters.database import Database
from meta_autonomous.domain.action import (
    FIRST_STATUSES,
    STATUS_TRANSITIONS,
    ActionStatus,
    Route,
)
from meta_autonomous.domain.verdict import Effect
from meta_autonomous.ports.errors import NotFound
from meta_autonomous.ports.records import ActionRecord
from meta_autonomous.ports.words import WORKER
from tests.adapters.database_scene import (
    ACCOUNT,
    NOON,
    ON_SQLITE,
    a_database,
    a_snapshot,
    a_verdict,
    an_ad,
    an_adset,
    blocked,
    carry_out,
    closed_at_the_end,  # noqa: F401
    deferred,
    granted,
    hours,
    opened,
    pause,
    reallocate,
    record,
    rows,
    scale,
    suggested,
)

S = ActionStatus


def told(database: Database) -> list[str]:
    return [entry.event.event for entry in database.ledger()]


def approve(database: Database, action_id: int, who: str = "ana") -> bool:
    return database.move(
        action_id,
        expected=[S.SUGGESTED],
        to=S.APPROVED,
        at=NOON + hours(1),
        who=who,
        event="optimization_approved",
    )


# --- what is written ----------------------------------------------------------------------------


def test_a_suggestion_comes_back_with_everything_that_a_person_decides_by(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    (action_id,) = record(database, suggested(is_urgent=True))
    assert database.action(action_id) == ActionRecord(
        id=action_id,
        status=S.SUGGESTED,
        type=scale().type,
        level=an_adset().level,
        entity_id="11",
        entity_name="ad set 11",
        campaign_id="1",
        ad_id=None,
        account_id=ACCOUNT.id,
        currency="USD",
        current_budget="50.00",
        proposed_budget="60.00",
        change_pct=Decimal("0.2"),
        amount_usd=Decimal(10),
        roas=Decimal("3.2"),
        expected_roas=Decimal("2.9"),
        confidence=Decimal("0.85"),
        reason="scale_up because of its ROAS",
        is_urgent=True,
        is_hard_stop=False,
        route="person",
        legs=(
            {
                "entity_id": "11",
                "entity_name": "ad set 11",
                "level": "adset",
                "current_budget": "50.00",
                "proposed_budget": "60.00",
                "current_minor": 5000,
                "proposed_minor": 6000,
                "currency": "USD",
            },
        ),
        verdicts=(
            {
                "rule": "safety.embargo",
                "outcome": "pass",
                "observed": "12.5",
                "limit": 48,
                "message": "12.5 h old, 48 h needed",
            },
        ),
        evidence={"days": [{"on": "2026-03-10", "spend": "12.00"}]},
        created_at=NOON,
        last_seen_at=NOON,
        expires_at=NOON + hours(24),
        decided_at=None,
        decided_by=None,
        executed_at=None,
        tick_id="t1",
        undoes=None,
    )


def test_a_pause_of_an_ad_has_no_budget_but_its_accounts_currency(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    database.record_snapshot(a_snapshot(), tick_id="t1")
    (action_id,) = record(database, granted(pause(is_hard_stop=True)))
    found = database.action(action_id)
    assert (found.ad_id, found.campaign_id, found.currency) == ("111", "1", "USD")
    assert (found.current_budget, found.amount_usd, found.change_pct) == (None, None, None)
    assert found.is_hard_stop
    assert (found.status, found.decided_by, found.decided_at) == (S.APPROVED, WORKER, NOON)


def test_ids_come_in_the_order_of_the_decisions(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    ids = record(database, suggested(), blocked(pause()), granted(pause(an_ad("112"))))
    assert [database.action(one).entity_id for one in ids] == ["11", "111", "112"]


def test_an_id_is_never_used_again(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    (first,) = record(database, blocked())
    with database._writing() as unit:
        unit.connection.exec_driver_sql("DELETE FROM optimization_actions")
    (second,) = record(database, blocked())
    assert second > first


def test_numbers_that_no_column_can_hold_are_unknown(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    odd = replace(pause(), roas=Decimal("NaN"), confidence=Decimal("Infinity"))
    (action_id,) = record(database, blocked(odd, verdicts=(a_verdict(observed=Decimal("NaN")),)))
    found = database.action(action_id)
    assert (found.roas, found.confidence) == (None, None)
    assert found.verdicts[0]["observed"] == "NaN"


# --- told once ----------------------------------------------------------------------------------


def test_what_is_decided_is_told_with_what_why_before_and_after(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    (action_id,) = record(database, suggested())
    event = database.ledger()[0].event
    assert (event.event, event.who, event.action_id) == (
        "optimization_suggested",
        WORKER,
        action_id,
    )
    assert event.why == "scale_up because of its ROAS"
    assert event.before == {"budget": "50.00 USD"}
    assert event.after == {
        "budget": "60.00 USD",
        "type": "scale_up",
        "route": "person",
        "roas": "3.2",
        "confidence": "0.85",
    }


def test_a_reallocation_is_told_with_both_budgets_and_a_pause_with_its_status(
    tmp_path: Path,
) -> None:
    database = a_database(tmp_path)
    record(database, suggested(reallocate(an_adset("11"), an_adset("12"), 5)), granted(pause()))
    moved, paused = (entry.event for entry in database.ledger())
    assert moved.before == {"budgets": {"11": "50.00 USD", "12": "50.00 USD"}}
    assert moved.after is not None
    assert moved.after["budgets"] == {"11": "45.00 USD", "12": "55.00 USD"}
    assert (paused.event, paused.before) == ("optimization_approved", {"status": "ACTIVE"})
    assert paused.after is not None
    assert paused.after["status"] == "PAUSED"


def test_a_block_seen_again_is_the_same_row_and_is_not_told_again(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    (first,) = record(database, blocked())
    again = blocked(replace(scale(to=58), roas=Decimal("2.5")))
    (second,) = record(database, again, at=NOON + hours(1), tick_id="t2")
    found = database.action(first)
    assert second == first
    assert (found.created_at, found.last_seen_at) == (NOON, NOON + hours(1))
    assert (found.roas, found.proposed_budget, found.tick_id) == (Decimal("2.5"), "58.00", "t2")
    assert told(database) == ["optimization_blocked"]


def test_another_blocking_rule_is_another_action_and_told_each_time_that_it_changes(
    tmp_path: Path,
) -> None:
    database = a_database(tmp_path)
    ids = [
        record(database, blocked(by=rule), at=NOON + hours(n))[0]
        for n, rule in enumerate(["safety.embargo", "safety.cooldown", "safety.embargo"])
    ]
    assert ids[0] == ids[2] != ids[1]
    assert told(database) == ["optimization_blocked"] * 3
    record(database, blocked(by="safety.embargo"), at=NOON + hours(4))
    assert len(told(database)) == 3


def test_a_block_on_another_base_budget_is_another_action(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    (first,) = record(database, blocked())
    (second,) = record(database, blocked(scale(an_adset(budget=an_adset("9").budget), to=61)))
    assert first == second
    (third,) = record(database, blocked(scale(_with_budget(70), to=80)))
    assert third != first


def _with_budget(dollars: int):  # type: ignore[no-untyped-def]
    from tests.adapters.database_scene import daily

    return an_adset(budget=daily(dollars))


def test_an_unchanged_suggestion_keeps_amount_and_expiry_and_gets_new_evidence(
    tmp_path: Path,
) -> None:
    database = a_database(tmp_path)
    (first,) = record(database, suggested())
    fresh = suggested(
        scale(to="60.50"),
        unchanged_id=first,
        evidence={"days": "new"},
        expires_at=NOON + hours(30),
        amount_usd=Decimal("10.5"),
    )
    (second,) = record(database, fresh, at=NOON + hours(1), tick_id="t2")
    found = database.action(first)
    assert second == first
    assert (found.proposed_budget, found.amount_usd) == ("60.00", Decimal(10))
    assert (found.expires_at, found.last_seen_at) == (NOON + hours(24), NOON + hours(1))
    assert found.evidence == {"days": "new"}
    assert told(database) == ["optimization_suggested"]


def test_the_same_suggestion_is_not_written_twice_even_when_nobody_says_unchanged(
    tmp_path: Path,
) -> None:
    database = a_database(tmp_path)
    assert record(database, suggested()) == record(database, suggested())
    assert told(database) == ["optimization_suggested"]


def test_a_different_suggestion_supersedes_the_pending_one(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    first, other = record(database, suggested(), suggested(pause()))
    (second,) = record(database, suggested(scale(to=40)))
    assert database.action(first).status is S.SUPERSEDED
    assert database.action(first).message == f"superseded by {second}"
    assert database.action(other).status is S.SUGGESTED
    assert told(database)[2:] == ["optimization_suggested", "optimization_superseded"]


def test_a_reallocation_supersedes_what_is_pending_on_either_of_its_ad_sets(
    tmp_path: Path,
) -> None:
    database = a_database(tmp_path)
    donor, receiver = an_adset("11"), an_adset("12")
    (first,) = record(database, suggested(scale(receiver, 60)))
    (move,) = record(database, suggested(reallocate(donor, receiver, 5)))
    assert database.action(first).status is S.SUPERSEDED
    (last,) = record(database, suggested(scale(receiver, 65)))
    assert database.action(move).status is S.SUPERSEDED
    assert database.action(last).status is S.SUGGESTED


def test_what_was_executed_is_a_new_action_the_next_time(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    first = carry_out(database, an_adset(), 60).action_id
    (second,) = record(database, granted(scale(to=60)), at=NOON + hours(24))
    assert second != first


def test_what_was_put_off_does_not_swallow_the_next_decision(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    (first,) = record(database, granted())
    database.move(first, expected=[S.APPROVED], to=S.DEFERRED, at=NOON, who=WORKER, event=None)
    (second,) = record(database, granted())
    assert second != first
    assert database.action(second).status is S.APPROVED
    (third,) = record(database, deferred())
    assert record(database, deferred()) == (third,)


# --- moving -------------------------------------------------------------------------------------


def test_a_move_happens_once(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    (action_id,) = record(database, suggested())
    assert approve(database, action_id)
    assert not approve(database, action_id, who="ben")
    found = database.action(action_id)
    assert (found.status, found.decided_by, found.decided_at) == (
        S.APPROVED,
        "ana",
        NOON + hours(1),
    )
    event = database.ledger()[-1].event
    assert (event.event, event.who) == ("optimization_approved", "ana")
    assert (event.before, event.after) == ({"action": "suggested"}, {"action": "approved"})


def test_a_move_that_is_not_in_the_table_is_a_bug(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    (action_id,) = record(database, suggested())
    illegal = [(before, to) for before in S for to in S if to not in STATUS_TRANSITIONS[before]]
    assert len(illegal) > 100
    for before, to in illegal:
        with pytest.raises(ValueError, match=f"no action goes from {before} to {to}"):
            database.move(action_id, expected=[before], to=to, at=NOON, who="x", event=None)
    assert database.action(action_id).status is S.SUGGESTED


def test_an_action_begins_waiting_granted_or_held_back() -> None:
    for status in set(S) - FIRST_STATUSES:
        with pytest.raises(ValueError, match=f"no action begins as {status}"):
            replace(suggested(), status=status)


def test_a_move_of_nothing_is_no_move(tmp_path: Path) -> None:
    assert not approve(a_database(tmp_path), 77)


@pytest.mark.parametrize("number", [0, -1, 77, 2**70])
def test_an_action_that_is_not_there_is_not_found(tmp_path: Path, number: int) -> None:
    with pytest.raises(NotFound, match=str(number)):
        a_database(tmp_path).action(number)


def test_suggestions_expire_and_so_do_approvals_that_nobody_works(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    waits, approved, automatic, later = record(
        database,
        suggested(),
        suggested(pause()),
        granted(pause(an_ad("112"))),
        suggested(scale(an_adset("12")), expires_at=NOON + hours(48)),
    )
    approve(database, approved)
    assert database.expire(now=NOON + hours(0.5)) == 0
    assert database.expire(now=NOON + hours(24)) == 3
    statuses = [database.action(one).status for one in (waits, approved, automatic, later)]
    assert statuses == [S.EXPIRED, S.EXPIRED, S.EXPIRED, S.SUGGESTED]
    assert told(database)[-3:] == ["optimization_expired"] * 3


def test_what_was_executed_on_an_entity_supersedes_what_waits_for_it(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    waits, other, kept = record(
        database, suggested(), suggested(pause()), suggested(scale(an_adset("12")))
    )
    database.supersede_others(["11", "12"], keep=kept, at=NOON)
    statuses = [database.action(one).status for one in (waits, other, kept)]
    assert statuses == [S.SUPERSEDED, S.SUGGESTED, S.SUGGESTED]


# --- listing ------------------------------------------------------------------------------------


def test_actions_are_listed_newest_first_and_by_what_is_asked(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    (first,) = record(database, suggested(), at=NOON, tick_id="t1")
    (second,) = record(database, blocked(pause()), at=NOON + hours(1), tick_id="t2")
    (third,) = record(
        database,
        suggested(reallocate(an_adset("21"), an_adset("22"), 5)),
        at=NOON + hours(2),
        tick_id="t3",
    )

    def ids(**wanted: object) -> list[int]:
        return [found.id for found in database.actions(**wanted)]  # type: ignore[arg-type]

    assert ids() == [third, second, first]
    assert ids(statuses=[S.SUGGESTED]) == [third, first]
    assert ids(statuses=[]) == []
    assert ids(entity_id="22") == [third]
    assert ids(entity_id="111") == [second]
    assert ids(entity_id="%") == []
    assert ids(entity_id='1"') == []
    assert ids(since=NOON + hours(1)) == [third, second]
    assert ids(tick_id="t1") == [first]


def test_another_platform_sees_nothing_of_it(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    (action_id,) = record(database, suggested())
    sandbox = opened(tmp_path, platform="sandbox")
    assert sandbox.actions() == ()
    assert not approve(sandbox, action_id)
    with pytest.raises(NotFound):
        sandbox.action(action_id)


# --- money that is promised ---------------------------------------------------------------------


def test_open_increases_are_reserved_and_nothing_else(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    record(
        database,
        suggested(scale(an_adset("12"), 60)),
        granted(scale(an_adset("13"), 65)),
        granted(scale(an_adset("14"), 40)),
        granted(reallocate(an_adset("15"), an_adset("16"), 5), amount_usd=Decimal(5)),
        blocked(scale(an_adset("17"), 60)),
        granted(pause()),
    )
    carry_out(database, an_adset("18"), 60)
    assert database.reserved_usd() == {"13": Decimal(15)}


# --- what the user's own scripts ask ------------------------------------------------------------


def test_the_documented_monitoring_queries_give_right_answers(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    record(
        database,
        blocked(scale(an_adset("21")), by="safety.embargo"),
        blocked(scale(an_adset("22")), by="safety.embargo"),
        blocked(scale(an_adset("23")), by="safety.cooldown"),
        suggested(scale(an_adset("24"))),
    )
    carry_out(database, an_adset("25"), 60, at=NOON + hours(1))
    carry_out(database, an_adset("26"), 45, at=NOON + hours(1))
    stop = pause(is_hard_stop=True, reason="HARD STOP: ROAS 0.7 below 0.9")
    record(database, granted(stop, route=Route.AUTO), at=NOON + hours(2))
    hour = "DATE_TRUNC('hour', created_at)"
    if ON_SQLITE:
        hour = "strftime('%Y-%m-%d %H:00', created_at)"
    per_hour = rows(
        database,
        f"SELECT {hour} AS hour, COUNT(*) AS total_actions, "
        "SUM(CASE WHEN status = 'executed' THEN 1 ELSE 0 END) AS executed, "
        "SUM(CASE WHEN status = 'suggested' THEN 1 ELSE 0 END) AS suggested "
        "FROM optimization_actions WHERE created_by = 'autonomous_worker' "
        "GROUP BY hour ORDER BY hour DESC;",
    )
    assert [tuple(row)[1:] for row in per_hour] == [(1, 0, 0), (2, 2, 0), (4, 0, 1)]
    blocks = rows(
        database,
        "SELECT reason, COUNT(*) AS count FROM optimization_actions "
        "WHERE guard_rails_passed = false GROUP BY reason ORDER BY count DESC LIMIT 10;",
    )
    assert [tuple(row) for row in blocks] == [
        ("blocked by safety.embargo", 2),
        ("blocked by safety.cooldown", 1),
    ]
    stops = rows(
        database,
        "SELECT campaign_id, ad_id, roas_value, confidence, created_at FROM optimization_actions "
        "WHERE action_type = 'pause' AND reason LIKE '%%HARD STOP%%' ORDER BY created_at DESC;"
        if not ON_SQLITE
        else "SELECT campaign_id, ad_id, roas_value, confidence, created_at "
        "FROM optimization_actions WHERE action_type = 'pause' AND reason LIKE '%HARD STOP%' "
        "ORDER BY created_at DESC;",
    )
    assert [tuple(row)[:2] for row in stops] == [("1", "111")]
    assert [float(number) for number in tuple(stops[0])[2:4]] == [0.7, 0.82]
    per_day = rows(
        database,
        "SELECT DATE(created_at) AS date, SUM(amount_usd) AS total_budget_changes "
        "FROM optimization_actions WHERE status = 'executed' "
        "AND action_type IN ('scale_up', 'scale_down') GROUP BY date ORDER BY date DESC;",
    )
    assert [(str(day), float(total)) for day, total in per_day] == [("2026-03-10", 5.0)]


def test_numbers_in_the_tables_compare_as_numbers(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    record(
        database,
        suggested(scale(an_adset("21"), 150), amount_usd=Decimal(100)),
        suggested(scale(an_adset("22"), 59), amount_usd=Decimal(9)),
    )
    found = rows(database, "SELECT entity_id FROM optimization_actions WHERE amount_usd > 50")
    assert [tuple(row) for row in found] == [("21",)]


def test_odd_names_are_stored_as_they_are(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    name = "Ünï'; DROP TABLE optimization_actions; -- \U0001f600"
    (action_id,) = record(database, suggested(scale(an_adset(name=name))))
    assert database.action(action_id).entity_name == name
    (broken,) = record(database, blocked(pause(an_ad("112", name="half \ud83d"))))
    assert database.action(broken).entity_name == "half ?"


def test_rules_that_only_defer_are_not_blocks(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    (action_id,) = record(
        database, deferred(verdicts=(a_verdict("safety.platform_pace", Effect.DEFERS),))
    )
    found = rows(database, "SELECT guard_rails_passed, blocked_by FROM optimization_actions")
    assert [(bool(passed), rule) for passed, rule in found] == [(True, "safety.platform_pace")]
    assert database.action(action_id).status is S.DEFERRED
    assert told(database) == []


def test_amounts_beyond_the_cent_are_kept_to_six_places(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    (action_id,) = record(
        database, suggested(scale(to="60.01"), amount_usd=Decimal("1234567.1234567"))
    )
    assert database.action(action_id).amount_usd == Decimal("1234567.123457")
