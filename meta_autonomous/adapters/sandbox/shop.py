"""What the sandbox's shop runs: campaigns that show every kind of decision within a few days.

Each plan says above it what it is there to show under the default settings. Spain has about 30 %
of the budget on purpose: growing anything outside Spain makes the country distribution worse.
"""

from typing import Final

from meta_autonomous.adapters.sandbox.plan import AdPlan, AdSetPlan, CampaignPlan

#: The right-to-left override and the markup are meant: whatever prints names must survive them.
HOSTILE_NAME: Final = "[bold]Promo[/] \u202e<script>alert(1)</script>"
EMOJI_NAME: Final = "Loyalty - ES \U0001f6cd\ufe0f"

PLANS: Final = (
    # Scale up: $500.00 a day, ROAS 3.2, cheap orders and many of them, Spain only.
    CampaignPlan(
        name="Black Friday - ES", budget=500, age=28, countries={"ES": 1}, order_value=19,
        noise=0.08, order_sigma=0.45,
        adsets=(
            AdSetPlan("Broad 25-54", share=0.5, ads=(
                AdPlan("Countdown - Video 30s", 0.45, 3.25),
                AdPlan("Bestsellers - Carousel", 0.35, 3.15),
                AdPlan("40% off - Static", 0.2, 3.1),
            )),
            AdSetPlan("Lookalike 1% - Purchasers", share=0.3, ads=(
                AdPlan("Countdown - Reel", 0.6, 3.3),
                AdPlan("Bundle offer - Static", 0.4, 3.1),
            )),
            AdSetPlan("Retargeting 30d", share=0.2, ads=(
                AdPlan("Last chance - Story", 0.5, 3.3),
                AdPlan("Dynamic catalogue", 0.5, 3.2),
            )),
        ),
    ),
    # One ad fails, its siblings are fine: the ad is paused, not its parents.
    CampaignPlan(
        name="Prospecting - ES/PT", budget=420, age=75, countries={"ES": 0.5, "PT": 0.5},
        order_value=13, noise=0.1, order_sigma=0.5,
        adsets=(
            AdSetPlan("Interests - Home decor", share=0.6, ads=(
                AdPlan("Variant A - Control", 0.3, 2.2),
                AdPlan("Variant B - Low Performer", 0.5, 0.68),
                AdPlan("Variant C - UGC", 0.2, 2.1),
            )),
            AdSetPlan("Broad - Advantage audience", share=0.4, ads=(
                AdPlan("Founder story - Video", 0.5, 2.3),
                AdPlan("Before and after - Carousel", 0.3, 2.1),
                AdPlan("Free shipping - Static", 0.2, 2.2),
            )),
        ),
    ),
    # Ad sets with own budgets, best clearly above 1.5 x worst: reallocate.
    CampaignPlan(
        name="Retargeting - FR/DE/IT", age=120, order_value=18, noise=0.1, order_sigma=0.5,
        countries={"FR": 0.4, "DE": 0.35, "IT": 0.25},
        adsets=(
            AdSetPlan("Visitors 14d - Dynamic", budget=120, ads=(
                AdPlan("Dynamic catalogue - Viewed", 0.7, 3.1),
                AdPlan("Viewed, with review stars", 0.3, 3.0),
            )),
            AdSetPlan("Add to cart 7d", budget=100, ads=(
                AdPlan("Forgot something?", 0.6, 1.8),
                AdPlan("Cart - Free returns", 0.4, 1.75),
            )),
            AdSetPlan("Engagers 60d", budget=90, ads=(
                AdPlan("Behind the scenes - Reel", 0.5, 1.75),
                AdPlan("Top 5 gifts - Carousel", 0.5, 1.7),
            )),
            AdSetPlan("Past buyers 180d", budget=80, ads=(
                AdPlan("We miss you", 0.5, 1.15),
                AdPlan("New season - Static", 0.5, 1.1),
            )),
        ),
    ),
    # Scale down; and one ad that Meta disapproved.
    CampaignPlan(
        name="Evergreen - FR", budget=450, age=210, countries={"FR": 1}, order_value=32,
        noise=0.1,
        adsets=(
            AdSetPlan("Broad FR", share=0.6, ads=(
                AdPlan("Evergreen - Video 15s", 0.5, 1.2),
                AdPlan("Evergreen - Carousel", 0.5, 1.2),
                AdPlan("Get your dream body", 0.3, 1.0, review="DISAPPROVED"),
            )),
            AdSetPlan("Lookalike 3% FR", share=0.4, ads=(
                AdPlan("Evergreen - Static A", 0.5, 1.15),
                AdPlan("Evergreen - Static B", 0.5, 1.2),
            )),
        ),
    ),
    # A whole campaign fails: the parent is paused.
    CampaignPlan(
        name="Clearance - IT", budget=220, age=41, countries={"IT": 1}, order_value=17,
        noise=0.1,
        adsets=(
            AdSetPlan("Broad IT", share=0.65, ads=(
                AdPlan("Everything must go", 0.6, 0.55),
                AdPlan("Final stock - Carousel", 0.4, 0.5),
            )),
            AdSetPlan("Deal hunters IT", share=0.35, ads=(
                AdPlan("Up to 70% - Static", 0.5, 0.5),
                AdPlan("Outlet - Reel", 0.5, 0.55),
            )),
        ),
    ),
    # Would grow, but not in Spain: blocked by the country distribution. Edited on day 2.
    CampaignPlan(
        name="Catalog Sales - DE", budget=600, age=160, countries={"DE": 1}, order_value=48,
        noise=0.1,
        adsets=(
            AdSetPlan("Catalogue - All products DE", share=0.6, ads=(
                AdPlan("Collection ad - Living room", 0.4, 2.8),
                AdPlan("Collection ad - Bedroom", 0.35, 2.7),
                AdPlan("Dynamic - Single image", 0.25, 2.8),
            )),
            AdSetPlan("Catalogue - High margin DE", share=0.4, ads=(
                AdPlan("High margin - Carousel", 0.6, 2.9),
                AdPlan("High margin - Video", 0.4, 2.7),
            )),
        ),
    ),
    # Too young to be touched.
    CampaignPlan(
        name="New Arrivals - ES", budget=100, age=20 / 24, countries={"ES": 1}, order_value=35,
        adsets=(
            AdSetPlan("New Arrivals - Broad", share=1, ads=(
                AdPlan("Lookbook - Video", 0.6, 2.4),
                AdPlan("Lookbook - Carousel", 0.4, 2.2),
            )),
        ),
    ),
    # Too little data: under 1000 impressions and under $100 in a week.
    CampaignPlan(
        name="Micro test - Newsletter PT", age=30, countries={"PT": 1}, order_value=25, cpm=36,
        adsets=(
            AdSetPlan("Newsletter subscribers", budget=4, ads=(
                AdPlan("Thank you - Static", 0.5, 2.6),
                AdPlan("Thank you - Story", 0.5, 2.2),
            )),
        ),
    ),
    # Would grow, but its big ad set is in the learning phase since an edit three days ago.
    CampaignPlan(
        name="Lookalike 2% - FR", age=60, countries={"FR": 1}, order_value=85, noise=0.1,
        order_sigma=0.4,
        adsets=(
            AdSetPlan("LAL 2% - High value", budget=160, ads=(
                AdPlan("Craftsmanship - Video", 0.5, 3.2),
                AdPlan("Press quotes - Static", 0.5, 3.1),
            )),
            AdSetPlan("LAL 2% - Broad", budget=60, order_value=30, ads=(
                AdPlan("Starter set - Carousel", 0.5, 1.75),
                AdPlan("Starter set - Reel", 0.5, 1.7),
            )),
        ),
    ),
    # Leads, not purchases: has no ROAS, must never be paused for it. Names no country either.
    CampaignPlan(
        name="Lead form - Trade customers", budget=180, age=90, countries={"DE": 1},
        objective="OUTCOME_LEADS", cost_per_lead=9, regions_only=True,
        adsets=(
            AdSetPlan("Interior designers", share=0.6, ads=(
                AdPlan("Trade programme - Form A", 0.5, 0),
                AdPlan("Trade programme - Form B", 0.5, 0),
            )),
            AdSetPlan("Hotels and restaurants", share=0.4, ads=(
                AdPlan("Wholesale - Form", 0.6, 0),
                AdPlan("Wholesale - Video form", 0.4, 0),
            )),
        ),
    ),
    # Legacy Advantage+ shopping: the API cannot change it.
    CampaignPlan(
        name="ASC | Legacy shopping", budget=300, age=420, order_value=28,
        countries={"ES": 0.3, "FR": 0.4, "IT": 0.3},
        extra={"smart_promotion_type": "AUTOMATED_SHOPPING_ADS"},
        adsets=(
            AdSetPlan("ASC ad set", share=1, ads=(
                AdPlan("ASC 01 - Video", 0.4, 2.5),
                AdPlan("ASC 02 - Carousel", 0.3, 2.4),
                AdPlan("ASC 03 - Static", 0.3, 2.3),
            )),
        ),
    ),
    # Runs on a budget schedule: read only.
    CampaignPlan(
        name="Weekend Boost - NL", budget=140, age=55, countries={"NL": 1}, order_value=26,
        weekend_factor=1.4, extra={"is_budget_schedule_enabled": True},
        adsets=(
            AdSetPlan("Broad NL", share=0.7, ads=(
                AdPlan("Weekend deal - Video", 0.5, 2.7),
                AdPlan("Weekend deal - Static", 0.5, 2.5),
            )),
            AdSetPlan("Engagers NL", share=0.3, ads=(
                AdPlan("Weekend deal - Story", 1, 2.6),
            )),
        ),
    ),
    # A lifetime budget that does poorly: a cut must be computed from what is left.
    CampaignPlan(
        name="Gift Guide - BE (lifetime)", lifetime=(3600, 30), age=12, countries={"BE": 1},
        order_value=22, noise=0.1,
        adsets=(
            AdSetPlan("Gift buyers BE", share=0.6, ads=(
                AdPlan("Gifts under 50", 0.5, 1.2),
                AdPlan("Gifts for her", 0.5, 1.15),
            )),
            AdSetPlan("Broad BE", share=0.4, ads=(
                AdPlan("Gift finder - Quiz", 0.5, 1.15),
                AdPlan("Gift card", 0.5, 1.2),
            )),
        ),
    ),
    # Governed by one of Meta's own automated rules: a second controller.
    CampaignPlan(
        name=EMOJI_NAME, budget=200, age=100, countries={"ES": 1}, order_value=24, noise=0.1,
        adsets=(
            AdSetPlan("Loyalty members", share=0.6, ads=(
                AdPlan("Double points", 0.5, 2.8),
                AdPlan("Members first \u2728", 0.5, 2.7),
            )),
            AdSetPlan("Lapsed members", share=0.4, ads=(
                AdPlan("Come back, 10% off", 0.6, 2.7),
                AdPlan("Your points expire", 0.4, 2.6),
            )),
        ),
    ),
    # A person edited the first ad set five hours ago: cooldown.
    CampaignPlan(
        name="Bundle Deals - ES/PT", age=66, countries={"ES": 0.3, "PT": 0.7}, order_value=22,
        noise=0.1,
        adsets=(
            AdSetPlan("Bundles - Broad", budget=110, ads=(
                AdPlan("3 for 2 - Video", 0.5, 2.8),
                AdPlan("3 for 2 - Carousel", 0.5, 2.7),
            )),
            AdSetPlan("Bundles - Interests", budget=80, ads=(
                AdPlan("Build your bundle", 0.6, 1.75),
                AdPlan("Bundle and save", 0.4, 1.7),
            )),
        ),
    ),
    # A hostile name; one ad gets a new creative on day 2, which nobody has approved.
    CampaignPlan(
        name=HOSTILE_NAME, budget=160, age=80, countries={"ES": 1}, order_value=21, noise=0.1,
        adsets=(
            AdSetPlan("Promo <b>Broad</b>", share=0.6, ads=(
                AdPlan("Promo - Video", 0.5, 2.7),
                AdPlan("Promo - [link=file:///etc/passwd]Static[/link]", 0.5, 2.6),
            )),
            AdSetPlan("Promo - Engagers", share=0.4, ads=(
                AdPlan("Promo - Reel", 0.5, 2.7),
                AdPlan("Promo - Story", 0.5, 2.6),
            )),
        ),
    ),
    # WITH_ISSUES and failing: may be paused, nothing else.
    CampaignPlan(
        name="Checkout test - US", budget=130, age=33, countries={"US": 1}, order_value=15,
        noise=0.1, review="WITH_ISSUES",
        extra={
            "issues_info": [
                {
                    "level": "CAMPAIGN",
                    "error_code": 2490408,
                    "error_type": "SOFT_ERROR",
                    "error_summary": "Some ad sets are not delivering",
                    "error_message": "An ad set of this campaign uses an event without traffic.",
                }
            ]
        },
        adsets=(
            AdSetPlan("US - Broad", share=0.7, ads=(
                AdPlan("Checkout A", 0.5, 0.55),
                AdPlan("Checkout B", 0.5, 0.6),
            )),
            AdSetPlan("US - Interests", share=0.3, ads=(
                AdPlan("Checkout C", 0.5, 0.55),
                AdPlan("Checkout D", 0.5, 0.5),
            )),
        ),
    ),
    # Archived three days ago and deleted five days ago: their spend is in the account's total,
    # but no list shows them unless asked.
    CampaignPlan(
        name="Summer Sale 2026", budget=150, age=130, countries={"ES": 0.4, "FR": 0.6},
        order_value=27,
        adsets=(
            AdSetPlan("Summer - Broad", share=1, ads=(
                AdPlan("Summer - Video", 0.6, 1.4),
                AdPlan("Summer - Carousel", 0.4, 1.3),
            )),
        ),
    ),
    CampaignPlan(
        name="Influencer test (old)", budget=80, age=38, countries={"IT": 1}, order_value=30,
        adsets=(
            AdSetPlan("Influencer audience", share=1, ads=(
                AdPlan("@casa.bella - Reel", 0.5, 0.9),
                AdPlan("@casa.bella - Story", 0.5, 0.8),
            )),
        ),
    ),
    # Paused by a person twelve days ago: not ours to resume.
    CampaignPlan(
        name="Spring Drop - PT", budget=110, age=190, countries={"PT": 1}, order_value=29,
        adsets=(
            AdSetPlan("Spring - Broad", share=1, ads=(
                AdPlan("Spring - Video", 0.5, 1.9),
                AdPlan("Spring - Carousel", 0.5, 1.8),
            )),
        ),
    ),
)  # fmt: skip

#: Created on day 3, while the world runs.
NEWCOMER: Final = CampaignPlan(
    name="Cyber Week teaser - ES", budget=120, age=-46 / 24, countries={"ES": 1}, order_value=24,
    adsets=(
        AdSetPlan("Teaser - Broad", share=1, ads=(
            AdPlan("Teaser - Video", 0.5, 2.5, review="PENDING_REVIEW"),
            AdPlan("Teaser - Static", 0.5, 2.4, review="PENDING_REVIEW"),
        )),
    ),
)  # fmt: skip
