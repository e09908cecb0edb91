"""Every setting with its default, its bounds and what it means: the one place for each.

`KEYS` is read from the class body; the commented TOML file and the README's table are made from
`KEYS`.
"""

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from meta_autonomous.config import values
from meta_autonomous.config.keys import (
    PATH,
    SECRET,
    ActionCount,
    CampaignCount,
    Factor,
    Fraction,
    Hours,
    Impressions,
    Interval,
    Key,
    Kind,
    LifeHours,
    Margin,
    Probability,
    Ratio,
    Roas,
    Settle,
    Shape,
    Switch,
    Usd,
    WindowDays,
)
from meta_autonomous.decision.limits import OVERRIDABLE, Limits
from meta_autonomous.domain.action import ActionType
from meta_autonomous.domain.quantities import Rates

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

META: Final = "https://graph.facebook.com"


def _in(
    table: str, *, default: object, says: str, example: str = "", is_private: bool = False
) -> Any:
    """A setting of one TOML table."""
    extra: dict[str, Any] = {"table": table, "example": example, "is_private": is_private}
    return Field(default=default, description=says, repr=not is_private, json_schema_extra=extra)


_Path = Annotated[Annotated[Path, AfterValidator(values.absolute)] | None, PATH]
_Secret = Annotated[Annotated[SecretStr, AfterValidator(values.secret)] | None, SECRET]
_Names = Annotated[
    tuple[str, ...],
    AfterValidator(values.account_names),
    Kind(shape=Shape.LIST, allowed="a comma list of account names or %groups"),
]


class SettingFields(BaseSettings):
    """What can be set, and of each what is allowed by itself."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    meta_auto_enabled: Switch = _in(
        "system",
        default=True,
        says="Whether ticks work at all. `start` and `stop` are a second switch: both must be on.",
    )
    meta_auto_mode: Annotated[
        Literal["suggest", "auto"], Kind(shape=Shape.TEXT, allowed="suggest or auto")
    ] = _in(
        "system",
        default="suggest",
        says="suggest: a person decides every action. auto: safe actions are executed at once. "
        "A mode stored by `mode set` wins over this one.",
    )
    meta_auto_platform: Annotated[
        Literal["sandbox", "meta"], Kind(shape=Shape.TEXT, allowed="sandbox or meta")
    ] = _in(
        "system",
        default="sandbox",
        says="sandbox: a simulated ad account, no token. meta: real campaigns and real money.",
    )
    meta_auto_interval_seconds: Interval = _in(
        "system",
        default=1800,
        says="How often your timer runs `tick`: the measure of deadlines, `status` and alerts.",
    )
    meta_auto_settle_seconds: Settle = _in(
        "system",
        default=900,
        says="How long a write of unknown outcome rests before it is settled by reading. "
        "Less than 300 is for tests.",
    )
    meta_auto_state_dir: _Path = _in(
        "system",
        default=None,
        says="Folder of the database, the locks and the sandbox. Not set: "
        "$XDG_STATE_HOME/meta-auto, else ~/.local/state/meta-auto.",
        example='"/var/lib/meta-auto"',
    )

    max_daily_change_pct: Fraction = _in(
        "policy",
        default=Decimal("0.20"),
        says="Largest change of a budget within 24 hours that a person may approve.",
    )
    max_auto_change_pct: Fraction = _in(
        "policy",
        default=Decimal("0.10"),
        says="Largest change of a budget within 24 hours that auto mode may make. "
        "At most MAX_DAILY_CHANGE_PCT.",
    )
    hard_stop_roas: Roas = _in(
        "policy",
        default=Decimal("0.9"),
        says="Emergency brake: below this ROAS, with HARD_STOP_CONFIDENCE, delivery is paused.",
    )
    hard_stop_confidence: Probability = _in(
        "policy",
        default=Decimal("0.70"),
        says="How probable it must be that the true ROAS is below HARD_STOP_ROAS.",
    )
    hard_stop_executes_in_suggest: Switch = _in(
        "policy",
        default=False,
        says="Whether a hard stop is executed at once in suggest mode too.",
    )
    scale_up_roas: Roas = _in(
        "policy", default=Decimal("2.0"), says="From this ROAS on a larger budget is proposed."
    )
    scale_down_roas: Roas = _in(
        "policy",
        default=Decimal("1.5"),
        says="Up to this ROAS a smaller budget is proposed. At most SCALE_UP_ROAS.",
    )
    pause_roas: Roas = _in(
        "policy",
        default=Decimal("0.8"),
        says="Below this ROAS a pause is proposed. At most SCALE_UP_ROAS and RESUME_ROAS.",
    )
    resume_roas: Roas = _in(
        "policy",
        default=Decimal("1.5"),
        says="From this ROAS on, restated, what the program paused is proposed to run again.",
    )
    reallocate_ratio: Ratio = _in(
        "policy",
        default=Decimal("1.5"),
        says="How many times the worst ad set's ROAS the best one's must be to move budget.",
    )
    min_action_confidence: Probability = _in(
        "policy",
        default=Decimal("0.65"),
        says="How probable an action's claim must be to propose it.",
    )
    min_auto_confidence: Probability = _in(
        "policy",
        default=Decimal("0.75"),
        says="How probable it must be for auto mode to execute it.",
    )
    reversal_confidence: Probability = _in(
        "policy",
        default=Decimal("0.85"),
        says="How probable it must be to turn a change of the last 7 days around.",
    )
    auto_action_types: Annotated[
        frozenset[ActionType],
        AfterValidator(values.action_types),
        Kind(
            shape=Shape.LIST,
            allowed="any of pause, scale_up, scale_down; reallocate and resume are always "
            "decided by a person",
        ),
    ] = _in(
        "policy",
        default=frozenset(values.AUTOMATIC),
        says="What auto mode may execute. A type left out is only suggested.",
    )
    lookback_days: WindowDays = _in(
        "policy", default=7, says="The complete days before today that ROAS is measured over."
    )
    suggestion_ttl_hours: LifeHours = _in(
        "policy",
        default=Decimal(24),
        says="How long a suggestion waits for a person before it expires.",
    )
    holdout_pct: Fraction = _in(
        "policy",
        default=Decimal(0),
        says="Share of the campaigns that is left alone for 14 days at a time, hard stops "
        "excepted, to measure what the program is worth.",
    )
    profit_margin: Margin = _in(
        "policy",
        default=None,
        says="Your margin before advertising. Its inverse is the ROAS at which you break even.",
        example="0.40",
    )
    min_spain_percentage: Fraction = _in(
        "policy",
        default=Decimal("0.35"),
        says="Least share of Spain where Spain is one of several countries. "
        "At most MAX_SINGLE_COUNTRY_PCT.",
    )
    max_single_country_pct: Fraction = _in(
        "policy",
        default=Decimal("0.70"),
        says="Largest share of any one country, unless it is Spain alone.",
    )
    require_human_approval_creatives: Switch = _in(
        "policy",
        default=True,
        says="Whether a new or changed creative needs a person's approval before more money.",
    )

    min_impressions: Impressions = _in(
        "safety",
        default=Decimal(1000),
        says="Least impressions in the window for any action but a hard stop.",
    )
    min_spend_usd: Usd = _in(
        "safety",
        default=Decimal(100),
        says="Least spend in the window for any action, hard stops included.",
    )
    min_age_hours: Hours = _in(
        "safety", default=Decimal(48), says="Embargo: how old a campaign, ad set or ad must be."
    )
    creative_embargo_hours: Hours = _in(
        "safety", default=Decimal(48), says="Embargo after an ad's creative was changed."
    )
    action_cooldown_hours: Hours = _in(
        "safety",
        default=Decimal(24),
        says="How long an entity is left alone after a change, by the program or by anyone else.",
    )
    daily_overspend_factor: Factor = _in(
        "safety",
        default=Decimal("1.0"),
        says="What a daily budget counts in the projected day. Meta may spend up to 1.75 times a "
        "daily budget on one day: raise it to plan for the worst case.",
    )
    block_increase_while_learning: Switch = _in(
        "safety",
        default=True,
        says="Whether a budget stays unraised during Meta's learning phase. false: a warning.",
    )
    block_on_second_controller: Switch = _in(
        "safety",
        default=False,
        says="Whether automatic actions are blocked where one of Meta's automated rules governs "
        "the entity. false: a warning.",
    )

    max_daily_spend_usd: Usd = _in(
        "limits",
        default=Decimal(10000),
        says="Hard ceiling of one day's spend over all ad accounts.",
    )
    max_campaign_budget_usd: Usd = _in(
        "limits", default=Decimal(5000), says="Hard ceiling of one campaign's total daily budget."
    )
    max_actions_per_tick: ActionCount = _in(
        "limits",
        default=50,
        says="Most actions queued or executed by one tick; the rest is deferred.",
    )
    max_campaigns_per_tick: CampaignCount = _in(
        "limits",
        default=100,
        says="Most campaigns evaluated by one tick; hard stops are looked for in all.",
    )

    meta_ad_account_ids: Annotated[
        tuple[str, ...],
        AfterValidator(values.account_ids),
        Kind(shape=Shape.LIST, allowed="a comma list of digits, with or without act_"),
    ] = _in(
        "meta",
        default=(),
        says="The ad accounts to manage. Needed on platform meta.",
        example='["act_1234567890"]',
    )
    meta_access_token: _Secret = _in(
        "meta", default=None, says="The system user's token. Never in this file.", is_private=True
    )
    meta_access_token_file: _Path = _in(
        "meta",
        default=None,
        says="A file of mode 0600 that holds the token.",
        example='"/etc/meta-auto/meta_access_token"',
    )
    meta_app_secret: _Secret = _in(
        "meta",
        default=None,
        says="The app's secret: adds appsecret_proof to every request. Never in this file.",
        is_private=True,
    )
    meta_app_secret_file: _Path = _in(
        "meta",
        default=None,
        says="A file of mode 0600 that holds the app's secret.",
        example='"/etc/meta-auto/meta_app_secret"',
    )
    meta_graph_url: Annotated[
        str,
        AfterValidator(values.graph_url),
        Kind(shape=Shape.TEXT, allowed="a URL with https, or with http to a loopback address"),
    ] = _in("meta", default=META, says="Where the Graph API is.")
    meta_graph_version: Annotated[
        str,
        AfterValidator(values.graph_version),
        Kind(shape=Shape.TEXT, allowed="a version such as v26.0"),
    ] = _in("meta", default="v26.0", says="The version of the Marketing API to speak.")

    meta_auto_database_url: Annotated[
        Annotated[str, AfterValidator(values.database_url)] | None,
        Kind(
            shape=Shape.TEXT,
            allowed="postgresql://… or sqlite:////whole/path/of/a/file",
        ),
    ] = _in(
        "database",
        default=None,
        says="Not set: SQLite, meta-auto.sqlite3 in the state folder.",
        example='"postgresql:///meta_auto"',
        is_private=True,
    )

    meta_auto_notify_urls: Annotated[
        tuple[str, ...],
        AfterValidator(values.notify_urls),
        Kind(shape=Shape.LIST, allowed="a comma list of URLs"),
    ] = _in(
        "notify",
        default=(),
        says="Where digests and alerts go.",
        example='["mailto://localhost?from=meta-auto@example.com&to=ads-team@example.com"]',
        is_private=True,
    )
    meta_auto_metrics_file: _Path = _in(
        "notify",
        default=None,
        says="The Prometheus textfile that every tick and `alerts check` write. Not set: "
        "metrics.prom in the state folder, for its owner only: for node_exporter name a file in "
        "its textfile folder, which it may then read (mode 0644).",
        example='"/var/lib/prometheus/node-exporter/meta-auto.prom"',
    )
    meta_auto_ping_url: Annotated[
        Annotated[SecretStr, AfterValidator(values.secret), AfterValidator(values.ping_url)]
        | None,
        Kind(shape=Shape.TEXT, allowed="a URL with https or http", is_secret=True),
    ] = _in(
        "notify",
        default=None,
        says="A dead man's switch: asked for with /start when a tick begins, as it is after one "
        "that worked, with /fail after one that did not. Never in this file.",
        is_private=True,
    )

    meta_auto_admins: _Names = _in(
        "access",
        default=(),
        says="Who may configure, start, stop and switch modes. With neither admins nor managers "
        "set, the owner of the state folder.",
        example='["alice", "%meta-admins"]',
    )
    meta_auto_managers: _Names = _in(
        "access",
        default=(),
        says="Who may read, approve, reject and undo. Admins may too.",
        example='["%meta-approvers"]',
    )
    meta_auto_service_user: Annotated[
        Annotated[str, AfterValidator(values.service_user)] | None,
        Kind(shape=Shape.TEXT, allowed="the name of one account"),
    ] = _in(
        "access",
        default=None,
        says="The account the timer runs as, when it is nobody's own: it may tick, never approve.",
        example='"meta-auto"',
    )

    meta_auto_fx: Annotated[
        dict[
            Annotated[str, AfterValidator(values.currency)],
            Annotated[Decimal, Field(gt=0, le=1_000_000)],
        ],
        Kind(
            shape=Shape.NUMBER,
            unit="USD",
            allowed="for a currency of Meta's table, a rate above 0, at most 1000000",
        ),
    ] = _in("fx", default={}, says="USD for one unit of the currency.", example="1.08")

    @field_validator("*", mode="before")
    @classmethod
    def _as_written(cls, value: object, info: ValidationInfo) -> object:
        """Text as people and shells write it: trimmed, a comma list split, empty for not set."""
        key = KEYS[str(info.field_name)]
        if isinstance(value, str):
            value = value.strip()
        if key.kind.shape is Shape.LIST:
            return values.listed(value)
        if value == "":
            if key.default is not None:
                raise ValueError("is empty")
            return None
        if isinstance(value, bool) and key.kind.shape is not Shape.SWITCH:
            raise ValueError("is a switch, not a number")
        if key.kind.shape is Shape.WHOLE:
            values.insist_on_whole(value)
        return value

    def limits(self) -> Limits:
        return Limits(**{item.name: getattr(self, item.name) for item in fields(Limits)})

    def rates(self) -> Rates:
        return Rates(usd_per_unit=MappingProxyType(dict(self.meta_auto_fx)))

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            """The seed's upper-case names work as attributes too."""
            if name.isupper() and name.lower() in type(self).model_fields:
                return getattr(self, name.lower())
            return super().__getattr__(name)


def _described(name: str, field: "FieldInfo") -> Key:
    extra: Any = field.json_schema_extra
    (kind,) = (item for item in field.metadata if isinstance(item, Kind))
    return Key(
        name=name,
        table=extra["table"],
        kind=kind,
        default=field.default,
        says=field.description or "",
        example=extra["example"],
        looser=OVERRIDABLE.get(name),
        is_secret=kind.is_secret,
        is_private=extra["is_private"],
    )


#: Every setting, documented once: the class above, as data.
KEYS: Final[Mapping[str, Key]] = MappingProxyType(
    {name: _described(name, field) for name, field in SettingFields.model_fields.items()}
)
