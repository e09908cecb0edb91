"""Thirty-odd situations of one campaign among six others, each as a tick may meet it.

The account spends about 2,800 USD a day. The subject is the campaign "Spring sale - ES" with 500
USD a day, one ad set and one ad, unless the situation says otherwise; the others do neither well
nor badly, so that nothing is to be done about them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from meta_autonomous.decision.context import AutomaticPause, EntityMemory, Memory
from meta_autonomous.decision.limits import Freeze, Limits, PolicyBook, Scope
from meta_autonomous.decision.safety_spend import UnreadAccount
from meta_autonomous.domain.action import ActionType
from meta_autonomous.domain.entities import AccountSnapshot, Ad, AdSet, Campaign, Entity
from meta_autonomous.domain.performance import DayFacts, Days, complete_days
from meta_autonomous.domain.quantities import Currency, Rates, micros
from tests import builders
from tests.builders import (
    NOW,
    TODAY,
    a_memory,
    a_snapshot,
    an_account,
    daily,
    lifetime,
    remembering,
)

CAMPAIGN, ADSET, AD = "1201", "2201", "3201"
_ORDER: Final = Decimal(40)
_RHYTHM: Final = ("1.00", "1.15", "0.90", "1.05", "0.85", "1.10", "0.95")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a tick reads and knows, and whom `explain` is asked about."""

    about: str
    snapshot: AccountSnapshot
    memory: Memory
    subject: str = CAMPAIGN
    book: PolicyBook = field(default_factory=PolicyBook)
    rates: Rates = field(default_factory=lambda: Rates({}))
    is_auto: bool = False
    unread: tuple[UnreadAccount, ...] = ()

    def book_with(self, **changed: Any) -> PolicyBook:
        return replace(self.book, limits=replace(self.book.limits, **changed))


# --- the shop -----------------------------------------------------------------------------------


def selling(
    spend: int | str, roas: str, *, days: int = 28, today: int | str | None = None
) -> Days:
    """So many days at that ROAS, up and down a little, at 40 USD an order; and half of today."""
    each = Decimal(spend)
    facts = {
        day: _day(each, Decimal(roas) * Decimal(_RHYTHM[place % len(_RHYTHM)]))
        for place, day in enumerate(complete_days(TODAY, days))
    }
    return facts | {TODAY: _day(each / 2 if today is None else Decimal(today), Decimal(roas))}


def _day(spend: Decimal, roas: Decimal) -> DayFacts:
    purchases = round(spend * roas / _ORDER)
    return DayFacts(micros(spend), micros(purchases * _ORDER), purchases, int(spend * 80))


def campaign(
    entity_id: str = CAMPAIGN, name: str = "Spring sale - ES", **changes: Any
) -> Campaign:
    return builders.a_campaign(
        entity_id, **{"name": name, "objective": "OUTCOME_SALES", "budget": 500} | changes
    )


def adset(
    entity_id: str = ADSET, of: str = CAMPAIGN, name: str = "Women 25-54", **changes: Any
) -> AdSet:
    wanted = {"name": name, "optimization_goal": "OFFSITE_CONVERSIONS"}
    return builders.an_adset(entity_id, campaign=of, **wanted | changes)


def ad(
    entity_id: str = AD,
    of: str = ADSET,
    top: str = CAMPAIGN,
    name: str = "Video 15s",
    **changes: Any,
) -> Ad:
    wanted = {"name": name, "creative": f"cr{entity_id}"}
    return builders.an_ad(entity_id, campaign=top, adset=of, **wanted | changes)


_OTHERS: Final = {
    "Always on - ES": ("ES", "1.75"),
    "Brand - ES": ("ES", "1.9"),
    "Always on - FR": ("FR", "1.6"),
    "Retargeting - FR": ("FR", "1.85"),
    "Always on - PT": ("PT", "1.7"),
    "Always on - IT": ("IT", "1.65"),
}


def _others(currency: str) -> tuple[list[Entity], dict[str, Days]]:
    entities: list[Entity] = []
    performance: dict[str, Days] = {}
    for place, (name, (country, roas)) in enumerate(_OTHERS.items()):
        top, of, one = f"121{place}", f"221{place}", f"321{place}"
        entities += [
            campaign(top, name, budget=daily(400, currency)),
            adset(of, top, f"Broad {country}", countries=(country,)),
            ad(one, of, top, f"Carousel {country}"),
        ]
        performance[one] = selling(380, roas)
    return entities, performance


def a_scene(
    about: str,
    *held: Entity,
    days: Days | None = None,
    performance: Mapping[str, Days] | None = None,
    memory: Mapping[str, EntityMemory] | None = None,
    remembered: Mapping[str, Any] | None = None,
    account: Mapping[str, Any] | None = None,
    read: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    policy: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Scene:
    """`held` are the subject and what is around it; `days` what the one ad delivered."""
    wanted = dict(account or {})
    in_account = an_account(**wanted)
    others, delivered = _others(in_account.currency.code)
    own = held or (campaign(), adset(), ad())
    sold = {**delivered, **({AD: days} if days is not None else {}), **(performance or {})}
    snapshot = a_snapshot(*own, *others, performance=sold, account=in_account, **dict(read or {}))
    return Scene(
        about=about,
        snapshot=snapshot,
        memory=a_memory(snapshot, memory, **dict(remembered or {})),
        book=PolicyBook(limits=Limits(**dict(limits or {})), **dict(policy or {})),
        **changes,
    )


GOOD = selling(480, "3.3")
POOR = selling(480, "1.1")
LOST = selling(480, "0.5")


def hours_ago(hours: float) -> Any:
    return NOW - timedelta(hours=hours)


def siblings(*roas: str, budgets: tuple[int, ...] = (100, 100, 100)) -> dict[str, Any]:
    """The campaign without a budget of its own, over ad sets that have theirs."""
    names = ("Women 25-54", "Visitors 14 days", "Lookalike 3 %")
    held: list[Entity] = [campaign(budget=None)]
    performance = {}
    for place, (name, each) in enumerate(zip(names, roas, strict=True)):
        of, one = f"220{place + 1}", f"320{place + 1}"
        held += [
            adset(of, name=name, budget=budgets[place]),
            ad(one, of, name=f"Video {place + 1}"),
        ]
        performance[one] = selling(budgets[place], each)
    return {"held": held, "performance": performance}


def _with_siblings(about: str, *roas: str, **changes: Any) -> Scene:
    family = siblings(*roas, budgets=changes.pop("budgets", (100, 100, 100)))
    return a_scene(about, *family["held"], performance=family["performance"], **changes)


def _hard_stop_in_suggest_mode() -> Scene:
    return a_scene("Half of the money comes back: a hard stop, in suggest mode.", days=LOST)


def _pause_executed() -> Scene:
    return a_scene("The same in auto mode: it is paused.", days=LOST, is_auto=True)


def _pause_below_a_tightened_hard_stop() -> Scene:
    return a_scene(
        "The hard stop is set to be almost certain; an ordinary pause is enough.",
        days=selling(480, "0.6"),
        limits={"hard_stop_confidence": Decimal("0.9999")},
    )


def _raise_made_smaller() -> Scene:
    return a_scene("Half as much again is wanted; a person may go 20 % a day.", days=GOOD)


def _raise_that_fits() -> Scene:
    return a_scene("A little above what raises: what is wanted fits.", days=selling(480, "2.24"))


def _raise_executed() -> Scene:
    return a_scene("Auto mode raises by a tenth.", days=GOOD, is_auto=True)


def _raise_left_to_a_person() -> Scene:
    return a_scene(
        "Auto mode, but only some three quarters sure.",
        days=selling(480, "2.2"),
        limits={"min_auto_confidence": Decimal("0.95")},
        is_auto=True,
    )


def _cut_queued() -> Scene:
    return a_scene("Too little comes back: a cut.", days=POOR)


def _nothing_to_change() -> Scene:
    return a_scene(
        "Neither good enough to raise nor bad enough to cut.", days=selling(480, "1.87")
    )


def _not_sure_enough() -> Scene:
    return a_scene(
        "A ROAS that asks for more, on few orders.",
        campaign(budget=40),
        adset(),
        ad(),
        days=selling(20, "2.1"),
    )


def _bad_but_not_sure_enough() -> Scene:
    return a_scene(
        "An ad with a bad ROAS, on too few orders to be sure.",
        campaign(),
        adset(),
        ad(),
        ad("3202", name="Video 30s"),
        days=selling(45, "0.85"),
        performance={"3202": selling(430, "1.7")},
        subject=AD,
    )


def _too_little_data() -> Scene:
    few = {day: facts._replace(impressions=90) for day, facts in GOOD.items()}
    return a_scene("Sold well, but hardly anybody saw it.", days=few)


def _too_young() -> Scene:
    created = {"created_at": hours_ago(20.5)}
    return a_scene(
        "Twenty hours old.",
        campaign(**created),
        adset(**created),
        ad(**created),
        days=selling(480, "3.3", days=1),
    )


def _under_a_young_campaign() -> Scene:
    return a_scene(
        "An old ad set that was moved under a campaign of yesterday.",
        campaign(created_at=hours_ago(30)),
        adset(),
        ad(),
        days=GOOD,
        subject=ADSET,
    )


def _cooldown_after_own_change() -> Scene:
    ours = remembering(
        last_executed_at=hours_ago(5),
        last_direction=1,
        last_direction_at=hours_ago(5),
        budgets_24h=(builders.usd(480),),
    )
    return a_scene("This system raised it five hours ago.", days=GOOD, memory={CAMPAIGN: ours})


def _cooldown_after_somebodys_edit() -> Scene:
    theirs = remembering(
        foreign_change_at=hours_ago(3), foreign_change="budget 450.00 to 500.00 USD"
    )
    return a_scene("Somebody raised it in Ads Manager.", days=GOOD, memory={CAMPAIGN: theirs})


def _learning_phase() -> Scene:
    return a_scene(
        "Its ad set is still learning.", campaign(), adset(learning="LEARNING"), ad(), days=GOOD
    )


def _freeze() -> Scene:
    frozen = Freeze(
        starts_at=hours_ago(12), ends_at=NOW + timedelta(days=4, hours=9), reason="Black Friday"
    )
    return a_scene("Budgets are frozen.", days=GOOD, policy={"freezes": (frozen,)})


def _out_of_scope() -> Scene:
    scope = Scope(exclude=("Spring *",))
    return a_scene("The operator excluded it.", days=GOOD, policy={"scope": scope})


def _daily_cap() -> Scene:
    return a_scene(
        "The day's cap leaves no room.", days=GOOD, limits={"max_daily_spend_usd": Decimal(2902)}
    )


def _campaign_cap() -> Scene:
    return a_scene(
        "It stands at the cap of one campaign.",
        days=GOOD,
        limits={"max_campaign_budget_usd": Decimal(502)},
    )


def _cap_and_cooldown() -> Scene:
    return a_scene(
        "Two rules at once: the day's cap, and somebody's edit.",
        days=GOOD,
        limits={"max_daily_spend_usd": Decimal(2902)},
        memory={
            CAMPAIGN: remembering(foreign_change_at=hours_ago(3), foreign_change="bid cap removed")
        },
    )


def _countries() -> Scene:
    return a_scene(
        "More for Italy would leave Spain under its share.",
        campaign(name="Spring sale - IT", budget=900),
        adset(countries=("IT",)),
        ad(),
        days=selling(860, "3.3"),
        limits={"min_spain_percentage": Decimal("0.25")},
    )


def _creative_not_approved() -> Scene:
    scene = a_scene(
        "One of its ads is new, and nobody approved it.",
        campaign(),
        adset(),
        ad(),
        ad("3202", name="Video 30s"),
        days=GOOD,
        performance={"3202": {}},
    )
    approved = scene.memory.approved_creatives - {"cr3202"}
    return replace(scene, memory=replace(scene.memory, approved_creatives=approved))


def _disapproved_by_meta() -> Scene:
    return a_scene(
        "Meta disapproved one of its ads.",
        campaign(),
        adset(),
        ad(),
        ad("3202", name="Video 30s", effective_status="DISAPPROVED"),
        days=GOOD,
        performance={"3202": {}},
    )


def _tracking_outage() -> Scene:
    lost = complete_days(TODAY, 2)

    def silent(days: Days) -> Days:
        return {
            day: facts._replace(value_micros=0, purchases=0) if day in lost else facts
            for day, facts in days.items()
        }

    _, delivered = _others("USD")
    sold = {key: silent(days) for key, days in {**delivered, AD: GOOD}.items()}
    return a_scene(
        "Not one purchase in the account for two days; auto mode asks a person.",
        performance=sold,
        is_auto=True,
    )


def _blast_radius() -> Scene:
    before = tuple(
        AutomaticPause(entity_id=f"121{n}", campaign_id=f"121{n}", adset_id=None, at=hours_ago(6))
        for n in range(4)
    )
    return a_scene(
        "The fifth automatic pause of a day, in auto mode.",
        days=LOST,
        remembered={"automatic_pauses": before},
        is_auto=True,
    )


def _reversal() -> Scene:
    cut = remembering(
        last_executed_at=hours_ago(60), last_direction=-1, last_direction_at=hours_ago(60)
    )
    return a_scene(
        "Cut two days ago; to raise it now takes more confidence.",
        campaign(budget=80),
        adset(),
        ad(),
        days=selling(60, "2.4"),
        memory={CAMPAIGN: cut},
    )


def _under_a_campaign_budget() -> Scene:
    return a_scene(
        "An ad set under a campaign budget: Meta distributes.", days=GOOD, subject=ADSET
    )


def _an_ad_has_no_budget() -> Scene:
    return a_scene("An ad that does well: there is nothing to raise.", days=GOOD, subject=AD)


def _parent_to_be_paused() -> Scene:
    return a_scene("An ad under a campaign that is in hard stop.", days=LOST, subject=AD)


def _paused_by_a_person() -> Scene:
    return a_scene(
        "Somebody paused the campaign.",
        campaign(status="PAUSED"),
        adset(effective_status="CAMPAIGN_PAUSED"),
        ad(effective_status="CAMPAIGN_PAUSED"),
        days=GOOD,
    )


def _good_child_spares_its_parent() -> Scene:
    return _with_siblings(
        "A campaign in hard stop with one ad set that earns its keep.",
        "0.4",
        "0.5",
        "1.6",
        budgets=(300, 300, 60),
    )


def _lifetime_budget() -> Scene:
    return a_scene(
        "A lifetime budget with ten days to go.",
        campaign(budget=lifetime(14000, remaining=5000, days_left=10)),
        adset(),
        ad(),
        days=GOOD,
    )


def _reallocation() -> Scene:
    return _with_siblings(
        "Three ad sets, one of them twice as good as the worst.",
        "1.52",
        "3.6",
        "1.8",
        subject="2201",
        limits={"scale_up_roas": Decimal(4)},
    )


def _resume() -> Scene:
    ours = remembering(
        paused_by_us_at=NOW - timedelta(days=4),
        paused_on=TODAY - timedelta(days=4),
        last_executed_at=NOW - timedelta(days=4),
    )
    return a_scene(
        "Paused by this system; the orders that came later say it was wrong.",
        campaign(),
        adset(),
        ad(status="PAUSED"),
        ad("3202", name="Video 30s"),
        days=selling(100, "2.4"),
        performance={"3202": selling(380, "1.7")},
        memory={AD: ours},
        subject=AD,
    )


def _not_yet_resumed() -> Scene:
    ours = remembering(
        paused_by_us_at=NOW - timedelta(days=4),
        paused_on=TODAY - timedelta(days=4),
        last_executed_at=NOW - timedelta(days=4),
    )
    return a_scene(
        "Paused by this system, and rightly so.",
        campaign(),
        adset(),
        ad(status="PAUSED"),
        ad("3202", name="Video 30s"),
        days=selling(100, "0.8"),
        performance={"3202": selling(380, "1.7")},
        memory={AD: ours},
        subject=AD,
    )


def _human_override() -> Scene:
    undone = remembering(reversed_at={ActionType.SCALE_UP: NOW - timedelta(days=3)})
    return a_scene(
        "A person took back the last raise; auto mode asks.",
        days=GOOD,
        memory={CAMPAIGN: undone},
        is_auto=True,
    )


def _rejected_today() -> Scene:
    no = remembering(rejected_at={ActionType.SCALE_UP: hours_ago(7)})
    return a_scene("A person rejected the raise this morning.", days=GOOD, memory={CAMPAIGN: no})


def _in_doubt() -> Scene:
    open_change = remembering(in_doubt_since=hours_ago(0.5))
    return a_scene(
        "What became of the last change is not known yet.",
        days=GOOD,
        memory={CAMPAIGN: open_change},
    )


def _no_rate() -> Scene:
    return a_scene(
        "An account in kronor, and nobody said what one is worth.",
        campaign(budget=daily(500, "SEK")),
        adset(),
        ad(),
        days=GOOD,
        account={"currency": Currency("SEK")},
    )


def _another_account_unread() -> Scene:
    return a_scene(
        "A second account was never read: what it spends is not known.",
        days=GOOD,
        unread=(UnreadAccount(account_id="2002"),),
    )


def _second_controller() -> Scene:
    return a_scene(
        "Meta's own automated rule governs it too, and the operator wants one of them only.",
        days=GOOD,
        read={"governed_by_rules": frozenset({CAMPAIGN})},
        limits={"block_on_second_controller": True},
        is_auto=True,
    )


def _platform_pace() -> Scene:
    return a_scene(
        "A cut late in the day: most of the budget is spent already.",
        days=selling(480, "1.1", today=470),
    )


def _sent_too_often() -> Scene:
    sent = remembering(budget_sent_at=(hours_ago(0.9), hours_ago(0.5), hours_ago(0.2)))
    return a_scene(
        "Its budget was sent three times this hour.", days=GOOD, memory={CAMPAIGN: sent}
    )


def _not_measured() -> Scene:
    return a_scene(
        "A campaign for leads: it has no ROAS.",
        campaign(name="Newsletter", objective="OUTCOME_LEADS"),
        adset(optimization_goal="LEAD_GENERATION"),
        ad(),
        days=selling(480, "0"),
    )


def _legacy() -> Scene:
    return a_scene(
        "A legacy Advantage+ campaign: the API changes it no more.",
        campaign(smart_promotion_type="AUTOMATED_SHOPPING_ADS"),
        adset(),
        ad(),
        days=LOST,
    )


def _with_issues() -> Scene:
    return a_scene(
        "Meta reports issues with it: it may be paused, no more.",
        campaign(effective_status="WITH_ISSUES"),
        adset(),
        ad(),
        days=GOOD,
    )


def _not_its_turn() -> Scene:
    seen = {CAMPAIGN: remembering(last_evaluated_at=hours_ago(0.5))}
    return a_scene(
        "More campaigns than a tick evaluates.",
        days=GOOD,
        limits={"max_campaigns_per_tick": 4},
        memory=seen,
    )


def _too_many_actions() -> Scene:
    return a_scene(
        "The tick's one action goes to a hard stop elsewhere.",
        days=GOOD,
        performance={"3210": selling(380, "0.4")},
        limits={"max_actions_per_tick": 1},
    )


def _no_step() -> Scene:
    return a_scene(
        "The operator allows half a percent a day: less than any change that is made.",
        days=GOOD,
        limits={
            "max_daily_change_pct": Decimal("0.005"),
            "max_auto_change_pct": Decimal("0.005"),
        },
    )


def _idle() -> Scene:
    long_ago = {TODAY - timedelta(days=20): _day(Decimal(5), Decimal(2))}
    return a_scene("It has spent nothing for weeks.", days=long_ago)


_MADE_BY: Final[tuple[Callable[[], Scene], ...]] = (
    _hard_stop_in_suggest_mode, _pause_executed, _pause_below_a_tightened_hard_stop,
    _raise_made_smaller, _raise_that_fits, _raise_executed, _raise_left_to_a_person, _cut_queued,
    _nothing_to_change, _not_sure_enough, _bad_but_not_sure_enough, _too_little_data, _too_young,
    _under_a_young_campaign, _cooldown_after_own_change, _cooldown_after_somebodys_edit,
    _learning_phase, _freeze, _out_of_scope, _daily_cap, _campaign_cap, _cap_and_cooldown,
    _countries, _creative_not_approved, _disapproved_by_meta, _tracking_outage, _blast_radius,
    _reversal, _under_a_campaign_budget, _an_ad_has_no_budget, _parent_to_be_paused,
    _paused_by_a_person, _good_child_spares_its_parent, _lifetime_budget, _reallocation, _resume,
    _not_yet_resumed, _human_override, _rejected_today, _in_doubt, _no_rate,
    _another_account_unread, _second_controller, _platform_pace, _sent_too_often, _not_measured,
    _legacy, _with_issues, _not_its_turn, _too_many_actions, _no_step, _idle,
)  # fmt: skip
SITUATIONS: Final[Mapping[str, Scene]] = {
    make.__name__.removeprefix("_"): make() for make in _MADE_BY
}
