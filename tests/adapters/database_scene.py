"""A database, an account and its actions, so that a test of persistence shows only what matters.

With META_AUTO_TEST_POSTGRES (a URL of a server) every database is a schema of its own there.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from meta_autonomous.adapters.database import Database
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.domain.action import Action, ActionStatus, ActionType, BudgetLeg, Outcome
from meta_autonomous.domain.entities import (
    Account,
    AccountSnapshot,
    Activity,
    Ad,
    AdSet,
    Budget,
    BudgetKind,
    Campaign,
    Entity,
    Level,
)
from meta_autonomous.domain.intent import Attempt, AttemptEvent, Change, ChangedField
from meta_autonomous.domain.performance import DayFacts, Days
from meta_autonomous.domain.quantities import Currency, Money
from meta_autonomous.domain.verdict import Effect, Ruling, Verdict
from meta_autonomous.ports.records import NewAction, Trace
from meta_autonomous.ports.words import WORKER

SERVER = os.environ.get("META_AUTO_TEST_POSTGRES")
ON_SQLITE = SERVER is None
only_sqlite = pytest.mark.skipif(not ON_SQLITE, reason="about SQLite's file")

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = date(2026, 3, 10)
USD = Currency("USD")
ACCOUNT = Account(
    id="1001",
    name="shop",
    currency=USD,
    timezone=ZoneInfo("UTC"),
    status=1,
    min_daily_budget=Money(100, USD),
)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


# --- the database -------------------------------------------------------------------------------


def url_in(folder: Path) -> str:
    """A URL of a database of this folder's own."""
    if SERVER is None:
        return f"sqlite:///{folder / 'state' / 'meta.sqlite3'}"
    import psycopg

    schema = f"t{abs(hash(str(folder))):x}"
    with psycopg.connect(SERVER, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    joint = "&" if "?" in SERVER else "?"
    return f"{SERVER}{joint}options=-csearch_path%3D{schema}"


_opened: list[Database] = []


@pytest.fixture(autouse=True)
def closed_at_the_end() -> Iterator[None]:
    """Import it, and what `opened` and `a_database` gave is closed after each test."""
    yield
    while _opened:
        _opened.pop().close()


def opened(folder: Path, *, platform: str = "meta", **options: Any) -> Database:
    database = Database(url_in(folder), platform=platform, **options)
    _opened.append(database)
    return database


def a_database(folder: Path, *, platform: str = "meta") -> Database:
    database = opened(folder, platform=platform)
    database.create_or_check()
    return database


def rows(database: Database, query: str) -> list[Any]:
    """What a user's script would see. Written with no parameters, for both databases."""
    with database._reading() as unit:
        return list(unit.connection.exec_driver_sql(query))


def tamper(database: Database, *statements: str) -> None:
    """Change the tables as someone with the file and without our triggers could."""
    with database._writing() as unit:
        _drop_triggers(unit)
        for statement in statements:
            unit.connection.exec_driver_sql(statement)


def _drop_triggers(unit: Unit) -> None:
    if unit.is_sqlite:
        for name in ("ledger_no_update", "ledger_no_delete", "ledger_no_replace"):
            unit.connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
    else:
        unit.connection.exec_driver_sql("DROP TRIGGER IF EXISTS ledger_no_change ON ledger")


# --- the account --------------------------------------------------------------------------------


def usd(dollars: int | str) -> Money:
    return Money.of_major(Decimal(dollars), USD)


def daily(dollars: int | str) -> Budget:
    return Budget(BudgetKind.DAILY, usd(dollars))


def a_campaign(entity_id: str = "1", **values: Any) -> Campaign:
    known: dict[str, Any] = {
        "name": f"campaign {entity_id}",
        "account_id": ACCOUNT.id,
        "status": "ACTIVE",
        "effective_status": "ACTIVE",
        "created_at": NOON - timedelta(days=60),
    }
    return Campaign(id=entity_id, **(known | values))


def an_adset(entity_id: str = "11", *, of: str = "1", **values: Any) -> AdSet:
    known: dict[str, Any] = {
        "name": f"ad set {entity_id}",
        "account_id": ACCOUNT.id,
        "status": "ACTIVE",
        "effective_status": "ACTIVE",
        "created_at": NOON - timedelta(days=60),
        "budget": daily(50),
    }
    return AdSet(id=entity_id, of_campaign=of, **(known | values))


def an_ad(entity_id: str = "111", *, adset: str = "11", of: str = "1", **values: Any) -> Ad:
    known: dict[str, Any] = {
        "name": f"ad {entity_id}",
        "account_id": ACCOUNT.id,
        "status": "ACTIVE",
        "effective_status": "ACTIVE",
        "created_at": NOON - timedelta(days=60),
        "creative_id": f"c{entity_id}",
    }
    return Ad(id=entity_id, of_campaign=of, of_adset=adset, **(known | values))


def facts(spend: int, purchases: int = 0) -> DayFacts:
    return DayFacts(spend * 1_000_000, purchases * 30_000_000, purchases, spend * 100)


def a_snapshot(
    *entities: Entity,
    at: datetime = NOON,
    days: Mapping[str, Days] | None = None,
    first_day: date | None = None,
    activities: Sequence[Activity] | None = None,
    account: Account = ACCOUNT,
    **values: Any,
) -> AccountSnapshot:
    """One read. Without entities: a campaign, its ad set with 50 USD a day, and an ad."""
    found = entities or (a_campaign(), an_adset(), an_ad())
    return AccountSnapshot(
        account=account,
        observed_at=at,
        first_day=first_day or account.day_of(at) - timedelta(days=14),
        campaigns={one.id: one for one in found if isinstance(one, Campaign)},
        adsets={one.id: one for one in found if isinstance(one, AdSet)},
        ads={one.id: one for one in found if isinstance(one, Ad)},
        days={Level.AD: days or {}},
        activities=None if activities is None else tuple(activities),
        **values,
    )


# --- actions ------------------------------------------------------------------------------------


def scale(entity: Entity | None = None, to: int | str = 60) -> Action:
    entity = entity or an_adset()
    assert entity.budget is not None
    leg = BudgetLeg(entity=entity, current=entity.budget.amount, proposed=usd(to))
    kind = ActionType.SCALE_UP if leg.is_increase else ActionType.SCALE_DOWN
    return Action(
        type=kind,
        entity=entity,
        legs=(leg,),
        roas=Decimal("3.2"),
        expected_roas=Decimal("2.9"),
        confidence=Decimal("0.85"),
    )


def pause(entity: Entity | None = None, **values: Any) -> Action:
    known: dict[str, Any] = {"roas": Decimal("0.7"), "confidence": Decimal("0.82")}
    return Action(type=ActionType.PAUSE, entity=entity or an_ad(), **(known | values))


def reallocate(donor: Entity, receiver: Entity, amount: int) -> Action:
    assert donor.budget is not None
    assert receiver.budget is not None
    down, up = donor.budget.amount, receiver.budget.amount
    return Action(
        type=ActionType.REALLOCATE,
        entity=donor,
        legs=(
            BudgetLeg(entity=donor, current=down, proposed=down - usd(amount)),
            BudgetLeg(entity=receiver, current=up, proposed=up + usd(amount)),
        ),
    )


def a_verdict(
    rule: str = "safety.embargo", effect: Effect = Effect.NONE, **values: Any
) -> Verdict:
    known: dict[str, Any] = {
        "ruling": Ruling.BLOCK if effect is Effect.BLOCKS else Ruling.PASS,
        "observed": Decimal("12.5"),
        "limit": 48,
        "message": "12.5 h old, 48 h needed",
    }
    return Verdict(rule=rule, effect=effect, **(known | values))


def suggested(action: Action | None = None, **values: Any) -> NewAction:
    return _new(action or scale(), Outcome.QUEUED, ActionStatus.SUGGESTED, values)


def granted(action: Action | None = None, **values: Any) -> NewAction:
    """What the tick itself will execute."""
    return _new(action or scale(), Outcome.EXECUTED, ActionStatus.APPROVED, values)


def blocked(
    action: Action | None = None, *, by: str = "safety.embargo", **values: Any
) -> NewAction:
    verdicts = (a_verdict("policy.hard_stop"), a_verdict(by, Effect.BLOCKS))
    values = {"verdicts": verdicts, "reason": f"blocked by {by}"} | values
    return _new(action or scale(), Outcome.SAFETY_BLOCKED, ActionStatus.BLOCKED, values)


def deferred(action: Action | None = None, **values: Any) -> NewAction:
    verdicts = (a_verdict("limits.actions", Effect.DEFERS),)
    values = {"verdicts": verdicts} | values
    return _new(action or scale(), Outcome.DEFERRED, ActionStatus.DEFERRED, values)


def _new(
    action: Action, outcome: Outcome, status: ActionStatus, values: dict[str, Any]
) -> NewAction:
    proposed, current = action.proposed_budget, action.current_budget
    amount = proposed.major - current.major if proposed and current else None
    known: dict[str, Any] = {
        "reason": action.reason or f"{action.type} because of its ROAS",
        "verdicts": (a_verdict(),),
        "evidence": {"days": [{"on": TODAY, "spend": "12.00"}]},
        "is_urgent": False,
        "route": "auto" if status is ActionStatus.APPROVED else "person",
        "amount_usd": amount,
        "expires_at": NOON + hours(24) if status is ActionStatus.SUGGESTED else None,
    }
    return NewAction(action=action, outcome=outcome, status=status, **(known | values))


def record(
    database: Database, *decisions: NewAction, at: datetime = NOON, tick_id: str = "t1"
) -> tuple[int, ...]:
    return database.record_decisions(ACCOUNT.id, decisions, (), (), tick_id=tick_id, at=at)


def a_trace(entity: Entity, **values: Any) -> Trace:
    known: dict[str, Any] = {
        "decision": "none",
        "first_binding": "safety.embargo",
        "eligible_again_at": NOON + hours(3),
        "gates": (a_verdict(allowed=usd(55), eligible_at=NOON + hours(3)), a_verdict("a.b")),
        "evidence": {"roas": "1.2"},
        "name": entity.name,
    }
    return Trace(
        entity_id=entity.id,
        level=entity.level,
        campaign_id=entity.campaign_id,
        **(known | values),
    )


# --- execution ----------------------------------------------------------------------------------


def a_change(entity: Entity, *, to: int | str) -> Change:
    """A budget in dollars, or a status word."""
    assert entity.budget is not None or isinstance(to, str)
    if isinstance(to, str):
        name, old, new = ChangedField.STATUS, entity.status, to
    else:
        assert entity.budget is not None
        name = ChangedField.DAILY_BUDGET
        old, new = str(entity.budget.amount.minor), str(usd(to).minor)
    return Change(
        account_id=entity.account_id,
        entity_id=entity.id,
        level=entity.level,
        field=name,
        old=old,
        new=new,
    )


def intend(
    database: Database,
    entity: Entity,
    to: int | str,
    *,
    at: datetime = NOON,
    decision: NewAction | None = None,
    who: str = WORKER,
) -> Attempt:
    """An action granted and its intent committed."""
    action = pause(entity) if isinstance(to, str) else scale(entity, to)
    (action_id,) = record(database, decision or granted(action), at=at)
    return database.commit_intent(action_id, a_change(entity, to=to), at=at, who=who)


def carry_out(
    database: Database, entity: Entity, to: int | str, *, at: datetime = NOON, **values: Any
) -> Attempt:
    """An action executed and seen to be in force."""
    attempt = intend(database, entity, to, at=at, **values)
    attempt = database.record_event(attempt, AttemptEvent.ANSWERED_YES, at=at, detail="yes")
    attempt = database.record_event(attempt, AttemptEvent.SEEN_APPLIED, at=at, detail="seen")
    database.move(
        attempt.action_id,
        expected=[ActionStatus.EXECUTING],
        to=ActionStatus.EXECUTED,
        at=at,
        who=WORKER,
        event="optimization_executed",
    )
    return attempt


def with_budget(entity: AdSet, dollars: int | str) -> AdSet:
    return replace(entity, budget=daily(dollars))
