"""The limits that decisions obey, and how an override narrows them for one account or name.

The fields bear the settings' own names, so that a verdict, ``policies show`` and the
configuration file speak of the same thing. Percentages and probabilities are fractions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final

from meta_autonomous.domain.action import ActionType
from meta_autonomous.domain.entities import AccountSnapshot, Entity


class Looser(StrEnum):
    """In which direction a limit lets more through."""

    HIGHER = "higher"
    LOWER = "lower"


_HIGHER: Final = {"looser": Looser.HIGHER}
_LOWER: Final = {"looser": Looser.LOWER}
#: A limit of the whole tick, or a switch: no override may name it.
_GLOBAL: Final[Mapping[str, None]] = {"looser": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every number a rule compares with. The defaults are the seed's and the contract's."""

    max_daily_change_pct: Decimal = field(default=Decimal("0.20"), metadata=_HIGHER)
    max_auto_change_pct: Decimal = field(default=Decimal("0.10"), metadata=_HIGHER)
    hard_stop_roas: Decimal = field(default=Decimal("0.9"), metadata=_LOWER)
    hard_stop_confidence: Decimal = field(default=Decimal("0.70"), metadata=_HIGHER)
    min_impressions: Decimal = field(default=Decimal(1000), metadata=_LOWER)
    min_spend_usd: Decimal = field(default=Decimal(100), metadata=_LOWER)
    min_age_hours: Decimal = field(default=Decimal(48), metadata=_LOWER)
    creative_embargo_hours: Decimal = field(default=Decimal(48), metadata=_LOWER)
    min_spain_percentage: Decimal = field(default=Decimal("0.35"), metadata=_LOWER)
    max_single_country_pct: Decimal = field(default=Decimal("0.70"), metadata=_HIGHER)
    max_daily_spend_usd: Decimal = field(default=Decimal(10000), metadata=_HIGHER)
    max_campaign_budget_usd: Decimal = field(default=Decimal(5000), metadata=_HIGHER)
    action_cooldown_hours: Decimal = field(default=Decimal(24), metadata=_LOWER)
    min_action_confidence: Decimal = field(default=Decimal("0.65"), metadata=_LOWER)
    min_auto_confidence: Decimal = field(default=Decimal("0.75"), metadata=_LOWER)
    reversal_confidence: Decimal = field(default=Decimal("0.85"), metadata=_LOWER)
    scale_up_roas: Decimal = field(default=Decimal("2.0"), metadata=_LOWER)
    scale_down_roas: Decimal = field(default=Decimal("1.5"), metadata=_HIGHER)
    pause_roas: Decimal = field(default=Decimal("0.8"), metadata=_LOWER)
    resume_roas: Decimal = field(default=Decimal("1.5"), metadata=_LOWER)
    reallocate_ratio: Decimal = field(default=Decimal("1.5"), metadata=_LOWER)
    daily_overspend_factor: Decimal = field(default=Decimal("1.0"), metadata=_LOWER)
    holdout_pct: Decimal = field(default=Decimal(0), metadata=_LOWER)
    suggestion_ttl_hours: Decimal = field(default=Decimal(24), metadata=_HIGHER)
    require_human_approval_creatives: bool = field(default=True, metadata=_GLOBAL)
    hard_stop_executes_in_suggest: bool = field(default=False, metadata=_GLOBAL)
    block_on_second_controller: bool = field(default=False, metadata=_GLOBAL)
    block_increase_while_learning: bool = field(default=True, metadata=_GLOBAL)
    lookback_days: int = field(default=7, metadata=_GLOBAL)
    max_actions_per_tick: int = field(default=50, metadata=_GLOBAL)
    max_campaigns_per_tick: int = field(default=100, metadata=_GLOBAL)
    auto_action_types: frozenset[ActionType] = field(
        default=frozenset({ActionType.PAUSE, ActionType.SCALE_UP, ActionType.SCALE_DOWN}),
        metadata=_GLOBAL,
    )
    profit_margin: Decimal | None = field(default=None, metadata=_GLOBAL)


#: The keys that an override may name, with the direction in which each is looser.
OVERRIDABLE: Final[Mapping[str, Looser]] = {
    item.name: item.metadata["looser"] for item in fields(Limits) if item.metadata["looser"]
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Other limits for one account, or for entities whose campaign's name matches a pattern.

    An override looser than the global value counts only with `allow_looser`.
    """

    values: Mapping[str, Decimal]
    account: str | None = None
    match: str | None = None
    allow_looser: bool = False

    def __post_init__(self) -> None:
        unknown = sorted(set(self.values) - set(OVERRIDABLE))
        if unknown:
            raise ValueError(f"not overridable: {', '.join(unknown)}")
        if self.account is None and self.match is None:
            raise ValueError("an override names an account or a pattern to match")

    def concerns(self, account_id: str, campaign_name: str) -> bool:
        return (self.account is None or self.account == account_id) and (
            self.match is None or fnmatchcase(campaign_name, self.match)
        )

    @property
    def label(self) -> str:
        parts = [f"account {self.account}"] if self.account else []
        return " ".join([*parts, *([f"match {self.match!r}"] if self.match else [])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """A window in which budgets stay as they are. Pauses stay allowed. Both ends are UTC."""

    starts_at: datetime
    ends_at: datetime
    reason: str

    def covers(self, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What may be touched: campaigns by the shell pattern of their names, or anything by its id,
    with all that is below it. Empty include means all; what is excluded is out, whatever includes
    it."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def covers(self, campaign_name: str, *ids: str) -> bool:
        """`ids` are the entity's own and those of all its parents."""

        def named(patterns: tuple[str, ...]) -> bool:
            return any(
                pattern in ids or fnmatchcase(campaign_name, pattern) for pattern in patterns
            )

        return (not self.include or named(self.include)) and not named(self.exclude)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyBook:
    """The whole policy in force: the limits, and who has others."""

    limits: Limits = field(default_factory=Limits)
    overrides: tuple[Override, ...] = ()
    scope: Scope = field(default_factory=Scope)
    freezes: tuple[Freeze, ...] = ()

    def limits_of(self, entity: Entity, snapshot: AccountSnapshot) -> Limits:
        return self.limits_for(snapshot.account.id, snapshot.campaign_name_of(entity))

    def limits_for(self, account_id: str, campaign_name: str) -> Limits:
        """The limits in force for one campaign and everything below it."""
        chosen: dict[str, Any] = {
            key: value for key, (value, _) in self.sources(account_id, campaign_name).items()
        }
        return replace(self.limits, **chosen) if chosen else self.limits

    def sources(self, account_id: str, campaign_name: str) -> dict[str, tuple[Decimal, Override]]:
        """Each limit that an override replaces here: its value and the override it is from."""
        chosen: dict[str, tuple[Decimal, Override]] = {}
        for override in self.overrides:
            if not override.concerns(account_id, campaign_name):
                continue
            for key, value in override.values.items():
                everywhere: Decimal = getattr(self.limits, key)
                so_far = chosen[key][0] if key in chosen else everywhere
                if override.allow_looser or not (
                    is_looser(key, value, so_far) or is_looser(key, value, everywhere)
                ):
                    chosen[key] = (value, override)
        return chosen

    def freeze_at(self, at: datetime) -> Freeze | None:
        return next((freeze for freeze in self.freezes if freeze.covers(at)), None)


def is_looser(key: str, value: Decimal, than: Decimal) -> bool:
    """Whether `value` lets more through than `than` does, for that limit."""
    return value > than if OVERRIDABLE[key] is Looser.HIGHER else value < than
