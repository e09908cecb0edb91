"""From a short description of campaigns to the entities of a world.

`CampaignPlan` says what a manager would say (name, budget, countries, how well each ad sells);
`Draft` turns it into nodes with every field that Meta would show.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from meta_autonomous.adapters.sandbox.changes import learning
from meta_autonomous.adapters.sandbox.vocabulary import timestamp

Values = dict[str, Any]

#: Above 2^53, as real ids are: whoever reads them as floating point loses digits.
_FIRST_ID: Final = 120_231_870_000_410_000
_ID_STEP: Final = 10_037
_PIXEL: Final = "1184290375510226"
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class AdPlan:
    """`roas` is the true one, at the spend that `share` of the ad set's budget gives."""

    name: str
    share: float
    roas: float
    review: str | None = None


@dataclass(frozen=True, slots=True)
class AdSetPlan:
    """`budget` in major units per day, or None: then `share` is its part of the campaign's."""

    name: str
    ads: tuple[AdPlan, ...]
    share: float = 1.0
    budget: float | None = None
    order_value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignPlan:
    """`budget` in major units per day, None when the ad sets have their own; or `lifetime`.

    `countries` are shares of delivery. `age` counts days before the world's opening.
    """

    name: str
    adsets: tuple[AdSetPlan, ...]
    age: float
    countries: Mapping[str, float]
    budget: float | None = None
    lifetime: tuple[float, float] | None = None  # amount, days it runs
    order_value: float = 30.0
    order_sigma: float = 0.6
    noise: float = 0.15
    cpm: float = 9.0
    objective: str = "OUTCOME_SALES"
    cost_per_lead: float | None = None
    regions_only: bool = False
    weekend_factor: float = 1.0
    capacity: float | None = None
    review: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


class Draft:
    """Hands out ids and writes nodes; knows every node by name."""

    def __init__(self, account: int, *, zone: ZoneInfo, per_unit: int, opening: int) -> None:
        self.account = account
        self.ids: dict[str, int] = {}
        self._zone = zone
        self._per_unit = per_unit
        self._opening = opening
        self._last = _FIRST_ID

    def new_id(self, name: str) -> int:
        self._last += _ID_STEP
        self.ids[name] = self._last
        return self._last

    def at(self, days_before_opening: float) -> int:
        return self._opening - round(days_before_opening * _DAY)

    def campaign(self, plan: CampaignPlan) -> list[Values]:
        """The campaign, its ad sets and their ads, parents first."""
        created = self.at(plan.age)
        campaign_id = self.new_id(plan.name)
        ends_at: int | None = None
        fields = self._common(plan.name, created) | {
            "objective": plan.objective,
            "buying_type": "AUCTION",
            "special_ad_categories": [],
            "pacing_type": ["standard"],
            "start_time": timestamp(created, self._zone),
            "is_budget_schedule_enabled": False,
            **plan.extra,
        }
        if plan.budget is not None:
            fields["daily_budget"] = self._minor(plan.budget)
        if plan.lifetime is not None:
            amount, days = plan.lifetime
            ends_at = created + round(days * _DAY)
            fields["lifetime_budget"] = self._minor(amount)
            fields["stop_time"] = timestamp(ends_at, self._zone)
        if plan.budget is not None or plan.lifetime is not None:
            fields["bid_strategy"] = "LOWEST_COST_WITHOUT_CAP"
        hidden: Values = {"weekend_factor": plan.weekend_factor}
        if plan.capacity is not None:
            hidden["capacity"] = plan.capacity * self._per_unit
        if plan.review is not None:
            hidden["review"] = plan.review
        if ends_at is not None:
            hidden["ends_at"] = ends_at
        made = [self._node(campaign_id, "campaign", fields, hidden)]
        for adset in plan.adsets:
            made += self._adset(plan, adset, campaign_id, created, ends_at)
        return made

    def _adset(
        self,
        plan: CampaignPlan,
        adset: AdSetPlan,
        campaign: int,
        created: int,
        ends_at: int | None,
    ) -> list[Values]:
        adset_id = self.new_id(f"{plan.name}/{adset.name}")
        is_for_leads = plan.objective == "OUTCOME_LEADS"
        fields = self._common(adset.name, created) | {
            "optimization_goal": "LEAD_GENERATION" if is_for_leads else "OFFSITE_CONVERSIONS",
            "billing_event": "IMPRESSIONS",
            "start_time": timestamp(created, self._zone),
            "recurring_budget_semantics": True,
            "is_budget_schedule_enabled": False,
            "attribution_spec": [
                {"event_type": "CLICK_THROUGH", "window_days": 7},
                {"event_type": "VIEW_THROUGH", "window_days": 1},
            ],
            "targeting": self._targeting(plan),
            # Two quiet weeks of history are enough to have left the learning phase.
            "learning_stage_info": (
                learning("SUCCESS", created)
                if created < self.at(14)
                else learning("LEARNING", created)
            ),
        }
        if not is_for_leads:
            fields["promoted_object"] = {"pixel_id": _PIXEL, "custom_event_type": "PURCHASE"}
        if adset.budget is not None:
            fields["daily_budget"] = self._minor(adset.budget)
            fields["bid_strategy"] = "LOWEST_COST_WITHOUT_CAP"
        hidden: Values = {"countries": dict(plan.countries)}
        if ends_at is not None:
            fields["end_time"] = timestamp(ends_at, self._zone)
            hidden["ends_at"] = ends_at
        made = [self._node(adset_id, "adset", fields, hidden, campaign=campaign)]
        daily = adset.budget
        if daily is None and plan.lifetime is not None:
            daily = adset.share * plan.lifetime[0] / plan.lifetime[1]
        elif daily is None:
            daily = adset.share * min(plan.budget or 0.0, plan.capacity or float("inf"))
        return made + [
            self._ad(plan, adset, ad, daily, {"campaign": campaign, "adset": adset_id})
            for ad in adset.ads
        ]

    def _ad(
        self,
        plan: CampaignPlan,
        adset: AdSetPlan,
        ad: AdPlan,
        daily: float,
        parents: Mapping[str, int],
    ) -> Values:
        created = self.at(plan.age)
        ad_id = self.new_id(f"{plan.name}/{adset.name}/{ad.name}")
        self.ids.setdefault(ad.name, ad_id)
        fields = self._common(ad.name, created)
        fields["creative"] = {"id": str(self.new_id(f"creative of {ad_id}"))}
        if ad.review == "DISAPPROVED":
            fields["ad_review_feedback"] = {
                "global": {"Personal attributes": "Ads must not assert personal attributes."}
            }
        hidden: Values = {
            "weight": ad.share if adset.budget is not None else ad.share * adset.share,
            "roas": 0.0 if plan.cost_per_lead else ad.roas,
            "order_value": (adset.order_value or plan.order_value) * self._per_unit,
            "order_sigma": plan.order_sigma,
            "noise": plan.noise,
            "cpm": plan.cpm * self._per_unit,
            "ctr": 0.011,
            "reference": max(1.0, daily * ad.share * self._per_unit),
        }
        if plan.cost_per_lead:
            hidden["cost_per_lead"] = plan.cost_per_lead * self._per_unit
        if ad.review is not None:
            hidden["review"] = ad.review
        return self._node(ad_id, "ad", fields, hidden, **parents)

    def _common(self, name: str, created: int) -> Values:
        return {
            "name": name,
            "status": "ACTIVE",
            "created_time": timestamp(created, self._zone),
            "updated_time": timestamp(created, self._zone),
        }

    def _targeting(self, plan: CampaignPlan) -> Values:
        geo: Values = {"location_types": ["home", "recent"]}
        if plan.regions_only:  # an ad set need not name a country
            geo["regions"] = [{"key": "3847", "name": "Bavaria", "country": "DE"}]
        else:
            geo["countries"] = list(plan.countries)
        return {"age_min": 21, "age_max": 65, "geo_locations": geo}

    def _node(
        self,
        node_id: int,
        kind: str,
        fields: Values,
        hidden: Values,
        *,
        campaign: int | None = None,
        adset: int | None = None,
    ) -> Values:
        return {
            "id": node_id,
            "kind": kind,
            "account": self.account,
            "campaign": campaign,
            "adset": adset,
            "fields": fields,
            "hidden": hidden,
        }

    def _minor(self, major: float) -> int:
        return round(major * self._per_unit)


def account_values(
    account: int, *, name: str, currency: str, zone: ZoneInfo, zone_number: int, opening: int
) -> Values:
    """The ad account itself."""
    created = opening - 900 * _DAY
    moment = datetime.fromtimestamp(opening, zone)
    utc_offset = moment.utcoffset()
    hours = utc_offset.total_seconds() / 3_600 if utc_offset is not None else 0.0
    return {
        "id": account,
        "kind": "account",
        "account": account,
        "campaign": None,
        "adset": None,
        "fields": {
            "name": name,
            "currency": currency,
            "timezone_name": str(zone),
            "timezone_id": zone_number,
            "timezone_offset_hours_utc": hours,
            "account_status": 1,
            "disable_reason": 0,
            "spend_cap": 0,
            "balance": 184_350,
            "amount_spent": 0,
            "min_daily_budget": 100,
            "min_campaign_group_spend_cap": "10000",
            "is_prepay_account": False,
            "is_personal": 0,
            "user_tasks": ["DRAFT", "ANALYZE", "ADVERTISE", "MANAGE"],
            "business": {"id": "584120937745190", "name": name},
            "created_time": timestamp(created, zone),
            "age": 900.0,
        },
        "hidden": {},
    }
