"""The configuration as a command has it: the values, where each is from, and what they mean."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from meta_autonomous.config.checking import Origin
from meta_autonomous.config.fields import KEYS, META
from meta_autonomous.config.keys import FX, FX_PREFIX
from meta_autonomous.config.overrides import Reader
from meta_autonomous.config.problems import Problem, SettingsError
from meta_autonomous.config.settings import AutonomousSettings
from meta_autonomous.config.showing import (
    NOT_SET,
    SET,
    Sourced,
    digest,
    freeze_json,
    override_json,
    policy,
    scope_json,
    shown,
    shown_number,
)
from meta_autonomous.config.sources import (
    Gathered,
    Layer,
    Source,
    default_state_dir,
    gather,
    toml_place,
)
from meta_autonomous.config.values import passwords
from meta_autonomous.decision.limits import Freeze, Limits, Override, PolicyBook, Scope
from meta_autonomous.domain.quantities import Rates
from meta_autonomous.ports.people import System

_SETTLE_FOR_TESTS: Final = 300
_DATABASE: Final = "meta-auto.sqlite3"
_METRICS: Final = "metrics.prom"
_TOKEN: Final = "meta_access_token"  # noqa: S105 - a name
_APP_SECRET: Final = "meta_app_secret"  # noqa: S105 - a name


@dataclass(frozen=True, kw_only=True)
class LoadedSettings:
    """Everything configured. `warnings` are sentences for `doctor` and `policies show`.

    `unreadable` are the secrets whose file this person may not read: they can look, not act.
    """

    settings: AutonomousSettings
    overrides: tuple[Override, ...]
    scope: Scope
    freezes: tuple[Freeze, ...]
    state_dir: Path
    config_file: Path | None
    warnings: tuple[str, ...]
    gathered: Gathered = field(repr=False)

    def limits(self) -> Limits:
        return self.settings.limits()

    def rates(self) -> Rates:
        return self.settings.rates()

    def book(self) -> PolicyBook:
        return PolicyBook(
            limits=self.limits(),
            overrides=self.overrides,
            scope=self.scope,
            freezes=self.freezes,
        )

    def system(self) -> System:
        settings = self.settings
        in_force = policy(settings, self.overrides, self.scope, self.freezes)
        return System(
            platform=settings.meta_auto_platform,
            is_enabled=settings.meta_auto_enabled,
            mode=settings.meta_auto_mode,
            interval_seconds=settings.meta_auto_interval_seconds,
            settle_seconds=settings.meta_auto_settle_seconds,
            account_ids=settings.meta_ad_account_ids,
            policy=in_force,
            policy_digest=digest(in_force),
        )

    @property
    def database_url(self) -> str:
        """As SQLAlchemy takes it. It may hold a password: `sources` has it for showing."""
        return self.settings.meta_auto_database_url or f"sqlite:///{self.state_dir / _DATABASE}"

    @property
    def default_database_file(self) -> Path | None:
        """The file of `database_url`, where nobody chose another database."""
        return None if self.settings.meta_auto_database_url else self.state_dir / _DATABASE

    @property
    def notify_urls(self) -> tuple[str, ...]:
        return self.settings.meta_auto_notify_urls

    @property
    def metrics_file(self) -> Path:
        return self.settings.meta_auto_metrics_file or self.state_dir / _METRICS

    def ping_url(self) -> str | None:
        """Whoever knows it can feign ticks. None also where this person may not read it."""
        value = self.settings.meta_auto_ping_url
        return value.get_secret_value() if value is not None else None

    @property
    def graph_url(self) -> str:
        return self.settings.meta_graph_url

    @property
    def graph_version(self) -> str:
        return self.settings.meta_graph_version

    def token(self) -> str | None:
        """The access token itself. Raises SettingsError when this person may not read its file."""
        return self._secret(_TOKEN, self.settings.meta_access_token)

    def app_secret(self) -> str | None:
        return self._secret(_APP_SECRET, self.settings.meta_app_secret)

    def secrets(self) -> tuple[str, ...]:
        """Everything that must never be shown, as far as this person may read it."""
        settings = self.settings
        values = (getattr(settings, name) for name, key in KEYS.items() if key.is_secret)
        known = [value.get_secret_value() for value in values if value is not None]
        urls = (*self.notify_urls, settings.meta_auto_database_url or "")
        return (*known, *self.notify_urls, *passwords(urls))

    def _secret(self, name: str, value: SecretStr | None) -> str | None:
        if name in self.gathered.unreadable:
            raise SettingsError([self.gathered.unreadable[name]])
        return value.get_secret_value() if value is not None else None

    @cached_property
    def sources(self) -> Mapping[str, Sourced]:
        """Every setting with where it is from. What may not be shown is not in it."""
        rates = {f"{FX_PREFIX}{code.lower()}" for code in self.settings.meta_auto_fx}
        return {name: self._sourced(name) for name in (*KEYS.keys() - {FX}, *sorted(rates))}

    def _sourced(self, name: str) -> Sourced:
        given = self.gathered.values.get(name)
        source = given.source if given is not None else Source.DEFAULT
        detail = given.detail if given is not None else ""
        if name in self.gathered.unreadable:
            problem = self.gathered.unreadable[name]
            return Sourced(value=SET, source=Source.CREDENTIAL, detail=str(problem))
        return Sourced(value=self._shown(name), source=source.value, detail=detail)

    def _shown(self, name: str) -> Any:
        if name.startswith(FX_PREFIX):
            code = name.removeprefix(FX_PREFIX).upper()
            return shown_number(KEYS[FX], self.settings.meta_auto_fx[code])
        in_force = {
            "meta_auto_state_dir": self.state_dir,
            "meta_auto_database_url": self.database_url,
        }
        return shown(KEYS[name], in_force.get(name, getattr(self.settings, name)))

    def require_actionable(self) -> None:
        """Raise SettingsError unless a command could act with this: on the sandbox without a
        token, on Meta with one and with ad accounts, its secrets readable."""
        problems = list(self.gathered.unreadable.values())
        token = self.sources[_TOKEN]
        if self.settings.meta_auto_platform == "sandbox":
            if token.value == SET:
                problems.append(_token_on_sandbox(token))
        else:
            if token.value == NOT_SET:
                problems.append(_NO_TOKEN)
            if not self.settings.meta_ad_account_ids:
                problems.append(_NO_ACCOUNTS)
        if problems:
            raise SettingsError(problems)


def load(
    config_path: Path | None,
    env: Mapping[str, str],
    cwd: Path,
    *,
    cli: Mapping[str, Any] | None = None,
) -> LoadedSettings:
    """The configuration in force: command line > environment > `.env` > TOML > credentials >
    defaults. `cli` maps settings' names, in either case, to text or values; None is nothing said,
    and a secret only counts as SecretStr, which no command line gives.

    Raises SettingsError (a ConfigError) that names everything wrong.
    """
    found = gather(env, cwd / ".env", cli=cli, find_toml=partial(toml_place, config_path, cwd))
    if found.problems:
        raise SettingsError(found.problems)
    return _assembled(found, env)


def every_problem(
    config_path: Path | None, env: Mapping[str, str], cwd: Path
) -> tuple[Problem, ...]:
    """All that is wrong with the configuration, at whatever stage it would be found: what `load`
    raises first, and with that left out what it would raise next; then whether one can act."""
    try:
        found = gather(env, cwd / ".env", find_toml=partial(toml_place, config_path, cwd))
    except SettingsError as error:
        return error.problems
    problems = list(found.problems)
    values = _without(problems, found.values)
    while True:
        try:
            _assembled(replace(found, values=values), env).require_actionable()
        except SettingsError as error:
            problems += [one for one in error.problems if not _follows(one, problems)]
            rest = _without(error.problems, values)
        else:
            break
        if len(rest) == len(values):
            break  # what is wrong is no single value: nothing more can be left out
        values = rest
    return tuple(dict.fromkeys(problems))


def _without(problems: Sequence[Problem], values: Layer) -> Layer:
    """The values that are not among what is wrong."""
    wrong = {problem.key for problem in problems}
    return {name: one for name, one in values.items() if one.origin.spelled not in wrong}


def _follows(problem: Problem, others: Iterable[Problem]) -> bool:
    """Whether a value is missing only because what gives it is wrong: a token's unread file."""
    return any(other.key.startswith(problem.key) for other in others)


def _assembled(found: Gathered, env: Mapping[str, str]) -> LoadedSettings:
    """Raises SettingsError."""
    origins = {
        name: Origin(spelled=key.variable, where=Source.DEFAULT.value)
        for name, key in KEYS.items()
    } | {name: given.origin for name, given in found.values.items()}
    settings = AutonomousSettings.of(
        {name: given.value for name, given in found.values.items()}, origins
    )
    reader = Reader(settings=settings, origins=origins, where=str(found.config_file))
    overrides = reader.overrides(found.rest.overrides)
    scope = reader.scope(found.rest.scope)
    freezes = reader.freezes(found.rest.freezes)
    state_dir = settings.meta_auto_state_dir or default_state_dir(env)
    if reader.problems or state_dir is None:
        raise SettingsError(reader.problems or [_HOMELESS])
    unreadable = (str(problem) for problem in found.unreadable.values())
    return LoadedSettings(
        settings=settings,
        overrides=overrides,
        scope=scope,
        freezes=freezes,
        state_dir=state_dir,
        config_file=found.config_file,
        warnings=(*found.warnings, *reader.warnings, *_warnings(settings), *unreadable),
        gathered=found,
    )


def effective(
    loaded: LoadedSettings, *, runtime: Mapping[str, Sourced] | None = None
) -> dict[str, Any]:
    """What `policies show --json` prints: every value at the top, the seed's keys among them,
    then `scope`, `overrides`, `freezes`, `policy_digest`, `warnings` and `sources`.

    `runtime` holds what is stored beside the configuration (the mode, by `meta_auto_mode`).
    """
    return _document(loaded, {**loaded.sources, **(runtime or {})})


def explain_for(
    loaded: LoadedSettings,
    account_id: str,
    campaign_name: str,
    *,
    runtime: Mapping[str, Sourced] | None = None,
) -> dict[str, Any]:
    """The same for one campaign: with the limits that an override gives it."""
    file = str(loaded.config_file)
    overridden = {
        name: Sourced(
            value=shown_number(KEYS[name], value),
            source="name override" if override.match is not None else "account override",
            detail=f"{override.label} ({file})",
        )
        for name, (value, override) in loaded.book().sources(account_id, campaign_name).items()
    }
    return _document(loaded, {**loaded.sources, **(runtime or {}), **overridden})


def _document(loaded: LoadedSettings, sources: Mapping[str, Sourced]) -> dict[str, Any]:
    in_order = [*(name for name in KEYS if name != FX), *sorted(sources.keys() - KEYS.keys())]
    return {
        **{name: sources[name].value for name in in_order},
        "scope": scope_json(loaded.scope),
        "overrides": [
            override_json(
                each, {key: shown_number(KEYS[key], value) for key, value in each.values.items()}
            )
            for each in loaded.overrides
        ],
        "freezes": [freeze_json(each) for each in loaded.freezes],
        "policy_digest": loaded.system().policy_digest,
        "warnings": list(loaded.warnings),
        "sources": {name: sources[name].as_json() for name in in_order},
    }


def _warnings(settings: AutonomousSettings) -> list[str]:
    """What is allowed and still looks like a mistake."""
    found = []
    if settings.meta_auto_settle_seconds < _SETTLE_FOR_TESTS:
        found.append(
            f"META_AUTO_SETTLE_SECONDS = {settings.meta_auto_settle_seconds} is for tests: under "
            f"{_SETTLE_FOR_TESTS} a write may still take effect after it was settled"
        )
    if settings.hard_stop_roas > settings.scale_up_roas:
        found.append(
            f"HARD_STOP_ROAS = {settings.hard_stop_roas} is above SCALE_UP_ROAS = "
            f"{settings.scale_up_roas}: between the two the hard stop wins and pauses"
        )
    if settings.suggestion_ttl_hours * 3600 < settings.meta_auto_interval_seconds:
        found.append("SUGGESTION_TTL_HOURS is shorter than META_AUTO_INTERVAL_SECONDS")
    if settings.meta_auto_managers and not settings.meta_auto_admins:
        found.append("META_AUTO_MANAGERS is set and META_AUTO_ADMINS is not: nobody is an admin")
    if settings.meta_auto_service_user and not (
        settings.meta_auto_admins or settings.meta_auto_managers
    ):
        found.append(
            "META_AUTO_SERVICE_USER is set, META_AUTO_ADMINS and META_AUTO_MANAGERS are not: if "
            "that account owns the state folder, nobody may approve"
        )
    if settings.meta_auto_platform == "meta" and settings.meta_graph_url != META:
        found.append(f"META_GRAPH_URL = {settings.meta_graph_url} is not Meta's own address")
    return found


def _token_on_sandbox(token: Sourced) -> Problem:
    return Problem(
        key="META_ACCESS_TOKEN",
        where=f"{token.source}: {token.detail}",
        says="is set, but META_AUTO_PLATFORM is sandbox",
        allowed="a token with META_AUTO_PLATFORM=meta, or the sandbox without one",
        remedy="Set META_AUTO_PLATFORM=meta, or remove the token.",
    )


_NO_TOKEN: Final = Problem(
    key="META_ACCESS_TOKEN",
    says="is not set, but META_AUTO_PLATFORM is meta",
    allowed="the system user's token",
    remedy="Give it as META_ACCESS_TOKEN, META_ACCESS_TOKEN_FILE or the systemd credential "
    "meta_access_token, or set META_AUTO_PLATFORM=sandbox.",
)
_NO_ACCOUNTS: Final = Problem(
    key="META_AD_ACCOUNT_IDS",
    says="is not set, but META_AUTO_PLATFORM is meta",
    allowed=KEYS["meta_ad_account_ids"].allowed,
    remedy="List the ad accounts to manage.",
)
_HOMELESS: Final = Problem(
    key="META_AUTO_STATE_DIR",
    says="is not set, and the account that runs this has no home",
    allowed=KEYS["meta_auto_state_dir"].allowed,
    remedy="Set META_AUTO_STATE_DIR.",
)
