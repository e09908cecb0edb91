"""One situation all the way: estimated, decided, recorded in a database, explained, printed."""

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from meta_autonomous.adapters.database import Database
from meta_autonomous.decision.decide import Plan
from meta_autonomous.decision.tick_case import (
    AccountCase,
    Circumstances,
    decide_prepared,
    prepare,
    totals_of,
)
from meta_autonomous.domain.action import ActionStatus
from meta_autonomous.operations.explain import Explanation, explain
from meta_autonomous.operations.observe import Observed
from meta_autonomous.operations.record import record_plan
from meta_autonomous.ports.words import WORKER
from meta_autonomous.render.explain import explanation_document
from meta_autonomous.render.plain import plain_text
from tests.builders import NOW
from tests.golden.situations import SITUATIONS, Scene

FOLDER = Path(__file__).parent / "explain"


def as_told(name: str) -> str:
    """The file: what the situation is, and what the command prints."""
    document = explanation_document(explained(name), platform="sandbox", now=NOW)
    return f"# {SITUATIONS[name].about}\n\n{plain_text(document)}"


@cache
def explained(name: str) -> Explanation:
    scene = SITUATIONS[name]
    with tempfile.TemporaryDirectory() as folder:
        store = Database(f"sqlite:///{Path(folder) / 'meta.sqlite3'}", platform="sandbox")
        store.create_or_check()
        try:
            _tick(store, scene)
            return explain(store, scene.subject)
        finally:
            store.close()


def outcome(scene: Scene, **limits: Any) -> str:
    """What becomes of the subject: ``"scale_up: queued"``, or ``"none"``. `limits` are others
    than the situation's own."""
    limited = replace(scene, book=scene.book_with(**limits))
    plan, _ = planned(limited)
    for decision in plan.decisions:
        if scene.subject in decision.action.entity_ids:
            return f"{decision.action.type}: {decision.outcome}"
    return "none"


def planned(scene: Scene) -> tuple[Plan, Observed]:
    around = Circumstances(
        now=NOW,
        is_auto=scene.is_auto,
        book=scene.book,
        rates=scene.rates,
        unread=scene.unread,
    )
    case = AccountCase(snapshot=scene.snapshot, memory=scene.memory, restatements=None)
    prepared = prepare(case, limits=scene.book.limits, rates=scene.rates)
    plan = decide_prepared([prepared], around, totals_of([prepared.situation], around))
    return plan, Observed(read=scene.snapshot, prepared=prepared)


def _tick(store: Database, scene: Scene) -> None:
    plan, observed = planned(scene)
    world: Any = SimpleNamespace(store=store, book=scene.book)
    account_id = scene.snapshot.account.id
    ids = record_plan(world, plan, {account_id: observed}, tick_id="t1", at=NOW)
    for action_id, decision in zip(ids, plan.decisions, strict=True):
        if decision.executes:
            _carry_out(store, action_id)


def _carry_out(store: Database, action_id: int) -> None:
    """As if Meta had taken it: how that goes is no matter here."""
    before, after = ActionStatus.APPROVED, ActionStatus.EXECUTING
    store.move(action_id, expected=[before], to=after, at=NOW, who=WORKER, event=None)
    store.move(
        action_id,
        expected=[after],
        to=ActionStatus.EXECUTED,
        at=NOW,
        who=WORKER,
        event="optimization_executed",
    )
