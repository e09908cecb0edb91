"""Meta's JSON for accounts, campaigns, ad sets and ads, turned into domain values.

Each Struct names exactly the fields that are asked for; `fields_of` derives the request from it.
A row that can't be understood without guessing raises Odd with a sentence about it, so that the
caller can leave out that one entity and go on with the others.
"""

import re
from datetime import UTC, datetime
from typing import Any, Final, TypedDict, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Raw, Struct

from meta_autonomous.adapters.meta_json import mend, strict_json
from meta_autonomous.domain.entities import (
    Account,
    Ad,
    AdSet,
    Budget,
    BudgetKind,
    Campaign,
    Entity,
    Level,
    Status,
    UnreadHolder,
)
from meta_autonomous.domain.quantities import Currency, Money, UnknownCurrency
from meta_autonomous.ports.errors import BadAnswer

_ID: Final = re.compile(r"[0-9]{1,20}")
_AMOUNT: Final = re.compile(r"[0-9]{1,15}")

_NULL: Final = Raw(b"null")
_NOTHING: Final = frozenset({b"null", b"[]", b"{}", b'""'})

Text = str | int | None  # Meta writes ids and amounts as text, and now and then as numbers


class Odd(ValueError):
    """A row that can't be understood without guessing."""


class WholeRow(Struct, omit_defaults=True):
    """A row that keeps whatever came for its fields (none is Raw), and so written again has every
    key that it was read from."""


class AccountRow(Struct):
    name: str
    currency: str
    timezone_name: str
    account_status: int
    account_id: Text
    min_daily_budget: Text = None


class AccountIdRow(Struct):
    account_id: Text


class _LearningStage(Struct):
    status: str | None = None


class _PromotedObject(Struct):
    custom_event_type: str | None = None


class _Targeting(Struct):
    geo_locations: dict[str, Raw] | None = None


class _BidConstraints(Struct):
    roas_average_floor: Text = None


class _Creative(Struct):
    id: Text = None


class CampaignRow(Struct, kw_only=True):
    id: Text
    account_id: Text
    name: str
    status: str
    effective_status: str
    created_time: str | None = None
    objective: str | None = None
    daily_budget: Text = None
    lifetime_budget: Text = None
    budget_remaining: Text = None
    bid_strategy: str | None = None
    stop_time: str | None = None
    smart_promotion_type: str | None = None
    is_budget_schedule_enabled: bool | None = None


class AdSetRow(Struct, kw_only=True):
    id: Text
    account_id: Text
    campaign_id: Text
    name: str
    status: str
    effective_status: str
    created_time: str | None = None
    daily_budget: Text = None
    lifetime_budget: Text = None
    budget_remaining: Text = None
    bid_strategy: str | None = None
    bid_amount: Text = None
    bid_constraints: _BidConstraints | None = None
    optimization_goal: str | None = None
    promoted_object: _PromotedObject | None = None
    targeting: _Targeting | None = None
    learning_stage_info: _LearningStage | None = None
    end_time: str | None = None
    is_budget_schedule_enabled: bool | None = None


class AdRow(Struct, kw_only=True):
    id: Text
    account_id: Text
    adset_id: Text
    campaign_id: Text
    name: str
    status: str
    effective_status: str
    created_time: str | None = None
    bid_amount: Text = None
    creative: _Creative | None = None
    ad_review_feedback: Raw = _NULL


class _AnyRow(Struct):
    id: Text = None


class _HolderRow(Struct):
    """A campaign or an ad set of which anything may be odd."""

    status: Any = None
    campaign_id: Any = None
    daily_budget: Any = None
    lifetime_budget: Any = None
    budget_remaining: Any = None
    stop_time: Any = None
    end_time: Any = None


def fields_of(row: type[Struct]) -> str:
    """The `fields` parameter that asks for exactly what the row type reads."""
    return ",".join(row.__struct_encode_fields__)


def whole_object(body: bytes) -> bytes:
    """The bytes of one JSON object, checked as strictly as a write needs: no key twice, no NaN.
    Raises NotJson, or ValidationError when it is something else (an error body, for one)."""
    fields = strict_json(body)
    if not isinstance(fields, dict) or "error" in fields:
        raise msgspec.ValidationError("expected one object")
    return mend(body)


def valid_id(value: Text, what: str) -> str:
    """An id that may stand in a URL."""
    text = str(value)
    if not _ID.fullmatch(text):
        raise Odd(f"{what} {text[:30]!r} is not an id")
    return text


def account(body: bytes, asked_id: str) -> Account:
    """Raises BadAnswer, naming what is odd: without its currency and its day an account can't
    be worked at all."""
    row = decode_row(AccountRow, body, BadAnswer)
    if str(row.account_id) != asked_id:
        raise BadAnswer(f"asked for account {asked_id}, got {str(row.account_id)[:30]!r}")
    try:
        currency = Currency(row.currency)
    except UnknownCurrency as error:
        raise BadAnswer(
            f"account {asked_id}: {error}",
            remedy="its budgets can't be read without guessing: leave this account out of "
            "META_AD_ACCOUNT_IDS",
        ) from None
    try:
        timezone = ZoneInfo(row.timezone_name)
    except (ValueError, OSError, KeyError):
        raise BadAnswer(
            f"account {asked_id}: unknown time zone {row.timezone_name[:40]!r}",
            remedy="update the tzdata package",
        ) from None
    try:
        minimum = _amount(row.min_daily_budget, "min_daily_budget", currency)
    except Odd as odd:
        raise BadAnswer(f"account {asked_id}: {odd}") from None
    return Account(
        id=asked_id,
        name=row.name,
        currency=currency,
        timezone=timezone,
        status=row.account_status,
        min_daily_budget=minimum or Money.zero(currency),
    )


def fields_of_level(level: Level) -> str:
    return fields_of(_ROWS[level])


def entity(level: Level, body: bytes, account: Account) -> Entity:
    """Raises Odd."""
    match level:
        case Level.CAMPAIGN:
            return _campaign(decode_row(CampaignRow, body, Odd), account)
        case Level.ADSET:
            return _adset(decode_row(AdSetRow, body, Odd), account)
        case Level.AD:
            return _ad(decode_row(AdRow, body, Odd), account)


def id_of(body: bytes) -> str:
    """The id of a row of which nothing else is known. Raises Odd."""
    return valid_id(decode_row(_AnyRow, body, Odd).id, "id")


def unread_holder(level: Level, body: bytes, account: Account) -> UnreadHolder | None:
    """What a row that can't be understood says of its budget; None when it has none, or is not
    set to run."""
    try:
        row = decode_row(_HolderRow, body, Odd)
    except Odd:
        return UnreadHolder(campaign_id=None, budget=None)
    if isinstance(row.status, str) and row.status != Status.ACTIVE:
        return None
    campaign_id = id_of(body) if level is Level.CAMPAIGN else str(row.campaign_id)
    try:
        ends_at = time_of(row.stop_time or row.end_time, "the end")
        budget = _budget(row, account.currency, ends_at)
    except (Odd, TypeError):
        return UnreadHolder(campaign_id=campaign_id, budget=None)
    return None if budget is None else UnreadHolder(campaign_id=campaign_id, budget=budget)


_ROWS: Final[dict[Level, type[Struct]]] = {
    Level.CAMPAIGN: CampaignRow,
    Level.ADSET: AdSetRow,
    Level.AD: AdRow,
}
_R = TypeVar("_R", bound=Struct)


def decode_row(row: type[_R], body: bytes, refusal: type[Exception]) -> _R:
    try:
        return msgspec.json.decode(body, type=row)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as misfit:
        raise refusal(f"not what Meta documents: {misfit}") from None


def _campaign(row: CampaignRow, account: Account) -> Campaign:
    stops_at = time_of(row.stop_time, "stop_time")
    return Campaign(
        **_common(row, account),
        budget=_budget(row, account.currency, stops_at),
        bid=row.bid_strategy,
        objective=row.objective,
        smart_promotion_type=row.smart_promotion_type,
        has_budget_schedule=row.is_budget_schedule_enabled is True,
        stops_at=stops_at,
    )


def _adset(row: AdSetRow, account: Account) -> AdSet:
    ends_at = time_of(row.end_time, "end_time")
    floor = row.bid_constraints.roas_average_floor if row.bid_constraints else None
    return AdSet(
        **_common(row, account),
        budget=_budget(row, account.currency, ends_at),
        bid=" ".join(str(part) for part in (row.bid_strategy, row.bid_amount, floor) if part)
        or None,
        of_campaign=valid_id(row.campaign_id, "campaign_id"),
        optimization_goal=row.optimization_goal,
        purchase_event=row.promoted_object.custom_event_type if row.promoted_object else None,
        countries=_countries(row.targeting),
        learning=row.learning_stage_info.status if row.learning_stage_info else None,
        has_budget_schedule=row.is_budget_schedule_enabled is True,
        ends_at=ends_at,
    )


def _ad(row: AdRow, account: Account) -> Ad:
    creative = row.creative.id if row.creative else None
    return Ad(
        **_common(row, account),
        bid=known(row.bid_amount),
        of_campaign=valid_id(row.campaign_id, "campaign_id"),
        of_adset=valid_id(row.adset_id, "adset_id"),
        creative_id=None if creative is None else valid_id(creative, "creative id"),
        has_review_feedback=bytes(row.ad_review_feedback) not in _NOTHING,
    )


class _Common(TypedDict):
    id: str
    name: str
    account_id: str
    status: str
    effective_status: str
    created_at: datetime | None


def _common(row: CampaignRow | AdSetRow | AdRow, account: Account) -> _Common:
    if str(row.account_id) != account.id:
        raise Odd(f"belongs to account {str(row.account_id)[:30]!r}")
    return {
        "id": valid_id(row.id, "id"),
        "name": row.name,
        "account_id": account.id,
        "status": row.status,
        "effective_status": row.effective_status,
        "created_at": time_of(row.created_time, "created_time"),
    }


def _budget(
    row: CampaignRow | AdSetRow | _HolderRow, currency: Currency, ends_at: datetime | None
) -> Budget | None:
    daily = _amount(row.daily_budget, "daily_budget", currency)
    lifetime = _amount(row.lifetime_budget, "lifetime_budget", currency)
    if daily is not None and lifetime is not None:
        raise Odd("has both a daily and a lifetime budget")
    if daily is not None:
        return Budget(BudgetKind.DAILY, daily)
    if lifetime is None:
        return None
    if ends_at is None:
        raise Odd("has a lifetime budget but no end")
    left = _amount(row.budget_remaining, "budget_remaining", currency)
    if left is None and row.budget_remaining not in (None, ""):
        left = Money.zero(currency)
    return Budget(BudgetKind.LIFETIME, lifetime, left, ends_at)


def _amount(value: Text, what: str, currency: Currency) -> Money | None:
    """Minor units; None for a missing, empty or zero amount, which Meta uses alike."""
    text = str(value or "0")
    if not _AMOUNT.fullmatch(text):
        raise Odd(f"{what} {text[:30]!r} is not an amount")
    return Money(int(text), currency) if int(text) else None


def time_of(text: str | None, what: str) -> datetime | None:
    """Aware UTC; None for none. Raises Odd."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        utc = at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Odd(f"{what} {text[:40]!r} is not a time") from None
    if at.tzinfo is None:
        raise Odd(f"{what} {text[:40]!r} has no time zone")
    return utc


def _countries(targeting: _Targeting | None) -> tuple[str, ...] | None:
    """The targeted countries; None when places are named in any other way, or not at all."""
    places = (targeting.geo_locations if targeting else None) or {}
    named = {key for key, value in places.items() if bytes(value) not in _NOTHING}
    if named - {"location_types"} != {"countries"}:
        return None
    codes = _decode_countries(places["countries"])
    return tuple(sorted(set(codes))) or None


def _decode_countries(value: Raw) -> list[str]:
    try:
        return msgspec.json.decode(value, type=list[str])
    except msgspec.DecodeError:
        raise Odd("targeting.geo_locations.countries is not a list of countries") from None


def known(value: Text) -> str | None:
    """The text, or None for what Meta writes when there is none."""
    return None if value in (None, "", 0, "0") else str(value)
