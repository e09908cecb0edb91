"""One action on its way to Meta: what is sent, what is recorded, and what is never done."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from meta_autonomous.decision.money_at_commit import MoneyAtCommit
from meta_autonomous.domain.action import Action, ActionStatus, Outcome, Route
from meta_autonomous.domain.entities import Budget, BudgetKind
from meta_autonomous.domain.intent import AttemptEvent, AttemptState, ChangedField
from meta_autonomous.ports.errors import (
    AuthFailed,
    BadAnswer,
    Gone,
    NotFound,
    Penalised,
    StoreUnavailable,
    Throttled,
    Unreachable,
)
from tests.fakes.platform import (
    APPLIED_UNHEARD,
    IGNORED,
    LOST,
    NEVER_LEFT,
    NOON,
    PENALISED,
    REFUSED,
    THROTTLED,
    TOO_OFTEN,
    late,
)
from tests.fakes.scene import (
    ACCOUNT,
    Scene,
    an_adset,
    pause,
    reallocate,
    resume,
    scale,
    usd,
    with_lifetime_budget,
)

# --- the plain way ------------------------------------------------------------------------------


def test_a_raise_is_sent_once_read_back_and_executed():
    adset = an_adset(budget=50)
    scene = Scene(adset)

    action_id, done = scene.carry_out(scale(adset, 55))

    assert done.outcome is Outcome.EXECUTED
    assert done.status is ActionStatus.EXECUTED
    assert scene.store.status(action_id) is ActionStatus.EXECUTED
    assert scene.store.states(action_id) == [AttemptState.CONFIRMED]
    assert scene.platform.asked == ["entity 11", "write 11 daily_budget=5500", "entity 11"]
    assert not done.superseded
    assert done.problem is None


def test_a_pause_and_a_resume_send_the_status_and_nothing_else():
    active, paused = an_adset("11"), an_adset("12", status="PAUSED")
    scene = Scene(active, paused)

    scene.carry_out(pause(active))
    scene.carry_out(resume(paused))

    assert [(c.field, c.old, c.new) for c in scene.platform.sent] == [
        (ChangedField.STATUS, "ACTIVE", "PAUSED"),
        (ChangedField.STATUS, "PAUSED", "ACTIVE"),
    ]


def test_the_ledger_tells_what_was_replaced_by_what():
    adset = an_adset(budget=50)
    scene = Scene(adset)

    scene.carry_out(scale(adset, 45), who="ana")

    (event,) = scene.store.events
    assert (event.event, event.who) == ("optimization_executed", "ana")
    assert event.before == {"11": {"daily_budget": "5000"}}
    assert event.after == {"11": {"daily_budget": "4500"}}


def test_what_was_executed_supersedes_other_suggestions_on_the_entity():
    adset, sibling = an_adset("11"), an_adset("12")
    scene = Scene(adset, sibling)
    same = scene.approved(scale(adset, 60), status=ActionStatus.SUGGESTED)
    other = scene.approved(scale(sibling, 60), status=ActionStatus.SUGGESTED)

    scene.carry_out(scale(adset, 55))

    assert scene.store.status(same) is ActionStatus.SUPERSEDED
    assert scene.store.status(other) is ActionStatus.SUGGESTED


def test_an_executed_undo_marks_the_original_as_undone():
    adset = an_adset(budget=50)
    scene = Scene(adset)
    original, _ = scene.carry_out(scale(adset, 55))
    raised = scene.platform.entity("11")
    undo = scene.approved(scale(raised, 50), undoes=original, route=Route.UNDO, decided_by="ana")

    scene.execute(undo, scale(raised, 50), who="ana")

    assert scene.store.status(original) is ActionStatus.UNDONE
    assert scene.store.status(undo) is ActionStatus.EXECUTED
    assert "optimization_undone" in scene.store.told()


# --- the fresh read -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["ARCHIVED", "DELETED"])
def test_an_entity_that_is_gone_by_status_supersedes_the_action(status):
    adset = an_adset()
    scene = Scene(replace(adset, status=status))

    for action in (pause(adset), scale(adset, 55)):
        action_id, done = scene.carry_out(action)

        assert done.superseded
        assert scene.store.status(action_id) is ActionStatus.SUPERSEDED
        assert status.lower() in done.message
    assert scene.platform.sent == []


@pytest.mark.parametrize(
    ("now_it_is", "why"),
    [
        (an_adset(budget=52), "was 50.00 USD when this was decided, and is 52.00 USD now"),
        (an_adset(budget=55), "is 55.00 USD already"),
        (an_adset(budget=None), "no longer where the decision found it"),
        (an_adset(status="PAUSED"), "status of ad set 11 was ACTIVE"),
        (an_adset(effective_status="CAMPAIGN_PAUSED"), "effective status"),
        (
            with_lifetime_budget(
                an_adset(), total=500, remaining=500, ends_at=NOON + timedelta(days=9)
            ),
            "no longer where the decision found it",
        ),
    ],
)
def test_a_budget_that_stands_elsewhere_supersedes_the_action(now_it_is, why):
    scene = Scene(now_it_is)

    action_id, done = scene.carry_out(scale(an_adset(budget=50), 55))

    assert done.superseded
    assert done.status is scene.store.status(action_id) is ActionStatus.SUPERSEDED
    assert why in done.message
    assert scene.platform.sent == []
    assert scene.store.told() == ["optimization_superseded"]


@pytest.mark.parametrize(
    ("action", "now_it_is", "why"),
    [
        (pause(an_adset()), an_adset(status="PAUSED"), "PAUSED already"),
        (resume(an_adset(status="PAUSED")), an_adset(), "ACTIVE already"),
        (pause(an_adset()), an_adset(status="IN_PROCESS"), "is IN_PROCESS now"),
    ],
)
def test_a_status_that_stands_elsewhere_supersedes_the_action(action, now_it_is, why):
    scene = Scene(now_it_is)

    _, done = scene.carry_out(action)

    assert done.superseded
    assert why in done.message
    assert scene.platform.sent == []


def test_a_pause_does_not_wait_for_somebodys_edit_of_the_budget():
    scene = Scene(an_adset(budget=80))

    _, done = scene.carry_out(pause(an_adset(budget=50)))

    assert done.outcome is Outcome.EXECUTED


@pytest.mark.parametrize(
    ("error", "status", "outcome", "stops"),
    [
        (Gone("it does not exist"), ActionStatus.FAILED, Outcome.FAILED, False),
        (AuthFailed("token expired"), ActionStatus.FAILED, Outcome.FAILED, True),
        (Throttled("later"), ActionStatus.DEFERRED, Outcome.DEFERRED, True),
        (Unreachable("no network"), ActionStatus.DEFERRED, Outcome.DEFERRED, False),
        (BadAnswer("no budget in it"), ActionStatus.DEFERRED, Outcome.DEFERRED, False),
    ],
)
def test_without_a_fresh_read_nothing_is_sent(error, status, outcome, stops):
    adset = an_adset()
    scene = Scene(adset)
    scene.platform.read_errors["11"].append(error)

    action_id, done = scene.carry_out(pause(adset))

    assert (done.outcome, done.status) == (outcome, status)
    assert scene.store.status(action_id) is status
    assert done.problem is error
    assert done.stops_account is stops
    assert scene.platform.sent == []
    assert scene.store.attempts == {}


# --- lifetime budgets ---------------------------------------------------------------------------


def test_a_lifetime_budget_is_sent_as_spent_plus_what_the_days_left_need():
    # 1000 in all, 400 spent, 6 days left: 100 a day. To 110 a day: 400 + 660.
    adset = with_lifetime_budget(
        an_adset(), total=1000, remaining=600, ends_at=NOON + timedelta(days=6)
    )
    scene = Scene(adset)

    scene.carry_out(scale(adset, 110))

    (change,) = scene.platform.sent
    assert (change.field, change.old, change.new) == (
        ChangedField.LIFETIME_BUDGET,
        "100000",
        "106000",
    )


def test_money_spent_meanwhile_is_no_conflict_of_a_lifetime_budget():
    adset = with_lifetime_budget(
        an_adset(), total=1000, remaining=600, ends_at=NOON + timedelta(days=6)
    )
    action = scale(adset, 110)
    spent_on = with_lifetime_budget(
        adset, total=1000, remaining=590, ends_at=NOON + timedelta(days=6)
    )
    scene = Scene(spent_on)

    _, done = scene.carry_out(action)

    assert done.outcome is Outcome.EXECUTED
    assert scene.platform.sent[0].new == "107000"  # 410 spent + 6 days at 110


def test_a_cut_of_a_lifetime_budget_never_turns_into_a_raise():
    adset = with_lifetime_budget(
        an_adset(), total=1000, remaining=600, ends_at=NOON + timedelta(days=6)
    )
    spent_much = with_lifetime_budget(
        adset, total=1000, remaining=450, ends_at=NOON + timedelta(days=6)
    )
    scene = Scene(spent_much)

    _, done = scene.carry_out(scale(adset, 95))  # 550 spent + 6 x 95 would be 1120

    assert done.superseded
    assert scene.platform.sent == []


def test_a_lifetime_budget_that_has_ended_supersedes_the_action():
    ends_at = NOON + timedelta(minutes=5)
    adset = with_lifetime_budget(an_adset(), total=1000, remaining=600, ends_at=ends_at)
    action = scale(adset, 200_000)
    scene = Scene(adset, now=ends_at + timedelta(seconds=1))

    _, done = scene.carry_out(action)

    assert done.superseded
    assert "has ended" in done.message


def test_an_undo_puts_back_the_very_amount():
    adset = with_lifetime_budget(
        an_adset(), total=1060, remaining=660, ends_at=NOON + timedelta(days=6, seconds=7)
    )
    scene = Scene(adset)

    scene.carry_out(scale(adset, 100), restoring={"11": 100_000})

    assert scene.platform.sent[0].new == "100000"


# --- the clock ----------------------------------------------------------------------------------


def test_without_trusted_time_nothing_is_sent():
    adset = an_adset()
    scene = Scene(adset)
    scene.platform.clock_errors.append(BadAnswer("the clocks differ by 300 s"))

    action_id, done = scene.carry_out(pause(adset))

    assert done.outcome is Outcome.DEFERRED
    assert scene.store.status(action_id) is ActionStatus.DEFERRED
    assert isinstance(done.problem, BadAnswer)
    assert scene.platform.sent == []


def test_an_untrusted_clock_at_the_end_takes_the_latest_time_on_record():
    adset = an_adset()
    scene = Scene(adset)
    scene.platform.clock_errors.extend([BadAnswer("off")] * 2)

    action_id, _ = scene.carry_out(pause(adset))

    assert scene.store.status(action_id) is ActionStatus.DEFERRED


def test_a_process_that_slept_between_intent_and_sending_sends_nothing():
    adset = an_adset()
    scene = Scene(adset)
    action_id = scene.approved(pause(adset))
    scene.store.step = lambda name: (
        scene.platform.passes(seconds=31) if name == "intent committed" else None
    )

    done = scene.execute(action_id, pause(adset))

    assert done.outcome is Outcome.DEFERRED
    assert scene.store.states(action_id) == [AttemptState.NOT_SENT]
    assert scene.store.status(action_id) is ActionStatus.DEFERRED
    assert scene.platform.sent == []


def test_thirty_seconds_by_the_local_clock_count_too():
    """The sandbox's trusted clock stands still while the program runs."""
    adset = an_adset()
    scene = Scene(adset)
    local = iter([NOON, NOON + timedelta(seconds=31)])
    scene.world = replace(scene.world, clock=lambda: next(local))

    _, done = scene.carry_out(pause(adset))

    assert done.outcome is Outcome.DEFERRED
    assert scene.platform.sent == []


def test_a_clock_that_is_lost_after_the_intent_sends_nothing():
    adset = an_adset()
    scene = Scene(adset)
    scene.platform.clock_errors.extend([None, BadAnswer("no Date header")])

    action_id, done = scene.carry_out(pause(adset))

    assert done.outcome is Outcome.DEFERRED
    assert scene.store.states(action_id) == [AttemptState.NOT_SENT]
    assert scene.platform.sent == []


def test_a_clock_that_is_lost_after_the_answer_makes_the_doubt_younger_not_older():
    adset = an_adset()
    scene = Scene(adset)
    scene.platform.will(LOST)
    scene.platform.clock_errors.extend([None, None, BadAnswer("no Date header")])

    action_id, done = scene.carry_out(pause(adset))

    assert done.outcome is Outcome.IN_DOUBT
    (attempt,) = scene.store.attempts_of(action_id)
    assert attempt.effect_at == NOON + timedelta(seconds=60)


# --- the guard ----------------------------------------------------------------------------------


def raising_by(dollars: int, *, under: int) -> MoneyAtCommit:
    """An increase, and what is left of the daily cap."""
    rise = Decimal(dollars)
    return MoneyAtCommit(extra_usd=rise, rise_usd=rise, cap_usd=Decimal(under))


def test_a_cap_that_is_used_up_elsewhere_defers_a_raise():
    adset, other = an_adset("11"), an_adset("12")
    scene = Scene(adset, other)
    scene.approved(scale(other, 60), amount_usd=Decimal(10))
    action_id = scene.approved(scale(adset, 55), amount_usd=Decimal(5))

    done = scene.execute(action_id, scale(adset, 55), money=raising_by(5, under=14))

    assert done.outcome is Outcome.DEFERRED
    assert scene.store.status(action_id) is ActionStatus.DEFERRED
    assert "cap" in done.message
    assert scene.platform.sent == []


def test_the_cap_never_holds_back_a_pause_or_a_cut():
    first, second = an_adset("11"), an_adset("12")
    scene = Scene(first, second)
    for action in (pause(first), scale(second, 45)):
        _, done = scene.carry_out(action, money=raising_by(5, under=-100))

        assert done.outcome is Outcome.EXECUTED


def test_an_entity_in_doubt_gets_no_other_write():
    adset = an_adset()
    scene = Scene(adset)
    scene.platform.will(LOST)
    scene.carry_out(scale(adset, 55))

    _, done = scene.carry_out(pause(adset))

    assert done.outcome is Outcome.DEFERRED
    assert len(scene.platform.sent) == 1


def test_an_action_that_is_not_approved_is_not_executed():
    adset = an_adset()
    scene = Scene(adset)
    for status in set(ActionStatus) - {ActionStatus.APPROVED}:
        action_id = scene.approved(pause(adset), status=status)

        done = scene.execute(action_id, pause(adset))

        assert done.superseded
        assert done.status is status
        assert scene.store.status(action_id) is status
    assert scene.platform.asked == []


def test_an_action_that_nobody_knows_is_an_error():
    scene = Scene(an_adset())

    with pytest.raises(NotFound):
        scene.execute(7, pause(an_adset()))


def test_two_executions_of_one_action_send_one_request():
    """The other process gets in between the fresh read and the intent."""
    adset = an_adset()
    scene = Scene(adset)
    action_id = scene.approved(pause(adset))
    intent = scene.store.commit_intent

    def stolen(*args, **kwargs):
        scene.store.commit_intent = intent
        intent(*args, **kwargs)
        return intent(*args, **kwargs)

    scene.store.commit_intent = stolen

    done = scene.execute(action_id, pause(adset))

    assert done.superseded
    assert done.status is ActionStatus.EXECUTING  # the other one's
    assert scene.platform.sent == []


def test_an_attempt_that_was_settled_while_we_slept_is_not_sent():
    adset = an_adset()
    scene = Scene(adset)
    action_id = scene.approved(pause(adset))

    def settled_by_another(name: str) -> None:
        if name == "intent committed":
            scene.store.step = lambda _: None
            (attempt,) = scene.store.attempts_of(action_id)
            scene.store.record_event(
                attempt, AttemptEvent.SEEN_NOT_APPLIED, at=NOON, detail="not applied"
            )

    scene.store.step = settled_by_another

    done = scene.execute(action_id, pause(adset))

    assert done.superseded
    assert scene.platform.sent == []


def test_an_attempt_that_was_settled_while_it_was_sent_keeps_that_word():
    adset = an_adset()
    scene = Scene(adset)
    action_id = scene.approved(pause(adset))

    def settled_by_another(name: str) -> None:
        if name == "answered":
            (attempt,) = scene.store.attempts_of(action_id)
            scene.store.record_event(
                attempt, AttemptEvent.SEEN_APPLIED, at=NOON, detail="read back"
            )

    scene.platform.step = settled_by_another

    done = scene.execute(action_id, pause(adset))

    assert done.superseded
    assert scene.store.states(action_id) == [AttemptState.CONFIRMED]


# --- stopping -----------------------------------------------------------------------------------


def test_a_stop_before_the_intent_sends_nothing():
    adset = an_adset()
    scene = Scene(adset)

    action_id, done = scene.carry_out(pause(adset), stop_requested=lambda: True)

    assert done.outcome is Outcome.DEFERRED
    assert scene.store.status(action_id) is ActionStatus.DEFERRED
    assert scene.platform.sent == []


def test_a_stop_while_the_write_is_in_hand_lets_it_end():
    adset = an_adset()
    scene = Scene(adset)

    _, done = scene.carry_out(pause(adset), stop_requested=lambda: bool(scene.platform.sent))

    assert done.outcome is Outcome.EXECUTED


def test_what_a_person_approved_and_could_not_be_sent_waits_again():
    adset = an_adset()
    scene = Scene(adset)
    action_id = scene.approved(pause(adset), decided_by="ana", route=Route.PERSON)
    scene.platform.read_errors["11"].append(Unreachable("no network"))

    done = scene.execute(action_id, pause(adset), who="ana")

    assert done.outcome is Outcome.DEFERRED
    assert done.status is scene.store.status(action_id) is ActionStatus.SUGGESTED


# --- answers ------------------------------------------------------------------------------------


def test_a_refusal_fails_the_action_with_metas_reason():
    adset = an_adset()
    scene = Scene(adset)
    scene.platform.will(REFUSED)

    action_id, done = scene.carry_out(scale(adset, 55))

    assert (done.outcome, done.status) == (Outcome.FAILED, ActionStatus.FAILED)
    assert "Budget is too low" in done.message
    assert scene.store.states(action_id) == [AttemptState.REFUSED]
    assert scene.store.told() == ["optimization_failed"]


def test_a_throttled_write_is_deferred_and_says_until_when():
    adset = an_adset()
    scene = Scene(adset)
    scene.platform.will(THROTTLED)

    action_id, done = scene.carry_out(scale(adset, 55))

    assert (done.outcome, done.status) == (Outcome.DEFERRED, ActionStatus.DEFERRED)
    assert isinstance(done.problem, Throttled)
    assert done.problem.until == THROTTLED.until
    assert done.stops_account
    assert scene.store.open_attempts() == ()
    assert scene.store.status(action_id) is ActionStatus.DEFERRED


def test_one_entitys_own_limit_is_remembered_for_it_and_stops_nothing_else():
    adset = an_adset()
    scene = Scene(adset)
    scene.platform.will(TOO_OFTEN)

    _, done = scene.carry_out(scale(adset, 55))

    assert (done.outcome, done.status) == (Outcome.DEFERRED, ActionStatus.DEFERRED)
    assert done.problem is None
    assert not done.stops_account
    assert scene.store.blocked_until == {1: TOO_OFTEN.until}
    assert scene.store.account(adset.account_id).blocked_until is None


def test_a_penalty_keeps_every_later_run_from_sending_until_it_is_over():
    adset, other = an_adset(), an_adset("12")
    scene = Scene(adset, other)
    scene.platform.will(PENALISED)

    _, done = scene.carry_out(scale(adset, 55))
    _, refused = scene.carry_out(scale(other, 55))

    assert isinstance(done.problem, Penalised)
    assert done.stops_account
    assert refused.outcome is Outcome.DEFERRED
    assert "alone until" in refused.message
    assert len(scene.platform.sent) == 1
    scene.platform.passes(hours=1)
    assert scene.carry_out(scale(other, 55))[1].outcome is Outcome.EXECUTED


def test_what_never_left_is_deferred_and_not_sent_again():
    adset = an_adset()
    scene = Scene(adset)
    scene.platform.will(NEVER_LEFT)

    action_id, done = scene.carry_out(scale(adset, 55))

    assert done.outcome is Outcome.DEFERRED
    assert scene.store.states(action_id) == [AttemptState.NOT_SENT]
    assert scene.platform.sent == []


def test_no_clear_answer_is_in_doubt_and_never_sent_again():
    adset = an_adset()
    scene = Scene(adset)
    scene.platform.will(LOST)

    action_id, done = scene.carry_out(scale(adset, 55))

    assert (done.outcome, done.status) == (Outcome.IN_DOUBT, ActionStatus.IN_DOUBT)
    assert scene.store.states(action_id) == [AttemptState.UNKNOWN]
    assert len(scene.platform.sent) == 1
    (event,) = scene.store.events
    assert event.event == "optimization_in_doubt"
    assert event.after == {"11": {"daily_budget": "5500"}}


def test_no_clear_answer_but_the_log_names_us_is_executed():
    adset = an_adset()
    scene = Scene(adset)
    scene.platform.will(APPLIED_UNHEARD)

    action_id, done = scene.carry_out(scale(adset, 55))

    assert done.outcome is Outcome.EXECUTED
    assert scene.store.states(action_id) == [AttemptState.CONFIRMED]


def test_no_clear_answer_and_a_log_that_lags_stays_in_doubt_though_the_value_shows():
    adset = an_adset()
    scene = Scene(adset, log_lag=timedelta(minutes=2))
    scene.platform.will(APPLIED_UNHEARD)

    _, done = scene.carry_out(scale(adset, 55))

    assert done.outcome is Outcome.IN_DOUBT


def test_no_clear_answer_and_no_reading_stays_in_doubt():
    adset = an_adset()
    scene = Scene(adset)
    scene.platform.will(
        replace(
            LOST,
            then=lambda meta: meta.read_errors["11"].append(Unreachable("no network")),
        )
    )

    _, done = scene.carry_out(scale(adset, 55))

    assert done.outcome is Outcome.IN_DOUBT


def test_accepted_but_never_seen_is_in_doubt_not_executed():
    adset = an_adset()
    scene = Scene(adset)
    scene.platform.will(IGNORED)

    action_id, done = scene.carry_out(scale(adset, 55))

    assert done.outcome is Outcome.IN_DOUBT
    assert scene.store.states(action_id) == [AttemptState.ACCEPTED]
    assert "15 min" in done.message
    assert sum(scene.slept) <= 2
    assert scene.platform.asked.count("entity 11") == 4  # once before, three looks after


def test_accepted_and_seen_at_the_second_look_is_executed():
    adset = an_adset()
    scene = Scene(adset)
    scene.platform.will(
        replace(
            late(0.4),
            kind=IGNORED.kind,
            then=lambda meta: meta.read_errors["11"].append(Unreachable("blip")),
        )
    )
    scene.platform.on_read = lambda: scene.platform.passes(seconds=1)

    _, done = scene.carry_out(scale(adset, 55))

    assert done.outcome is Outcome.EXECUTED


def test_a_throttled_look_is_not_repeated():
    adset = an_adset()
    scene = Scene(adset)
    scene.platform.will(
        replace(IGNORED, then=lambda meta: meta.read_errors["11"].extend([Throttled("later")] * 3))
    )

    _, done = scene.carry_out(scale(adset, 55))

    assert done.outcome is Outcome.IN_DOUBT
    assert scene.platform.asked.count("entity 11") == 2


# --- the circuit --------------------------------------------------------------------------------


def test_two_doubts_of_one_tick_stop_every_further_write_of_the_account():
    adsets = [an_adset(str(n)) for n in range(11, 14)]
    elsewhere = an_adset("21", account_id="1002")
    scene = Scene(*adsets, elsewhere)
    scene.platform.will(LOST, LOST)
    for adset in adsets[:2]:
        scene.carry_out(scale(adset, 55))

    _, done = scene.carry_out(pause(adsets[2]))
    _, other = scene.carry_out(pause(elsewhere))

    assert done.outcome is Outcome.DEFERRED
    assert "in doubt" in done.message
    assert other.outcome is Outcome.EXECUTED


def test_three_doubts_of_whatever_tick_stop_the_account():
    adsets = [an_adset(str(n)) for n in range(11, 15)]
    scene = Scene(*adsets)
    scene.platform.will(LOST, LOST, LOST)
    for n, adset in enumerate(adsets[:3]):
        action_id = scene.approved(scale(adset, 55), tick_id=f"t{n}")
        assert scene.execute(action_id, scale(adset, 55)).outcome is Outcome.IN_DOUBT

    _, done = scene.carry_out(pause(adsets[3]))

    assert done.outcome is Outcome.DEFERRED
    assert len(scene.platform.sent) == 3


# --- reallocations ------------------------------------------------------------------------------


def a_reallocation() -> tuple[Scene, Action]:
    donor, receiver = an_adset("11", budget=50), an_adset("12", budget=70)
    return Scene(donor, receiver), reallocate(donor, receiver, 5)


def test_a_reallocation_sends_the_increase_after_the_decrease_was_seen():
    scene, action = a_reallocation()

    action_id, done = scene.carry_out(action)

    assert done.outcome is Outcome.EXECUTED
    assert scene.platform.asked == [
        "entity 11",
        "write 11 daily_budget=4500",
        "entity 11",
        "entity 12",
        "write 12 daily_budget=7500",
        "entity 12",
    ]
    assert scene.store.events[-1].after == {
        "11": {"daily_budget": "4500"},
        "12": {"daily_budget": "7500"},
    }
    assert [attempt.state for attempt in done.attempts] == [AttemptState.CONFIRMED] * 2
    assert scene.store.status(action_id) is ActionStatus.EXECUTED


@pytest.mark.parametrize("first", [REFUSED, THROTTLED, NEVER_LEFT, LOST, IGNORED])
def test_without_a_confirmed_decrease_no_increase_is_sent(first):
    scene, action = a_reallocation()
    scene.platform.will(first)

    _, done = scene.carry_out(action)

    assert done.outcome is not Outcome.EXECUTED
    assert all(change.entity_id == "11" for change in scene.platform.sent)


@pytest.mark.parametrize("second", [REFUSED, THROTTLED, NEVER_LEFT])
def test_an_increase_that_meta_does_not_take_fails_and_the_decrease_stands(second):
    scene, action = a_reallocation()
    scene.platform.will(replace(LOST, applies=True, kind=IGNORED.kind), second)

    action_id, done = scene.carry_out(action)

    assert (done.outcome, done.status) == (Outcome.FAILED, ActionStatus.FAILED)
    assert "The decrease stands" in done.message
    assert f"actions undo {action_id}" in done.message
    assert scene.platform.entity("11").budget == Budget(BudgetKind.DAILY, usd(45))
    assert scene.platform.entity("12").budget == Budget(BudgetKind.DAILY, usd(70))
    assert scene.store.events[-1].after == {"11": {"daily_budget": "4500"}}


def test_an_increase_in_doubt_leaves_the_reallocation_in_doubt():
    scene, action = a_reallocation()
    scene.platform.will(replace(IGNORED, applies=True), LOST)

    action_id, done = scene.carry_out(action)

    assert done.outcome is Outcome.IN_DOUBT
    assert scene.store.states(action_id) == [AttemptState.CONFIRMED, AttemptState.UNKNOWN]


def test_a_receiver_that_moved_meanwhile_fails_it_and_the_decrease_stands():
    scene, action = a_reallocation()
    scene.platform.person_sets("12", ChangedField.DAILY_BUDGET, "9000")

    _, done = scene.carry_out(action)

    assert done.status is ActionStatus.FAILED
    assert not done.superseded
    assert "is 90.00 USD now" in done.message


def test_a_stop_between_the_legs_ends_with_the_decrease():
    scene, action = a_reallocation()

    _, done = scene.carry_out(action, stop_requested=lambda: len(scene.platform.sent) == 1)

    assert done.status is ActionStatus.FAILED
    assert "The decrease stands" in done.message
    assert len(scene.platform.sent) == 1


def test_the_cap_is_asked_for_the_increase_only():
    scene, action = a_reallocation()

    _, done = scene.carry_out(action, money=raising_by(5, under=1))

    assert done.status is ActionStatus.FAILED
    assert [change.entity_id for change in scene.platform.sent] == ["11"]


# --- a database that fails ----------------------------------------------------------------------


def test_no_intent_on_disk_means_nothing_is_sent():
    adset = an_adset()
    scene = Scene(adset)
    scene.store.breaks_at.add("commit_intent")

    with pytest.raises(StoreUnavailable):
        scene.carry_out(pause(adset))

    assert scene.platform.sent == []


def test_an_answer_that_could_not_be_stored_is_settled_by_reading_later():
    adset = an_adset()
    scene = Scene(adset)
    scene.store.breaks_at.add("record_event")

    with pytest.raises(StoreUnavailable):
        scene.carry_out(pause(adset))

    scene.store.breaks_at.clear()
    settled = scene.reconcile(ACCOUNT)
    assert settled.confirmed == 1
    assert scene.store.status(1) is ActionStatus.EXECUTED
    assert len(scene.platform.sent) == 1
