"""One complete read of an ad account: every list to its last page, or none at all.

The chains (campaigns, ad sets, ads, a week of insights each, totals, countries) run side by
side; the first one that fails ends the others. What is optional (Meta's own rules, the activity
log) is left out when it fails or when the quota runs low, with a warning.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec

from meta_autonomous.adapters import meta_wire
from meta_autonomous.adapters.meta_delivery import InsightReader
from meta_autonomous.adapters.meta_errors import InvalidRequest
from meta_autonomous.adapters.meta_foreign import ActivityRow, RuleRow, activity, governed
from meta_autonomous.adapters.meta_insights import AdDays, DayRange, shards
from meta_autonomous.adapters.meta_listing import Found, Listed
from meta_autonomous.adapters.meta_pace import Pace
from meta_autonomous.adapters.meta_read import Errand, GraphReader
from meta_autonomous.adapters.meta_time import TrustedTime
from meta_autonomous.adapters.meta_wire import Odd
from meta_autonomous.domain.entities import (
    Account,
    AccountSnapshot,
    Activity,
    Level,
)
from meta_autonomous.ports.errors import AuthFailed, BadAnswer, Penalised, PlatformError, Throttled
from meta_autonomous.ports.platform import ReadPlan

_EDGES: Final = {Level.CAMPAIGN: "campaigns", Level.ADSET: "adsets", Level.AD: "ads"}
#: Days whose pages are walked one after the other. An account of more than a page or two a week
#: is read in as many walks at a time as its slots allow; a smaller one in as few requests.
_SHARD_DAYS: Final = 7
_SMALL: Final = 150  # ads
_WALKS: Final = 7

T = TypeVar("T")


@dataclass(slots=True)
class AccountReader:
    """Reads accounts through one GraphReader."""

    graph: GraphReader
    pace: Pace
    time: TrustedTime
    insights: InsightReader

    async def account(self, errand: Errand) -> Account:
        account_id = str(errand.account_id)
        params = {"fields": meta_wire.fields_of(meta_wire.AccountRow)}
        body = await self.graph.get(
            f"act_{account_id}", params, meta_wire.whole_object, errand=errand
        )
        return meta_wire.account(body, account_id)

    async def snapshot(self, plan: ReadPlan, errand: Errand) -> AccountSnapshot:
        """Raises PlatformError. `observed_at` is before anything but the account was read."""
        account = await self.account(errand)
        observed_at = self.time.best()
        today = account.day_of(observed_at)
        first_day = today - timedelta(days=plan.days_on(today))
        window = DayRange(today - timedelta(days=plan.window_days), today - timedelta(days=1))
        past = _past_shards(first_day, today, plan.known_ads)

        async with _side_by_side() as group:
            lists = {
                level: group.create_task(self._list(level, account, errand)) for level in Level
            }
            ad_days = AdDays(account.currency.code, DayRange(first_day, today))
            for days in (*past, DayRange(today, today)):
                group.create_task(self._add_days(ad_days, days, account, errand))
            totals = group.create_task(self.insights.totals(first_day, today, account, errand))
            countries = group.create_task(self._countries(window, errand))
            rules = group.create_task(
                self._optional("automated rules", self._rules(errand), errand)
            )
            log = group.create_task(self._optional_log(plan.with_activities_since, errand))

        ad_days.place_unknown(totals.result())
        ad_days.check_against(totals.result(), before=today)
        found = Found.of({level: task.result() for level, task in lists.items()})
        governing = rules.result() or []
        return AccountSnapshot(
            account=account,
            observed_at=observed_at,
            first_day=first_day,
            campaigns=found.campaigns,
            adsets=found.adsets,
            ads=found.ads,
            days=ad_days.by_level(),
            countries=countries.result(),
            ad_parents=ad_days.parents,
            governed_by_rules=governed(governing, found.by_level()),
            activities=log.result(),
            missing_days=ad_days.missing_days(totals.result(), before=today),
            skipped=ad_days.skipped() | found.skipped,
            unlisted=frozenset(found.unlisted),
            unread=found.unread,
        )

    async def activities(
        self, errand: Errand, *, since: datetime, entity_id: str | None = None
    ) -> tuple[Activity, ...]:
        params = {
            "fields": meta_wire.fields_of(ActivityRow),
            "since": str(int(since.timestamp())),
            "until": str(int(self.time.best().timestamp()) + 60),
        }
        if entity_id is not None:
            params["oid"] = entity_id
        found: list[Activity] = []
        path = f"act_{errand.account_id}/activities"
        async for rows in self.graph.pages(path, params, ActivityRow, errand=errand):
            try:
                found.extend(map(activity, rows))
            except Odd as odd:
                raise BadAnswer(f"the activity log: {odd}") from None
        return tuple(
            one
            for one in dict.fromkeys(found)
            if one.at >= since and entity_id in (None, one.object_id)
        )

    async def _add_days(
        self, whole: AdDays, days: DayRange, account: Account, errand: Errand
    ) -> None:
        """Only what was read to its end is added, and then kept nowhere else."""
        whole.merge(await self.insights.ad_days(days, account, errand))

    async def _list(self, level: Level, account: Account, errand: Errand) -> Listed:
        path = f"act_{account.id}/{_EDGES[level]}"
        params = {"fields": meta_wire.fields_of_level(level)}
        listed = Listed()
        async for rows in self.graph.pages(path, params, msgspec.Raw, errand=errand):
            for row in rows:
                listed.add(level, bytes(row), account)
        return listed

    async def _countries(
        self, window: DayRange, errand: Errand
    ) -> Mapping[str, Mapping[str, int]]:
        """Spend by country; where Meta does not break it down, the targeting has to stand in."""
        try:
            return await self.insights.countries(window, errand)
        except InvalidRequest as refused:
            self.graph.warn(
                f"account {errand.account_id}: spend by country not read: {refused.message}"
            )
            return {}

    async def _rules(self, errand: Errand) -> list[RuleRow]:
        path = f"act_{errand.account_id}/adrules_library"
        params = {"fields": meta_wire.fields_of(RuleRow)}
        return [
            rule
            async for page in self.graph.pages(path, params, RuleRow, errand=errand)
            for rule in page
        ]

    async def _optional_log(
        self, since: datetime | None, errand: Errand
    ) -> tuple[Activity, ...] | None:
        if since is None:
            return None
        return await self._optional("activity log", self.activities(errand, since=since), errand)

    async def _optional(
        self, what: str, reading: Coroutine[Any, Any, T], errand: Errand
    ) -> T | None:
        """The result, or None with a warning. A throttle stops the whole read all the same."""
        if self.pace.is_busy(errand.account_id):
            reading.close()
            self.graph.warn(f"account {errand.account_id}: quota is short, {what} not read")
            return None
        try:
            return await reading
        except Throttled:
            raise
        except PlatformError as error:
            self.graph.warn(f"account {errand.account_id}: {what} not read: {error.message}")
            return None


def _past_shards(first_day: date, today: date, known_ads: int) -> list[DayRange]:
    days = (today - first_day).days
    length = _SHARD_DAYS if known_ads <= _SMALL else math.ceil(days / _WALKS)
    return shards(first_day, today - timedelta(days=1), min(max(length, 1), _SHARD_DAYS))


@asynccontextmanager
async def _side_by_side() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that raises the one error that tells most, not a group of errors."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        raise _telling(failures) from None


def _telling(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    errors = [
        _telling(one) if isinstance(one, BaseExceptionGroup) else one
        for one in failures.exceptions
    ]
    order: tuple[type[BaseException], ...] = (AuthFailed, Penalised, Throttled, PlatformError)
    unexpected = [error for error in errors if not isinstance(error, PlatformError)]
    if unexpected:
        return unexpected[0]
    return min(errors, key=lambda error: [isinstance(error, kind) for kind in order].index(True))
