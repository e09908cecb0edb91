"""The policy engine: the rules of what the business wants, and the same for a caller's script.

`POLICY_RULES` stand in the order in which they are told to a person. `PolicyEngine` answers the
same questions about plain numbers, by the same arithmetic.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from meta_autonomous.decision import budgets, creatives, geo_policy, hard_stop, roas_matrix
from meta_autonomous.decision.plain import (
    Clock,
    Plain,
    aware,
    distribution_of,
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
    INCREASES,
    INCREASES_AND_RESUME,
    Rule,
    blocks,
    dollars,
    listed,
    number,
    passes,
    percent,
    strictest,
    tidy,
    warns,
)
from meta_autonomous.domain.action import ActionType
from meta_autonomous.domain.verdict import Verdict

BUDGET_CHANGE: Final = Rule(
    id="policy.budget_change",
    sentence="The budget would change by more than one day's step.",
    limits=("max_daily_change_pct", "max_auto_change_pct"),
    applies_to=BUDGET_CHANGES,
    routes=EVERY_ROUTE,
    check=budgets.budget_change,
    exempts_undo=True,
)
CAMPAIGN_BUDGET: Final = Rule(
    id="policy.campaign_budget",
    sentence="The campaign's total daily budget would exceed its cap.",
    limits=("max_campaign_budget_usd",),
    applies_to=INCREASES_AND_RESUME,
    routes=EVERY_ROUTE,
    check=budgets.campaign_budget,
)
HARD_STOP: Final = Rule(
    id="policy.hard_stop",
    sentence="What is in hard stop, or under a parent in hard stop, gets no more money.",
    limits=("hard_stop_roas", "hard_stop_confidence", "min_spend_usd"),
    applies_to=EVERY_TYPE,
    routes=EVERY_ROUTE,
    check=hard_stop.hard_stop,
    exempts_undo=True,
)
GEO_DISTRIBUTION: Final = Rule(
    id="policy.geo_distribution",
    sentence="The budget would be distributed over countries against the policy.",
    limits=("min_spain_percentage", "max_single_country_pct"),
    applies_to=INCREASES,
    routes=EVERY_ROUTE,
    check=geo_policy.geo_distribution,
    exempts_undo=True,
)
CREATIVE_APPROVAL: Final = Rule(
    id="policy.creative_approval",
    sentence="A creative has no human approval or was changed too recently.",
    limits=("require_human_approval_creatives", "creative_embargo_hours"),
    applies_to=INCREASES_AND_RESUME,
    routes=EVERY_ROUTE,
    check=creatives.creative_approval,
)
ROAS_FLOOR: Final = Rule(
    id="policy.roas_floor",
    sentence="The ROAS does not justify this type of action.",
    limits=("scale_up_roas", "scale_down_roas", "reallocate_ratio", "hard_stop_roas"),
    applies_to=ALL_BUT_PAUSE,
    routes=EVERY_ROUTE,
    check=roas_matrix.roas_floor,
    exempts_undo=True,
)

POLICY_RULES: Final = (
    BUDGET_CHANGE,
    CAMPAIGN_BUDGET,
    HARD_STOP,
    GEO_DISTRIBUTION,
    CREATIVE_APPROVAL,
    ROAS_FLOOR,
)


class PolicyEngine:
    """The policy rules about plain numbers, for scripts. Amounts are in USD.

    `settings` is `AutonomousSettings`, `Limits`, or any object with attributes of their names.
    Every method returns a verdict that is true when allowed, with `.reason`, `.observed` and
    `.limit`. Missing or odd input is refused, and so is a time without a zone.
    """

    def __init__(self, settings: object, clock: Clock | None = None) -> None:
        self.limits = limits_of(settings)
        self._clock = wall_clock if clock is None else clock

    def can_create_campaign(self, metadata: Plain) -> Verdict:
        """Keys: daily_budget_usd, pixel_id, countries, distribution, creatives."""
        return strictest(self.creation_verdicts(metadata))

    def creation_verdicts(self, metadata: Plain) -> tuple[Verdict, ...]:
        """Everything that `can_create_campaign` looks at."""
        return (
            CAMPAIGN_BUDGET.answer(lambda: self._planned_budget(metadata)),
            ROAS_FLOOR.answer(lambda: _measured_by_pixel(metadata)),
            GEO_DISTRIBUTION.answer(lambda: self._planned_countries(metadata)),
            CREATIVE_APPROVAL.answer(lambda: self._planned_creatives(metadata)),
        )

    def can_scale_budget(
        self,
        current: object,
        new: object,
        is_auto: bool = False,  # noqa: FBT001, FBT002 - the parameters are the seed's
    ) -> Verdict:
        """Within the step of a person, or of an automatic change. To 0 is a pause: allowed."""
        return BUDGET_CHANGE.answer(
            lambda: self._step(
                exact(current, "the current budget"),
                exact(new, "the new budget"),
                is_auto=truth(is_auto, "is_auto"),
            )
        )

    def must_halt(self, roas: object, confidence: object, spend: object = None) -> Verdict:
        """True when it must halt. `confidence` is P(true ROAS < HARD_STOP_ROAS); a spend that is
        not given is taken to be enough. On odd input nothing halts."""
        return HARD_STOP.answer(lambda: self._halt(roas, confidence, spend))

    def validate_geo_distribution(self, distribution: Plain, countries: Iterable[str]) -> Verdict:
        """`distribution`: shares by country code that sum to 1; `countries`: the targeted ones."""
        return GEO_DISTRIBUTION.answer(
            lambda: geo_policy.well_distributed(
                distribution_of(distribution, countries), self.limits
            )
        )

    def can_change_creative(self, metadata: Plain, last_change: object) -> Verdict:
        """Key: is_human_approved. `last_change` is None when the ad's creative never changed."""
        return CREATIVE_APPROVAL.answer(lambda: self._creative_change(metadata, last_change))

    def validate_action(self, action_type: object, data: Plain, context: Plain) -> Verdict:
        """The strictest word of all policy rules on one action.

        `data`: current_budget and new_budget (or amount_pct); a reallocation: siblings, ratio.
        `context`: roas, confidence, spend, is_auto (or mode). Where given, a distribution (with
        countries) and a creative (with last_creative_change) are checked too. A key may stand in
        either.
        """
        known = {**context, **data}
        try:
            kind = ActionType(action_type)  # type: ignore[arg-type]
        except ValueError:
            refusal = blocks(None, None, f"{action_type!r} is not a type of action.")
            return ROAS_FLOOR.answer(lambda: refusal)
        if kind is ActionType.PAUSE:
            return HARD_STOP.answer(lambda: self._pause(known))
        return strictest(self._verdicts_on(kind, known))

    def _verdicts_on(self, kind: ActionType, known: Plain) -> Sequence[Verdict]:
        verdicts = [ROAS_FLOOR.answer(lambda: self._matrix(kind, known))]
        if kind is not ActionType.SCALE_DOWN:
            verdicts.append(HARD_STOP.answer(lambda: self._not_in_hard_stop(kind, known)))
        if kind in (ActionType.SCALE_UP, ActionType.SCALE_DOWN):
            verdicts.insert(0, BUDGET_CHANGE.answer(lambda: self._planned_step(kind, known)))
        if kind is ActionType.SCALE_UP:
            verdicts.append(CAMPAIGN_BUDGET.answer(lambda: self._campaign_total(kind, known)))
        if "distribution" in known and kind in INCREASES:
            verdicts.append(
                self.validate_geo_distribution(
                    known["distribution"], given_or(known, (), "countries")
                )
            )
        if "creative" in known:
            last_change = given_or(known, None, "last_creative_change", "last_change_at")
            verdicts.append(self.can_change_creative(known["creative"], last_change))
        return verdicts

    def _step(self, current: Decimal, new: Decimal, *, is_auto: bool) -> Verdict:
        limit = budgets.max_change(self.limits, is_auto=is_auto)
        if current <= 0:
            return blocks(None, limit, "The present budget is zero or unknown.")
        if new == 0:
            return passes(Decimal(-1), limit, "A pause is always allowed.")
        change = (new - current) / current
        told = f"{dollars(current)} to {dollars(new)} is {percent(change, signed=True)}"
        nearest = budgets.reachable(current, new, bases=[current], max_change=limit)
        if new < 0 or nearest != new:
            told += f"; at most {percent(limit)} a day, so {dollars(nearest)} is the furthest."
            return blocks(tidy(change), limit, told)
        return passes(tidy(change), limit, f"{told}, within {percent(limit)}.")

    def _halt(self, roas: object, confidence: object, spend: object) -> Verdict:
        limits = self.limits
        spent = limits.min_spend_usd if spend is None else exact(spend, "the spend")
        measured, sure = exact(roas, "the ROAS"), _probability(confidence)
        told = f"ROAS {number(measured)}, under {number(limits.hard_stop_roas)} with "
        told += f"probability {percent(sure)} (limit {percent(limits.hard_stop_confidence)})"
        if hard_stop.must_halt(measured, sure, spent, limits):
            return passes(tidy(measured), limits.hard_stop_roas, f"HARD STOP: {told}.")
        return blocks(tidy(measured), limits.hard_stop_roas, f"No hard stop: {told}.")

    def _pause(self, known: Plain) -> Verdict:
        halt = self.must_halt(
            known.get("roas"), known.get("confidence"), given_or(known, None, "spend")
        )
        told = halt.reason if halt else "It is not a hard stop."
        return passes(halt.observed, halt.limit, f"A pause is always allowed. {told}")

    def _not_in_hard_stop(self, kind: ActionType, known: Plain) -> Verdict:
        if kind is ActionType.REALLOCATE and "roas" not in known:
            return passes(None, self.limits.hard_stop_roas, "No ROAS of the receiver was given.")
        roas = exact(given(known, "roas"), "the ROAS")
        if roas >= self.limits.hard_stop_roas:
            return passes(tidy(roas), self.limits.hard_stop_roas, "It is not in hard stop.")
        sure, spend = known.get("confidence"), given_or(known, None, "spend")
        spent = self.limits.min_spend_usd if spend is None else exact(spend, "the spend")
        prob = None if sure is None else _probability(sure)
        # An unknown probability is not a no.
        if hard_stop.must_halt(roas, prob, spent, self.limits) is False:
            return passes(tidy(roas), self.limits.hard_stop_roas, "It is not in hard stop.")
        return blocks(
            tidy(roas),
            self.limits.hard_stop_roas,
            f"It is, or may be, in hard stop at ROAS {number(roas)}; it gets no more money.",
        )

    def _matrix(self, kind: ActionType, known: Plain) -> Verdict:
        if kind is ActionType.REALLOCATE:
            siblings = exact(given(known, "siblings", "num_ads", "ads_count"), "siblings")
            ratio = exact(given(known, "ratio", "variance"), "the ratio")
            return roas_matrix.worth_moving(int(siblings), ratio, self.limits)
        roas = exact(given(known, "roas", "actual_roas"), "the ROAS")
        if kind is ActionType.SCALE_UP:
            return roas_matrix.floor_of_scale_up([roas], self.limits)
        if kind is ActionType.SCALE_DOWN:
            return roas_matrix.ceiling_of_scale_down([roas], self.limits)
        return passes(tidy(roas), None, "A resume asks for no more than to be out of hard stop.")

    def _planned_step(self, kind: ActionType, known: Plain) -> Verdict:
        current, new = _budgets(kind, known)
        if new == current or (new > current) is not (kind is ActionType.SCALE_UP):
            return blocks(None, None, f"{dollars(current)} to {dollars(new)} is no {kind}.")
        return self._step(current, new, is_auto=_is_auto(known))

    def _campaign_total(self, kind: ActionType, known: Plain) -> Verdict:
        current, new = _budgets(kind, known)
        present = given_or(known, current, "campaign_budget", "campaign_budget_usd")
        total = exact(present, "the campaign's total")
        return budgets.within_campaign_cap(total - current + new, self.limits, what="The campaign")

    def _creative_change(self, metadata: Plain, last_change: object) -> Verdict:
        is_approved = truth(metadata.get("is_human_approved", False), "is_human_approved")
        approval = creatives.human_approval(
            [] if is_approved else [str(metadata.get("creative_id", "it"))],
            is_required=self.limits.require_human_approval_creatives,
        )
        rested = creatives.change_rested(
            None if last_change is None else aware(last_change, "the last change"),
            now=self._clock(),
            embargo_hours=self.limits.creative_embargo_hours,
        )
        return strictest([approval, rested])

    def _planned_budget(self, plan: Plain) -> Verdict:
        budget = exact(
            given(plan, "daily_budget_usd", "daily_budget", "budget_usd", "budget"),
            "daily_budget_usd",
        )
        if budget <= 0:
            return blocks(tidy(budget), 0, "The daily budget is not above zero; plan one.")
        return budgets.within_campaign_cap(budget, self.limits, what="The planned campaign")

    def _planned_countries(self, plan: Plain) -> Verdict:
        countries = given(plan, "countries")
        shares = given_or(plan, None, "distribution", "geo_distribution")
        distribution = distribution_of(shares or {}, countries or ())
        if not distribution or not countries:
            return blocks(0, 1, "No country is named; name at least one in countries.")
        if len(distribution) == 1:
            return passes(1, 1, "One country gets the whole budget.")
        if not shares:
            return blocks(None, 1, "There are several countries; give the distribution.")
        named, shared = distribution_of({}, countries), distribution_of(shares)
        if named.keys() != shared.keys():
            apart = listed(sorted(named.keys() ^ shared.keys()))
            told = f"The distribution is not over the planned countries: {apart} in only one."
            return blocks(apart, None, told)
        return geo_policy.well_distributed(distribution, self.limits)

    def _planned_creatives(self, plan: Plain) -> Verdict:
        planned: Iterable[object] = given_or(plan, (), "creatives") or ()
        refused: list[str] = []
        unknown: list[str] = []
        for creative in planned:
            told: Plain = creative if isinstance(creative, Mapping) else {"creative_id": creative}
            word = told.get("is_human_approved")
            if word is not True:
                (unknown if word is None else refused).append(str(told.get("creative_id")))
        is_required = self.limits.require_human_approval_creatives
        if is_required and unknown and not refused:
            names = listed(unknown)
            message = f"No approval is known of creative {names}; without one it gets no increase."
            return warns(len(unknown), 0, message)
        return creatives.human_approval(refused, is_required=is_required)


def _measured_by_pixel(plan: Plain) -> Verdict:
    pixel = given_or(plan, None, "pixel_id", "pixel")
    if not isinstance(pixel, str | int) or isinstance(pixel, bool) or not str(pixel).strip():
        told = "No pixel is named, so no purchase and no ROAS could be measured; give pixel_id."
        return blocks(None, "pixel_id", told)
    return passes(str(pixel), "pixel_id", f"Purchases are measured by pixel {pixel}.")


def _budgets(kind: ActionType, known: Plain) -> tuple[Decimal, Decimal]:
    current = exact(given(known, "current_budget", "current_budget_usd"), "the current budget")
    new = given_or(
        known, None, "new_budget", "new_budget_usd", "proposed_budget", "proposed_budget_usd"
    )
    if new is not None:
        return current, exact(new, "the new budget")
    change = abs(exact(given(known, "amount_pct", "change_pct"), "the change"))
    return current, current * (1 + (change if kind is ActionType.SCALE_UP else -change))


def _is_auto(known: Plain) -> bool:
    if "is_auto" in known:
        return truth(known["is_auto"], "is_auto")
    return bool(given_or(known, "suggest", "mode") != "suggest")


def _probability(value: object) -> Decimal:
    probability = exact(value, "the confidence")
    if not 0 <= probability <= 1:
        raise ValueError(f"the confidence is {value}, which is outside 0..1")
    return probability
