"""Reading insights: what to ask for, in which portions, and what to do when that is too much."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeVar

from msgspec import Struct

from meta_autonomous.adapters.meta_errors import InvalidRequest, TooMuchData
from meta_autonomous.adapters.meta_insights import (
    AccountDayRow,
    AdDayRow,
    AdDays,
    CountryRow,
    DayRange,
    account_spend,
    ad_day_row,
    add_countries,
)
from meta_autonomous.adapters.meta_read import Errand, GraphReader
from meta_autonomous.domain.entities import Account, Status

#: Below this many rows a page, a range of days is split instead.
_MIN_LIMIT: Final = 25
#: Without it, insights leave out archived and deleted ads, whose spend the account's total holds.
_ALL_ADS: Final = json.dumps(
    [{"field": "ad.effective_status", "operator": "IN", "value": [str(s) for s in Status]}],
    separators=(",", ":"),
)

T = TypeVar("T")


@dataclass(slots=True)
class InsightReader:
    """Daily facts by ad, the account's own totals, and spend by country."""

    graph: GraphReader
    _filters_ads: bool = True

    async def ad_days(self, days: DayRange, account: Account, errand: Errand) -> AdDays:
        """Rows of these days, archived and deleted ads included where Meta lets us ask."""
        try:
            return await self._at_once(days, account, errand)
        except TooMuchData:
            if len(days) == 1:
                raise
        whole = AdDays(account.currency.code, days)
        for half in days.halves():
            whole.merge(await self.ad_days(half, account, errand))
        return whole

    async def _at_once(self, days: DayRange, account: Account, errand: Errand) -> AdDays:
        if self._filters_ads:
            try:
                return await self._walk(days, account, errand, filtering=_ALL_ADS)
            except InvalidRequest as refused:
                if not refused.is_about_a_parameter:
                    raise
                self._filters_ads = False
        return await self._walk(days, account, errand)

    async def _walk(
        self, days: DayRange, account: Account, errand: Errand, **filters: str
    ) -> AdDays:
        params = _insights("ad", days, AdDayRow, time_increment="1", **filters)
        found = AdDays(account.currency.code, days)
        async for rows in self._pages(params, AdDayRow, days, errand, by_row=ad_day_row):
            found.add(rows, days)
        return found

    async def totals(
        self, first_day: date, today: date, account: Account, errand: Errand
    ) -> Mapping[date, int]:
        """The account's own spend on each day that had any, so far, in micros."""
        days = DayRange(first_day, today)
        params = _insights("account", days, AccountDayRow, time_increment="1")
        rows = [
            row async for page in self._pages(params, AccountDayRow, days, errand) for row in page
        ]
        return account_spend(rows, days, account.currency.code)

    async def countries(self, days: DayRange, errand: Errand) -> Mapping[str, Mapping[str, int]]:
        """Spend in micros by ad set and country, over all the days together."""
        shares: dict[str, dict[str, int]] = {}
        if len(days):
            for (adset_id, country), spend in (await self._country_spend(days, errand)).items():
                shares.setdefault(adset_id, {})[country] = spend
        return shares

    async def _country_spend(self, days: DayRange, errand: Errand) -> dict[tuple[str, str], int]:
        params = _insights(
            "adset", days, CountryRow, breakdowns="country", time_increment="all_days"
        )
        spends: dict[tuple[str, str], int] = {}
        try:
            async for rows in self._pages(params, CountryRow, days, errand):
                add_countries(rows, days, spends)
        except TooMuchData:
            if len(days) == 1:
                raise
        else:
            return spends
        first, second = [await self._country_spend(half, errand) for half in days.halves()]
        return {
            key: first.get(key, 0) + second.get(key, 0) for key in first.keys() | second.keys()
        }

    def _pages(
        self,
        params: Mapping[str, str],
        row: type[T],
        days: DayRange,
        errand: Errand,
        *,
        by_row: Callable[[bytes], T] | None = None,
    ) -> AsyncIterator[list[T]]:
        return self.graph.pages(
            f"act_{errand.account_id}/insights",
            params,
            row,
            errand=errand,
            min_limit=_MIN_LIMIT,
            days=len(days),
            by_row=by_row,
        )


#: In every row, whether asked for or not (and refused as fields where they are a breakdown).
_ALWAYS: Final = frozenset({"date_start", "date_stop", "country"})


def _insights(level: str, days: DayRange, row: type[Struct], **params: str) -> dict[str, str]:
    fields = [name for name in row.__struct_encode_fields__ if name not in _ALWAYS]
    return {
        "level": level,
        "time_range": days.as_param(),
        "fields": ",".join(fields),
        **params,
    }
