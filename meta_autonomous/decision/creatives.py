"""Creatives: what a person approved, what Meta approved, and how long one is left alone."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final

from meta_autonomous.decision.context import Case
from meta_autonomous.decision.rules import (
    blocks,
    hours,
    in_hours,
    listed,
    moment,
    named,
    passes,
    raised,
    span,
    strictest,
    waiting,
)
from meta_autonomous.domain.action import Action
from meta_autonomous.domain.entities import AccountSnapshot, Ad, Campaign, Entity, Status
from meta_autonomous.domain.verdict import Flip, Verdict

#: Effective statuses of an ad that Meta has reviewed and let pass. Any other word, also one that
#: Meta adds one day, is not known to be approved.
_REVIEWED: Final = frozenset(
    {
        Status.ACTIVE,
        Status.PAUSED,
        Status.CAMPAIGN_PAUSED,
        Status.ADSET_PAUSED,
        Status.WITH_ISSUES,
        Status.PREAPPROVED,
        Status.PENDING_BILLING_INFO,
    }
)
#: ... and of these those that tell of a pause, whatever Meta's review said.
_HIDING: Final = frozenset({Status.PAUSED, Status.CAMPAIGN_PAUSED, Status.ADSET_PAUSED})


def ads_that_can_deliver(entity: Entity, snapshot: AccountSnapshot) -> tuple[Ad, ...]:
    """The ads that spend the entity's money, once it is active itself."""
    if isinstance(entity, Ad):
        return (entity,)
    ads = [ad for ad in snapshot.ads_under(entity) if ad.status == Status.ACTIVE]
    if isinstance(entity, Campaign):
        ads = [ad for ad in ads if snapshot.adsets[ad.of_adset].status == Status.ACTIVE]
    return tuple(ads)


def change_rested(
    changed_at: datetime | None, *, now: datetime, embargo_hours: Decimal
) -> Verdict:
    """Whether an ad's last change of creative is long enough ago. None: no change on record."""
    if changed_at is None:
        return passes(None, embargo_hours, "No change of the creative is on record.")
    age, embargo = now - changed_at, span(embargo_hours)
    told = f"The creative was last changed {moment(changed_at)}, {hours(age)} ago"
    if age < embargo:
        eligible_at = changed_at + embargo
        return blocks(
            in_hours(age),
            embargo_hours,
            f"{told}; it is left alone for {hours(embargo)}, until {moment(eligible_at)}.",
            eligible_at=eligible_at,
            flip=waiting(eligible_at, f"its creative has stood for {hours(embargo)}"),
        )
    return passes(in_hours(age), embargo_hours, f"{told}.")


def human_approval(unapproved: Iterable[str], *, is_required: bool) -> Verdict:
    """`unapproved` names what no person has approved."""
    names = list(unapproved)
    if not is_required:
        return passes(len(names), "approval not required", "No person needs to approve creatives.")
    if names:
        return blocks(
            len(names),
            0,
            f"No person has approved the creative of {listed(names)}; "
            "see `meta-auto creatives list`, then `creatives approve`.",
            flip=Flip(
                fact="approved_creatives",
                needed=True,
                words=f"with a person's approval of the creative of {listed(names)}",
            ),
        )
    return passes(0, 0, "A person (or the baseline) has approved every creative that delivers.")


def creative_approval(action: Action, case: Case) -> Verdict:
    """A creative that no person has seen gets no more money, nor does one changed just now."""
    unapproved: list[str] = []
    verdicts: list[Verdict] = []
    for entity in raised(action):
        unapproved += [
            f"{named(ad)}, creative {ad.creative_id or 'unknown'}"
            for ad in ads_that_can_deliver(entity, case.snapshot)
            if not _is_approved(ad, case)
        ]
        if isinstance(entity, Ad):
            verdicts.append(
                change_rested(
                    case.memory(entity).creative_changed_at,
                    now=case.now,
                    embargo_hours=case.limits.creative_embargo_hours,
                )
            )
    approval = human_approval(unapproved, is_required=case.limits.require_human_approval_creatives)
    return strictest([approval, *verdicts])


def creative(action: Action, case: Case) -> Verdict:
    """Money goes only to ads whose creative is approved, by a person here and by Meta there."""
    refused: list[str] = []
    reasons: set[str] = set()
    for entity in raised(action):
        for ad in ads_that_can_deliver(entity, case.snapshot):
            why = _why_not(ad, case)
            if why is not None:
                refused.append(f"{named(ad)} ({why})")
                reasons.add(why)
    if refused:
        return blocks(
            len(refused),
            0,
            f"Of what it delivers, {listed(refused)} may not run; approve, replace or pause it.",
            flip=Flip(
                fact="approved_creatives" if reasons <= {_UNAPPROVED} else "creatives",
                needed=True,
                words=f"without what may not run under it: {listed(refused)}",
            ),
        )
    return passes(0, 0, "Every ad that delivers under it uses an approved creative.")


_UNAPPROVED: Final = "creative not approved by a person"


def _why_not(ad: Ad, case: Case) -> str | None:
    if ad.creative_id in case.situation.memory.rejected_creatives:
        return "creative rejected by a person"
    if case.limits.require_human_approval_creatives and not _is_approved(ad, case):
        return _UNAPPROVED
    if ad.effective_status not in _REVIEWED:
        return f"{ad.effective_status.lower()} at Meta"
    if ad.effective_status in _HIDING and ad.has_review_feedback:
        return "Meta's review objects to it"
    return None


def _is_approved(ad: Ad, case: Case) -> bool:
    memory = case.situation.memory
    return (
        ad.creative_id in memory.approved_creatives
        and ad.creative_id not in memory.rejected_creatives
    )
