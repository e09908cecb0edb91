"""Write-ahead records: exactly one process gets each, and nothing is sent that may not be."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from meta_autonomous.decision.money_at_commit import NO_MONEY, MoneyAtCommit
from meta_autonomous.domain.action import ActionStatus
from meta_autonomous.domain.intent import AttemptEvent, AttemptState, IllegalTransition
from meta_autonomous.ports.errors import NotFound, RefusedByGuard
from meta_autonomous.ports.records import AccountRecord, LedgerEvent
from meta_autonomous.ports.words import WORKER
from tests.adapters.database_scene import (
    NOON,
    a_change,
    a_database,
    an_ad,
    an_adset,
    carry_out,
    closed_at_the_end,  # noqa: F401
    granted,
    hours,
    intend,
    opened,
    pause,
    reallocate,
    record,
    scale,
    suggested,
    url_in,
)

S = ActionStatus


def test_an_intent_starts_the_action_and_opens_an_attempt(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    attempt = intend(database, an_adset(), 60)
    assert attempt.state is AttemptState.DISPATCHING
    assert attempt.change == a_change(an_adset(), to=60)
    assert (attempt.intended_at, attempt.effect_at, attempt.unsettled_reads) == (NOON, NOON, 0)
    assert database.action(attempt.action_id).status is S.EXECUTING
    assert database.open_attempts() == database.open_attempts("1001") == (attempt,)
    assert database.open_attempts("1002") == ()
    assert database.attempts_of(attempt.action_id) == (attempt,)


@pytest.mark.parametrize("status", [S.SUGGESTED, S.EXECUTED, S.IN_DOUBT, S.BLOCKED])
def test_only_an_approved_action_is_begun(tmp_path: Path, status: S) -> None:
    database = a_database(tmp_path)
    (action_id,) = record(database, suggested())
    with database._writing() as unit:
        unit.connection.exec_driver_sql(f"UPDATE optimization_actions SET status = '{status}'")
    with pytest.raises(RefusedByGuard, match=str(status)):
        database.commit_intent(action_id, a_change(an_adset(), to=60), at=NOON, who=WORKER)
    assert database.open_attempts() == ()


def test_an_action_that_is_not_there_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        a_database(tmp_path).commit_intent(5, a_change(an_adset(), to=60), at=NOON, who=WORKER)


def test_an_expired_approval_is_not_begun(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    decision = granted(expires_at=NOON + hours(1))
    with pytest.raises(RefusedByGuard, match="expired"):
        intend(database, an_adset(), 60, at=NOON + hours(1), decision=decision)
    assert database.actions()[0].status is S.APPROVED


def test_an_entity_with_an_open_attempt_gets_no_other_write(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    first = intend(database, an_adset(), 60)
    with pytest.raises(RefusedByGuard, match=f"action {first.action_id} is not known"):
        intend(database, an_adset(), "PAUSED")
    database.record_event(first, AttemptEvent.ANSWERED_NO, at=NOON, detail="no")
    assert intend(database, an_adset(), "PAUSED").state is AttemptState.DISPATCHING


def test_the_same_entity_of_another_platform_is_another_entity(tmp_path: Path) -> None:
    intend(a_database(tmp_path), an_adset(), 60)
    sandbox = opened(tmp_path, platform="sandbox")
    assert sandbox.open_attempts() == ()
    assert intend(sandbox, an_adset(), 60).state is AttemptState.DISPATCHING


def test_a_stopped_system_sends_nothing_by_itself_but_a_person_may(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    event = LedgerEvent(event="system_stopped", who="ana", at=NOON)
    database.set_started(is_started=False, event=event)
    with pytest.raises(RefusedByGuard, match="stopped"):
        intend(database, an_adset(), 60)
    assert intend(database, an_adset(), "PAUSED", who="ana").action_id


def test_a_reallocation_goes_on_to_its_second_leg_once_the_first_is_settled(
    tmp_path: Path,
) -> None:
    database = a_database(tmp_path)
    donor, receiver = an_adset("11"), an_adset("12")
    (action_id,) = record(database, granted(reallocate(donor, receiver, 5)))
    down, up = a_change(donor, to=45), a_change(receiver, to=55)
    first = database.commit_intent(action_id, down, at=NOON, who=WORKER)
    with pytest.raises(RefusedByGuard, match="sent already"):
        database.commit_intent(action_id, up, at=NOON, who=WORKER)
    database.record_event(first, AttemptEvent.SEEN_APPLIED, at=NOON, detail="")
    with pytest.raises(RefusedByGuard, match="sent already"):
        database.commit_intent(action_id, down, at=NOON, who=WORKER)
    second = database.commit_intent(action_id, up, at=NOON, who=WORKER)
    assert [one.id for one in database.attempts_of(action_id)] == [first.id, second.id]


def test_an_action_that_executes_elsewhere_is_not_begun_again(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    (action_id,) = record(database, granted())
    with database._writing() as unit:
        unit.connection.exec_driver_sql("UPDATE optimization_actions SET status = 'executing'")
    with pytest.raises(RefusedByGuard, match="elsewhere"):
        database.commit_intent(action_id, a_change(an_adset(), to=60), at=NOON, who=WORKER)


def test_an_intent_that_had_no_effect_may_be_tried_again(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    attempt = intend(database, an_adset(), 60)
    database.record_event(attempt, AttemptEvent.NEVER_LEFT, at=NOON, detail="")
    with database._writing() as unit:
        unit.connection.exec_driver_sql("UPDATE optimization_actions SET status = 'approved'")
    change = a_change(an_adset(), to=60)
    assert database.commit_intent(attempt.action_id, change, at=NOON, who=WORKER).id > attempt.id


# --- the cap ------------------------------------------------------------------------------------


def raising_by(dollars: int, *, under: int) -> MoneyAtCommit:
    rise = Decimal(dollars)
    return MoneyAtCommit(extra_usd=rise, rise_usd=rise, cap_usd=Decimal(under))


def test_what_is_promised_elsewhere_counts_against_the_cap(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    record(database, granted(scale(an_adset("21"), 65)))  # 15 USD promised
    (action_id,) = record(database, granted())

    def commit(headroom: int) -> None:
        database.commit_intent(
            action_id,
            a_change(an_adset(), to=60),
            at=NOON,
            who=WORKER,
            money=raising_by(10, under=headroom),
        )

    with pytest.raises(RefusedByGuard, match=r"15\.00 USD granted elsewhere"):
        commit(24)
    assert database.action(action_id).status is S.APPROVED
    commit(25)


def test_what_is_promised_elsewhere_counts_with_the_overspend_factor(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    record(database, granted(scale(an_adset("21"), 65)))  # 15 USD promised, so 22.50 a day
    (action_id,) = record(database, granted())

    def commit(headroom: str) -> None:
        money = replace(raising_by(15, under=0), cap_usd=Decimal(headroom), factor=Decimal("1.5"))
        change = a_change(an_adset(), to=60)
        database.commit_intent(action_id, change, at=NOON, who=WORKER, money=money)

    with pytest.raises(RefusedByGuard, match=r"22\.50 USD granted elsewhere"):
        commit("37.49")
    commit("37.50")


def test_a_read_by_another_host_since_the_decision_counts_against_the_cap(
    tmp_path: Path,
) -> None:
    """What that host executed stands in its account's projection now, and is no promise any
    more."""
    database = a_database(tmp_path)
    (action_id,) = record(database, granted())
    elsewhere = AccountRecord(
        account_id="1002", last_read_at=NOON, projected_usd=Decimal(70), currency="USD"
    )
    database.save_account(elsewhere)
    money = replace(raising_by(10, under=79), projected_usd=Decimal(40))
    change = a_change(an_adset(), to=60)
    with pytest.raises(RefusedByGuard, match=r"projected day of 70\.00 USD"):
        database.commit_intent(action_id, change, at=NOON, who=WORKER, money=money)
    database.save_account(replace(elsewhere, last_read_at=NOON - timedelta(hours=25)))
    database.commit_intent(action_id, change, at=NOON, who=WORKER, money=money)


def test_a_decrease_is_not_held_back_by_the_cap(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    (action_id,) = record(database, granted(scale(to=40)))
    change = a_change(an_adset(), to=40)
    database.commit_intent(action_id, change, at=NOON, who=WORKER, money=NO_MONEY)


def test_a_smaller_approval_is_what_the_books_say_afterwards(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    (action_id,) = record(database, granted(scale(to=60)))
    database.commit_intent(action_id, a_change(an_adset(), to=54), at=NOON, who="ana")
    found = database.action(action_id)
    assert (found.proposed_budget, found.amount_usd) == ("54.00", Decimal(4))
    assert found.change_pct == Decimal("0.08")
    assert found.legs[0]["proposed_budget"] == "54.00"


# --- what became of it --------------------------------------------------------------------------


def test_an_answer_moves_the_time_of_effect_forward_and_a_reading_does_not(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    attempt = intend(database, an_adset(), 60)
    attempt = database.record_event(
        attempt, AttemptEvent.NO_CLEAR_ANSWER, at=NOON + hours(0.1), detail="timeout"
    )
    assert (attempt.state, attempt.effect_at) == (AttemptState.UNKNOWN, NOON + hours(0.1))
    attempt = database.record_event(
        attempt, AttemptEvent.UNREADABLE, at=NOON + hours(0.5), detail="503"
    )
    assert (attempt.state, attempt.unsettled_reads) == (AttemptState.UNKNOWN, 1)
    attempt = database.record_event(
        attempt, AttemptEvent.SEEN_APPLIED, at=NOON + hours(1), detail="seen"
    )
    assert (attempt.state, attempt.effect_at) == (AttemptState.CONFIRMED, NOON + hours(0.1))
    assert database.open_attempts() == ()


def test_an_answer_never_moves_the_time_of_effect_back(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    attempt = intend(database, an_adset(), 60)
    known = database.record_event(
        attempt, AttemptEvent.ANSWERED_YES, at=NOON - hours(1), detail="yes"
    )
    assert known.effect_at == NOON


def test_an_attempt_that_another_process_moved_is_not_moved_again(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    attempt = intend(database, an_adset(), 60)
    database.record_event(attempt, AttemptEvent.SEEN_APPLIED, at=NOON, detail="")
    with pytest.raises(RefusedByGuard, match="another process"):
        database.record_event(attempt, AttemptEvent.SEEN_NOT_APPLIED, at=NOON, detail="")
    assert database.attempts_of(attempt.action_id)[0].state is AttemptState.CONFIRMED


def test_an_event_that_can_not_happen_is_a_bug(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    attempt = carry_out(database, an_adset(), 60)
    with pytest.raises(IllegalTransition):
        database.record_event(attempt, AttemptEvent.ANSWERED_NO, at=NOON, detail="")


def test_what_a_dead_process_left_is_unfinished(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    (approved,) = record(database, granted(pause(an_ad("112"))))
    begun = intend(database, an_adset(), 60)
    carry_out(database, an_adset("12"), 60)
    found = database.unfinished_actions("1001")
    assert sorted(one.id for one in found) == [approved, begun.action_id]
    assert database.unfinished_actions("1002") == ()


# --- races of real processes --------------------------------------------------------------------

_RACE = """
import sys
from datetime import UTC, datetime
from decimal import Decimal
from meta_autonomous.adapters.database import Database
from meta_autonomous.decision.money_at_commit import MoneyAtCommit
from meta_autonomous.domain.action import ActionStatus
from meta_autonomous.domain.entities import Level
from meta_autonomous.domain.intent import Change, ChangedField
from meta_autonomous.ports.errors import RefusedByGuard

url, deed, who = sys.argv[1:]
database = Database(url, platform="meta")
database.runtime()
now = datetime(2026, 3, 10, 12, tzinfo=UTC)
print("ready", flush=True)
sys.stdin.readline()
if deed in ("approve", "others"):
    done = database.move(1 if deed == "approve" else int(who), expected=[ActionStatus.SUGGESTED],
                         to=ActionStatus.APPROVED, at=now, who=who, event="optimization_approved")
if deed != "approve":
    number = 1 if deed == "same" else int(who)
    ten = Decimal(10)
    cap = Decimal(55) if deed == "others" else None
    money = MoneyAtCommit(extra_usd=ten, rise_usd=ten, cap_usd=cap)
    entity = "11" if deed != "others" else f"e{who}"
    change = Change(account_id="1001", entity_id=entity, level=Level.ADSET,
                    field=ChangedField.DAILY_BUDGET, old="5000", new="6000")
    try:
        database.commit_intent(number, change, at=now, who="ana", money=money)
        done = True
    except RefusedByGuard:
        done = False
print("won" if done else "lost")
database.close()
"""
PROCESSES = 16


def _race(folder: Path, deed: str, processes: int = PROCESSES) -> int:
    """How many of the processes, all set off at once, say that they won."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", _RACE, url_in(folder), deed, str(n + 1)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(processes)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    answers = [racer.communicate(timeout=60)[0].strip() for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * processes
    assert set(answers) <= {"won", "lost"}
    return answers.count("won")


@pytest.mark.slow
def test_of_sixteen_approvals_at_once_one_wins(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    assert record(database, suggested()) == (1,)
    assert _race(tmp_path, "approve") == 1
    assert [entry.event.event for entry in database.ledger()] == [
        "optimization_suggested",
        "optimization_approved",
    ]
    assert database.verify_ledger().ok


@pytest.mark.slow
def test_of_intents_for_one_action_at_once_one_wins(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    assert record(database, granted()) == (1,)
    assert _race(tmp_path, "same", 4) == 1
    assert len(database.open_attempts()) == 1


@pytest.mark.slow
def test_of_sixteen_actions_on_one_entity_at_once_one_is_sent(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    ids = [record(database, granted())[0] for _ in range(PROCESSES)]
    assert ids == list(range(1, PROCESSES + 1))
    assert _race(tmp_path, "entity") == 1
    assert len(database.open_attempts()) == 1


@pytest.mark.slow
def test_intents_at_once_do_not_exceed_the_cap_together(tmp_path: Path) -> None:
    # 8 approvals of 10 USD each, with 55 USD left. Who is approved counts from then on, so that
    # late approvals may keep all from going; more than five must never go.
    database = a_database(tmp_path)
    for n in range(8):
        record(database, suggested(scale(an_adset(f"e{n + 1}"), 60)))
    won = _race(tmp_path, "others", 8)
    assert won <= 5
    assert len(database.open_attempts()) == won
