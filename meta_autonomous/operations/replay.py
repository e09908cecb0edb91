"""Recorded ticks decided again, on the data as it was seen then, under other limits. No writes.

Each tick is decided by itself on what was recorded of it: what a changed decision would have led
to (another budget, no cooldown, a suggestion not pending) is not simulated in the ticks after it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from meta_autonomous.decision.claim import Claim
from meta_autonomous.decision.differences import Brief, Difference, briefs, differences
from meta_autonomous.decision.later import Later, SeenDays, later
from meta_autonomous.decision.tick_case import Circumstances, TickCase, deliberate
from meta_autonomous.ports.errors import NotFound
from meta_autonomous.ports.records import RecordedTick
from meta_autonomous.ports.store import Store

Change = Callable[[Circumstances], Circumstances]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A difference in one tick, and what the days after it said of it: of the decision that acts,
    where one does."""

    tick_id: str
    at: datetime
    is_backfilled: bool
    difference: Difference
    later: Later


@dataclass(frozen=True, slots=True, kw_only=True)
class PastWish:
    """What a backfilled period would have brought: one action on one entity, wanted on some of its
    days. The first of them is told."""

    at: datetime
    days: int
    brief: Brief
    later: Later


@dataclass(slots=True)
class Replayed:
    """What came of it. Money is USD per day of budget, over all ticks: what was granted anew."""

    since: datetime
    ticks: int = 0
    backfilled: int = 0  # of them: days of which nothing was recorded at the time
    incomplete: int = 0  # not counted: pruned in part, or not readable
    decisions: int = 0
    recorded_usd: Decimal = Decimal(0)
    replayed_usd: Decimal = Decimal(0)
    differing: list[Told] = field(default_factory=list)
    past: list[PastWish] = field(default_factory=list)

    @property
    def is_identical(self) -> bool:
        return not self.differing


def replay(
    store: Store,
    *,
    since: datetime,
    change: Change | None = None,
    account_ids: Sequence[str] = (),
) -> Replayed:
    """Decide every recorded tick since then again; of some accounts when `account_ids` names them
    (all decide together, for they share the daily cap). Without a change it must come out as it
    was recorded, to the last digit of every verdict. Raises NotFound for accounts that no tick
    worked, and what `change` raises."""
    result = Replayed(since=since)
    days_after = _DaysAfter(store, since)
    wishes: dict[tuple[str, str, str], list[tuple[datetime, date, Brief]]] = defaultdict(list)
    for tick in store.recorded_ticks(since=since):
        if tick.case is None:
            result.incomplete += 1
            continue
        days = _days_of(tick.case)
        if account_ids and not days.keys() & set(account_ids):
            continue
        was = tuple(_of(tick.decided, account_ids))
        would_be = tuple(_of(_decided_again(tick.case, change), account_ids))
        result.ticks += 1
        result.decisions += len(was)
        result.recorded_usd += sum((brief.moved_usd for brief in was), Decimal(0))
        result.replayed_usd += sum((brief.moved_usd for brief in would_be), Decimal(0))
        for difference in differences(was, would_be, to_the_digit=change is None):
            result.differing.append(_told(tick, difference, days, days_after))
        if tick.is_backfilled:
            result.backfilled += 1
            for brief in would_be:
                if brief.is_granted:
                    key = (brief.account_id, brief.entity_id, brief.type)
                    wishes[key].append((tick.at, days[brief.account_id], brief))
    if account_ids and not result.ticks:
        raise NotFound(
            f"No tick on record since {since:%Y-%m-%d %H:%M} UTC worked ad account "
            f"{', '.join(account_ids)}.",
            remedy="Look further back with --since, or leave --account out.",
        )
    result.past = [_past_wish(found, days_after) for found in wishes.values()]
    return result


def _decided_again(case: TickCase, change: Change | None) -> tuple[Brief, ...]:
    circumstances = case.circumstances if change is None else change(case.circumstances)
    plan, situations = deliberate(TickCase(circumstances=circumstances, accounts=case.accounts))
    return briefs(plan, situations, circumstances.book)


def _of(found: Iterable[Brief], account_ids: Sequence[str]) -> Iterator[Brief]:
    return (brief for brief in found if not account_ids or brief.account_id in account_ids)


def _days_of(case: TickCase) -> dict[str, date]:
    """Each account's own day of the tick."""
    return {
        account.snapshot.account.id: account.snapshot.account.day_of(case.circumstances.now)
        for account in case.accounts
    }


def _told(
    tick: RecordedTick, difference: Difference, days: dict[str, date], days_after: "_DaysAfter"
) -> Told:
    brief = difference.either
    return Told(
        tick_id=tick.tick_id,
        at=tick.at,
        is_backfilled=tick.is_backfilled,
        difference=difference,
        later=days_after.of(brief, days[brief.account_id]),
    )


def _past_wish(
    found: Sequence[tuple[datetime, date, Brief]], days_after: "_DaysAfter"
) -> PastWish:
    at, day, brief = found[0]
    return PastWish(at=at, days=len(found), brief=brief, later=days_after.of(brief, day))


class _DaysAfter:
    """The rows that followed, as they are known now; each account's are looked up once, and each
    claim of a day is judged once, however many ticks made it."""

    def __init__(self, store: Store, since: datetime) -> None:
        self._store = store
        self._since = since.date()
        self._seen: dict[str, SeenDays] = {}
        self._judged: dict[tuple[str, tuple[str, ...], Claim, date], Later] = {}

    def of(self, brief: Brief, decided_on: date) -> Later:
        account_id = brief.account_id
        key = (account_id, brief.entity_ids, brief.claim, decided_on)
        if key not in self._judged:
            if account_id not in self._seen:
                self._seen[account_id] = self._store.seen_days(account_id, since=self._since)
            self._judged[key] = later(brief, decided_on, self._seen[account_id])
        return self._judged[key]
