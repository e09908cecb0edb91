"""How money is distributed over countries, and how far that is from what the policy wants.

A *distribution* maps two-letter country codes to fractions that sum to 1. The *geography* of an
account is its present one in money: daily budgets, each divided over countries as its delivered
spend was, or equally over its targeting where nothing was delivered.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from meta_autonomous.domain.action import Action, BudgetLeg
from meta_autonomous.domain.entities import (
    AccountSnapshot,
    AdSet,
    Campaign,
    Entity,
    Status,
)
from meta_autonomous.domain.quantities import Money

SPAIN: Final = "ES"
_SPAINS: Final = frozenset({"ES", "ESP", "SPAIN", "ESPAÑA"})
#: How far the fractions of a distribution may sum from 1.
SUM_TOLERANCE: Final = Decimal("0.001")
#: The largest share of the budget of which the countries may be unknown.
MOST_UNKNOWN: Final = Decimal("0.10")
#: Growth of the excess below this is rounding (of quotients and minor units), not a choice.
GROWTH_TOLERANCE: Final = Decimal("0.000001")

_NOTHING: Final = Decimal(0)
_WHOLE: Final = Decimal(1)

Distribution = Mapping[str, Decimal]


def country_code(name: str) -> str:
    """The two-letter code, upper case. Raises ValueError for anything else than a code."""
    code = name.strip().upper()
    if code in _SPAINS:
        return SPAIN
    if len(code) != 2 or not (code.isascii() and code.isalpha()):  # noqa: PLR2004 - ISO 3166 alpha-2
        raise ValueError(f"{name!r} is not a two-letter country code such as ES")
    return code


def excesses(
    distribution: Distribution, *, min_spain: Decimal, max_single: Decimal
) -> dict[str, Decimal]:
    """By country, how far its share is outside the limits; empty when all is within them.

    Spain, where it is included, needs at least `min_spain`; no country may have more than
    `max_single`, unless it is Spain alone. A country that stands in the distribution is included,
    be its share zero.
    """
    found: dict[str, Decimal] = {}
    alone = set(distribution) == {SPAIN}
    for country, share in distribution.items():
        excess = _NOTHING
        if country == SPAIN and share < min_spain:
            excess += min_spain - share
        if share > max_single and not alone:
            excess += share - max_single
        if excess:
            found[country] = excess
    return found


@dataclass(frozen=True, slots=True)
class Shares:
    """How one budget is divided over countries; `unknown` is what nobody can tell."""

    by_country: Distribution
    unknown: Decimal = _NOTHING


_UNKNOWN: Final = Shares({}, _WHOLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Geography:
    """An account's daily budgets over countries, in minor units of its currency."""

    amounts: Distribution
    unknown: Decimal = _NOTHING
    shares: Mapping[str, Shares] = field(default_factory=dict, repr=False)  # by budget holder

    @property
    def known(self) -> Decimal:
        return sum(self.amounts.values(), _NOTHING)

    @property
    def unknown_share(self) -> Decimal:
        """The fraction of the budget of which the countries are unknown; 1 without a budget."""
        whole = self.known + self.unknown
        return self.unknown / whole if whole > 0 else _WHOLE

    @property
    def distribution(self) -> Distribution:
        """Of the part that is known."""
        known = self.known
        if known <= 0:
            return {}
        return {country: amount / known for country, amount in self.amounts.items()}

    def shifted(self, legs: Iterable[BudgetLeg]) -> "Geography":
        """As it will be when these budgets have become what they should."""
        amounts, unknown = dict(self.amounts), self.unknown
        for leg in legs:
            extra = Decimal((leg.proposed - leg.current).minor)
            shares = self.shares.get(leg.entity.id, _UNKNOWN)
            for country, share in shares.by_country.items():
                amounts[country] = amounts.get(country, _NOTHING) + extra * share
            unknown += extra * shares.unknown
        return Geography(amounts=amounts, unknown=unknown, shares=self.shares)

    def granting(self, actions: Iterable[Action]) -> "Geography":
        legs = [leg for action in actions for leg in action.legs]
        return self.shifted(legs) if legs else self


def geography_of(snapshot: AccountSnapshot, now: datetime) -> Geography:
    """The account's present geography: over every budget that can be spent now."""
    amounts: dict[str, Decimal] = {}
    unknown = _NOTHING
    holders: dict[str, Shares] = {}
    for holder, budget in _budgets(snapshot, now):
        shares = _shares(snapshot, holder)
        holders[holder.id] = shares
        for country, share in shares.by_country.items():
            amounts[country] = amounts.get(country, _NOTHING) + budget.minor * share
        unknown += budget.minor * shares.unknown
    return Geography(amounts=amounts, unknown=unknown, shares=holders)


def geography_after(
    snapshot: AccountSnapshot, actions: Iterable[Action], now: datetime
) -> Geography:
    """The account's geography once these actions are done, pauses and resumes too."""
    done = list(actions)
    statuses = {
        action.entity.id: action.new_status for action in done if action.new_status is not None
    }
    changed = replace(
        snapshot,
        campaigns={
            key: replace(campaign, status=statuses.get(key, campaign.status))
            for key, campaign in snapshot.campaigns.items()
        },
        adsets={
            key: replace(adset, status=statuses.get(key, adset.status))
            for key, adset in snapshot.adsets.items()
        },
    )
    return geography_of(changed, now).granting(done)


def _budgets(snapshot: AccountSnapshot, now: datetime) -> Iterable[tuple[Entity, Money]]:
    """Each holder of a budget that has something to deliver, with its budget per day."""
    for campaign in snapshot.campaigns.values():
        if campaign.status != Status.ACTIVE or has_ended(campaign, now):
            continue
        active = [
            adset
            for adset in snapshot.adsets_of(campaign.id)
            if adset.status == Status.ACTIVE and not has_ended(adset, now)
        ]
        holders: list[Entity] = [campaign] if campaign.budget is not None else [*active]
        for holder in holders if active else ():
            daily = None if holder.budget is None else holder.budget.daily(now)
            if daily is not None:
                yield holder, daily


def has_ended(entity: Entity, now: datetime) -> bool:
    """Whether a campaign's or ad set's end lies behind us. An ad has none of its own."""
    ends = [entity.budget.ends_at if entity.budget is not None else None]
    if isinstance(entity, Campaign):
        ends.append(entity.stops_at)
    elif isinstance(entity, AdSet):
        ends.append(entity.ends_at)
    return any(end is not None and end <= now for end in ends)


def _shares(snapshot: AccountSnapshot, holder: Entity) -> Shares:
    """By what its active ad sets delivered in the window, else by what they are aimed at."""
    adsets = (
        [holder]
        if isinstance(holder, AdSet)
        else [a for a in snapshot.adsets_of(holder.id) if a.status == Status.ACTIVE]
    )
    targeted = {_code(name) for adset in adsets for name in adset.countries or ()}
    delivered: dict[str | None, int] = {}
    for adset in adsets:
        for name, spend in snapshot.countries.get(adset.id, {}).items():
            code = _code(name)
            delivered[code] = delivered.get(code, 0) + max(spend, 0)
    whole = sum(delivered.values())
    if whole > 0:
        by_country = dict.fromkeys(sorted(targeted - {None}, key=str), _NOTHING)
        by_country |= {code: Decimal(spend) / whole for code, spend in delivered.items()}
        return _known(by_country)
    return _mean([_aimed(adset) for adset in adsets])


def _aimed(adset: AdSet) -> Shares:
    """An ad set's targeting, in equal parts."""
    if not adset.countries:
        return _UNKNOWN
    part = _WHOLE / len(adset.countries)
    by_country: dict[str | None, Decimal] = {}
    for name in adset.countries:
        code = _code(name)
        by_country[code] = by_country.get(code, _NOTHING) + part
    return _known(by_country)


def _mean(all_shares: list[Shares]) -> Shares:
    by_country: dict[str, Decimal] = {}
    for shares in all_shares:
        for country, share in shares.by_country.items():
            by_country[country] = by_country.get(country, _NOTHING) + share / len(all_shares)
    unknown = sum((shares.unknown for shares in all_shares), _NOTHING) / len(all_shares)
    return Shares(by_country, unknown)


def _known(by_country: Mapping[str | None, Decimal]) -> Shares:
    """Shares with what came without a readable country set apart."""
    known = {code: share for code, share in by_country.items() if code is not None}
    return Shares(known, by_country.get(None, _NOTHING))


def _code(name: str) -> str | None:
    """The code, or None for Meta's ``unknown`` and other words that are no country."""
    try:
        return country_code(name)
    except ValueError:
        return None
