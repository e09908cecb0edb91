"""What every setting is: its table, its kind, its unit, and which way it lets more through."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from meta_autonomous.decision.limits import Looser


class Shape(StrEnum):
    """How a value is written, in TOML and in JSON."""

    SWITCH = "switch"
    NUMBER = "number"
    WHOLE = "whole number"
    TEXT = "text"
    LIST = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a family of settings holds. `allowed` completes the sentence "allowed: …"."""

    shape: Shape
    allowed: str
    unit: str = ""
    is_secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One setting, documented. `looser` is the direction in which it lets more through; None for
    what no override may name. A secret is never shown and never stands in TOML; a private value
    (a URL that may hold a password) is shown without it."""

    name: str
    table: str
    kind: Kind
    default: object
    says: str
    example: str = ""  # as TOML writes it; for settings without a default
    looser: Looser | None = None
    is_secret: bool = False
    is_private: bool = False

    @property
    def variable(self) -> str:
        """The environment's name of it."""
        return "META_AUTO_FX_<CUR>" if self.name == FX else self.name.upper()

    @property
    def unit(self) -> str:
        return self.kind.unit

    @property
    def allowed(self) -> str:
        return self.kind.allowed

    @property
    def is_policy(self) -> bool:
        """Whether it is part of what the program may do, and so of the recorded policy; not
        where it keeps its files and whom it tells."""
        is_place = self.table in ("database", "notify") or self.name in _PLACES
        return not (is_place or self.is_secret)


#: The family of exchange rates: ``META_AUTO_FX_EUR``, ``[fx] EUR``.
FX: Final = "meta_auto_fx"
FX_PREFIX: Final = "meta_auto_fx_"
PREFIX: Final = "META_AUTO_"
CONFIG_VARIABLE: Final = "META_AUTO_CONFIG"
_PLACES: Final = frozenset(
    {"meta_auto_state_dir", "meta_access_token_file", "meta_app_secret_file"}
)

#: The tables of the TOML file, in order, and what each is about.
TABLES: Final = {
    "system": "The program as a whole.",
    "policy": "What the business wants: thresholds, confidence, geography, creatives.",
    "safety": "What must be true before anything is touched.",
    "limits": "Hard ceilings on money and on the size of a tick.",
    "meta": "The Marketing API.",
    "database": "Where decisions and the ledger are kept.",
    "notify": "Who is told.",
    "access": "Who may do what. Account names, or groups as %group.",
    "fx": "USD for one unit of each other currency of your ad accounts.",
}

_YEAR_HOURS: Final = 8760
_TRILLION: Final = 10**12
_MOST_ROAS: Final = 1000

Switch = Annotated[bool, Kind(shape=Shape.SWITCH, allowed="true or false")]
Fraction = Annotated[
    Decimal,
    Field(ge=0, le=1),
    Kind(shape=Shape.NUMBER, unit="fraction", allowed="a fraction from 0 to 1 (0.20 means 20 %)"),
]
Probability = Annotated[
    Decimal,
    Field(ge=0, le=1),
    Kind(shape=Shape.NUMBER, unit="probability", allowed="a probability from 0 to 1"),
]
Margin = Annotated[
    Decimal | None,
    Field(gt=0, le=1),
    Kind(
        shape=Shape.NUMBER,
        unit="fraction",
        allowed="a fraction above 0, at most 1 (0.40 means 40 %), or nothing",
    ),
]
Roas = Annotated[
    Decimal,
    Field(ge=0, le=_MOST_ROAS),
    Kind(
        shape=Shape.NUMBER,
        unit="ROAS",
        allowed=f"a ROAS from 0 to {_MOST_ROAS}",
    ),
]
Ratio = Annotated[
    Decimal,
    Field(ge=1, le=_MOST_ROAS),
    Kind(shape=Shape.NUMBER, unit="ratio", allowed=f"a ratio from 1 to {_MOST_ROAS}"),
]
Factor = Annotated[
    Decimal,
    Field(ge=1, le=10),
    Kind(shape=Shape.NUMBER, unit="factor", allowed="a factor from 1 to 10"),
]
Usd = Annotated[
    Decimal,
    Field(ge=0, le=_TRILLION),
    Kind(shape=Shape.NUMBER, unit="USD", allowed="an amount in USD from 0 to 1 trillion"),
]
Hours = Annotated[
    Decimal,
    Field(ge=0, le=_YEAR_HOURS),
    Kind(shape=Shape.NUMBER, unit="hours", allowed=f"hours from 0 to {_YEAR_HOURS}"),
]
LifeHours = Annotated[
    Decimal,
    Field(gt=0, le=_YEAR_HOURS),
    Kind(shape=Shape.NUMBER, unit="hours", allowed=f"hours above 0, at most {_YEAR_HOURS}"),
]
Impressions = Annotated[
    Decimal,
    Field(ge=0, le=_TRILLION, multiple_of=1),
    Kind(shape=Shape.WHOLE, unit="impressions", allowed="a whole number from 0 to 1 trillion"),
]
# 28 days are read, and the spend of the 7 days before the window is part of its exposure.
WindowDays = Annotated[
    int,
    Field(ge=1, le=21),
    Kind(shape=Shape.WHOLE, unit="days", allowed="whole days from 1 to 21"),
]
ActionCount = Annotated[
    int,
    Field(ge=0, le=100_000),
    Kind(shape=Shape.WHOLE, unit="actions", allowed="a whole number from 0 to 100000"),
]
CampaignCount = Annotated[
    int,
    Field(ge=1, le=100_000),
    Kind(shape=Shape.WHOLE, unit="campaigns", allowed="a whole number from 1 to 100000"),
]
Interval = Annotated[
    int,
    Field(ge=60, le=86_400),
    Kind(shape=Shape.WHOLE, unit="seconds", allowed="whole seconds from 60 to 86400 (one day)"),
]
Settle = Annotated[
    int,
    Field(ge=0, le=86_400),
    Kind(shape=Shape.WHOLE, unit="seconds", allowed="whole seconds from 0 to 86400 (one day)"),
]

SECRET: Final = Kind(
    shape=Shape.TEXT,
    allowed="one line of printable characters without spaces",
    is_secret=True,
)
PATH: Final = Kind(shape=Shape.TEXT, allowed="an absolute path (~ is your home)")
