"""The measured fields of an insights row, in Meta's spelling: all of them strings."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from meta_autonomous.adapters.sandbox.vocabulary import major

#: Columns of a delivery row, as `Facts` begins.
COLUMNS: Final = ("spend", "impressions", "clicks", "link_clicks", "purchases", "value", "leads")

PIXEL_PURCHASE: Final = "offsite_conversion.fb_pixel_purchase"
#: The same purchases under every name that Meta reports them by. Adding them up is a mistake.
PURCHASE_TYPES: Final = (
    "omni_purchase",
    "purchase",
    PIXEL_PURCHASE,
    "onsite_web_purchase",
    "onsite_web_app_purchase",
    "web_in_store_purchase",
)
_REACHED: Final = 0.82  # people per impression


class Facts(NamedTuple):
    """Sums over a row's days; money in minor units, of which `unit` make a major one."""

    spend: int
    impressions: int
    clicks: int
    link_clicks: int
    purchases: int
    value: int
    leads: int
    unit: int

    @property
    def reach(self) -> int:
        return round(self.impressions * _REACHED)


def measured(facts: Facts, wanted: Iterable[str]) -> dict[str, Any]:
    """The wanted fields that are measures and have a value; zero actions are no actions."""
    row = {name: measure(facts) for name in wanted if (measure := _MEASURES.get(name))}
    return {name: value for name, value in row.items() if value}


def _ratio(part: float, whole: float) -> str | None:
    return _decimal(part / whole) if whole else None


def _decimal(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _action(kind: str, value: str) -> dict[str, str]:
    return {"action_type": kind, "value": value}


def _actions(facts: Facts) -> list[dict[str, str]]:
    counts = {
        "link_click": facts.link_clicks,
        "landing_page_view": round(facts.link_clicks * 0.8),
        "post_engagement": facts.clicks,
        "page_engagement": facts.clicks,
        "omni_add_to_cart": facts.purchases * 3,
        "add_to_cart": facts.purchases * 3,
        "omni_initiated_checkout": facts.purchases * 2,
        **dict.fromkeys(PURCHASE_TYPES, facts.purchases),
        "lead": facts.leads,
        "onsite_conversion.lead_grouped": facts.leads,
    }
    return [_action(kind, str(count)) for kind, count in counts.items() if count]


def _action_values(facts: Facts) -> list[dict[str, str]]:
    if not facts.purchases:
        return []
    value = major(facts.value, facts.unit)
    return [_action(kind, value) for kind in PURCHASE_TYPES]


def _roas(kind: str) -> Callable[[Facts], list[dict[str, str]]]:
    def measure(facts: Facts) -> list[dict[str, str]]:
        if not (facts.purchases and facts.spend):
            return []
        return [_action(kind, _decimal(facts.value / facts.spend))]

    return measure


_MEASURES: Final[Mapping[str, Callable[[Facts], Any]]] = {
    "spend": lambda facts: major(facts.spend, facts.unit),
    "impressions": lambda facts: str(facts.impressions),
    "clicks": lambda facts: str(facts.clicks),
    "unique_clicks": lambda facts: str(facts.clicks),
    "inline_link_clicks": lambda facts: str(facts.link_clicks),
    "reach": lambda facts: str(facts.reach),
    "frequency": lambda facts: _ratio(facts.impressions, facts.reach),
    "ctr": lambda facts: _ratio(100 * facts.clicks, facts.impressions),
    "cpc": lambda facts: _ratio(facts.spend / facts.unit, facts.clicks),
    "cpm": lambda facts: _ratio(1000 * facts.spend / facts.unit, facts.impressions),
    "actions": _actions,
    "action_values": _action_values,
    "purchase_roas": _roas("omni_purchase"),
    "website_purchase_roas": _roas(PIXEL_PURCHASE),
}
