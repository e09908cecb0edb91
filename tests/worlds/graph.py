"""The shop's side of the wire: as much of the Graph API as the product reads, over a real socket.

It is small and fast on purpose, and shares nothing with the product: what it serves is computed
from `shop`, and every POST is shown to whoever watches before it is worked.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Final

from tests.worlds.shop import AD, ADSET, CAMPAIGN, PERSON, SYSTEM, Account, Shop, Thing

TOKEN: Final = "worlds-token-is-no-secret"
#: A lowered budget must exceed what was already spent of it by a tenth.
_ABOVE_SPENT: Final = 1.1
_KINDS: Final = {"campaigns": CAMPAIGN, "adsets": ADSET, "ads": AD}
_TYPES: Final = {CAMPAIGN: "campaign", ADSET: "ad_set", AD: "ad"}
_RUN: Final = {"ACTIVE": (1, "Active"), "PAUSED": (15, "Inactive")}

Document = dict[str, Any]


class Mishap(StrEnum):
    """How the answer to a write may go wrong."""

    LOST = "lost"  # applied, and the connection is reset
    NEVER_CAME = "never came"  # the connection is reset, and nothing was applied
    BROKE = "broke"  # HTTP 500, applied
    BROKE_BEFORE = "broke before"  # HTTP 500, not applied
    FORGOTTEN = "forgotten"  # success: true, and not applied
    REFUSED = "refused"  # a validation code
    PACED = "paced"  # one entity's own limit
    THROTTLED = "throttled"  # the account's


class Refused(Exception):
    def __init__(self, code: int, subcode: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.body: Document = {
            "error": {
                "message": message,
                "type": "OAuthException",
                "code": code,
                "error_subcode": subcode,
                "fbtrace_id": "AWorld",
            }
        }


@dataclass(slots=True)
class Graph:
    """Answers requests. `watches` sees each write before it is worked."""

    shop: Shop
    watches: Callable[[Thing, str, str, Mishap | None], None] = lambda *_: None
    was_read: Callable[[Account], None] = lambda _: None  # to its last page
    log_was_read: Callable[[Account], None] = lambda _: None
    mishaps: list[Mishap | None] = field(default_factory=list)  # of the next writes, in order
    before_read: list[Callable[[Thing], None]] = field(default_factory=list)
    requests: int = 0
    failure: Exception | None = None  # of this side: the player raises it

    def get(self, path: str, params: dict[str, str]) -> Document:
        parts = path.strip("/").split("/")[1:]
        match parts:
            case ["me"]:
                return {"id": "1"}
            case [name]:
                account = self._account(name)
                if account is not None:
                    return _account_row(account)
                thing = self.shop.find(name)
                if thing is None:
                    raise Refused(100, 33, "Unsupported get request.")
                if self.before_read:
                    self.before_read.pop(0)(thing)
                return _row(thing, self.shop)
            case [name, edge]:
                account = self._account(name)
                if account is None:
                    raise Refused(100, 33, "Unsupported get request.")
                return self._edge(account, edge, params)
            case _:
                raise Refused(2500, 0, "Unknown path components")

    def _account(self, name: str) -> Account | None:
        account = self.shop.account(name.removeprefix("act_")) if "act_" in name else None
        if account is not None and account.unreadable:
            raise Refused(200, 0, "(#200) The app lacks the permission ads_read.", 403)
        return account

    def _edge(self, account: Account, edge: str, params: dict[str, str]) -> Document:
        if edge in _KINDS:
            level = _KINDS[edge]
            gone = ("ARCHIVED", "DELETED")
            rows = [
                _row(one, self.shop)
                for one in account.things()
                if one.level == level and one.effective_status not in gone
            ]
            return {"data": rows}
        if edge == "insights":
            if params["level"] == "account":
                self.was_read(account)
            return {"data": _insights(account, params)}
        if edge == "activities":
            if "oid" not in params:
                self.log_was_read(account)
            return {"data": _activities(account, params)}
        return {"data": []}

    def post(self, path: str, form: dict[str, str]) -> tuple[Document, Mishap | None]:
        """The honest answer, and how it goes wrong, if it does."""
        thing = self.shop.find(path.strip("/").split("/")[-1])
        if thing is None:
            raise Refused(100, 33, "Unsupported post request.")
        mishap = self.mishaps.pop(0) if self.mishaps else None
        ((name, value),) = form.items()
        self.watches(thing, name, value, mishap)
        match mishap:
            case Mishap.REFUSED:
                raise Refused(100, 1885316, "Invalid parameter")
            case Mishap.PACED:
                raise Refused(613, 1487632, "(#613) changed too often within the hour")
            case Mishap.THROTTLED:
                raise Refused(80004, 2446079, "(#80004) There have been too many calls")
            case Mishap.BROKE_BEFORE | Mishap.FORGOTTEN | Mishap.NEVER_CAME:
                pass
            case _:
                self._apply(thing, name, value)
        if mishap in (Mishap.BROKE, Mishap.BROKE_BEFORE):
            raise Refused(2, 0, "An unexpected error has occurred.", 500)
        return {"success": True}, mishap

    def _apply(self, thing: Thing, name: str, value: str) -> None:
        if thing.effective_status in ("ARCHIVED", "DELETED"):
            raise Refused(100, 1487056, "Can't edit a gone object")
        if name == "status":
            self.shop.set(thing, "status", value, by=SYSTEM)
            return
        amount = int(value)
        if name != f"{thing.kind}_budget":
            raise Refused(100, 1885272, "Budget type can't be changed")
        if amount < thing.account.minimum:
            raise Refused(100, 1885272, "Budget is too low")
        spent = _spent_of_budget(thing, self.shop.now)
        if amount < (thing.budget or 0) and amount < _ABOVE_SPENT * spent:
            raise Refused(100, 1885650, "Budget is under 110 % of what was spent")
        self.shop.set(thing, "budget", amount, by=SYSTEM)


def _spent_of_budget(thing: Thing, now: int) -> int:
    if thing.kind == "lifetime":
        return thing.spent_ever()
    today = thing.account.day_of(now)
    return thing.total(today, today).spend


# --- rows ---------------------------------------------------------------------------------------


def _account_row(account: Account) -> Document:
    return {
        "id": f"act_{account.id}",
        "account_id": account.id,
        "name": f"Account {account.id}",
        "currency": account.currency,
        "timezone_name": str(account.zone),
        "account_status": 1,
        "min_daily_budget": account.minimum,
    }


def _row(thing: Thing, shop: Shop) -> Document:
    row: Document = {
        "id": thing.id,
        "account_id": thing.account.id,
        "name": thing.name,
        "status": thing.status,
        "effective_status": thing.effective_status,
        "created_time": _time(thing.created),
        "is_budget_schedule_enabled": False,
    }
    if thing.budget is not None:
        row[f"{thing.kind}_budget"] = str(thing.budget)
        row["budget_remaining"] = str(max(thing.budget - _spent_of_budget(thing, shop.now), 0))
        row["bid_strategy"] = "LOWEST_COST_WITHOUT_CAP"
    match thing.level:
        case "campaign":
            row["objective"] = "OUTCOME_SALES"
            if thing.ends is not None:
                row["stop_time"] = _time(thing.ends)
        case "adset":
            row["campaign_id"] = thing.campaign.id
            row["optimization_goal"] = "OFFSITE_CONVERSIONS"
            row["promoted_object"] = {"custom_event_type": "PURCHASE"}
            row["targeting"] = {"geo_locations": {"countries": list(thing.countries)}}
            row["learning_stage_info"] = {"status": "LEARNING" if thing.learning else "SUCCESS"}
            if thing.ends is not None:
                row["end_time"] = _time(thing.ends)
        case _:
            row["adset_id"] = thing.parent.id if thing.parent else None
            row["campaign_id"] = thing.campaign.id
            row["creative"] = {"id": thing.creative}
            if thing.review == "DISAPPROVED":
                row["ad_review_feedback"] = {"global": {"Policy": "It is not allowed."}}
    return row


def _time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _major(minor: int, account: Account) -> str:
    if account.per_unit == 1:
        return str(minor)
    return f"{minor // 100}.{minor % 100:02d}"


def _insights(account: Account, params: dict[str, str]) -> list[Document]:
    span = json.loads(params["time_range"])
    first, last = date.fromisoformat(span["since"]), date.fromisoformat(span["until"])
    ads = [one for one in account.things() if one.level == AD]
    match params["level"]:
        case "ad":
            return [
                {
                    "campaign_id": ad.campaign.id,
                    "adset_id": ad.parent.id if ad.parent else "",
                    "ad_id": ad.id,
                    "date_start": day.isoformat(),
                    "date_stop": day.isoformat(),
                    "spend": _major(row.spend, account),
                    "impressions": str(row.impressions),
                    "account_currency": account.currency,
                    **_purchases(row.purchases, row.value, account),
                }
                for ad in ads
                for day, row in ad.days.items()
                if first <= day <= last
            ]
        case "account":
            by_day: dict[date, int] = {}
            for ad in ads:
                for day, row in ad.days.items():
                    if first <= day <= last:
                        by_day[day] = by_day.get(day, 0) + row.spend
            return [
                {
                    "date_start": day.isoformat(),
                    "date_stop": day.isoformat(),
                    "spend": _major(spend, account),
                    "account_currency": account.currency,
                }
                for day, spend in by_day.items()
            ]
        case _:
            return [
                {
                    "adset_id": one.id,
                    "date_start": first.isoformat(),
                    "date_stop": last.isoformat(),
                    "spend": _major(part, account),
                    "country": country,
                }
                for one in account.things()
                if one.level == ADSET
                for country, part in by_country(one, first, last).items()
            ]


def by_country(adset: Thing, first: date, last: date) -> dict[str, int]:
    """An ad set's spend, in equal parts over the countries at which it is aimed."""
    spend = adset.total(first, last).spend
    if not spend or not adset.countries:
        return {}
    part, rest = divmod(spend, len(adset.countries))
    return {country: part + (index < rest) for index, country in enumerate(adset.countries)}


def _purchases(count: int, value: int, account: Account) -> Document:
    if not count:
        return {}
    return {
        "actions": [{"action_type": "omni_purchase", "value": str(count)}],
        "action_values": [{"action_type": "omni_purchase", "value": _major(value, account)}],
    }


def _activities(account: Account, params: dict[str, str]) -> list[Document]:
    since, until = int(params["since"]), int(params["until"])
    found = [
        (turn.at, _activity(one, turn.field, turn.old, turn.new, turn.by))
        for one in account.things()
        for turn in one.past
        if since <= turn.at <= until
        and turn.field in ("budget", "status")
        and params.get("oid", one.id) == one.id
    ]
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [{**entry, "event_time": _time(at)} for at, entry in found]


def _activity(thing: Thing, name: str, old: object, new: object, by: str) -> Document:
    kind = _TYPES[thing.level]
    extra: Document
    if name == "budget":
        event = f"update_{kind}_budget"
        label = "Per day" if thing.kind == "daily" else "Lifetime budget"
        extra = {
            "old_value": {"old_value": old, "type": label},
            "new_value": {"new_value": new, "type": label},
            "type": "payment_amount",
        }
    else:
        event = f"update_{kind}_run_status"
        then, now = (_RUN.get(str(word), (0, str(word).title())) for word in (old, new))
        extra = {
            "old_value": then[1],
            "new_value": now[1],
            "run_status": {"old_value": then[0], "new_value": now[0]},
            "type": "run_status",
        }
    return {
        "event_type": event,
        "object_id": thing.id,
        "actor_id": "77" if by == PERSON else "88",
        "application_id": "119211728144504" if by == PERSON else "734912860155073",
        "extra_data": json.dumps(extra),
    }
