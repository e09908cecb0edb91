"""A tick's case comes back from the database as it was, in little space."""

import json
import zlib
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

import pytest

from meta_autonomous.adapters.database import Database, case_files, case_parts
from meta_autonomous.decision.booking import Restatements
from meta_autonomous.decision.context import AutomaticPause, EntityMemory, PendingSuggestion
from meta_autonomous.decision.differences import Brief, briefs
from meta_autonomous.decision.limits import Freeze, Limits, Override, PolicyBook, Scope
from meta_autonomous.decision.safety_spend import UnreadAccount
from meta_autonomous.decision.tick_case import (
    AccountCase,
    Circumstances,
    TickCase,
    deliberate,
)
from meta_autonomous.domain.action import ActionType
from meta_autonomous.domain.entities import (
    AccountSnapshot,
    Activity,
    Entity,
    Level,
    UnreadHolder,
    days_by_level,
)
from meta_autonomous.domain.performance import DayFacts, Days
from meta_autonomous.domain.quantities import Rates
from meta_autonomous.ports.records import RecordedTick
from tests.adapters.database_scene import (
    a_database,
    closed_at_the_end,  # noqa: F401
    rows,
)
from tests.builders import (
    ACCOUNT,
    NOW,
    TODAY,
    a_day,
    a_memory,
    a_snapshot,
    an_account,
    an_ad,
    daily,
    days_like,
    lifetime,
    usd,
)
from tests.decision.shop import a_campaign, an_adset

YESTERDAY = TODAY - timedelta(days=1)


def around(now: datetime = NOW, **changes: Any) -> Circumstances:
    rates = Rates(MappingProxyType({"EUR": Decimal("1.080")}))
    made = Circumstances(now=now, is_auto=False, book=PolicyBook(), rates=rates)
    return replace(made, **changes)


def a_read(
    *entities: Entity, rows: dict[str, Days] | None = None, now: datetime = NOW, **changes: Any
) -> AccountSnapshot:
    """A read as the adapter makes it: rows of ads, added up, with their parents."""
    read = a_snapshot(*(entities or (a_campaign(), an_adset(), an_ad())), **changes)
    days = rows if rows is not None else {key: days_like() for key in read.ads}
    parents = {
        key: (read.ads[key].of_adset, read.ads[key].of_campaign)
        if key in read.ads
        else ("s9", "c9")
        for key in days
    }
    return replace(read, days=days_by_level(days, parents), ad_parents=parents, observed_at=now)


def a_case(read: AccountSnapshot | None = None, **changes: Any) -> AccountCase:
    held = read if read is not None else a_read()
    return replace(AccountCase(snapshot=held, memory=a_memory(held), restatements=None), **changes)


def decided_on(case: TickCase) -> tuple[Brief, ...]:
    plan, situations = deliberate(case)
    return briefs(plan, situations, case.circumstances.book)


def kept(database: Database, *accounts: AccountCase, tick: str = "t1", **changes: Any) -> TickCase:
    """Recorded as a tick does it."""
    case = TickCase(circumstances=around(**changes), accounts=accounts or (a_case(),))
    database.record_case(tick, case, decided_on(case), at=case.circumstances.now)
    return case


def recorded(database: Database, since: datetime = NOW - timedelta(days=99)) -> list[RecordedTick]:
    return list(database.recorded_ticks(since=since))


def bases(database: Database) -> dict[str, str | None]:
    found = rows(database, "SELECT tick_id, base_tick_id FROM case_files WHERE account_id <> ''")
    return dict(map(tuple, found))


def sizes(database: Database) -> dict[str, int]:
    found = rows(database, "SELECT tick_id, LENGTH(body) FROM case_files WHERE account_id <> ''")
    return dict(map(tuple, found))


# --- as it was ----------------------------------------------------------------------------------


def test_a_case_and_its_decisions_come_back_as_they_were(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    case = kept(database)
    (tick,) = recorded(database)
    assert (tick.tick_id, tick.at, tick.is_backfilled) == ("t1", NOW, False)
    assert tick.case == case
    assert tick.decided == decided_on(case)
    assert tick.decided


def test_everything_that_a_decision_may_look_at_comes_back(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    read = a_read(
        a_campaign(budget=None),
        an_adset(budget=lifetime(900, remaining=500, days_left=4), countries=("ES", "FR")),
        an_ad(name="name with ñ and 🛍️", bid="12"),
        rows={"a1": days_like(), "long gone": {YESTERDAY: a_day(3)}},
        countries={"s1": {"ES": 7_000_000, "FR": 1}},
        governed_by_rules=frozenset({"c1", "a1"}),
        missing_days=frozenset({YESTERDAY}),
        unlisted=frozenset({"c9"}),
        skipped={"x": "odd"},
        unread={"x": UnreadHolder(campaign_id=None, budget=daily(3))},
        activities=(Activity("s1", "update_ad_set_budget", NOW, "1", None, "100", "200"),),
    )
    pending = PendingSuggestion(
        action_id=7,
        type=ActionType.REALLOCATE,
        base=usd(5),
        proposed=usd(4),
        moved=usd(1),
        entity_ids=("s1", "s2"),
    )
    remembered = EntityMemory(
        last_executed_at=NOW,
        budget_refused_at=NOW,
        foreign_change="budget 1 → 2",
        budgets_24h=(usd(3), usd("4.50")),
        budgets_known=True,
        reversed_at={ActionType.PAUSE: NOW},
        budget_sent_at=(NOW,),
        paused_on=TODAY,
        pending=pending,
    )
    memory = a_memory(
        read,
        {"s1": remembered, "a1": EntityMemory()},
        rejected_creatives=frozenset({"cr9"}),
        automatic_pauses=(
            AutomaticPause(entity_id="a1", campaign_id="c1", adset_id="s1", at=NOW),
        ),
        last_budgets={"x": usd(4)},
    )
    book = PolicyBook(
        limits=Limits(profit_margin=Decimal("0.40"), auto_action_types=frozenset()),
        overrides=(Override(values={"min_spend_usd": Decimal("1E+2")}, match="ES *"),),
        scope=Scope(include=("ES *",)),
        freezes=(Freeze(starts_at=NOW, ends_at=NOW + timedelta(days=1), reason="BF"),),
    )
    case = kept(
        database,
        a_case(read, memory=memory, restatements=Restatements((3, 2), (4, 2))),
        is_auto=True,
        book=book,
        unread=(UnreadAccount(account_id="2", projected_usd=Decimal("9.5")),),
        reserved_usd={"s7": Decimal("1.25")},
    )
    (tick,) = recorded(database)
    assert tick.case == case
    assert list(tick.case.accounts[0].memory.entities) == list(memory.entities)


def test_two_accounts_of_a_tick_come_back_in_their_order(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    case = kept(database, a_case(a_read(account=an_account("9"))), a_case())
    (tick,) = recorded(database)
    assert tick.case == case


def test_ticks_come_back_oldest_first_and_since_when_asked(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    for hours in (2, 0, 1):
        kept(database, tick=f"t{hours}", now=NOW + timedelta(hours=hours))
    assert [tick.tick_id for tick in recorded(database)] == ["t0", "t1", "t2"]
    since = NOW + timedelta(hours=1)
    assert [tick.tick_id for tick in recorded(database, since)] == ["t1", "t2"]
    assert database.first_case_at() == NOW


def test_another_platforms_cases_do_not_exist(tmp_path: Path) -> None:
    kept(a_database(tmp_path, platform="sandbox"))
    other = a_database(tmp_path, platform="meta")
    assert recorded(other) == []
    assert other.first_case_at() is None


# --- in little space ----------------------------------------------------------------------------


def many(count: int = 60, **numbers: Any) -> dict[str, Days]:
    """Ads with four weeks of rows that are all different."""
    return {
        f"a{n}": {
            TODAY - timedelta(days=age): DayFacts(n * 7919 + age * 104_729, n * 31, age, n + age)
            for age in range(28)
        }
        for n in range(1, count + 1)
    } | numbers


def test_a_later_tick_of_the_day_stores_only_what_differs(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    ads = [an_ad(f"a{n}") for n in range(1, 61)]
    first = kept(database, a_case(a_read(a_campaign(), an_adset(), *ads, rows=many())))
    later = NOW + timedelta(minutes=30)
    restated: dict[str, Any] = many()
    restated["a1"] = restated["a1"] | {YESTERDAY: a_day(1), TODAY: a_day(2)}
    del restated["a2"][TODAY - timedelta(days=3)]  # a row that is gone
    del restated["a3"]  # and all of an ad's
    changed = a_read(
        a_campaign(name="renamed"),
        an_adset(),
        *ads[1:],  # an ad that is gone
        an_ad("a99"),  # and one that is new
        rows=restated,
        now=later,
    )
    second = kept(database, a_case(changed), tick="t2", now=later)
    assert bases(database) == {"t1": None, "t2": "t1"}
    assert sizes(database)["t2"] < 0.1 * sizes(database)["t1"]
    assert [tick.case for tick in recorded(database)] == [first, second]


def test_a_hundred_campaigns_take_little_space(tmp_path: Path) -> None:
    """Half an hour later every ad has delivered, and one row in twelve was restated."""

    def rows_at(minutes: int) -> dict[str, Days]:
        draw = Random(7)
        found: dict[str, Days] = {}
        for n in range(300):
            of_ad: dict[date, DayFacts] = {}
            for age in range(29):
                spend, value = draw.randrange(10**8), draw.randrange(3 * 10**8)
                orders, shown = draw.randrange(9), draw.randrange(20_000)
                late = minutes if age == 0 or (age < 9 and (n + age) % 12 == 0) else 0
                day = TODAY - timedelta(days=age)
                of_ad[day] = DayFacts(spend, value + late * 10_007, orders + late % 2, shown)
            found[f"12023187000{n:07}"] = of_ad
        return found

    campaigns = [a_campaign(f"c{n}") for n in range(100)]
    ads = [an_ad(f"12023187000{n:07}", campaign=f"c{n // 3}") for n in range(300)]
    database = a_database(tmp_path)
    for minutes, tick in ((0, "t1"), (31, "t2")):
        at = NOW + timedelta(minutes=minutes)
        read = a_read(*campaigns, an_adset(), *ads, rows=rows_at(minutes), now=at)
        case = TickCase(circumstances=around(at), accounts=(a_case(read),))
        database.record_case(tick, case, (), at=at)
    assert bases(database) == {"t1": None, "t2": "t1"}
    assert sizes(database)["t1"] < 250_000
    assert sizes(database)["t2"] < 25_000


def test_entities_keep_the_order_in_which_meta_listed_them(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    kept(database, a_case(a_read(a_campaign("c1"), a_campaign("c2"), rows=many())))
    listed = [a_campaign(key) for key in ("c0", "c2", "c1")]
    swapped = a_read(*listed, rows=many())
    kept(database, a_case(swapped), tick="t2")
    second = recorded(database)[1].case
    assert second is not None
    assert bases(database)["t2"] == "t1"
    assert list(second.accounts[0].snapshot.campaigns) == ["c0", "c2", "c1"]


def test_the_accounts_next_day_begins_with_a_file_that_stands_alone(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    evening = NOW.replace(hour=22, minute=30)  # 23:30 in Madrid
    kept(database, now=evening)
    kept(database, tick="t2", now=evening + timedelta(minutes=20))
    kept(database, tick="t3", now=evening + timedelta(minutes=40))
    assert bases(database) == {"t1": None, "t2": "t1", "t3": None}


def test_a_file_that_differs_in_most_is_the_next_base(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    kept(database, a_case(a_read(rows=many(1))))
    kept(database, a_case(a_read(rows=many(60))), tick="t2")
    kept(database, a_case(a_read(rows=many(60))), tick="t3")
    assert bases(database) == {"t1": None, "t2": None, "t3": "t2"}


def test_each_account_differs_from_its_own_file(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    kept(database, a_case(a_read(account=an_account("9"))))
    kept(database, a_case(), tick="t2")
    assert bases(database) == {"t1": None, "t2": None}


def test_old_files_go_when_a_day_begins(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    kept(database, now=NOW - case_files.KEPT - timedelta(days=1))
    kept(database, tick="t2", now=NOW - case_files.KEPT + timedelta(days=1))
    kept(database, tick="t3")
    assert [tick.tick_id for tick in recorded(database, NOW - timedelta(days=200))] == ["t2", "t3"]


def test_a_tick_whose_base_was_pruned_is_known_to_be_incomplete(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    kept(database)
    kept(database, tick="t2")
    with database._writing() as unit:
        unit.connection.exec_driver_sql("DELETE FROM case_files WHERE tick_id = 't1'")
    assert [(tick.tick_id, tick.case) for tick in recorded(database)] == [("t2", None)]
    with database._writing() as unit:
        unit.connection.exec_driver_sql("DELETE FROM case_files WHERE account_id <> ''")
    assert [(tick.tick_id, tick.case) for tick in recorded(database)] == [("t2", None)]


def test_a_base_stays_as_long_as_a_file_that_needs_it(tmp_path: Path) -> None:
    """A backfilled day's base is another day, of which only what the later one needs stays."""
    database = a_database(tmp_path)
    oldest = case_files.KEPT + timedelta(days=1)
    for age in (oldest, oldest - timedelta(days=2)):
        case = TickCase(circumstances=around(NOW - age), accounts=(a_case(),))
        database.record_past_case(case, (), at=NOW - age)
    kept(database)
    past, tick = recorded(database, NOW - timedelta(days=200))
    assert (past.at, past.case) == (NOW - oldest + timedelta(days=2), case)
    assert tick.tick_id == "t1"
    kept(database, tick="t2", now=NOW + timedelta(days=3))
    assert list(bases(database)) == ["t1", "t2"]


def test_pruning_leaves_the_base_of_a_file_that_stays(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    for age in (9, 5, 1):
        at = NOW - timedelta(days=age)
        case = TickCase(circumstances=around(at), accounts=(a_case(),))
        database.record_past_case(case, (), at=at)
    end = NOW - timedelta(days=3)
    removed = database.remove_stale(end, at=NOW, who="operator:maria")
    assert removed["case_files"] == 3  # of the first day what the third needs is left
    assert [tick.case for tick in recorded(database)] == [case]
    assert database.count_stale(end)["case_files"] == 0


# --- of other versions --------------------------------------------------------------------------


def told_otherwise(database: Database, tick: str, account: str, change: Any) -> None:
    """A file as another version, or a bad disk, would have left it."""
    with database._writing() as unit:
        where = "WHERE tick_id = ? AND account_id = ?"
        found = unit.connection.exec_driver_sql(
            f"SELECT body FROM case_files {where}", (tick, account)
        ).scalar_one()
        unit.connection.exec_driver_sql(
            f"UPDATE case_files SET body = ? {where}", (change(found), tick, account)
        )


def with_json(change: Any) -> Any:
    def changed(body: bytes) -> bytes:
        told = json.loads(zlib.decompress(body))
        change(told)
        return zlib.compress(json.dumps(told).encode())

    return changed


@pytest.mark.parametrize(
    ("account", "change"),
    [
        ("", with_json(lambda told: told.update(format=case_files.FORMAT + 1))),
        ("", with_json(lambda told: told["circumstances"].pop("rates"))),
        ("", with_json(lambda told: told["decided"][0].pop("entity_id"))),
        ("", lambda body: body[:40]),
        ("", lambda _: b"no zlib at all"),
        ("", lambda _: zlib.compress(b"no json at all")),
        (ACCOUNT, with_json(lambda told: told["parts"]["account"].pop("id"))),
        (ACCOUNT, with_json(lambda told: told["parts"].pop("pauses"))),
        (ACCOUNT, with_json(lambda told: told["parts"]["account"].update(timezone="Mars/One"))),
        (ACCOUNT, lambda body: body[:-9]),
    ],
)
def test_what_this_version_cannot_read_is_incomplete_and_the_rest_is_read(
    tmp_path: Path, account: str, change: Any
) -> None:
    database = a_database(tmp_path)
    kept(database)
    second = kept(database, tick="t2", now=NOW + timedelta(days=1))
    told_otherwise(database, "t1", account, change)
    assert [(tick.tick_id, tick.case) for tick in recorded(database)] == [
        ("t1", None),
        ("t2", second),
    ]


def test_files_from_before_they_had_a_number_are_read(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    case = kept(database)
    told_otherwise(database, "t1", "", with_json(lambda told: told.pop("format")))
    assert [tick.case for tick in recorded(database)] == [case]


def test_a_tick_after_an_update_does_not_build_on_what_it_cannot_read(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    kept(database)
    told_otherwise(database, "t1", ACCOUNT, lambda body: body[:-9])
    second = kept(database, tick="t2")
    assert [tick.case for tick in recorded(database)] == [None, second]
    assert bases(database)["t2"] is None


# --- past days ----------------------------------------------------------------------------------


def test_a_past_case_is_marked_and_replaced_by_the_same_again(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    case = TickCase(circumstances=around(), accounts=(a_case(),))
    for is_auto in (False, True):
        again = replace(case, circumstances=around(is_auto=is_auto))
        database.record_past_case(again, (), at=NOW)
    (tick,) = recorded(database)
    assert (tick.is_backfilled, tick.case) == (True, again)
    assert database.first_case_at() is None


def test_past_days_share_a_base_that_no_tick_shares(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    for age in (3, 2, 1):
        at = NOW - timedelta(days=age)
        case = TickCase(circumstances=around(at), accounts=(a_case(),))
        database.record_past_case(case, (), at=at)
    kept(database)
    kept(database, tick="t2")
    ids = [case_files.backfill_id(NOW - timedelta(days=age)) for age in (3, 2, 1)]
    assert bases(database) == {
        ids[0]: None,
        ids[1]: ids[0],
        ids[2]: ids[0],
        "t1": None,
        "t2": "t1",
    }
    assert all(tick.case is not None for tick in recorded(database))


def test_what_differed_from_a_replaced_file_goes_with_it(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    for age, name in ((2, "old"), (1, "old"), (2, "new")):
        at = NOW - timedelta(days=age)
        named = a_case(a_read(a_campaign(name=name)))
        case = TickCase(circumstances=around(at), accounts=(named,))
        database.record_past_case(case, (), at=at)
    first, second = recorded(database)
    assert first.case is not None
    assert first.case.accounts[0].snapshot.campaigns["c1"].name == "new"
    assert second.case is None


# --- what followed ------------------------------------------------------------------------------


def test_the_days_since_come_back_with_what_their_ads_belong_to(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    assert database.seen_days(ACCOUNT, since=YESTERDAY).until is None
    read = a_read(rows={"a1": {YESTERDAY: a_day(1), TODAY: a_day(2)}, "gone": {TODAY: a_day(3)}})
    database.record_snapshot(read, tick_id="t1")
    seen = database.seen_days(ACCOUNT, since=YESTERDAY)
    assert seen.days == read.days[Level.AD]
    assert seen.parents == {"a1": ("s1", "c1"), "gone": ("s9", "c9")}
    assert seen.until == YESTERDAY


def test_a_read_of_the_past_leaves_the_first_reads_baseline_to_the_tick(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    early = date(2026, 1, 5)
    read = replace(a_read(rows={"a1": {early: a_day(1)}}), first_day=date(2026, 1, 1))
    database.record_past(read)
    assert database.stored_days(ACCOUNT, since=early, until=TODAY) == {"a1": {early: a_day(1)}}
    assert database.restatements(ACCOUNT, today=TODAY) is None
    assert database.creatives() == ()
    assert database.account(ACCOUNT).first_read_at is None


@pytest.mark.parametrize("value", [object(), 1j])
def test_what_has_no_json_is_an_error_not_a_guess(value: Any) -> None:
    with pytest.raises(NotImplementedError):
        case_parts._encode_hook(value)
    with pytest.raises(NotImplementedError):
        case_parts._decode_hook(type(value), "x")
