"""The shop that a world's plan describes, with its past."""

from typing import Final
from zoneinfo import ZoneInfo

from tests.worlds import description as d
from tests.worlds.shop import Account, Shop, Thing, live_through_the_past

_MINIMUM: Final = {"USD": 100, "EUR": 100, "JPY": 100}
_ORDER: Final = {"USD": 2_000, "EUR": 2_000, "JPY": 3_000}


def open_shop(world: d.World) -> Shop:
    shop = Shop(now=int(world.start.timestamp()))
    for place, plan in enumerate(world.accounts):
        account = Account(
            id=str(1_000 + place),
            currency=plan.currency,
            zone=ZoneInfo(plan.zone),
            minimum=_MINIMUM[plan.currency],
            order_value=_ORDER[plan.currency],
        )
        shop.accounts.append(account)
        for campaign in plan.campaigns:
            account.campaigns.append(_campaign(shop, account, campaign))
    live_through_the_past(shop)
    for account, plan in zip(shop.accounts, world.accounts, strict=True):
        account.tracks = plan.tracks
    return shop


def _campaign(shop: Shop, account: Account, plan: d.CampaignPlan) -> Thing:
    created = shop.now - plan.age_hours * d.HOUR
    is_lifetime = plan.days_left is not None
    campaign = Thing(
        id=shop.new_id(),
        level="campaign",
        name=plan.name,
        account=account,
        parent=None,
        created=created,
        status=plan.status,
        kind=None if plan.budget is None else "lifetime" if is_lifetime else "daily",
        budget=plan.budget,
        ends=None if plan.days_left is None else shop.now + round(plan.days_left * d.DAY),
        pace=plan.pace,
    )
    for number, part in enumerate(plan.adsets):
        adset = Thing(
            id=shop.new_id(),
            level="adset",
            name=f"{plan.name} / {number}",
            account=account,
            parent=campaign,
            created=shop.now - part.age_hours * d.HOUR,
            status=part.status,
            kind=None if part.budget is None else "daily",
            budget=part.budget,
            ends=campaign.ends,
            countries=part.countries,
            learning=part.learning,
            pace=plan.pace,
        )
        campaign.children.append(adset)
        adset.children += [_ad(shop, adset, one) for one in part.ads]
    return campaign


def _ad(shop: Shop, adset: Thing, plan: d.AdPlan) -> Thing:
    ad_id = shop.new_id()
    return Thing(
        id=ad_id,
        level="ad",
        name=f"{adset.name} / ad {ad_id[-3:]}",
        account=adset.account,
        parent=adset,
        created=adset.created,
        creative=shop.new_id(),
        review=plan.review,
        roas=plan.roas,
        weight=plan.weight,
    )
