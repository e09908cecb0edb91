"""The protocol over real HTTP and a real database, with processes that really die."""

import asyncio
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import pytest

from meta_autonomous.adapters.sandbox import Fault, Sandbox, faults
from meta_autonomous.domain.action import Action, ActionStatus, Outcome
from meta_autonomous.domain.entities import Entity, Level
from meta_autonomous.domain.intent import AttemptState
from meta_autonomous.operations.execute import Executed, execute
from meta_autonomous.operations.reconcile import Reconciled, reconcile
from meta_autonomous.operations.world import World
from meta_autonomous.ports import WORKER, ActionRecord, NewAction
from tests.fakes.scene import pause, reallocate, scale
from tests.operations.one_execution import a_real_world

ROOT = Path(__file__).parents[2]
#: Two ad sets with budgets of their own, 120 and 100 USD a day.
FIRST, SECOND = "Visitors 14d - Dynamic", "Add to cart 7d"

T = TypeVar("T")


class Site:
    """A served sandbox, a database, and processes to be killed."""

    def __init__(self, folder: Path, sandbox: Sandbox, graph_url: str) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.graph_url = graph_url
        self.database_url = f"sqlite:///{folder / 'meta.sqlite3'}"
        self.account_id = sandbox.account_ids[0]
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def inside(self, deed: Callable[[World], Awaitable[T]]) -> T:
        async def run() -> T:
            async with a_real_world(self.database_url, self.graph_url) as world:
                return await deed(world)

        return asyncio.run(run())

    def entity(self, name: str) -> Entity:
        entity_id = self.sandbox.find(name)
        return self.inside(
            lambda world: world.platform.read_entity(self.account_id, entity_id, Level.ADSET)
        )

    def approved(self, action: Action) -> int:
        new = NewAction(
            action=action,
            outcome=Outcome.EXECUTED,
            status=ActionStatus.APPROVED,
            reason="a test",
            verdicts=(),
            evidence={},
            is_urgent=False,
            route="auto",
            amount_usd=Decimal(0),
            expires_at=None,
        )

        async def record(world: World) -> tuple[int, ...]:
            at = await world.platform.trusted_now()
            return world.store.record_decisions(
                self.account_id, [new], [], [], tick_id="t1", at=at
            )

        return self.inside(record)[0]

    def execute(self, action_id: int, action: Action) -> Executed:
        return self.inside(lambda world: execute(world, action_id, action, who=WORKER))

    def reconcile(self) -> Reconciled:
        return self.inside(lambda world: reconcile(world, self.account_id))

    def record(self, action_id: int) -> ActionRecord:
        async def look(world: World) -> ActionRecord:
            return world.store.action(action_id)

        return self.inside(look)

    def states(self, action_id: int) -> list[AttemptState]:
        async def look(world: World) -> list[AttemptState]:
            return [attempt.state for attempt in world.store.attempts_of(action_id)]

        return self.inside(look)

    def writes(self) -> list[str]:
        return [request.text for request in self.sandbox.requests if request.method == "POST"]

    def start(self, action_id: int, action: Action) -> subprocess.Popen[str]:
        file = self.folder / "action.pickle"
        file.write_bytes(pickle.dumps((action_id, action)))
        command = [sys.executable, "-m", "tests.operations.one_execution"]
        return subprocess.Popen(
            [*command, self.database_url, self.graph_url, str(file)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )

    def hang(self, *, match: str, after: int = 0, works: bool = True) -> None:
        """Stop the next such request before it is worked, until told to go on."""

        def stop() -> None:
            self.reached.set()
            self.go_on.wait(30)

        fault = Fault(before=stop, works=works, resets=not works)
        self.sandbox.inject(fault, match=match, after=after)

    def kill_when_reached(self, process: subprocess.Popen[str]) -> None:
        assert self.reached.wait(30), "the process never came so far"
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        self.go_on.set()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Sandbox(tmp_path / "sandbox.sqlite3") as sandbox, sandbox.serving() as graph_url:
        yield Site(tmp_path, sandbox, graph_url)


# --- over HTTP, alive ---------------------------------------------------------------------------


def test_a_raise_a_pause_and_a_reallocation_arrive_at_the_account(site):
    first, second = site.entity(FIRST), site.entity(SECOND)
    for action in (reallocate(first, second, 10),):
        assert site.execute(site.approved(action), action).outcome is Outcome.EXECUTED
    raised = scale(site.entity(FIRST), 115)
    assert site.execute(site.approved(raised), raised).outcome is Outcome.EXECUTED
    paused = pause(site.entity(SECOND))
    assert site.execute(site.approved(paused), paused).outcome is Outcome.EXECUTED

    assert site.entity(FIRST).budget.amount.minor == 11500
    assert site.entity(SECOND).budget.amount.minor == 11000
    assert site.entity(SECOND).status == "PAUSED"
    assert len(site.writes()) == 4


@pytest.mark.parametrize(
    ("fault", "state", "status", "is_applied"),
    [
        (faults.reset_after(), AttemptState.CONFIRMED, ActionStatus.EXECUTED, True),
        (faults.reset(), AttemptState.NOT_APPLIED, ActionStatus.FAILED, False),
        (faults.server_error(), AttemptState.NOT_APPLIED, ActionStatus.FAILED, False),
        (faults.bad_gateway(), AttemptState.NOT_APPLIED, ActionStatus.FAILED, False),
        (faults.apply_late(0.3), AttemptState.CONFIRMED, ActionStatus.EXECUTED, True),
        (faults.truncated(), AttemptState.CONFIRMED, ActionStatus.EXECUTED, True),
        (faults.forgotten(), AttemptState.NEEDS_HUMAN, ActionStatus.IN_DOUBT, False),
        (faults.throttled(), AttemptState.REFUSED, ActionStatus.DEFERRED, False),
        (
            faults.error(100, subcode=1885272),
            AttemptState.REFUSED,
            ActionStatus.FAILED,
            False,
        ),
        (faults.hang(5), AttemptState.CONFIRMED, ActionStatus.EXECUTED, True),
    ],
)
def test_a_bad_answer_is_settled_by_reading_and_nothing_is_sent_twice(
    site, fault, state, status, is_applied
):
    action = scale(site.entity(FIRST), 130)
    action_id = site.approved(action)
    site.sandbox.inject(fault, match=r"^POST ")

    site.execute(action_id, action)
    time.sleep(0.4)  # for what is applied late
    site.sandbox.advance(timedelta(minutes=20))
    site.reconcile()

    assert site.states(action_id) == [state]
    assert site.record(action_id).status is status
    assert (site.entity(FIRST).budget.amount.minor == 13000) is is_applied
    assert len(site.writes()) == 1


def test_a_person_who_is_faster_supersedes_the_action(site):
    action = scale(site.entity(FIRST), 130)
    action_id = site.approved(action)
    site.sandbox.edit(site.sandbox.find(FIRST), daily_budget=12500)

    done = site.execute(action_id, action)

    assert done.superseded
    assert site.writes() == []


def test_a_person_who_changes_it_right_after_us_is_told_from_a_lost_write(site):
    """The client does not know its own application's name, so a person has to look."""
    action = scale(site.entity(FIRST), 130)
    action_id = site.approved(action)
    site.sandbox.inject(faults.apply_late(0.2), match=r"^POST ")
    assert site.execute(action_id, action).outcome is Outcome.IN_DOUBT
    time.sleep(0.4)
    site.sandbox.edit(site.sandbox.find(FIRST), daily_budget=12000)
    site.sandbox.advance(timedelta(minutes=70))

    settled = site.reconcile()

    assert settled.needs_human == (action_id,)
    assert site.record(action_id).status is ActionStatus.IN_DOUBT


# --- killed -------------------------------------------------------------------------------------

ENTITY = r"^GET /v26\.0/\d+\?"


@pytest.mark.parametrize(
    ("where", "state", "status", "is_applied"),
    [
        ({"match": ENTITY}, [], ActionStatus.DEFERRED, False),
        ({"match": r"^POST "}, [AttemptState.CONFIRMED], ActionStatus.EXECUTED, True),
        (
            {"match": r"^POST ", "works": False},
            [AttemptState.NOT_APPLIED],
            ActionStatus.FAILED,
            False,
        ),
        ({"match": ENTITY, "after": 1}, [AttemptState.CONFIRMED], ActionStatus.EXECUTED, True),
    ],
    ids=["at the fresh read", "written", "never written", "at the read back"],
)
def test_killed_at_any_request_it_is_settled_and_nothing_is_sent_twice(
    site, where, state, status, is_applied
):
    action = scale(site.entity(FIRST), 130)
    action_id = site.approved(action)
    site.hang(**where)

    site.kill_when_reached(site.start(action_id, action))
    time.sleep(0.3)  # what hung is worked now, after the death
    site.sandbox.advance(timedelta(minutes=20))
    site.reconcile()

    assert site.states(action_id) == state
    assert site.record(action_id).status is status
    assert (site.entity(FIRST).budget.amount.minor == 13000) is is_applied
    assert len(site.writes()) == len(state)


def test_killed_between_the_legs_the_increase_is_never_sent(site):
    action = reallocate(site.entity(FIRST), site.entity(SECOND), 10)
    action_id = site.approved(action)
    site.hang(match=rf"^GET /v26\.0/{site.sandbox.find(SECOND)}\?")

    site.kill_when_reached(site.start(action_id, action))
    site.sandbox.advance(timedelta(minutes=20))
    site.reconcile()

    record = site.record(action_id)
    assert record.status is ActionStatus.FAILED
    assert "The decrease stands" in record.message
    assert site.states(action_id) == [AttemptState.CONFIRMED]
    assert site.entity(SECOND).budget.amount.minor == 10000


def test_while_one_process_is_at_it_another_finds_the_account_locked(site):
    action = scale(site.entity(FIRST), 130)
    action_id = site.approved(action)
    site.hang(match=r"^POST ")
    first = site.start(action_id, action)
    assert site.reached.wait(30)

    second = site.start(action_id, action)
    assert second.communicate(timeout=30)[0].strip() == "locked"

    site.go_on.set()
    assert first.communicate(timeout=30)[0].strip() == "executed"
    assert len(site.writes()) == 1
