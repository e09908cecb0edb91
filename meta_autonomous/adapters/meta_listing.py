"""What an account lists, level by level: entities, and sentences about the odd ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from meta_autonomous.adapters import meta_wire
from meta_autonomous.adapters.meta_wire import Odd
from meta_autonomous.domain.entities import (
    Account,
    Ad,
    AdSet,
    Campaign,
    Entity,
    Level,
    Status,
    UnreadHolder,
)
from meta_autonomous.ports.errors import BadAnswer


@dataclass(slots=True)
class Listed:
    """Entities of one level, and the sentences about those that could not be understood; those
    that may hold a budget are `unread` too."""

    entities: dict[str, Entity] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    unread: dict[str, UnreadHolder] = field(default_factory=dict)

    def add(self, level: Level, row: bytes, account: Account) -> None:
        """Raises BadAnswer when the row has no id, or one that already stood for another."""
        try:
            entity = meta_wire.entity(level, row, account)
        except Odd as odd:
            self._skip(level, row, account, f"{level} {odd}")
            return
        if self.entities.setdefault(entity.id, entity) != entity or entity.id in self.skipped:
            raise BadAnswer(f"{level} {entity.id} came twice, with different contents")

    def _skip(self, level: Level, row: bytes, account: Account, sentence: str) -> None:
        try:
            entity_id = meta_wire.id_of(row)
        except Odd:
            raise BadAnswer(f"a {level} without a usable id: {sentence}") from None
        if self.skipped.setdefault(entity_id, sentence) != sentence or entity_id in self.entities:
            raise BadAnswer(f"{level} {entity_id} came twice, with different contents")
        holder = None if level is Level.AD else meta_wire.unread_holder(level, row, account)
        if holder is not None:
            self.unread[entity_id] = holder


@dataclass(frozen=True, slots=True)
class Found:
    """All entities whose parents were found too."""

    campaigns: dict[str, Campaign]
    adsets: dict[str, AdSet]
    ads: dict[str, Ad]
    skipped: dict[str, str]
    unlisted: set[str] = field(default_factory=set)  # parents of what delivers that no list has
    unread: dict[str, UnreadHolder] = field(default_factory=dict)

    @classmethod
    def of(cls, listed: Mapping[Level, Listed]) -> "Found":
        found = cls({}, {}, {}, {})
        for one in listed.values():
            found.skipped.update(one.skipped)
        entities = [entity for level in Level for entity in listed[level].entities.values()]
        for entity in entities:  # campaigns first, ads last
            found._place(entity)
        for one in listed.values():
            found.unread.update(one.unread)
        found._forget_stopped()
        found._doubt_double_budgets()
        return found

    def by_level(self) -> Mapping[Level, tuple[Entity, ...]]:
        return {
            Level.CAMPAIGN: tuple(self.campaigns.values()),
            Level.ADSET: tuple(self.adsets.values()),
            Level.AD: tuple(self.ads.values()),
        }

    def _place(self, entity: Entity) -> None:
        match entity:
            case Campaign():
                self.campaigns[entity.id] = entity
            case AdSet() if entity.of_campaign in self.campaigns:
                self.adsets[entity.id] = entity
            case Ad() if self._is_above(entity):
                self.ads[entity.id] = entity
            case _:
                if entity.is_active and not self._has(entity.parent_id):
                    self.unlisted.add(str(entity.parent_id))
                self.skipped[entity.id] = (
                    f"{entity.level} below {entity.parent_id}, which is not among those listed"
                )
                if entity.status == Status.ACTIVE and entity.budget is not None:
                    self.unread[entity.id] = UnreadHolder(
                        campaign_id=entity.campaign_id, budget=entity.budget
                    )

    def _forget_stopped(self) -> None:
        """What is below a campaign that is not set to run spends nothing."""
        for entity_id, holder in list(self.unread.items()):
            campaign = self.campaigns.get(holder.campaign_id or "")
            if campaign is not None and campaign.status != Status.ACTIVE:
                del self.unread[entity_id]

    def _doubt_double_budgets(self) -> None:
        """Meta lets a campaign or its ad sets have the budget. Both together mean that something
        is not as we take it: neither is acted on."""
        for adset in self.adsets.values():
            campaign = self.campaigns[adset.of_campaign]
            if adset.budget is not None and campaign.budget is not None:
                both = f"campaign {campaign.id} and its ad set {adset.id} have a budget each"
                self.skipped.setdefault(campaign.id, both)
                self.skipped.setdefault(adset.id, both)

    def _has(self, entity_id: str | None) -> bool:
        """Listed, if only as one that could not be understood."""
        return any(entity_id in known for known in (self.campaigns, self.adsets, self.skipped))

    def _is_above(self, ad: Ad) -> bool:
        adset = self.adsets.get(ad.of_adset)
        return adset is not None and adset.of_campaign == ad.of_campaign
