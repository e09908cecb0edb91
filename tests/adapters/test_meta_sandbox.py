"""The client and the simulated account, over real HTTP: the whole way, and with faults in it."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from meta_autonomous.adapters.meta_api import MetaApi
from meta_autonomous.adapters.sandbox import TOKEN, Fault, Sandbox, faults
from meta_autonomous.domain.entities import BudgetKind, Level
from meta_autonomous.domain.intent import Change, ChangedField
from meta_autonomous.ports.errors import AuthFailed, BadAnswer, Throttled
from meta_autonomous.ports.platform import AnswerKind, ReadPlan
from tests.adapters.fault_server import meta

pytestmark = pytest.mark.slow

T = TypeVar("T")
PLAN = ReadPlan(days=28, window_days=7)


@pytest.fixture(scope="module")
def opening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The opening world, made once; every test takes a copy."""
    path = tmp_path_factory.mktemp("opening") / "sandbox.db"
    Sandbox(path).close()
    return path


@pytest.fixture
def sandbox(opening: Path, tmp_path: Path) -> Iterator[Sandbox]:
    copy = tmp_path / "sandbox.db"
    shutil.copyfile(opening, copy)
    with Sandbox(copy) as made:
        yield made


def ask(sandbox: Sandbox, question: Callable[[Any], Coroutine[Any, Any, T]], **options: Any) -> T:
    async def run(base_url: str) -> T:
        settings: dict[str, Any] = {"token": TOKEN, "checks_clock": False, "name": "sandbox"}
        async with asyncio.timeout(30), meta(base_url, **settings | options) as api:
            return await question(api)

    with sandbox.serving() as base_url:
        return asyncio.run(run(base_url))


def read(sandbox: Sandbox, **options: Any) -> Any:
    async def question(api: MetaApi) -> Any:
        (account_id,) = await api.account_ids()
        return await api.read_account(account_id, PLAN)

    return ask(sandbox, question, **options)


def test_the_sandbox_is_read_whole(sandbox: Sandbox) -> None:
    snapshot = read(sandbox)
    assert snapshot.observed_at == sandbox.now()
    assert snapshot.account.currency.code == "USD"
    assert len(snapshot.campaigns) >= 10
    assert snapshot.adsets
    assert snapshot.ads
    assert snapshot.skipped == {}
    assert snapshot.governed_by_rules
    covered = {snapshot.today - timedelta(days=age) for age in range(29)}
    for level in Level:
        for days in snapshot.days[level].values():
            assert set(days) <= covered
    budgets = [one.budget for one in snapshot.entities() if one.budget is not None]
    assert {budget.kind for budget in budgets} == {BudgetKind.DAILY, BudgetKind.LIFETIME}


def test_levels_add_up(sandbox: Sandbox) -> None:
    snapshot = read(sandbox)
    sums = [
        [
            sum(facts[column] for days in snapshot.days[level].values() for facts in days.values())
            for column in range(4)
        ]
        for level in Level
    ]
    assert sums[0] == sums[1] == sums[2]
    assert all(total > 0 for total in sums[0])


@pytest.mark.parametrize("page_limit", [7, 60])
def test_the_page_size_changes_nothing(sandbox: Sandbox, page_limit: int) -> None:
    assert read(sandbox, page_limit=page_limit) == read(sandbox)


def test_every_entity_reads_alone_as_in_its_list(sandbox: Sandbox) -> None:
    async def question(api: MetaApi) -> None:
        (account_id,) = await api.account_ids()
        snapshot = await api.read_account(account_id, PLAN)
        for one in (*list(snapshot.campaigns.values())[:5], *list(snapshot.adsets.values())[:5]):
            assert await api.read_entity(account_id, one.id, one.level) == one

    ask(sandbox, question)


def test_a_write_is_seen_in_the_entity_and_in_the_log(sandbox: Sandbox) -> None:
    async def question(api: MetaApi) -> None:
        (account_id,) = await api.account_ids()
        snapshot = await api.read_account(account_id, PLAN)
        campaign, old = next(
            (one, one.budget.amount.minor)
            for one in snapshot.campaigns.values()
            if one.budget is not None and one.budget.kind is BudgetKind.DAILY and one.is_active
        )
        since = await api.trusted_now()
        changes = [
            (ChangedField.DAILY_BUDGET, str(old), str(old + 100)),
            (ChangedField.STATUS, "ACTIVE", "PAUSED"),
        ]
        for field, before, after in changes:
            change = Change(
                account_id=account_id,
                entity_id=campaign.id,
                level=Level.CAMPAIGN,
                field=field,
                old=before,
                new=after,
            )
            assert (await api.write(change)).kind is AnswerKind.ACCEPTED
        seen = await api.read_entity(account_id, campaign.id, Level.CAMPAIGN)
        assert seen.budget is not None
        assert seen.budget.amount.minor == old + 100
        assert seen.status == "PAUSED"
        log = await api.read_activities(account_id, since=since, entity_id=campaign.id)
        assert {(one.old, one.new) for one in log} == {
            (str(old), str(old + 100)),
            ("ACTIVE", "PAUSED"),
        }
        assert len({one.application_id for one in log}) == 1

    ask(sandbox, question)


PASSING: dict[str, tuple[Fault, str]] = {
    "a server error": (faults.server_error(), "/insights"),
    "a bad gateway": (faults.bad_gateway(), "/ads"),
    "a reset": (faults.reset(), "/adsets"),
    "half an answer": (faults.truncated(), "/campaigns"),
    "an empty page": (faults.empty_page(), "/ads"),
    "the same row twice": (faults.duplicated_row(), "/adsets"),
    "half a page too much": (faults.too_much_data(100), "/insights"),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_changes_nothing(sandbox: Sandbox, name: str) -> None:
    whole = read(sandbox)
    fault, match = PASSING[name]
    sandbox.inject(fault, match=match, times=3)
    assert read(sandbox, page_limit=20 if "page" in name and "too" not in name else 500) == whole


@pytest.mark.parametrize(
    ("fault", "match", "expected"),
    [
        (faults.unauthorised(), "/insights", AuthFailed),
        (faults.throttled(), "/ads", Throttled),
        (faults.repeated_cursor(), "/adsets", BadAnswer),
        (faults.too_much_data(0), "/insights", BadAnswer),
    ],
)
def test_what_does_not_pass_refuses_the_read(
    sandbox: Sandbox, fault: Fault, match: str, expected: type[Exception]
) -> None:
    sandbox.inject(fault, match=match, times=10_000)
    with pytest.raises(expected):
        read(sandbox, page_limit=20)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.reset(), AnswerKind.UNKNOWN),
        (faults.reset_after(), AnswerKind.UNKNOWN),
        (faults.server_error(), AnswerKind.UNKNOWN),
        (faults.bad_gateway(), AnswerKind.UNKNOWN),
        (faults.throttled(), AnswerKind.THROTTLED),
        (faults.error(100, subcode=1885272), AnswerKind.REFUSED),
        (faults.forgotten(), AnswerKind.ACCEPTED),
    ],
)
def test_a_write_that_goes_wrong_says_what_is_known(
    sandbox: Sandbox, fault: Fault, expected: AnswerKind
) -> None:
    async def question(api: MetaApi) -> AnswerKind:
        (account_id,) = await api.account_ids()
        snapshot = await api.read_account(account_id, PLAN)
        change = Change(
            account_id=account_id,
            entity_id=next(iter(snapshot.campaigns)),
            level=Level.CAMPAIGN,
            field=ChangedField.STATUS,
            old="ACTIVE",
            new="PAUSED",
        )
        return (await api.write(change)).kind

    sandbox.inject(fault, match="^POST ")
    assert ask(sandbox, question) is expected
    assert sum(one.method == "POST" for one in sandbox.requests) == 1
