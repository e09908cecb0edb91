"""Settling what is in doubt: every row of the reconciliation table, and every place to die."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from meta_autonomous.domain.action import ActionStatus, Outcome, Route
from meta_autonomous.domain.entities import Status
from meta_autonomous.domain.intent import AttemptEvent, AttemptState, ChangedField
from meta_autonomous.operations.read_back import Footprint, Reading, judge
from meta_autonomous.ports.errors import AuthFailed, BadAnswer, Gone, Throttled, Unreachable
from tests.fakes.killing import SimulatedKill, Steps
from tests.fakes.platform import (
    APPLIED,
    APPLIED_UNHEARD,
    IGNORED,
    LOST,
    NEVER_LEFT,
    NOON,
    REFUSED,
    THROTTLED,
    Reply,
    late,
)
from tests.fakes.scene import (
    ACCOUNT,
    SETTLE,
    Scene,
    an_adset,
    pause,
    reallocate,
    scale,
)

BUDGET = ChangedField.DAILY_BUDGET


def in_doubt(reply: Reply, **options) -> tuple[Scene, int]:
    """A raise from 50 to 55 USD whose outcome is open, a moment ago."""
    adset = an_adset(budget=50)
    scene = Scene(adset, **options)
    scene.platform.will(reply)
    action_id, done = scene.carry_out(scale(adset, 55))
    assert done.outcome is Outcome.IN_DOUBT
    scene.platform.asked.clear()
    return scene, action_id


def state(scene: Scene, action_id: int) -> AttemptState:
    return scene.store.states(action_id)[-1]


@pytest.fixture(autouse=True)
def nothing_is_sent_by_reconciling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test reconciles: Meta gets no write of it."""
    original = Scene.reconcile

    def watched(self: Scene, *args):
        before = len(self.platform.sent)
        result = original(self, *args)
        assert len(self.platform.sent) == before
        return result

    monkeypatch.setattr(Scene, "reconcile", watched)


# --- the table ----------------------------------------------------------------------------------


def test_the_new_value_and_our_entry_in_the_log_confirm_at_once():
    scene, action_id = in_doubt(late(30))
    scene.platform.passes(seconds=31)

    settled = scene.reconcile()

    assert settled.confirmed == 1
    assert settled.still_open == 0
    assert state(scene, action_id) is AttemptState.CONFIRMED
    assert scene.store.status(action_id) is ActionStatus.EXECUTED
    assert scene.store.told() == ["optimization_in_doubt", "optimization_executed"]


def test_the_new_value_without_our_entry_waits_for_the_settle_time():
    scene, action_id = in_doubt(APPLIED_UNHEARD, log_lag=timedelta(days=1))
    scene.platform.passes(seconds=SETTLE.total_seconds() - 1)

    settled = scene.reconcile()

    assert settled.still_open == 1
    assert scene.store.status(action_id) is ActionStatus.IN_DOUBT


def test_the_new_value_without_our_entry_is_confirmed_unattributed_after_it():
    scene, action_id = in_doubt(APPLIED_UNHEARD, log_lag=timedelta(days=1))
    scene.platform.passes(seconds=SETTLE.total_seconds())

    scene.reconcile()

    assert state(scene, action_id) is AttemptState.CONFIRMED
    assert "does not name us" in scene.store.details[1][-1]


def test_another_value_with_our_entry_was_applied_and_overridden():
    scene, action_id = in_doubt(late(30))
    scene.platform.passes(seconds=31)
    scene.platform.person_sets("11", BUDGET, "9000")

    settled = scene.reconcile()

    assert settled.overridden == 1
    assert state(scene, action_id) is AttemptState.APPLIED_OVERRIDDEN
    assert scene.store.status(action_id) is ActionStatus.EXECUTED
    assert "overridden:1" in scene.store.alerts
    assert "changed it afterwards" in scene.store.action(action_id).message


def test_the_old_value_put_back_by_a_person_is_overridden_not_unapplied():
    """ABA: the value alone would say that nothing had happened."""
    scene, action_id = in_doubt(late(30))
    scene.platform.passes(seconds=31)
    scene.platform.person_sets("11", BUDGET, "5000")
    scene.platform.passes(seconds=2000)

    scene.reconcile()

    assert state(scene, action_id) is AttemptState.APPLIED_OVERRIDDEN


def test_the_old_value_before_the_settle_time_proves_nothing():
    scene, action_id = in_doubt(LOST)
    scene.platform.passes(seconds=SETTLE.total_seconds() - 1)

    settled = scene.reconcile()

    assert settled.still_open == 1
    assert state(scene, action_id) is AttemptState.UNKNOWN
    assert scene.store.attempts[1].unsettled_reads == 0


def test_the_old_value_after_the_settle_time_means_not_applied():
    scene, action_id = in_doubt(LOST)
    scene.platform.passes(seconds=SETTLE.total_seconds())

    settled = scene.reconcile()

    assert settled.not_applied == 1
    assert state(scene, action_id) is AttemptState.NOT_APPLIED
    assert scene.store.status(action_id) is ActionStatus.FAILED
    assert scene.store.action(action_id).message == "Not applied; will be decided afresh."


def test_the_old_value_of_an_accepted_change_goes_to_a_person():
    scene, action_id = in_doubt(IGNORED)
    scene.platform.passes(seconds=SETTLE.total_seconds())

    settled = scene.reconcile()

    assert settled.needs_human == (action_id,)
    assert state(scene, action_id) is AttemptState.NEEDS_HUMAN
    assert scene.store.status(action_id) is ActionStatus.IN_DOUBT
    (alert,) = settled.new_alerts
    assert alert == scene.store.alerts["in_doubt:1"]
    assert f"actions resolve {action_id}" in alert.message


@pytest.mark.parametrize("reply", [LOST, IGNORED])
def test_a_third_value_that_is_not_of_our_making_supersedes_the_action(reply):
    scene, action_id = in_doubt(reply)
    scene.platform.person_sets("11", BUDGET, "9000")
    scene.platform.passes(seconds=SETTLE.total_seconds())

    settled = scene.reconcile()

    assert settled.not_applied == 1
    assert state(scene, action_id) is AttemptState.NOT_APPLIED
    assert scene.store.status(action_id) is ActionStatus.SUPERSEDED
    assert any("another value" in message for message in settled.messages)


def test_a_third_value_before_the_settle_time_waits():
    scene, _ = in_doubt(LOST)
    scene.platform.person_sets("11", BUDGET, "9000")
    scene.platform.passes(seconds=60)

    assert scene.reconcile().still_open == 1
    assert scene.store.attempts[1].unsettled_reads == 0


def test_a_third_value_under_an_unreadable_log_goes_to_a_person_at_the_third_reading():
    scene, action_id = in_doubt(LOST)
    scene.platform.person_sets("11", BUDGET, "9000")
    for reading in (1, 2):
        scene.platform.log_errors.append(Unreachable("log"))
        scene.reconcile()
        assert scene.store.attempts[1].unsettled_reads == reading
        assert scene.store.status(action_id) is ActionStatus.IN_DOUBT

    scene.platform.log_errors.append(Unreachable("log"))
    settled = scene.reconcile()

    assert settled.needs_human == (action_id,)


def test_the_old_value_under_an_unreadable_log_is_not_taken_for_not_applied():
    scene, action_id = in_doubt(LOST)
    scene.platform.passes(seconds=SETTLE.total_seconds())
    scene.platform.log_errors.append(Unreachable("log"))

    scene.reconcile()

    assert state(scene, action_id) is AttemptState.UNKNOWN
    assert scene.reconcile().not_applied == 1


def test_a_budget_that_moved_elsewhere_is_a_third_value():
    scene, action_id = in_doubt(LOST)
    scene.platform.put(an_adset(budget=None))
    scene.platform.passes(seconds=SETTLE.total_seconds())

    scene.reconcile()

    assert scene.store.status(action_id) is ActionStatus.SUPERSEDED


@pytest.mark.parametrize("error", [Gone("no such object"), AuthFailed("token expired")])
def test_what_can_not_be_seen_any_more_goes_to_a_person_at_once(error):
    scene, action_id = in_doubt(LOST)
    scene.platform.read_errors["11"].append(error)

    settled = scene.reconcile()

    assert settled.needs_human == (action_id,)
    assert scene.store.alerts["in_doubt:1"].severity == "critical"


@pytest.mark.parametrize("error", [Unreachable("net"), BadAnswer("odd"), Throttled("later")])
def test_readings_that_fail_are_counted_and_the_third_goes_to_a_person(error):
    scene, action_id = in_doubt(LOST)
    for _ in range(2):
        scene.platform.read_errors["11"].append(error)
        assert scene.reconcile().needs_human == ()
    scene.platform.read_errors["11"].append(error)

    assert scene.reconcile().needs_human == (action_id,)


def test_a_reading_that_fails_after_an_hour_goes_to_a_person():
    scene, action_id = in_doubt(LOST)
    scene.platform.passes(minutes=60)
    scene.platform.read_errors["11"].append(Unreachable("net"))

    assert scene.reconcile().needs_human == (action_id,)


# --- attribution --------------------------------------------------------------------------------


def test_the_same_value_set_by_someone_else_is_not_ours():
    scene, _ = in_doubt(LOST)
    scene.platform.passes(seconds=10)
    scene.platform.person_sets("11", BUDGET, "5500")

    assert scene.reconcile().still_open == 1
    scene.platform.passes(seconds=SETTLE.total_seconds())
    assert scene.reconcile().confirmed == 1


def test_without_our_own_name_any_entry_counts_where_the_value_matches():
    scene, _ = in_doubt(late(30), application_id=None)
    scene.platform.passes(seconds=31)

    assert scene.reconcile().confirmed == 1


@pytest.mark.parametrize("theirs", ["5000", "4200"])
def test_without_our_own_name_our_value_in_the_log_says_that_it_was_changed_after_us(theirs):
    scene, action_id = in_doubt(late(30), application_id=None)
    scene.platform.passes(seconds=31)
    scene.platform.person_sets("11", BUDGET, theirs)

    assert scene.reconcile().overridden == 1
    assert state(scene, action_id) is AttemptState.APPLIED_OVERRIDDEN
    assert scene.store.status(action_id) is ActionStatus.EXECUTED


def test_without_our_own_name_another_value_alone_in_the_log_is_a_persons():
    scene, action_id = in_doubt(LOST, application_id=None)
    scene.platform.person_sets("11", BUDGET, "4200")

    assert scene.reconcile().still_open == 1
    scene.platform.passes(seconds=SETTLE.total_seconds())
    assert scene.reconcile().not_applied == 1
    assert scene.store.status(action_id) is ActionStatus.SUPERSEDED


def test_the_log_is_searched_from_before_the_intent_not_from_the_answer():
    """Meta's clock may be a little behind, and an effect precedes the answer to it."""
    scene, action_id = in_doubt(
        replace(APPLIED_UNHEARD, after=timedelta(seconds=-100)), log_lag=timedelta(minutes=5)
    )
    scene.platform.person_sets("11", BUDGET, "5000")
    scene.platform.passes(seconds=SETTLE.total_seconds())

    scene.reconcile()

    assert state(scene, action_id) is AttemptState.APPLIED_OVERRIDDEN


def test_an_entry_of_long_before_the_intent_is_not_of_this_change():
    scene, action_id = in_doubt(
        replace(APPLIED_UNHEARD, after=timedelta(seconds=-121)), log_lag=timedelta(minutes=5)
    )
    scene.platform.person_sets("11", BUDGET, "5000")
    scene.platform.passes(seconds=SETTLE.total_seconds())

    scene.reconcile()

    assert state(scene, action_id) is AttemptState.NOT_APPLIED


def test_the_age_is_taken_before_the_reading():
    """A reader that was stopped for an hour in the middle has seen an old picture."""
    scene, action_id = in_doubt(LOST)
    scene.platform.on_read = lambda: scene.platform.passes(hours=1)

    scene.reconcile()

    assert state(scene, action_id) is AttemptState.UNKNOWN


def test_the_log_is_read_before_the_entity():
    """What takes effect between the two must not look overridden."""
    scene, action_id = in_doubt(late(30))
    scene.platform.passes(seconds=29)
    scene.platform.step = lambda name: (
        scene.platform.passes(seconds=5) if name == "read entity" else None
    )

    scene.reconcile()

    assert state(scene, action_id) in (AttemptState.UNKNOWN, AttemptState.CONFIRMED)
    assert scene.platform.asked == ["log 11", "entity 11"]


# --- the pure table, in full --------------------------------------------------------------------

OLD, NEW, OTHER = "5000", "5500", "9000"
OPEN = (AttemptState.DISPATCHING, AttemptState.ACCEPTED, AttemptState.UNKNOWN)
EVENTS = AttemptEvent


@pytest.mark.parametrize("known", OPEN)
@pytest.mark.parametrize("value", [OLD, NEW, OTHER, None])
@pytest.mark.parametrize("footprint", list(Footprint))
@pytest.mark.parametrize("is_settled", [False, True])
@pytest.mark.parametrize("reads", [0, 2])
def test_the_table_has_no_gap_and_no_other_rows(known, value, footprint, is_settled, reads):
    scene, _ = in_doubt(LOST)
    attempt = replace(scene.store.attempts[1], state=known, unsettled_reads=reads)
    age = SETTLE if is_settled else SETTLE - timedelta(seconds=1)

    event = judge(attempt, Reading(value, footprint), age=age, settle=SETTLE).event

    vain = EVENTS.UNSETTLED if reads == 2 else EVENTS.UNREADABLE
    is_new, is_old = value == NEW, value == OLD
    match footprint:
        case Footprint.OURS:
            expected = EVENTS.SEEN_APPLIED if is_new else EVENTS.SEEN_OVERRIDDEN
        case _ if is_new:
            expected = EVENTS.SEEN_APPLIED if is_settled else None
        case Footprint.NONE if not is_settled:
            expected = None
        case Footprint.NONE if is_old and known is AttemptState.ACCEPTED:
            expected = EVENTS.UNSETTLED
        case Footprint.NONE:
            expected = EVENTS.SEEN_NOT_APPLIED
        case _ if is_old and not is_settled:
            expected = None
        case _:
            expected = vain
    assert event is expected


# --- actions in step ----------------------------------------------------------------------------


def test_a_doubt_that_stays_puts_the_action_in_doubt():
    """Killed after the intent: the row still says that someone is at it."""
    scene, action_id = killed_at("before sending")

    settled = scene.reconcile()

    assert scene.store.status(action_id) is ActionStatus.IN_DOUBT
    assert settled.still_open == 1
    assert scene.store.told() == ["optimization_in_doubt"]


def test_a_second_look_changes_nothing_and_tells_nothing_twice():
    scene, _ = in_doubt(LOST)
    scene.reconcile()
    told = scene.store.told()

    scene.reconcile()

    assert scene.store.told() == told


def test_what_a_person_settled_is_finished_though_the_process_died_before_that():
    for event, status in (
        (AttemptEvent.PERSON_SAYS_APPLIED, ActionStatus.EXECUTED),
        (AttemptEvent.PERSON_SAYS_NOT_APPLIED, ActionStatus.FAILED),
    ):
        scene, action_id = in_doubt(IGNORED)
        scene.platform.passes(seconds=SETTLE.total_seconds())
        scene.reconcile()
        scene.store.record_event(
            scene.store.attempts[1], event, at=scene.platform.clock, detail="I looked"
        )

        scene.reconcile()

        assert scene.store.status(action_id) is status
        assert scene.store.alerts == {}


def test_what_needs_a_person_is_not_read_again_and_stays_with_them():
    scene, action_id = in_doubt(IGNORED)
    scene.platform.passes(seconds=SETTLE.total_seconds())
    scene.reconcile()
    scene.platform.asked.clear()

    settled = scene.reconcile()

    assert settled.needs_human == (action_id,)
    assert settled.new_alerts == ()
    assert scene.platform.asked == []


def test_a_decrease_confirmed_later_never_starts_the_increase():
    donor, receiver = an_adset("11"), an_adset("12", budget=70)
    scene = Scene(donor, receiver)
    scene.platform.will(late(30))
    action_id, _ = scene.carry_out(reallocate(donor, receiver, 5))
    scene.platform.passes(seconds=31)

    scene.reconcile()

    record = scene.store.action(action_id)
    assert record.status is ActionStatus.FAILED
    assert "The decrease stands" in record.message
    assert [change.entity_id for change in scene.platform.sent] == ["11"]


@pytest.mark.parametrize(
    ("reply", "status"), [(late(30), ActionStatus.EXECUTED), (LOST, ActionStatus.FAILED)]
)
def test_an_increase_in_doubt_is_settled_like_any_other(reply, status):
    donor, receiver = an_adset("11"), an_adset("12", budget=70)
    scene = Scene(donor, receiver)
    scene.platform.will(APPLIED, reply)
    action_id, _ = scene.carry_out(reallocate(donor, receiver, 5))
    scene.platform.passes(seconds=SETTLE.total_seconds())

    scene.reconcile()

    assert scene.store.status(action_id) is status


def test_a_third_value_at_the_receiver_leaves_the_decrease_standing():
    donor, receiver = an_adset("11"), an_adset("12", budget=70)
    scene = Scene(donor, receiver)
    scene.platform.will(APPLIED, LOST)
    action_id, _ = scene.carry_out(reallocate(donor, receiver, 5))
    scene.platform.person_sets("12", BUDGET, "9000")
    scene.platform.passes(seconds=SETTLE.total_seconds())

    scene.reconcile()

    assert scene.store.status(action_id) is ActionStatus.FAILED
    assert "The decrease stands" in scene.store.action(action_id).message


def test_an_undo_confirmed_later_marks_the_original_too():
    adset = an_adset(budget=50)
    scene = Scene(adset)
    original, _ = scene.carry_out(scale(adset, 55))
    raised = scene.platform.entity("11")
    undo = scene.approved(scale(raised, 50), undoes=original, route=Route.UNDO, decided_by="ana")
    scene.platform.will(late(30))
    scene.execute(undo, scale(raised, 50), who="ana")
    scene.platform.passes(seconds=31)

    scene.reconcile()

    assert scene.store.status(original) is ActionStatus.UNDONE


# --- left by a dead process ---------------------------------------------------------------------


def test_an_automatic_action_that_was_approved_and_never_begun_is_deferred():
    adset = an_adset()
    scene = Scene(adset)
    action_id = scene.approved(pause(adset))

    settled = scene.reconcile()

    assert settled.returned == 1
    assert scene.store.status(action_id) is ActionStatus.DEFERRED


@pytest.mark.parametrize(
    ("hours", "status"), [(1, ActionStatus.SUGGESTED), (-1, ActionStatus.EXPIRED)]
)
def test_a_persons_approval_that_was_never_begun_waits_again_or_has_expired(hours, status):
    adset = an_adset()
    scene = Scene(adset)
    action_id = scene.approved(
        pause(adset),
        decided_by="ana",
        route=Route.PERSON,
        expires_at=NOON + timedelta(hours=hours),
    )

    scene.reconcile()

    assert scene.store.status(action_id) is status


def test_an_undo_that_was_never_begun_is_not_offered_as_a_suggestion():
    adset = an_adset()
    scene = Scene(adset)
    action_id = scene.approved(pause(adset), decided_by="ana", route=Route.UNDO)

    scene.reconcile()

    assert scene.store.status(action_id) is ActionStatus.DEFERRED


def test_another_accounts_actions_are_left_alone():
    adset = an_adset(account_id="1002")
    scene = Scene(adset)
    action_id = scene.approved(pause(adset))

    scene.reconcile(ACCOUNT)

    assert scene.store.status(action_id) is ActionStatus.APPROVED


# --- when reading fails as a whole --------------------------------------------------------------


@pytest.mark.parametrize("error", [BadAnswer("no Date"), Unreachable("net")])
def test_without_trusted_time_nothing_is_settled(error):
    scene, action_id = in_doubt(late(30))
    scene.platform.passes(hours=1)
    scene.platform.clock_errors.append(error)

    settled = scene.reconcile()

    assert settled.still_open == 1
    assert error.message in settled.messages[0]
    assert state(scene, action_id) is AttemptState.UNKNOWN


def test_a_clock_that_is_lost_half_way_counts_as_a_reading_that_failed():
    scene, action_id = in_doubt(LOST)
    scene.platform.clock_errors.extend([None, BadAnswer("no Date")])

    scene.reconcile()

    assert scene.store.attempts[1].unsettled_reads == 1
    assert state(scene, action_id) is AttemptState.UNKNOWN


def test_a_throttled_account_is_not_asked_again_in_the_same_run():
    first, second = an_adset("11"), an_adset("12")
    scene = Scene(first, second)
    scene.platform.will(LOST, LOST)
    scene.carry_out(scale(first, 55))
    scene.carry_out(scale(second, 55))
    scene.platform.asked.clear()
    scene.platform.read_errors["11"].append(Throttled("later"))

    settled = scene.reconcile()

    assert settled.still_open == 2
    assert scene.platform.asked == ["log 11", "entity 11"]


def test_an_attempt_that_another_process_settles_meanwhile_keeps_that_word():
    scene, action_id = in_doubt(LOST)
    scene.platform.passes(seconds=SETTLE.total_seconds())
    attempt = scene.store.attempts[1]
    scene.platform.on_read = lambda: scene.store.record_event(
        attempt, AttemptEvent.PERSON_SAYS_APPLIED, at=NOON, detail="I looked"
    )

    scene.reconcile()

    assert state(scene, action_id) is AttemptState.RESOLVED_APPLIED
    assert scene.store.status(action_id) is ActionStatus.EXECUTED


# --- the circuit and its alerts -----------------------------------------------------------------


def test_two_doubts_of_one_tick_block_writes_until_they_are_settled():
    adsets = [an_adset(str(n)) for n in (11, 12)]
    scene = Scene(*adsets)
    scene.platform.will(LOST, LOST)
    for adset in adsets:
        scene.carry_out(scale(adset, 55))

    assert scene.reconcile().writes_blocked
    scene.platform.passes(seconds=SETTLE.total_seconds())
    assert not scene.reconcile().writes_blocked


def test_one_doubt_blocks_its_entity_only():
    scene, _ = in_doubt(LOST)

    assert not scene.reconcile().writes_blocked


def test_an_alert_of_an_override_ends_with_the_day():
    scene, _ = in_doubt(late(30))
    scene.platform.passes(seconds=31)
    scene.platform.person_sets("11", BUDGET, "9000")
    scene.reconcile()
    scene.platform.passes(hours=23)
    scene.reconcile()
    assert "overridden:1" in scene.store.alerts

    scene.platform.passes(hours=2)
    scene.reconcile()

    assert scene.store.alerts == {}


# --- killed anywhere ----------------------------------------------------------------------------


def killed_at(name: str, reply: Reply = APPLIED) -> tuple[Scene, int]:
    adset = an_adset(budget=50)
    scene = Scene(adset)
    scene.platform.will(reply)
    action_id = scene.approved(scale(adset, 55))

    def step(passed: str) -> None:
        if passed == name:
            raise SimulatedKill(name)

    scene.platform.step = scene.store.step = step
    with pytest.raises(SimulatedKill):
        scene.execute(action_id, scale(adset, 55))
    scene.platform.step = scene.store.step = lambda _: None
    return scene, action_id


ACTIONS = {
    "a raise": lambda a, b: scale(a, 55),
    "a pause": lambda a, b: pause(a),
    "a reallocation": lambda a, b: reallocate(a, b, 5),
}
ANSWERS = {
    "applied": (APPLIED, APPLIED),
    "unheard": (APPLIED_UNHEARD, APPLIED_UNHEARD),
    "lost": (LOST, LOST),
    "late": (late(200), late(200)),
    "ignored": (IGNORED, IGNORED),
    "refused": (REFUSED, REFUSED),
    "throttled": (THROTTLED, THROTTLED),
    "never left": (NEVER_LEFT, NEVER_LEFT),
    "applied, then refused": (APPLIED, REFUSED),
    "applied, then lost": (APPLIED, LOST),
    "applied, then unheard": (APPLIED, APPLIED_UNHEARD),
}


def _killed_runs(kind: str, answers: str) -> Iterator[tuple[Scene, int, str]]:
    """The same run again and again, killed one step later each time, until it gets through."""
    for kill_at in count(1):
        first, second = an_adset("11", budget=50), an_adset("12", budget=70)
        scene = Scene(first, second)
        scene.platform.will(*ANSWERS[answers])
        action = ACTIONS[kind](first, second)
        action_id = scene.approved(action)
        scene.platform.step = scene.store.step = steps = Steps(kill_at)
        try:
            scene.execute(action_id, action)
        except SimulatedKill:
            scene.platform.step = scene.store.step = lambda _: None
            yield scene, action_id, steps.names[-1]
        else:
            assert kill_at > 8
            return


@pytest.mark.parametrize("kind", ACTIONS)
@pytest.mark.parametrize("answers", ANSWERS)
def test_a_process_killed_at_any_step_leaves_what_reading_settles(kind, answers):
    for scene, action_id, step in _killed_runs(kind, answers):
        sent = list(scene.platform.sent)
        scene.platform.passes(seconds=300)
        scene.reconcile()
        scene.platform.passes(seconds=SETTLE.total_seconds())
        settled = scene.reconcile()

        assert scene.platform.sent == sent, step
        assert len({change.entity_id for change in sent}) == len(sent), step
        _its_word_is_true(scene, action_id, settled.needs_human, step)


@pytest.mark.parametrize("answers", ["applied", "lost", "late", "ignored"])
def test_a_reconciliation_killed_at_any_step_is_done_by_the_next(answers):
    for kill_at in count(1):
        adset = an_adset(budget=50)
        scene = Scene(adset)
        scene.platform.will(*ANSWERS[answers])
        action_id = scene.approved(scale(adset, 55))
        scene.platform.step = lambda name: _die(name, "answered")
        with pytest.raises(SimulatedKill):
            scene.execute(action_id, scale(adset, 55))
        scene.platform.passes(seconds=SETTLE.total_seconds() + 300)
        scene.platform.step = scene.store.step = steps = Steps(kill_at)
        try:
            scene.reconcile()
        except SimulatedKill:
            scene.platform.step = scene.store.step = lambda _: None
            settled = scene.reconcile()
            _its_word_is_true(scene, action_id, settled.needs_human, steps.names[-1])
            if scene.store.states(action_id) == [AttemptState.NEEDS_HUMAN]:
                assert "in_doubt:1" in scene.store.alerts
        else:
            assert kill_at > 5
            break


def _die(name: str, at: str) -> None:
    if name == at:
        raise SimulatedKill(at)


def _its_word_is_true(
    scene: Scene, action_id: int, needs_human: tuple[int, ...], step: str
) -> None:
    """The action's status tells what became of Meta's values, or a person has been asked."""
    status = scene.store.status(action_id)
    action = scene.store._actions[action_id]
    applied = [_stands_as_wanted(scene, action, n) for n in range(len(action.entity_ids))]
    if status is ActionStatus.IN_DOUBT:
        assert needs_human == (action_id,), step
    elif all(applied):
        assert status is ActionStatus.EXECUTED, step
    elif any(applied):
        assert status is ActionStatus.FAILED, step
        assert "The decrease stands" in scene.store.action(action_id).message, step
    else:
        assert status in (ActionStatus.FAILED, ActionStatus.DEFERRED), step


def _stands_as_wanted(scene: Scene, action, n: int) -> bool:
    entity = scene.platform.entity(action.entity_ids[n])
    if action.new_status is not None:
        return entity.status == action.new_status
    return entity.budget.amount == action.legs[n].proposed


def test_statuses_are_compared_as_words():
    adset = an_adset()
    scene = Scene(adset)
    scene.platform.will(late(30))
    action_id, _ = scene.carry_out(pause(adset))
    scene.platform.passes(seconds=31)

    scene.reconcile()

    assert scene.store.status(action_id) is ActionStatus.EXECUTED
    assert scene.platform.entity("11").status == Status.PAUSED
