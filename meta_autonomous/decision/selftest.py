"""Whether each guard can fire at all, under the operator's own settings.

Made-up actions are injected just before the engines, on the made-up account of
`selftest_account`, and judged as a tick judges its own: one that the guard must stop, and one
that it must let pass. A guard that stops neither is *dead*, unless an explicit neutral value says
that it is *off*.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from meta_autonomous.decision.context import AutomaticPause, Outage
from meta_autonomous.decision.geo import SPAIN, Geography, Shares
from meta_autonomous.decision.granting import Deciding, Decision, Granting
from meta_autonomous.decision.judgement import judge_action
from meta_autonomous.decision.limits import Limits, PolicyBook
from meta_autonomous.decision.optimizer import LARGEST_STEP
from meta_autonomous.decision.policy_engine import (
    BUDGET_CHANGE,
    CAMPAIGN_BUDGET,
    CREATIVE_APPROVAL,
    GEO_DISTRIBUTION,
    HARD_STOP,
    POLICY_RULES,
    ROAS_FLOOR,
)
from meta_autonomous.decision.rules import Rule, describe, moment, percent
from meta_autonomous.decision.safety import (
    BLAST_RADIUS,
    COOLDOWN,
    CREATIVE,
    DAILY_SPEND,
    EMBARGO,
    FREEZE,
    HUMAN_OVERRIDE,
    LEARNING_PHASE,
    MINIMUM_DATA,
    PLATFORM_PACE,
    SAFETY_RULES,
    SANITY,
    SCOPE,
    SECOND_CONTROLLER,
    TRACKING_OUTAGE,
)
from meta_autonomous.decision.selftest_account import (
    ACCOUNT_ID,
    DONOR,
    FIRST,
    RECEIVER,
    THIRD,
    MadeUp,
    hopeless,
    made_up_account,
)
from meta_autonomous.domain.action import Action, ActionType, Outcome, Route
from meta_autonomous.domain.entities import Campaign, Status
from meta_autonomous.domain.performance import DayFacts, complete_days
from meta_autonomous.domain.verdict import Effect, Measure, Ruling, Verdict

#: What `is_safe_for_auto` and the size of a tick guard, beside the rules.
ACTION_TYPES: Final = "auto.action_types"
CONFIDENCE: Final = "auto.confidence"
SIZE: Final = "auto.size"
ACTIONS_PER_TICK: Final = "limits.actions_per_tick"

#: Entities of one campaign that may each want an action in the same tick.
_ACTIONS_PER_CAMPAIGN: Final = 50
_TENTH: Final = Decimal("0.10")
_HUNDREDTH: Final = Decimal("0.01")
_CENT_MICROS: Final = 10_000
_HOUR: Final = timedelta(hours=1)
_SECOND: Final = timedelta(seconds=1)
_OTHERS: Final[tuple[str, ...]] = ("PT", "FR", "IT")


class State(StrEnum):
    FIRES = "fires"
    DEAD = "dead"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What became of one guard. `also` are the other guards that the injected action woke;
    `lets_pass` is whether it let the harmless one go."""

    rule: str
    state: State
    injected: str
    observed: Measure = None
    limit: Measure = None
    message: str = ""
    also: tuple[str, ...] = ()
    lets_pass: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    guards: tuple[Guard, ...]

    @property
    def dead(self) -> tuple[Guard, ...]:
        return tuple(guard for guard in self.guards if guard.state is State.DEAD)

    @property
    def off(self) -> tuple[Guard, ...]:
        return tuple(guard for guard in self.guards if guard.state is State.OFF)

    @property
    def is_ok(self) -> bool:
        return not self.dead


def selftest(book: PolicyBook, *, now: datetime) -> SelfTest:
    """Every guard, under the whole book: its limits, and each override by itself."""
    guards = {guard.rule: guard for guard in _tested(book, book.limits, now, only=None)}
    for override in book.overrides:
        everywhere = replace(override, account=ACCOUNT_ID, match=None)
        limits = replace(book, overrides=(everywhere,)).limits_for(ACCOUNT_ID, "")
        for guard in _tested(book, limits, now, only=frozenset(override.values)):
            if _SEVERITY[guard.state] > _SEVERITY[guards[guard.rule].state]:
                told = f"Under the override for {override.label}: {guard.message}"
                guards[guard.rule] = replace(guard, message=told)
    return SelfTest(guards=tuple(guards.values()))


_SEVERITY: Final[Mapping[State, int]] = {State.FIRES: 0, State.OFF: 1, State.DEAD: 2}


def _tested(
    book: PolicyBook, limits: Limits, now: datetime, *, only: frozenset[str] | None
) -> Iterator[Guard]:
    """The guards, or only those that obey certain limits."""
    reach = max(book.limits.max_campaign_budget_usd, limits.max_campaign_budget_usd)
    account = made_up_account(limits, now=now, campaign_usd=reach)
    for rule_id, obeyed, trial in TRIALS:
        if only is None or only & set(obeyed):
            yield _answered(rule_id, trial, account, book)


def _answered(rule_id: str, trial: "Trial", account: MadeUp, book: PolicyBook) -> Guard:
    """A guard that can't be tried counts as dead: nobody knows that it works."""
    try:
        return trial(account, book)
    except Exception as odd:  # noqa: BLE001 - one broken trial must not hide the others
        told = f"It could not be tried: {describe(odd)}."
        return Guard(rule=rule_id, state=State.DEAD, injected="", message=told)


# --- the rules ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """An action in its circumstances, and what is wrong with it in words."""

    what: str
    action: Action
    account: MadeUp
    route: Route = Route.PERSON

    def verdicts(self) -> tuple[Verdict, ...]:
        return judge_action(self.action, self.account.case(self.route)).verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a rule must stop, the same without what is wrong with it, and the neutral value that
    explains why it stops nothing."""

    wrong: Injection
    right: Injection
    off: str = ""
    may_warn: bool = False


def _fires(verdict: Verdict, *, may_warn: bool = False) -> bool:
    if "could not be checked" in verdict.message:
        return False  # a refusal for another reason proves nothing
    stops = verdict.effect is not Effect.NONE or verdict.ruling is Ruling.CLAMP
    return stops or (may_warn and verdict.ruling is Ruling.WARN)


def _of_rule(rule: Rule, probe: Probe) -> Guard:
    said = probe.wrong.verdicts()
    own = [verdict for verdict in said if verdict.rule == rule.id]
    fired = [verdict for verdict in own if _fires(verdict, may_warn=probe.may_warn)]
    told = (fired or own or [_NOT_ASKED])[0]
    controls = [verdict for verdict in probe.right.verdicts() if verdict.rule == rule.id]
    is_off = not fired and bool(probe.off)
    return Guard(
        rule=rule.id,
        state=State.FIRES if fired else State.OFF if is_off else State.DEAD,
        injected=probe.wrong.what,
        observed=told.observed,
        limit=told.limit,
        message=f"{probe.off}." if is_off else told.message,
        also=tuple(dict.fromkeys(v.rule for v in said if _fires(v) and v.rule != rule.id)),
        lets_pass=not any(_fires(verdict, may_warn=probe.may_warn) for verdict in controls),
    )


_NOT_ASKED: Final = Verdict(
    rule="",
    ruling=Ruling.PASS,
    effect=Effect.NONE,
    observed=None,
    limit=None,
    message="The rule was not asked.",
)


def _pair(
    what: str,
    good: MadeUp,
    bad: MadeUp,
    make: Callable[[MadeUp], Action],
    *,
    route: Route = Route.PERSON,
    off: str = "",
    may_warn: bool = False,
) -> Probe:
    """The same action twice: where nothing is wrong, and where something is."""
    return Probe(
        wrong=Injection(what=what, action=make(bad), account=bad, route=route),
        right=Injection(what="", action=make(good), account=good, route=route),
        off=off,
        may_warn=may_warn,
    )


def _budget_change(account: MadeUp) -> Probe:
    room = account.with_room()
    return Probe(
        wrong=Injection(
            what=f"an increase of {percent(LARGEST_STEP)}, the most that is ever wanted",
            action=room.raise_(LARGEST_STEP),
            account=room,
        ),
        right=Injection(what="", action=room.raise_(), account=room),
    )


def _campaign_budget(account: MadeUp) -> Probe:
    alone = account.with_others_paused(FIRST)
    return Probe(
        wrong=Injection(
            what="an increase in a campaign that stands at the cap",
            action=alone.raise_(_TENTH),
            account=alone,
        ),
        right=Injection(what="", action=alone.move(), account=alone),
    )


def _hard_stop(account: MadeUp) -> Probe:
    lost = hopeless(account.situation.evaluations[FIRST])
    bad = account.having(evaluations={**account.situation.evaluations, FIRST: lost})
    what = "more budget under a campaign that spent its whole budget without one purchase"
    off = "HARD_STOP_ROAS=0 stops nothing" if account.limits.hard_stop_roas == 0 else ""
    return _pair(what, account, bad, MadeUp.move, off=off)


def _geo_distribution(account: MadeUp) -> Probe:
    limits = account.limits
    most, least = limits.max_single_country_pct, limits.min_spain_percentage
    off = ""
    if least == 0 and most == 1:
        off = "MIN_SPAIN_PERCENTAGE=0 and MAX_SINGLE_COUNTRY_PCT=1 allow every distribution"
    what, to = "budget moved out of Spain, where almost none is left", _OTHERS
    if least == 0:
        what, to = "budget moved into the one country that has almost all", _OTHERS[:1]
    bad = account.having(geography=_lopsided(account, to))
    return _pair(what, account, bad, MadeUp.move, off=off)


def _lopsided(account: MadeUp, countries: tuple[str, ...]) -> Geography:
    """All of the account in these countries, but for the one ad set that is in Spain."""
    holders = account.totals.holders
    spanish = holders[DONOR].budget_usd * 100
    rest = sum((holder.budget_usd for holder in holders.values()), Decimal(0)) * 100 - spanish
    shares = {country: Decimal(1) / len(countries) for country in countries}
    return Geography(
        amounts={SPAIN: spanish, **{c: rest * share for c, share in shares.items()}},
        shares={DONOR: Shares({SPAIN: Decimal(1)}), RECEIVER: Shares(shares)},
    )


def _creative_approval(account: MadeUp) -> Probe:
    bad = account.remembered(approved_creatives=frozenset())
    required = account.limits.require_human_approval_creatives
    off = "" if required else "REQUIRE_HUMAN_APPROVAL_CREATIVES=false asks nobody"
    what = "more budget for a creative that no person has approved"
    return _pair(what, account, bad, MadeUp.move, off=off)


def _roas_floor(account: MadeUp) -> Probe:
    floor = account.limits.scale_up_roas
    good = account.with_room()
    bad = good.evaluated(RECEIVER, roas=floor / 2)
    off = "SCALE_UP_ROAS=0 asks for no ROAS" if floor == 0 else ""
    return _pair("an increase at half of SCALE_UP_ROAS", good, bad, MadeUp.raise_, off=off)


def _daily_spend(account: MadeUp) -> Probe:
    last = account.last_id
    paused = replace(account.entity(last), status=Status.PAUSED)
    before = account.with_entities(paused)
    what = f"the last of {account.count} campaigns is resumed, each at the cap of one campaign"
    return _pair(what, before.with_others_paused(), before, MadeUp.resume)


def _embargo(account: MadeUp) -> Probe:
    bad = account.with_entities(
        replace(account.entity(THIRD), created_at=account.now - _SECOND),
    )
    off = "MIN_AGE_HOURS=0 waits for nothing" if account.limits.min_age_hours == 0 else ""
    return _pair("a cut of an ad set that is a second old", account, bad, MadeUp.cut, off=off)


def _minimum_data(account: MadeUp) -> Probe:
    bad = account.evaluated(
        THIRD, facts=DayFacts(_CENT_MICROS, _CENT_MICROS, 0, 0), spend_usd=_HUNDREDTH
    )
    limits = account.limits
    is_off = limits.min_impressions == 0 and limits.min_spend_usd == 0
    off = "MIN_IMPRESSIONS=0 and MIN_SPEND_USD=0 ask for no data" if is_off else ""
    what = "a cut of an ad set without impressions, on one cent of spend"
    return _pair(what, account, bad, MadeUp.cut, off=off)


def _platform_pace(account: MadeUp) -> Probe:
    sent = tuple(account.now - timedelta(minutes=age) for age in (5, 10, 15))
    bad = account.remembering(THIRD, budget_sent_at=sent)
    what = "a fourth budget for one ad set within the hour"
    return _pair(what, account, bad, MadeUp.cut)


def _second_controller(account: MadeUp) -> Probe:
    bad = account.reading(governed_by_rules=frozenset({THIRD}))
    what = "an automatic cut of what one of Meta's own rules governs"
    return _pair(what, account, bad, MadeUp.cut, route=Route.AUTO, may_warn=True)


def _cooldown(account: MadeUp) -> Probe:
    bad = account.remembering(THIRD, last_executed_at=account.now - _SECOND)
    is_off = account.limits.action_cooldown_hours == 0
    off = "ACTION_COOLDOWN_HOURS=0 lets nothing rest" if is_off else ""
    what = "a cut one second after the last change"
    return _pair(what, account, bad, MadeUp.cut, off=off)


def _creative(account: MadeUp) -> Probe:
    ads = account.situation.snapshot.ads_of(RECEIVER)
    bad = account.with_entities(*(replace(ad, effective_status=Status.DISAPPROVED) for ad in ads))
    return _pair("more budget for an ad that Meta disapproved", account, bad, MadeUp.move)


def _sanity(account: MadeUp) -> Probe:
    def make(confidence: Decimal) -> Injection:
        return Injection(
            what=f"a cut with a confidence of {confidence}",
            action=account.cut(confidence=confidence),
            account=account,
        )

    return Probe(wrong=make(Decimal(2)), right=make(Decimal(1)))


def _learning_phase(account: MadeUp) -> Probe:
    receiver = account.situation.snapshot.adsets[RECEIVER]
    bad = account.with_entities(replace(receiver, learning="LEARNING"))
    blocks = account.limits.block_increase_while_learning
    off = "" if blocks else "BLOCK_INCREASE_WHILE_LEARNING=false only warns"
    return _pair("more budget for an ad set that learns", account, bad, MadeUp.move, off=off)


def _tracking_outage(account: MadeUp) -> Probe:
    outage = Outage(
        days=complete_days(account.situation.snapshot.today, 2),
        expected_purchases=Decimal(200),
        seen_purchases=0,
        probability=Decimal(0),
        false_alarm_rate=Decimal("0.001"),
    )
    what = "an automatic cut while no purchase is tracked any more"
    return _pair(what, account, account.having(outage=outage), MadeUp.cut, route=Route.AUTO)


def _blast_radius(account: MadeUp) -> Probe:
    campaigns = [key for key in account.situation.snapshot.campaigns if key != FIRST]
    paused: list[tuple[str, str, str | None]] = [(key, key, None) for key in campaigns]
    paused += [(key, FIRST, key) for key in (DONOR, RECEIVER)]
    pauses = tuple(
        AutomaticPause(
            entity_id=entity_id, campaign_id=campaign_id, adset_id=adset_id, at=account.now - _HOUR
        )
        for entity_id, campaign_id, adset_id in paused
    )
    bad = account.remembered(automatic_pauses=pauses)
    what = "an automatic pause after all the rest was paused automatically"
    return _pair(what, account, bad, MadeUp.pause, route=Route.AUTO)


def _human_override(account: MadeUp) -> Probe:
    taken_back = {ActionType.SCALE_DOWN: account.now - _HOUR}
    bad = account.remembering(THIRD, reversed_at=taken_back)
    what = "an automatic cut an hour after a person took the last one back"
    return _pair(what, account, bad, MadeUp.cut, route=Route.AUTO)


# --- what only a book has ------------------------------------------------------------------------


def _freeze(account: MadeUp, book: PolicyBook) -> Guard:
    if not book.freezes:
        return _not_configured(FREEZE.id, "[[freeze]]")
    window = book.freezes[0]
    inside, after = (
        made_up_account(
            account.limits,
            now=at,
            campaign_usd=account.limits.max_campaign_budget_usd,
            book=replace(account.book, freezes=book.freezes),
        )
        for at in (window.starts_at, window.ends_at)
    )
    what = f"a cut at {moment(window.starts_at)}, when a freeze window opens"
    return _of_rule(FREEZE, _pair(what, after, inside, MadeUp.cut))


def _scope(account: MadeUp, book: PolicyBook) -> Guard:
    scope = book.scope
    if not scope.include and not scope.exclude:
        return _not_configured(SCOPE.id, "[scope]")
    scoped = replace(account, book=replace(account.book, scope=scope))
    outside = _renamed(scoped, scope.exclude[0]) if scope.exclude else scoped
    inside = _renamed(scoped, scope.include[0]) if scope.include else scoped
    everything = "" if scope.exclude else f"include = {', '.join(scope.include)} covers everything"
    return _of_rule(
        SCOPE,
        _pair(
            "a cut in a campaign outside the scope", inside, outside, MadeUp.cut, off=everything
        ),
    )


def _renamed(account: MadeUp, pattern: str) -> MadeUp:
    """The first campaign under an id that the pattern names: it is the pattern itself."""
    snapshot = account.situation.snapshot
    first = snapshot.campaigns[FIRST]
    campaigns: dict[str, Campaign] = {pattern: replace(first, id=pattern), **snapshot.campaigns}
    third = replace(snapshot.adsets[THIRD], of_campaign=pattern)
    renamed = replace(snapshot, campaigns=campaigns, adsets={**snapshot.adsets, THIRD: third})
    return account.having(snapshot=renamed)


def _not_configured(rule_id: str, table: str) -> Guard:
    return Guard(
        rule=rule_id,
        state=State.OFF,
        injected="",
        message=f"Not configured: there is no {table}.",
    )


# --- guards that are no rules --------------------------------------------------------------------


def _granting(account: MadeUp, *, spent: int = 0) -> Granting:
    granting = Granting(
        Deciding(
            now=account.now,
            book=account.book,
            is_auto=True,
            totals=account.totals,
            pause_windows={},
        )
    )
    granting.spent_actions = spent
    return granting


def _decided(account: MadeUp, action: Action, *, spent: int = 0) -> Decision:
    """As the tick decides in auto mode."""
    return _granting(account, spent=spent).decide(account.situation, action)


def _action_types(account: MadeUp, _book: PolicyBook) -> Guard:
    paused = account.with_others_paused().with_entities(
        replace(account.entity(account.last_id), status=Status.PAUSED)
    )
    tried = (_decided(account, account.move()), _decided(paused, paused.resume()))
    routes = {decision.action.type: decision.route for decision in tried}
    automatic = [str(kind) for kind, route in routes.items() if route is Route.AUTO]
    told = "A reallocation and a resume wait for a person, whatever the confidence."
    if automatic:
        told = f"Executed without a person: {', '.join(automatic)}."
    return Guard(
        rule=ACTION_TYPES,
        state=State.DEAD if automatic else State.FIRES,
        injected="a reallocation and a resume in auto mode, with confidence 1",
        observed=len(automatic),
        limit=0,
        message=told,
    )


def _automatic_scale(
    account: MadeUp,
) -> tuple[MadeUp, Callable[[MadeUp, Decimal, Decimal], Action]] | None:
    """A change of a budget that may be automatic at all."""
    types = account.limits.auto_action_types
    if ActionType.SCALE_DOWN in types:
        return account, lambda on, by, sure: on.cut(by, confidence=sure)
    if ActionType.SCALE_UP in types:
        return account.with_room(), lambda on, by, sure: on.raise_(by, confidence=sure)
    return None


_NO_SCALES: Final = "AUTO_ACTION_TYPES names no change of a budget: none is automatic."


def _confidence(account: MadeUp, _book: PolicyBook) -> Guard:
    limit = account.limits.min_auto_confidence
    unsure = max(limit - _HUNDREDTH, Decimal(0))
    what = f"a change of a budget in auto mode with a confidence of {unsure}"
    scale = _automatic_scale(account)
    if scale is None or limit == 0:
        told = _NO_SCALES if scale is None else "MIN_AUTO_CONFIDENCE=0 asks for none."
        return Guard(
            rule=CONFIDENCE,
            state=State.OFF,
            injected=what,
            observed=unsure,
            limit=limit,
            message=told,
        )
    on, make = scale
    step = Decimal("0.05")
    waits = _decided(on, make(on, step, unsure)).route is Route.PERSON
    return Guard(
        rule=CONFIDENCE,
        state=State.FIRES if waits else State.DEAD,
        injected=what,
        observed=unsure,
        limit=limit,
        message="It waits for a person." if waits else "It would be executed.",
        lets_pass=_decided(on, make(on, step, Decimal(1))).executes,
    )


def _size(account: MadeUp, _book: PolicyBook) -> Guard:
    limit = min(account.limits.max_auto_change_pct, account.limits.max_daily_change_pct)
    what = f"a change of {percent(LARGEST_STEP)} in auto mode, the most that is ever wanted"
    scale = _automatic_scale(account)
    if scale is None:
        return Guard(rule=SIZE, state=State.OFF, injected=what, limit=limit, message=_NO_SCALES)
    on, make = scale
    wanted = make(on, LARGEST_STEP, Decimal(1))
    decision = _decided(on, wanted)
    done = abs(decision.action.change_pct or Decimal(0))
    is_whole = decision.executes and decision.action.legs == wanted.legs
    told = f"Executed at {percent(done)}." if decision.executes else "It is not executed."
    return Guard(
        rule=SIZE,
        state=State.DEAD if is_whole else State.FIRES,
        injected=what,
        observed=round(done, 6),
        limit=limit,
        message=told,
        lets_pass=_decided(on, make(on, _HUNDREDTH, Decimal(1))).executes,
    )


def _actions_per_tick(account: MadeUp, _book: PolicyBook) -> Guard:
    limit = account.limits.max_actions_per_tick
    possible = account.count * _ACTIONS_PER_CAMPAIGN
    decision = _decided(account, account.pause(), spent=possible - 1)
    waits = decision.outcome is Outcome.DEFERRED
    told = f"After {limit} the rest waits for the next tick."
    if not waits:
        told = f"{account.count} campaigns hardly want more than {possible} actions at once."
    return Guard(
        rule=ACTIONS_PER_TICK,
        state=State.FIRES if waits else State.DEAD,
        injected=f"{possible} actions in one tick, {_ACTIONS_PER_CAMPAIGN} for each campaign",
        observed=possible,
        limit=limit,
        message=told,
        lets_pass=_decided(account, account.pause()).outcome is not Outcome.DEFERRED,
    )


# --- all of them ---------------------------------------------------------------------------------

Trial = Callable[[MadeUp, PolicyBook], Guard]

_PROBES: Final[Mapping[str, Callable[[MadeUp], Probe]]] = {
    BUDGET_CHANGE.id: _budget_change,
    CAMPAIGN_BUDGET.id: _campaign_budget,
    HARD_STOP.id: _hard_stop,
    GEO_DISTRIBUTION.id: _geo_distribution,
    CREATIVE_APPROVAL.id: _creative_approval,
    ROAS_FLOOR.id: _roas_floor,
    DAILY_SPEND.id: _daily_spend,
    EMBARGO.id: _embargo,
    MINIMUM_DATA.id: _minimum_data,
    PLATFORM_PACE.id: _platform_pace,
    SECOND_CONTROLLER.id: _second_controller,
    COOLDOWN.id: _cooldown,
    CREATIVE.id: _creative,
    SANITY.id: _sanity,
    LEARNING_PHASE.id: _learning_phase,
    TRACKING_OUTAGE.id: _tracking_outage,
    BLAST_RADIUS.id: _blast_radius,
    HUMAN_OVERRIDE.id: _human_override,
}
_OF_BOOK: Final[Mapping[str, Trial]] = {FREEZE.id: _freeze, SCOPE.id: _scope}


def _trial_of(rule: Rule) -> Trial:
    """A rule that nobody thought a trial for is found dead, and a test says so before."""

    def trial(account: MadeUp, book: PolicyBook) -> Guard:
        if rule.id in _OF_BOOK:
            return _OF_BOOK[rule.id](account, book)
        return _of_rule(rule, _PROBES[rule.id](account))

    return trial


def _trials() -> Iterable[tuple[str, tuple[str, ...], Trial]]:
    for rule in (*POLICY_RULES, *SAFETY_RULES):
        yield rule.id, rule.limits, _trial_of(rule)
    yield ACTION_TYPES, ("auto_action_types",), _action_types
    yield CONFIDENCE, ("min_auto_confidence",), _confidence
    yield SIZE, ("max_auto_change_pct", "max_daily_change_pct"), _size
    yield ACTIONS_PER_TICK, ("max_actions_per_tick",), _actions_per_tick


#: Every guard: its name, the limits that it obeys, and how it is tried.
TRIALS: Final = tuple(_trials())
GUARDS: Final = tuple(name for name, _, _ in TRIALS)
