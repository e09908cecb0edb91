"""The safety engine: the rules against harm, and the same for a caller's script.

`SAFETY_RULES` stand in the order in which they are told to a person. `SafetyEngine` answers the
same questions about plain numbers, by the same arithmetic.
"""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Final

from meta_autonomous.decision import (
    creatives,
    safety_evidence,
    safety_spend,
    safety_timing,
)
from meta_autonomous.decision.candidates import IN_SCOPE, in_scope
from meta_autonomous.decision.context import AutomaticPause, Case
from meta_autonomous.decision.plain import (
    Clock,
    Plain,
    aware,
    exact,
    given,
    given_or,
    limits_of,
    truth,
    wall_clock,
)
from meta_autonomous.decision.rules import (
    ALL_BUT_PAUSE,
    BUDGET_CHANGES,
    EVERY_ROUTE,
    EVERY_TYPE,
    INCREASES_AND_RESUME,
    ONLY_AUTO,
    Rule,
    blocks,
    demotes,
    listed,
    named,
    passes,
    percent,
    strictest,
    tidy,
    touched,
    warns,
    window_of,
)
from meta_autonomous.domain.action import Action, ActionType
from meta_autonomous.domain.entities import Ad
from meta_autonomous.domain.performance import total
from meta_autonomous.domain.verdict import Flip, Verdict

BLAST_WINDOW: Final = timedelta(hours=24)
BLAST_ENTITIES: Final = 3
BLAST_SHARE: Final = Decimal("0.5")


def second_controller(action: Action, case: Case) -> Verdict:
    """Two controllers on one budget undo each other's work."""
    governed = [
        named(entity) for entity in touched(action) if entity.id in case.snapshot.governed_by_rules
    ]
    if not governed:
        return passes(0, 0, "None of Meta's automated rules governs it.")
    told = f"Meta's own automated rules govern the {listed(governed)}; switch one of the two off."
    if case.limits.block_on_second_controller:
        alone = Flip(
            fact="BLOCK_ON_SECOND_CONTROLLER",
            needed=False,
            words="without Meta's own rule on it, or with BLOCK_ON_SECOND_CONTROLLER=false",
        )
        return blocks(len(governed), 0, told, flip=alone)
    return warns(len(governed), 0, told)


def blast_radius(action: Action, case: Case) -> Verdict:
    """Many automatic pauses at once are more often a fault than a market."""
    pauses = [
        pause
        for pause in case.situation.memory.automatic_pauses
        if case.now - pause.at < BLAST_WINDOW
    ]
    pauses += [pause for pause in case.granted_pauses if _is_of_account(pause, case)]
    pauses.append(_pause_of(action, case))
    touched_ids = {pause.entity_id for pause in pauses}
    covered = _covered_micros(pauses, case)
    whole = case.snapshot.spend_on(window_of(case))
    share = Decimal(covered) / whole if whole > 0 else Decimal(0)
    told = f"It is one of {len(touched_ids)} automatic pauses within 24 h, which carried "
    told += f"{percent(share)} of the account's spend"
    if len(touched_ids) >= BLAST_ENTITIES and share > BLAST_SHARE:
        told += f" (a person decides above {percent(BLAST_SHARE)} from {BLAST_ENTITIES} on)."
        fewer = Flip(
            fact="share of spend",
            needed=BLAST_SHARE,
            words=f"if the automatic pauses of 24 h had carried at most {percent(BLAST_SHARE)} of "
            f"the spend (they carried {percent(share)})",
        )
        return demotes(tidy(share), BLAST_SHARE, told, flip=fewer)
    return passes(tidy(share), BLAST_SHARE, f"{told}.")


def _pause_of(action: Action, case: Case) -> AutomaticPause:
    entity = action.entity
    adset_id = entity.of_adset if isinstance(entity, Ad) else None
    return AutomaticPause(
        entity_id=entity.id, campaign_id=entity.campaign_id, adset_id=adset_id, at=case.now
    )


def _is_of_account(pause: AutomaticPause, case: Case) -> bool:
    """Pauses granted this tick are told for all accounts together."""
    return case.snapshot.entity(pause.entity_id) is not None


def _covered_micros(pauses: Iterable[AutomaticPause], case: Case) -> int:
    """The window's spend of all that was paused; a child under a paused parent counts in it."""
    by_id = {pause.entity_id: pause for pause in pauses}
    window = window_of(case)
    covered = 0
    for pause in by_id.values():
        parents = {pause.campaign_id, pause.adset_id} - {pause.entity_id}
        if parents & set(by_id):
            continue
        covered += sum(
            total(days[pause.entity_id], window).spend_micros
            for days in case.snapshot.days.values()
            if pause.entity_id in days
        )
    return covered


def scope(action: Action, case: Case) -> Verdict:
    """What the operator excluded, or did not include, is not touched."""
    for entity in touched(action):
        campaign = case.snapshot.campaigns.get(entity.campaign_id)
        if campaign is None:
            return blocks(None, None, f"The campaign of the {named(entity)} was not read.")
        if not in_scope(entity, case.snapshot, case.book):
            told = f"The {named(entity)} is outside the scope; see [scope] in the configuration."
            return blocks(campaign.name, None, told, flip=IN_SCOPE)
    return passes(None, None, "It is inside the scope.")


DAILY_SPEND: Final = Rule(
    id="safety.daily_spend",
    sentence="The day's spend would exceed the daily cap, or is not known in whole.",
    limits=("max_daily_spend_usd", "daily_overspend_factor"),
    applies_to=INCREASES_AND_RESUME,
    routes=EVERY_ROUTE,
    check=safety_spend.daily_spend,
)
EMBARGO: Final = Rule(
    id="safety.embargo",
    sentence="It is too young, or its age is not known.",
    limits=("min_age_hours", "creative_embargo_hours"),
    applies_to=ALL_BUT_PAUSE,
    routes=EVERY_ROUTE,
    check=safety_timing.embargo,
    exempts_undo=True,
)
MINIMUM_DATA: Final = Rule(
    id="safety.minimum_data",
    sentence="There is too little data in the window.",
    limits=("min_impressions", "min_spend_usd"),
    applies_to=ALL_BUT_PAUSE,
    routes=EVERY_ROUTE,
    check=safety_evidence.minimum_data,
    exempts_undo=True,
)
PLATFORM_PACE: Final = Rule(
    id="safety.platform_pace",
    sentence="Meta would refuse this budget now; it waits.",
    limits=(),
    applies_to=BUDGET_CHANGES,
    routes=EVERY_ROUTE,
    check=safety_timing.platform_pace,
)
SECOND_CONTROLLER: Final = Rule(
    id="safety.second_controller",
    sentence="One of Meta's own automated rules governs it.",
    limits=("block_on_second_controller",),
    applies_to=EVERY_TYPE,
    routes=ONLY_AUTO,
    check=second_controller,
)
COOLDOWN: Final = Rule(
    id="safety.cooldown",
    sentence="It was changed too recently.",
    limits=("action_cooldown_hours",),
    applies_to=ALL_BUT_PAUSE,
    routes=EVERY_ROUTE,
    check=safety_timing.cooldown,
    exempts_undo=True,
)
CREATIVE: Final = Rule(
    id="safety.creative",
    sentence="An ad that delivers uses a creative that is not approved.",
    limits=("require_human_approval_creatives",),
    applies_to=INCREASES_AND_RESUME,
    routes=EVERY_ROUTE,
    check=creatives.creative,
)
SANITY: Final = Rule(
    id="safety.sanity",
    sentence="The numbers can't be right, or the read is old or incomplete.",
    limits=(),
    applies_to=EVERY_TYPE,
    routes=EVERY_ROUTE,
    check=safety_evidence.sanity,
)
LEARNING_PHASE: Final = Rule(
    id="safety.learning_phase",
    sentence="It is in its learning phase.",
    limits=("block_increase_while_learning",),
    applies_to=BUDGET_CHANGES,
    routes=EVERY_ROUTE,
    check=safety_evidence.learning_phase,
    exempts_undo=True,
)
TRACKING_OUTAGE: Final = Rule(
    id="safety.tracking_outage",
    sentence="Purchase tracking seems broken; a person decides.",
    limits=(),
    applies_to=EVERY_TYPE,
    routes=ONLY_AUTO,
    check=safety_evidence.tracking_outage,
)
BLAST_RADIUS: Final = Rule(
    id="safety.blast_radius",
    sentence="Automatic pauses cover too much of the account's spend; a person decides.",
    limits=(),
    applies_to=frozenset({ActionType.PAUSE}),
    routes=ONLY_AUTO,
    check=blast_radius,
)
HUMAN_OVERRIDE: Final = Rule(
    id="auto.human_override",
    sentence="A person took back such an action on it lately; a person decides.",
    limits=(),
    applies_to=EVERY_TYPE,
    routes=ONLY_AUTO,
    check=safety_timing.human_override,
)
FREEZE: Final = Rule(
    id="limits.freeze",
    sentence="Budgets are frozen.",
    limits=(),
    applies_to=ALL_BUT_PAUSE,
    routes=EVERY_ROUTE,
    check=safety_timing.freeze,
)
SCOPE: Final = Rule(
    id="limits.scope",
    sentence="It is outside the scope of this system.",
    limits=(),
    applies_to=EVERY_TYPE,
    routes=EVERY_ROUTE,
    check=scope,
)

SAFETY_RULES: Final = (
    DAILY_SPEND,
    EMBARGO,
    MINIMUM_DATA,
    PLATFORM_PACE,
    SECOND_CONTROLLER,
    COOLDOWN,
    CREATIVE,
    SANITY,
    LEARNING_PHASE,
    TRACKING_OUTAGE,
    BLAST_RADIUS,
    HUMAN_OVERRIDE,
    FREEZE,
    SCOPE,
)


class SafetyEngine:
    """The safety rules about plain numbers, for scripts. Amounts are in USD.

    `settings` is `AutonomousSettings`, `Limits`, or any object with attributes of their names.
    Every method returns a verdict that is true when allowed, with `.reason`, `.observed` and
    `.limit`. Missing or odd input is refused, and so is a time without a zone.
    """

    def __init__(self, settings: object, clock: Clock | None = None) -> None:
        self.limits = limits_of(settings)
        self._clock = wall_clock if clock is None else clock

    def prevent_overspend(
        self, spend_today: object, proposed: object, db: object = None
    ) -> Verdict:
        """The plain sum of both against MAX_DAILY_SPEND_USD. `db` is the seed's, and not used:
        the caller says what was spent."""
        del db
        return DAILY_SPEND.answer(
            lambda: safety_spend.within_daily_cap(
                _amount(spend_today, "the spend today"),
                _amount(proposed, "the proposed budget"),
                self.limits,
            )
        )

    def enforce_embargo_period(self, created_at: object, embargo_hours: object = None) -> Verdict:
        """`embargo_hours` is MIN_AGE_HOURS unless given."""
        return EMBARGO.answer(
            lambda: safety_timing.old_enough(
                None if created_at is None else aware(created_at, "the time of creation"),
                now=self._clock(),
                embargo_hours=(
                    self.limits.min_age_hours
                    if embargo_hours is None
                    else _amount(embargo_hours, "the embargo")
                ),
            )
        )

    def block_unapproved_creatives(self, creative: Plain) -> Verdict:
        """Key: is_human_approved."""
        return CREATIVE.answer(
            lambda: creatives.human_approval(
                []
                if truth(creative.get("is_human_approved", False), "is_human_approved")
                else [str(creative.get("creative_id", "it"))],
                is_required=self.limits.require_human_approval_creatives,
            )
        )

    def check_minimum_data(self, impressions: object, spend: object) -> Verdict:
        return MINIMUM_DATA.answer(
            lambda: safety_evidence.enough_data(
                _amount(impressions, "the impressions"), _amount(spend, "the spend"), self.limits
            )
        )

    def check_action_rate_limit(self, entity_id: object, last_action: object) -> Verdict:
        """`last_action` is when it was last changed; None if it never was."""
        return COOLDOWN.answer(
            lambda: safety_timing.rested(
                None if last_action is None else aware(last_action, "the last action"),
                now=self._clock(),
                cooldown_hours=self.limits.action_cooldown_hours,
                what=str(entity_id),
            )
        )

    def validate_roas_confidence(self, roas: object, confidence: object) -> Verdict:
        return SANITY.answer(
            lambda: safety_evidence.sane_roas(
                exact(roas, "the ROAS"), exact(confidence, "the confidence")
            )
        )

    def validate_action(
        self, action_type: object, data: Plain, context: Plain, db: object = None
    ) -> Verdict:
        """The strictest word of all safety rules on one action.

        Keys of `data` or `context`: roas, confidence; but for a pause also impressions, spend,
        created_at, last_action_at (None if never); for an increase or resume also spend_today
        and new_budget; where given, creative.
        """
        known = {**context, **data}
        try:
            kind = ActionType(action_type)  # type: ignore[arg-type]
        except ValueError:
            refusal = blocks(None, None, f"{action_type!r} is not a type of action.")
            return SANITY.answer(lambda: refusal)
        verdicts = [self.validate_roas_confidence(known.get("roas"), known.get("confidence"))]
        if kind is not ActionType.PAUSE:
            verdicts += [
                self.enforce_embargo_period(known.get("created_at")),
                self.check_minimum_data(known.get("impressions"), known.get("spend")),
                COOLDOWN.answer(lambda: self._last_action(known)),
            ]
        if kind in (ActionType.SCALE_UP, ActionType.RESUME):
            verdicts.append(DAILY_SPEND.answer(lambda: self._overspend(known, db)))
        if "creative" in known and kind in INCREASES_AND_RESUME:
            verdicts.append(self.block_unapproved_creatives(known["creative"]))
        return strictest(verdicts)

    def _last_action(self, known: Plain) -> Verdict:
        last_action = given(known, "last_action_at", "last_action")
        return self.check_action_rate_limit(given_or(known, "It", "target_id"), last_action)

    def _overspend(self, known: Plain, db: object) -> Verdict:
        new = given(known, "new_budget", "new_budget_usd", "proposed_budget", "current_budget")
        return self.prevent_overspend(given(known, "spend_today", "spend_today_usd"), new, db)


def _amount(value: object, name: str) -> Decimal:
    amount = exact(value, name)
    if amount < 0:
        raise ValueError(f"{name} is negative")
    return amount
