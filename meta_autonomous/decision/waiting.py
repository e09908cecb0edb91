"""What makes an action wait that every rule allows."""

from dataclasses import replace
from datetime import datetime

from meta_autonomous.decision.candidates import stops
from meta_autonomous.decision.context import Situation
from meta_autonomous.decision.holdout import held_until
from meta_autonomous.decision.limits import Limits
from meta_autonomous.decision.rules import named
from meta_autonomous.domain.action import Action
from meta_autonomous.domain.verdict import Effect, Flip, Verdict


def in_doubt(action: Action, situation: Situation) -> Verdict | None:
    """While the outcome of an earlier write is open, its entity gets no other."""
    for entity_id in action.entity_ids:
        since = situation.memory.of(entity_id).in_doubt_since
        if since is not None:
            return replace(
                stops(
                    "limits.in_doubt",
                    observed=since.isoformat(timespec="seconds"),
                    limit=None,
                    message=f"A change of the {_known(entity_id, situation)} was sent at "
                    f"{since:%Y-%m-%d %H:%M} UTC, and it is not known yet whether it took effect: "
                    "nothing else is sent to it.",
                    flip=Flip(
                        fact="in_doubt",
                        needed=False,
                        words="once that change is settled, by a later tick or by `meta-auto "
                        "actions resolve`",
                    ),
                ),
                effect=Effect.DEFERS,
                sentence="An earlier change is in doubt; it waits until that is settled.",
            )
    return None


def _known(entity_id: str, situation: Situation) -> str:
    entity = situation.snapshot.entity(entity_id)
    return entity_id if entity is None else named(entity)


def held_out(action: Action, limits: Limits, now: datetime) -> Verdict | None:
    """Stops what is fit to be done, where the campaign is left alone to measure the rest by."""
    campaign_id = action.entity.campaign_id
    until = None if action.is_hard_stop else held_until(campaign_id, limits.holdout_pct, now)
    if until is None:
        return None
    return replace(
        stops(
            "limits.holdout",
            observed=campaign_id,
            limit=limits.holdout_pct,
            message=f"Campaign {campaign_id} is held out until {until:%Y-%m-%d %H:%M} UTC: "
            f"{limits.holdout_pct:.0%} of the campaigns are left alone, to measure what the "
            "program is worth. Hard stops are not held back.",
            eligible_at=until,
        ),
        effect=Effect.DEFERS,
        sentence="Its campaign is held out, to measure what the program is worth.",
    )


def too_late(spent: int, wanted: int, most: int) -> Verdict:
    """Defers what comes after the tick's last action; `wanted` counts it and those before."""
    return replace(
        stops(
            "limits.actions_per_tick",
            observed=spent,
            limit=most,
            message=f"MAX_ACTIONS_PER_TICK ({most:,}) is used up: it waits for the next tick.",
            flip=Flip(
                fact="MAX_ACTIONS_PER_TICK",
                needed=wanted,
                words=f"with MAX_ACTIONS_PER_TICK of at least {wanted:,} (it is {most:,}), or in "
                "a later tick",
            ),
        ),
        effect=Effect.DEFERS,
        sentence="MAX_ACTIONS_PER_TICK is reached; it waits for the next tick.",
    )
