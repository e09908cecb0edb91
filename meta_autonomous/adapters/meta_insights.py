"""Meta's insight rows, folded into facts by day as their pages arrive.

A malformed row is never a zero. Its ad, and what that is in, are named as incomplete, and nothing
is decided on them: a decision on half of the purchases is worse than none. Where not even its
spend is known, what the account's own totals hold beyond all other rows stands in for it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Struct

from meta_autonomous.adapters.meta_wire import Odd, Text, WholeRow, valid_id
from meta_autonomous.domain.day_table import DayTable
from meta_autonomous.domain.entities import Level, days_by_level
from meta_autonomous.domain.performance import NOTHING, DayFacts, Days
from meta_autonomous.domain.quantities import MICROS_PER_MAJOR, micros
from meta_autonomous.ports.errors import BadAnswer

#: The same purchase is reported under several types: the first one present counts, alone.
PURCHASE_TYPES: Final = ("omni_purchase", "purchase", "offsite_conversion.fb_pixel_purchase")

_IS_PURCHASE: Final = frozenset(PURCHASE_TYPES)
_DECIMAL: Final = re.compile(r"-?[0-9]{1,13}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?")
_WHOLE_DIGITS: Final = 12
_MICRO_DIGITS: Final = 6
_HALF: Final = MICROS_PER_MAJOR // 2
_MOST_MAJOR: Final = 9 * Decimal(10) ** 12  # as micros it fits into 63 bits
_TOLERANCE_PER_ROW: Final = MICROS_PER_MAJOR // 100
_TOLERANCE_SHARE: Final = 1000  # one part of


#: An amount as Meta sent it: text, as documented. Of any type here, because what it should not
#: be is found where the ad's name is known.
Sent = Any


class ActionCount(WholeRow, gc=False):
    action_type: str
    value: Sent = None


class AdDayRow(WholeRow, gc=False):
    """level=ad, time_increment=1."""

    campaign_id: Text
    adset_id: Text
    ad_id: Text
    date_start: str
    date_stop: str
    spend: Sent = None
    impressions: Sent = None
    account_currency: str | None = None
    actions: list[ActionCount] | None = None
    action_values: list[ActionCount] | None = None


class OddDayRow(AdDayRow, kw_only=True, gc=False):
    """A row of which only the plain fields could be read, and what was wrong with the rest."""

    oddity: str


class _PlainFields(Struct):
    ad_id: Sent = None
    adset_id: Sent = None
    campaign_id: Sent = None
    date_start: Sent = None
    date_stop: Sent = None
    spend: Sent = None
    account_currency: Sent = None


def ad_day_row(row: bytes) -> AdDayRow:
    """One row of a page that as a whole is not what Meta documents. Raises ValidationError when
    it is no row at all."""
    try:
        return msgspec.json.decode(row, type=AdDayRow)
    except msgspec.ValidationError as misfit:
        plain = msgspec.json.decode(row, type=_PlainFields)
        currency = plain.account_currency
        return OddDayRow(
            campaign_id=str(plain.campaign_id),
            adset_id=str(plain.adset_id),
            ad_id=str(plain.ad_id),
            date_start=str(plain.date_start),
            date_stop=str(plain.date_stop),
            spend=plain.spend,
            account_currency=None if currency is None else str(currency),
            oddity=f"not what Meta documents: {misfit}",
        )


class AccountDayRow(WholeRow):
    """level=account, time_increment=1."""

    date_start: str
    date_stop: str
    spend: Sent = None
    account_currency: str | None = None


class CountryRow(WholeRow):
    """level=adset, breakdowns=country, one row for all days."""

    adset_id: Text
    date_start: str
    date_stop: str
    spend: Sent = None
    country: str | None = None


class DayRange:
    """Days asked for, both ends included, and the texts that Meta writes them in."""

    __slots__ = ("_by_text", "since", "until")

    def __init__(self, since: date, until: date) -> None:
        self.since, self.until = since, until
        days = (since + timedelta(days=n) for n in range((until - since).days + 1))
        self._by_text = {day.isoformat(): day for day in days}

    def __len__(self) -> int:
        return len(self._by_text)

    def day(self, start: str, stop: str) -> date:
        """The one day of a row. Raises Odd when it isn't one, or was not asked for: Meta ignores
        a range that it doesn't understand instead of refusing it."""
        day = self._by_text.get(start)
        if day is None or start != stop:
            raise Odd(f"is of {start[:20]} to {stop[:20]}, asked for {self}")
        return day

    def __iter__(self) -> Iterator[date]:
        return iter(self._by_text.values())

    def covers(self, start: str, stop: str) -> bool:
        return start in self._by_text and stop in self._by_text

    def halves(self) -> tuple["DayRange", "DayRange"]:
        middle = self.since + timedelta(days=(len(self) - 1) // 2)
        return DayRange(self.since, middle), DayRange(middle + timedelta(days=1), self.until)

    def as_param(self) -> str:
        return f'{{"since":"{self.since}","until":"{self.until}"}}'

    def __str__(self) -> str:
        return f"{self.since} to {self.until}"


def shards(since: date, until: date, days: int) -> list[DayRange]:
    """The days from `since` to `until` (included), in ranges of at most `days`."""
    starts = range(0, (until - since).days + 1, days)
    return [
        DayRange(
            since + timedelta(days=start),
            min(since + timedelta(days=start + days - 1), until),
        )
        for start in starts
    ]


class AdDays:
    """What every ad delivered by day, with the ad set and campaign that each belongs to."""

    def __init__(self, currency: str, days: DayRange) -> None:
        """Room for these days."""
        self._currency = currency
        self.covered = days
        self.days: dict[str, DayTable] = {}
        self.parents: dict[str, tuple[str, str]] = {}
        self.incomplete: dict[str, str] = {}  # ads of which not all is known
        #: Ads with a row of unknown spend, and its day; None where that is not clear either.
        self.unpriced: set[tuple[str, date | None]] = set()
        #: By ad, a bit for each day with a row (the first day's is the lowest): one of zeros is
        #: one too.
        self.told: dict[str, int] = {}
        self._ids: dict[str, str] = {}

    def add(self, rows: Iterable[AdDayRow], asked: DayRange) -> None:
        """Raises BadAnswer, naming the ad, where rows contradict each other or bear no ids."""
        for row in rows:
            try:
                self._add(row, asked)
            except Odd as odd:
                raise BadAnswer(f"insights of ad {str(row.ad_id)[:30]}: {odd}") from None

    def _add(self, row: AdDayRow, asked: DayRange) -> None:
        ad_id, adset_id, campaign_id = str(row.ad_id), str(row.adset_id), str(row.campaign_id)
        known = self.parents.get(ad_id)
        if known is None:
            self._place(ad_id, adset_id, campaign_id)
        elif known[0] != adset_id or known[1] != campaign_id:
            raise Odd("belongs to two ad sets")
        day = None
        try:
            day = asked.day(row.date_start, row.date_stop)
            if row.account_currency is not None and row.account_currency != self._currency:
                _check_currency(row.account_currency, self._currency)
            spend = _spend(row.spend)
        except Odd as odd:
            self.unpriced.add((ad_id, day))
            sentence = f"insights of ad {ad_id} on {row.date_start[:10]}: {odd}"
            self.incomplete.setdefault(ad_id, sentence)
            return
        try:
            facts = _facts(row, spend)
        except Odd as odd:
            facts = DayFacts(spend, 0, 0, 0)
            self.incomplete.setdefault(ad_id, f"insights of ad {ad_id} on {day}: {odd}")
        bit = self._bit(day)
        told = self.told[ad_id]
        if not told & bit:
            self.told[ad_id] = told | bit
            self.days[ad_id].put(day, facts)
        elif self.days[ad_id].get(day, NOTHING) != facts:
            raise Odd(f"came twice for {day}, with different numbers")

    def _place(self, ad_id: str, adset_id: str, campaign_id: str) -> None:
        for one, what in (
            (ad_id, "ad_id"),
            (adset_id, "adset_id"),
            (campaign_id, "campaign_id"),
        ):
            valid_id(one, what)
        # One text for each id, however many rows bring it.
        above = (
            self._ids.setdefault(adset_id, adset_id),
            self._ids.setdefault(campaign_id, campaign_id),
        )
        self._make_room(ad_id, above)

    def _make_room(self, ad_id: str, above: tuple[str, str]) -> None:
        self.parents[ad_id] = above
        self.days[ad_id] = DayTable(self.covered.since, len(self.covered))
        self.told[ad_id] = 0

    def merge(self, other: "AdDays") -> None:
        """Take over another's days; the two cover different ones."""
        later = (other.covered.since - self.covered.since).days
        for ad_id, days in other.days.items():
            above = other.parents[ad_id]
            known = self.parents.get(ad_id)
            if known is None:
                self._make_room(ad_id, above)
            elif known != above:
                raise BadAnswer(f"insights of ad {ad_id}: belongs to two ad sets")
            self.days[ad_id].take(days)
            self.told[ad_id] |= other.told[ad_id] << later
        self.incomplete = other.incomplete | self.incomplete
        self.unpriced |= other.unpriced

    def place_unknown(self, totals: Mapping[date, int]) -> None:
        """What the account spent on a day beyond all rows that could be read was spent by an ad
        whose row of that day could not. If there are several, one gets all of it: none of them is
        decided on, and the account's sum is right."""
        for day, spend in totals.items():
            ad_id = self._unpriced_on(day)
            if ad_id is None:
                continue
            of_all = sum(days.get(day, NOTHING).spend_micros for days in self.days.values())
            if spend > of_all:
                self.days[ad_id].put(day, DayFacts(spend - of_all, 0, 0, 0))
                self.told[ad_id] |= self._bit(day)

    def _unpriced_on(self, day: date) -> str | None:
        """An ad without a readable row of that day, and with one that may be of it."""
        return min(
            (
                ad_id
                for ad_id, on in self.unpriced
                if on in (day, None) and not self.told[ad_id] & self._bit(day)
            ),
            default=None,
        )

    def _bit(self, day: date) -> int:
        return 1 << (day - self.covered.since).days

    def skipped(self) -> dict[str, str]:
        """Why no ROAS can be told of an ad, and of what it is in, by id."""
        found = dict(self.incomplete)
        for ad_id, sentence in self.incomplete.items():
            for above in self.parents[ad_id]:
                found.setdefault(above, f"not all that its ads did is known: {sentence}")
        return found

    def by_level(self) -> Mapping[Level, Mapping[str, Days]]:
        """A row of nothing but zeros says what no row says, and is left out: so it is the same
        whether a day was read now or comes from the database."""
        delivered = {ad_id: days for ad_id, days in self.days.items() if days}
        return days_by_level(delivered, self.parents)

    def missing_days(self, totals: Mapping[date, int], *, before: date) -> frozenset[date]:
        """The complete days on which the account itself spent more than rounding, and of which no
        ad has a row. A read of which they are a larger part is refused (`check_against`)."""
        told = 0
        for days in self.told.values():
            told |= days
        return frozenset(
            day
            for day, spend in totals.items()
            if day < before
            and spend > _TOLERANCE_PER_ROW
            and not told >> (day - self.covered.since).days & 1
        )

    def check_against(self, totals: Mapping[date, int], *, before: date) -> None:
        """Compare the complete days with the account's own totals. Raises BadAnswer."""
        total_micros = sum(spend for day, spend in totals.items() if day < before)
        complete = [day for day in self.covered if day < before]
        which = (1 << len(complete)) - 1
        rows = sum((told & which).bit_count() for told in self.told.values())
        spend = sum(sum(days.columns(complete)[0]) for days in self.days.values())
        tolerance = max(_TOLERANCE_PER_ROW * rows, abs(total_micros) // _TOLERANCE_SHARE)
        if abs(spend - total_micros) > tolerance:
            raise BadAnswer(
                f"the ads' spend adds up to {_plain(spend)} {self._currency}, the account's own "
                f"total is {_plain(total_micros)} {self._currency}",
                remedy="nothing to do if the next tick is whole; if not, Meta hides some ads "
                "from this token",
            )


def account_spend(
    rows: Iterable[AccountDayRow], asked: DayRange, currency: str
) -> Mapping[date, int]:
    """The account's spend in micros by day. Raises BadAnswer."""
    seen: dict[date, int] = {}
    for row in rows:
        try:
            day = asked.day(row.date_start, row.date_stop)
            _check_currency(row.account_currency, currency)
            spend = _spend(row.spend)
        except Odd as odd:
            raise BadAnswer(f"the account's own totals: a row {odd}") from None
        if seen.setdefault(day, spend) != spend:
            raise BadAnswer(f"the account's own totals: {day} came twice, with different numbers")
    return seen


def add_countries(
    rows: Iterable[CountryRow],
    asked: DayRange,
    spends: dict[tuple[str, str], int],
) -> None:
    """Fold one page into spend in micros by ad set and country. Raises BadAnswer."""
    for row in rows:
        try:
            if not asked.covers(row.date_start, row.date_stop):
                raise Odd(f"is of {row.date_start[:20]}, asked for {asked}")  # noqa: TRY301
            if row.country is None:
                continue  # not broken down: the targeting has to stand in for the ad set
            key = (valid_id(row.adset_id, "adset_id"), row.country)
            spend = _spend(row.spend)
        except Odd as odd:
            raise BadAnswer(f"countries of ad set {str(row.adset_id)[:30]}: {odd}") from None
        if spends.setdefault(key, spend) != spend:
            raise BadAnswer(f"countries of ad set {key[0]}: {key[1][:20]!r} came twice")


def _facts(row: AdDayRow, spend: int) -> DayFacts:
    if isinstance(row, OddDayRow):
        raise Odd(row.oddity)
    sent = row.impressions
    if type(sent) is str and len(sent) <= _WHOLE_DIGITS and sent.isascii() and sent.isdigit():
        impressions = int(sent)  # what it nearly always is
    else:
        impressions, part = divmod(_micros(sent, "impressions"), MICROS_PER_MAJOR)
        if impressions < 0 or part:
            raise Odd(f"impressions {str(sent)[:30]!r} is not a count")
    purchases, value = _purchases(row)
    return DayFacts(spend, value, purchases, impressions)


def _purchases(row: AdDayRow) -> tuple[int, int]:
    """Count and value (micros) of the one purchase type that counts.

    Data-driven attribution gives parts of purchases: each row's count is rounded half up.
    """
    counts = _of_purchases(row.actions)
    values = _of_purchases(row.action_values)
    if not (counts or values):
        return 0, 0
    kind = next(kind for kind in PURCHASE_TYPES if kind in counts or kind in values)
    sent = counts.get(kind, "0")
    if type(sent) is str and len(sent) <= _WHOLE_DIGITS and sent.isascii() and sent.isdigit():
        count = int(sent)
    else:
        parts = _micros(sent, "actions of ", kind)
        if parts < 0:
            raise Odd(f"{str(sent)[:30]!r} purchases is not a count")
        count = (parts + _HALF) // MICROS_PER_MAJOR
    return count, _micros(values.get(kind, "0"), "action_values of ", kind)


def _of_purchases(counts: list[ActionCount] | None) -> dict[str, Sent]:
    found: dict[str, Sent] = {}
    for count in counts or ():
        if count.action_type in _IS_PURCHASE:
            if count.action_type in found:
                raise Odd(f"reports {count.action_type} twice")
            found[count.action_type] = count.value
    return found


def _spend(value: Sent) -> int:
    spend = _micros(value, "spend")
    if spend < 0:
        raise Odd(f"spend {str(value)[:30]!r} is negative")
    return spend


def _micros(value: Sent, what: str, kind: str = "") -> int:
    """`what` and `kind` name the value in a complaint."""
    text = str(value)
    whole, _, fraction = text.partition(".")
    if (
        text.isascii()
        and whole.isdigit()
        and len(whole) <= _WHOLE_DIGITS
        and (fraction.isdigit() or text == whole)
        and len(fraction) <= _MICRO_DIGITS
    ):
        return int(whole + fraction.ljust(_MICRO_DIGITS, "0"))
    if not _DECIMAL.fullmatch(text):
        raise Odd(f"{what}{kind} {text[:30]!r} is not a number")
    amount = Decimal(text)
    if abs(amount) >= _MOST_MAJOR:
        raise Odd(f"{what}{kind} {text[:30]!r} is beyond all bounds")
    return micros(amount)


def _check_currency(found: str | None, currency: str) -> None:
    if found is not None and found != currency:
        raise Odd(f"is in {found[:10]!r}, the account in {currency}")


def _plain(amount: int) -> str:
    return f"{Decimal(amount) / MICROS_PER_MAJOR:.2f}"
