"""Settings as they may be shown or recorded: no secret, every value with its source."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from meta_autonomous.config.fields import KEYS
from meta_autonomous.config.keys import FX, FX_PREFIX, Key, Shape
from meta_autonomous.config.settings import AutonomousSettings
from meta_autonomous.config.values import AUTOMATIC, redacted
from meta_autonomous.decision.limits import Freeze, Override, Scope
from meta_autonomous.ports.words import Json

SET: Final = "set"
NOT_SET: Final = "not set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourced:
    """A value that may be shown, where it is from (one of `Source`, or "account override",
    "name override") and the file, variable or override that says so."""

    value: Any
    source: str
    detail: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"value": self.value, "source": self.source, "detail": self.detail}


def shown(key: Key, value: Any) -> Any:
    """A value as JSON shows it: numbers as numbers, a secret as "set", a URL without password."""
    if key.is_secret:
        return NOT_SET if value is None else SET
    if key.is_private:
        is_one = isinstance(value, str)
        return redacted(value) if is_one else [redacted(url) for url in value]
    if isinstance(value, Decimal):
        return shown_number(key, value)
    return _plain(value)


def _plain(value: Any) -> Any:
    match value:
        case frozenset():
            return [each.value for each in AUTOMATIC if each in value]
        case tuple():
            return list(value)
        case Path():
            return str(value)
        case _:
            return value


def shown_number(key: Key, value: Decimal) -> int | float:
    """Whole numbers and hours as people write them, 48; everything else as 100.0 and 0.2."""
    is_counted = key.kind.shape is Shape.WHOLE or key.unit == "hours"
    return int(value) if is_counted and value == value.to_integral_value() else float(value)


def exact(value: Any) -> Any:
    """A value for the record: decimals as their shortest plain text, so that 0.2 is 0.20."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else _plain(value)


def policy(
    settings: AutonomousSettings,
    overrides: tuple[Override, ...],
    scope: Scope,
    freezes: tuple[Freeze, ...],
) -> Json:
    """What the program may do, for the record: no secret, no place, and no fraction but as text,
    so that equal policies have equal records."""
    values = {
        name: exact(getattr(settings, name))
        for name, key in KEYS.items()
        if key.is_policy and name != FX
    }
    rates = {
        f"{FX_PREFIX}{code.lower()}": exact(rate)
        for code, rate in sorted(settings.meta_auto_fx.items())
    }
    return {
        **values,
        **rates,
        "scope": scope_json(scope),
        "overrides": [
            override_json(each, {key: exact(value) for key, value in each.values.items()})
            for each in overrides
        ],
        "freezes": [freeze_json(each) for each in freezes],
    }


def digest(policy: Json) -> str:
    """SHA-256 of the policy's canonical JSON."""
    text = json.dumps(policy, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()


def scope_json(scope: Scope) -> dict[str, list[str]]:
    return {"include": list(scope.include), "exclude": list(scope.exclude)}


def override_json(override: Override, limits: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "account": override.account,
        "match": override.match,
        "allow_looser": override.allow_looser,
        "limits": dict(limits),
    }


def freeze_json(freeze: Freeze) -> dict[str, str]:
    return {
        "from": freeze.starts_at.isoformat(),
        "to": freeze.ends_at.isoformat(),
        "reason": freeze.reason,
    }
