"""What a world is made of: its accounts, its settings, and what happens in it, step by step."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from meta_autonomous.decision.limits import Freeze, Limits, Override, Scope
from tests.worlds.graph import Mishap

MINUTE, HOUR, DAY = 60, 3_600, 86_400


@dataclass(frozen=True, slots=True)
class AdPlan:
    roas: float
    weight: float
    review: str | None = None


@dataclass(frozen=True, slots=True)
class AdSetPlan:
    ads: tuple[AdPlan, ...]
    countries: tuple[str, ...]
    budget: int | None  # minor units a day; None: the campaign holds it
    age_hours: int
    status: str = "ACTIVE"
    learning: bool = False


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    name: str
    adsets: tuple[AdSetPlan, ...]
    age_hours: int
    pace: float  # what is spent of a budget
    budget: int | None = None  # minor units; of a lifetime budget the whole
    days_left: float | None = None  # a lifetime budget's
    status: str = "ACTIVE"


@dataclass(frozen=True, slots=True)
class AccountPlan:
    currency: str
    zone: str
    campaigns: tuple[CampaignPlan, ...]
    tracks: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator configured. The freezes count from the world's beginning, in hours."""

    limits: Limits
    overrides: tuple[Override, ...] = ()
    scope: Scope = field(default_factory=Scope)
    freezes: tuple[tuple[int, int], ...] = ()

    def windows(self, start: datetime) -> tuple[Freeze, ...]:
        return tuple(
            Freeze(
                starts_at=start + timedelta(hours=begin),
                ends_at=start + timedelta(hours=end),
                reason="a world's own",
            )
            for begin, end in self.freezes
        )


# --- steps --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """`meddles`: somebody edits what the tick is about to change, just before it looks again."""

    mishaps: tuple[Mishap | None, ...] = ()
    meddles: float | None = None
    unreadable: int | None = None  # the account, by its place
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class SetMode:
    mode: str


@dataclass(frozen=True, slots=True)
class Switch:
    is_on: bool


@dataclass(frozen=True, slots=True)
class EditBudget:
    """In Ads Manager, of some entity that has one."""

    place: int
    factor: float


@dataclass(frozen=True, slots=True)
class EditStatus:
    place: int
    status: str


@dataclass(frozen=True, slots=True)
class NewCreative:
    """Some ad gets a creative that nobody has approved; `review` is Meta's word on it."""

    place: int
    review: str | None


@dataclass(frozen=True, slots=True)
class LateOrders:
    """What the system paused turns out to have sold more: its last days are told anew."""

    factor: int


@dataclass(frozen=True, slots=True)
class ApproveCreatives:
    pass


@dataclass(frozen=True, slots=True)
class Approve:
    """Pending suggestions, by their places in the list; `share` of the change, if not all."""

    places: tuple[int, ...]
    share: float | None = None
    mishaps: tuple[Mishap | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    place: int


@dataclass(frozen=True, slots=True)
class Undo:
    """The latest executed actions, so many."""

    count: int


@dataclass(frozen=True, slots=True)
class Reconfigure:
    settings: Settings


Step = (
    Wait
    | Tick
    | SetMode
    | Switch
    | EditBudget
    | EditStatus
    | NewCreative
    | LateOrders
    | ApproveCreatives
    | Approve
    | Reject
    | Undo
    | Reconfigure
)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    start: datetime
    accounts: tuple[AccountPlan, ...]
    rates: tuple[tuple[str, str], ...]
    settings: Settings
    mode: str
    steps: tuple[Step, ...]
