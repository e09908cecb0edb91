"""Entities, actions and a world around the two fakes, so that a test shows only what matters."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from meta_autonomous.decision.limits import Limits, PolicyBook
from meta_autonomous.domain.action import Action, ActionType, BudgetLeg
from meta_autonomous.domain.entities import AdSet, Budget, BudgetKind, Entity
from meta_autonomous.domain.news import News
from meta_autonomous.domain.quantities import Currency, Money, Rates
from meta_autonomous.operations.execute import Executed, execute
from meta_autonomous.operations.reconcile import Reconciled, reconcile
from meta_autonomous.operations.world import World
from meta_autonomous.ports.people import Actor, System
from meta_autonomous.ports.words import WORKER
from tests.fakes.platform import NOON, FakePlatform
from tests.fakes.store import FakeStore

ACCOUNT = "1001"
USD = Currency("USD")
SETTLE = timedelta(seconds=900)

T = TypeVar("T")


def run(deed: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(deed)


def usd(dollars: int | str) -> Money:
    return Money.of_major(Decimal(dollars), USD)


def an_adset(
    entity_id: str = "11",
    *,
    budget: int | str | None = 50,
    status: str = "ACTIVE",
    effective_status: str | None = None,
    account_id: str = ACCOUNT,
) -> AdSet:
    return AdSet(
        id=entity_id,
        name=f"ad set {entity_id}",
        account_id=account_id,
        status=status,
        effective_status=effective_status or status,
        created_at=NOON - timedelta(days=30),
        budget=None if budget is None else Budget(BudgetKind.DAILY, usd(budget)),
        of_campaign="1",
    )


def with_lifetime_budget(entity: AdSet, *, total: int, remaining: int, ends_at: datetime) -> AdSet:
    budget = Budget(BudgetKind.LIFETIME, usd(total), usd(remaining), ends_at)
    return replace(entity, budget=budget)


def pause(entity: Entity) -> Action:
    return Action(type=ActionType.PAUSE, entity=entity)


def resume(entity: Entity) -> Action:
    return Action(type=ActionType.RESUME, entity=entity)


def scale(entity: Entity, to: int | str, *, now: datetime = NOON) -> Action:
    leg = _leg(entity, usd(to), now)
    kind = ActionType.SCALE_UP if leg.is_increase else ActionType.SCALE_DOWN
    return Action(type=kind, entity=entity, legs=(leg,))


def reallocate(donor: Entity, receiver: Entity, amount: int) -> Action:
    down, up = _leg(donor, usd(0), NOON), _leg(receiver, usd(0), NOON)
    return Action(
        type=ActionType.REALLOCATE,
        entity=donor,
        legs=(
            replace(down, proposed=down.current - usd(amount)),
            replace(up, proposed=up.current + usd(amount)),
        ),
    )


def _leg(entity: Entity, proposed: Money, now: datetime) -> BudgetLeg:
    assert entity.budget is not None
    current = entity.budget.daily(now)
    assert current is not None
    return BudgetLeg(entity=entity, current=current, proposed=proposed)


class NoNotifier:
    async def send(self, news: News) -> bool:
        return True

    async def catch_up(self) -> bool:
        return True


def a_world(platform: FakePlatform, store: FakeStore) -> World:
    return World(
        platform=platform,  # type: ignore[arg-type]
        store=store,  # type: ignore[arg-type]
        system=System(settle_seconds=int(SETTLE.total_seconds()), account_ids=(ACCOUNT,)),
        book=PolicyBook(limits=Limits()),
        rates=Rates({}),
        actor=Actor(name="ana", is_manager=True),
        notifier=NoNotifier(),
        clock=lambda: platform.clock,
    )


class Scene:
    """One account on a fake Meta, its store, and the two deeds."""

    def __init__(self, *entities: Entity, **options: Any) -> None:
        self.platform = FakePlatform(*entities, **options)
        self.store = FakeStore()
        self.world = a_world(self.platform, self.store)
        self.slept: list[float] = []

    def approved(self, action: Action, **options: Any) -> int:
        return self.store.add(action, at=self.platform.clock, **options)

    def execute(self, action_id: int, action: Action, **options: Any) -> Executed:
        options.setdefault("who", WORKER)
        return run(execute(self.world, action_id, action, sleep=self._sleep, **options))

    def reconcile(self, account_id: str = ACCOUNT) -> Reconciled:
        return run(reconcile(self.world, account_id))

    def carry_out(self, action: Action, **options: Any) -> tuple[int, Executed]:
        action_id = self.approved(action)
        return action_id, self.execute(action_id, action, **options)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
