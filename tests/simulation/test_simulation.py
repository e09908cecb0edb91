"""Thousands of bad days from seeds, and known mistakes that the simulation must notice.

`python -m tests.simulation 100000` runs a release's worth.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from meta_autonomous.domain.intent import AttemptEvent
from meta_autonomous.operations import execute as execute_module
from meta_autonomous.operations import read_back as read_back_module
from meta_autonomous.operations import reconcile as reconcile_module
from meta_autonomous.ports.platform import Answer, AnswerKind
from tests.simulation.many import WORLDS, run_many
from tests.simulation.simulator import Simulation, Violation

pytestmark = pytest.mark.slow

#: In each of the four worlds; 10,000 in all.
SCHEDULES = int(os.environ.get("SIMULATED_SCHEDULES", "2500"))
#: Enough for each mutant below; the unmutated program runs through all of them.
UNTIL_CAUGHT = 5000


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.words)
def test_whatever_happens_every_final_word_is_true_and_nothing_stays_open(world):
    done = run_many(range(SCHEDULES), world)
    assert done.violations == ()
    assert done.applied > SCHEDULES  # much happened


def test_a_seed_replays_to_the_same_end():
    first, second = Simulation(42), Simulation(42)
    first.run()
    second.run()

    assert first.store.events == second.store.events
    assert first.meta.asked == second.meta.asked


# --- mutants: each is a mistake that an earlier draft made, or could have made ------------------


def _settles_at_once(simulation: Simulation, _: pytest.MonkeyPatch) -> None:
    system = replace(simulation.world.system, settle_seconds=0)
    simulation.world = replace(simulation.world, system=system)


def _takes_a_timeout_for_a_refusal(simulation: Simulation, _: pytest.MonkeyPatch) -> None:
    _answers(simulation, AnswerKind.UNKNOWN, AnswerKind.REFUSED)


def _takes_a_timeout_for_success(simulation: Simulation, patch: pytest.MonkeyPatch) -> None:
    _answers(simulation, AnswerKind.UNKNOWN, AnswerKind.ACCEPTED)
    _takes_accepted_for_proof(simulation, patch)


def _answers(simulation: Simulation, heard: AnswerKind, taken_for: AnswerKind) -> None:
    write = simulation.meta.write

    async def mistaken(change: Any) -> Answer:
        answer = await write(change)
        return replace(answer, kind=taken_for) if answer.kind is heard else answer

    simulation.meta.write = mistaken


def _takes_accepted_for_proof(_: Simulation, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(execute_module, "_look_for_it", execute_module._confirmed)


def _sends_again_after_a_timeout(simulation: Simulation, _: pytest.MonkeyPatch) -> None:
    write = simulation.meta.write

    async def stubborn(change: Any) -> Answer:
        answer = await write(change)
        return await write(change) if answer.kind is AnswerKind.UNKNOWN else answer

    simulation.meta.write = stubborn


def _sends_before_the_intent_is_stored(simulation: Simulation, patch: pytest.MonkeyPatch) -> None:
    store, commit = simulation.store, simulation.store.commit_intent

    def forgetful(*args: Any, **kwargs: Any) -> Any:
        attempt = commit(*args, **kwargs)
        del store.attempts[attempt.id]
        return attempt

    store.commit_intent = forgetful
    patch.setattr(execute_module, "_is_still_ours", lambda *_: True)


def _sends_however_late(_: Simulation, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(execute_module, "SEND_WITHIN", timedelta(days=1))


def _looks_at_the_value_alone(_: Simulation, patch: pytest.MonkeyPatch) -> None:
    async def blind(*_: Any) -> Any:
        return read_back_module.Footprint.NONE

    patch.setattr(read_back_module, "_footprint", blind)


def _searches_the_log_from_the_answer(_: Simulation, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(read_back_module, "SEARCH_BACK", timedelta(0))
    footprint = read_back_module._footprint

    async def late(platform: Any, attempt: Any) -> Any:
        return await footprint(platform, replace(attempt, intended_at=attempt.effect_at))

    patch.setattr(read_back_module, "_footprint", late)


def _takes_the_age_after_the_reading(simulation: Simulation, patch: pytest.MonkeyPatch) -> None:
    judge = reconcile_module.judge

    def late(attempt: Any, reading: Any, *, age: timedelta, settle: timedelta) -> Any:
        return judge(
            attempt, reading, age=simulation.meta.clock - attempt.effect_at, settle=settle
        )

    patch.setattr(reconcile_module, "judge", late)


def _trusts_the_local_clock(simulation: Simulation, _: pytest.MonkeyPatch) -> None:
    async def local() -> Any:
        return simulation.world.clock()

    simulation.meta.trusted_now = local


def _lets_an_entity_in_doubt_be_written(simulation: Simulation, _: pytest.MonkeyPatch) -> None:
    store, commit = simulation.store, simulation.store.commit_intent
    open_attempts = store.open_attempts

    def careless(*args: Any, **kwargs: Any) -> Any:
        store.open_attempts = lambda *_: ()
        try:
            return commit(*args, **kwargs)
        finally:
            store.open_attempts = open_attempts

    store.commit_intent = careless
    simulation._is_ready = lambda _: True


def _forgets_money_in_doubt(simulation: Simulation, _: pytest.MonkeyPatch) -> None:
    simulation.store._reserved = lambda _: Decimal(0)


def _ignores_a_stop(simulation: Simulation, _: pytest.MonkeyPatch) -> None:
    store, commit = simulation.store, simulation.store.commit_intent

    def deaf(*args: Any, **kwargs: Any) -> Any:
        heard, store.is_started = store.is_started, True
        try:
            return commit(*args, **kwargs)
        finally:
            store.is_started = heard

    store.commit_intent = deaf


def _ignores_an_expiry(simulation: Simulation, _: pytest.MonkeyPatch) -> None:
    store, commit = simulation.store, simulation.store.commit_intent

    def timeless(action_id: int, *args: Any, **kwargs: Any) -> Any:
        expires_at = store.records[action_id].expires_at
        store.records[action_id] = replace(store.records[action_id], expires_at=None)
        try:
            return commit(action_id, *args, **kwargs)
        finally:
            store.records[action_id] = replace(store.records[action_id], expires_at=expires_at)

    store.commit_intent = timeless


def _forgets_what_a_dead_process_left(_: Simulation, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reconcile_module, "_finish_actions", lambda *_, **__: (0, []))


def _goes_on_with_the_increase_unseen(_: Simulation, patch: pytest.MonkeyPatch) -> None:
    in_doubt = execute_module._in_doubt

    def hopeful(*args: Any) -> Any:
        end = in_doubt(*args)
        return replace(end, status=execute_module.ActionStatus.EXECUTED)

    patch.setattr(execute_module, "_in_doubt", hopeful)


def _gives_up_on_what_a_person_should_see(_: Simulation, patch: pytest.MonkeyPatch) -> None:
    given_up = SimpleNamespace(
        event=AttemptEvent.SEEN_NOT_APPLIED, message="given up", supersedes=False
    )
    patch.setattr(reconcile_module, "cannot_tell", lambda *_, **__: given_up)


Mutant = Callable[[Simulation, pytest.MonkeyPatch], None]
MUTANTS: tuple[Mutant, ...] = (
    _settles_at_once,
    _takes_a_timeout_for_a_refusal,
    _takes_a_timeout_for_success,
    _takes_accepted_for_proof,
    _sends_again_after_a_timeout,
    _sends_before_the_intent_is_stored,
    _sends_however_late,
    _looks_at_the_value_alone,
    _searches_the_log_from_the_answer,
    _takes_the_age_after_the_reading,
    _trusts_the_local_clock,
    _lets_an_entity_in_doubt_be_written,
    _forgets_money_in_doubt,
    _ignores_a_stop,
    _ignores_an_expiry,
    _forgets_what_a_dead_process_left,
    _goes_on_with_the_increase_unseen,
    _gives_up_on_what_a_person_should_see,
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__[1:])
def test_the_simulation_notices_a_program_that(mutant, monkeypatch):
    for seed in range(UNTIL_CAUGHT):
        with monkeypatch.context() as patch:
            simulation = Simulation(seed)
            mutant(simulation, patch)
            try:
                simulation.run()
            except Violation:
                return
    pytest.fail("not caught")
