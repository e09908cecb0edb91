"""What a tick could not read, on record like all else: `explain` says why it was left."""

from collections.abc import Iterator

from meta_autonomous.decision.candidates import unreadable
from meta_autonomous.domain.entities import AccountSnapshot, Level
from meta_autonomous.ports.records import Trace
from meta_autonomous.ports.store import Store


def traces_of_skipped(store: Store, snapshot: AccountSnapshot) -> Iterator[Trace]:
    """One trace for each id that was skipped whole: it stands among no entities of the read. Its
    name is the one of an earlier tick, if there was any; else its id stands in."""
    unplaced = {key: why for key, why in snapshot.skipped.items() if not snapshot.entity(key)}
    places = _places(snapshot) if unplaced else {}
    for entity_id, oddity in unplaced.items():
        earlier = store.trace(entity_id)
        name = entity_id if earlier is None else earlier[0].name
        if earlier is not None:
            level, campaign_id = earlier[0].level, earlier[0].campaign_id
        elif entity_id in places:
            level, campaign_id = places[entity_id]
        else:
            level = _level_told(oddity)
            campaign_id = entity_id if level is Level.CAMPAIGN else ""
        gate = unreadable(oddity)
        yield Trace(
            entity_id=entity_id,
            level=level,
            name=name,
            campaign_id=campaign_id,
            decision="none",
            first_binding=gate.rule,
            eligible_again_at=None,
            gates=(gate,),
            evidence={
                "account_id": snapshot.account.id,
                "currency": snapshot.account.currency.code,
            },
        )


def _places(snapshot: AccountSnapshot) -> dict[str, tuple[Level, str]]:
    """Level and campaign of all that delivered, as the delivery itself names them."""
    places: dict[str, tuple[Level, str]] = {}
    for ad_id, (adset_id, campaign_id) in snapshot.ad_parents.items():
        places[ad_id] = (Level.AD, campaign_id)
        places[adset_id] = (Level.ADSET, campaign_id)
        places[campaign_id] = (Level.CAMPAIGN, campaign_id)
    return places


def _level_told(oddity: str) -> Level:
    """The sentence about a row that could not be understood begins with its level."""
    first = oddity.partition(" ")[0]
    return Level(first) if first in set(Level) else Level.AD
