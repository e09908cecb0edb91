"""A served sandbox, a real database, and processes that a test can kill."""

import asyncio
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from meta_autonomous.adapters.sandbox import Fault, Sandbox
from meta_autonomous.domain.action import Action, ActionStatus, Outcome
from meta_autonomous.domain.entities import Entity, Level
from meta_autonomous.domain.intent import AttemptState
from meta_autonomous.operations.execute import Executed, execute
from meta_autonomous.operations.reconcile import Reconciled, reconcile
from meta_autonomous.operations.world import World
from meta_autonomous.ports.records import ActionRecord, NewAction
from meta_autonomous.ports.words import WORKER
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
        return self.approved_in(self.account_id, action)

    def approved_in(self, account_id: str, action: Action) -> int:
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
            return world.store.record_decisions(account_id, [new], [], [], tick_id="t1", at=at)

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
