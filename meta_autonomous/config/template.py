"""The commented TOML file that `init` writes, made from `KEYS`."""

import json
import textwrap
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from meta_autonomous.config.fields import KEYS
from meta_autonomous.config.keys import FX, TABLES, Key, Shape
from meta_autonomous.config.settings import AutonomousSettings
from meta_autonomous.config.values import AUTOMATIC

_WIDTH: Final = 96
_HEADER: Final = """\
# meta-auto: configuration.
#
# "# " begins a remark. "#" alone begins a setting, at its default or as an example: remove the
# "#" to set it. Every setting is a variable too, by the same name in upper case.
#
# Command line > environment > .env > this file > defaults. This file is found by --config, else
# META_AUTO_CONFIG, else at ~/.config/meta-auto/config.toml, else /etc/meta-auto/config.toml.
# `meta-auto policies show` prints what is in force and where each value comes from.
#
# Secrets never stand here. META_ACCESS_TOKEN and META_APP_SECRET come from the environment, a
# .env of mode 0600, a file of mode 0600 named below, or systemd's $CREDENTIALS_DIRECTORY.
"""
_FOOTER: Final = """\
# Which campaigns may be touched: shell patterns for campaign names, or ids. Without `include` all
# of them may.
[scope]
#include = ["ES *", "120210000000000001"]
#exclude = ["*[manual]*"]

# Other limits for one ad account, or for campaigns whose name matches a shell pattern; every
# limit above that says when it is looser may stand here. An override that is looser than the
# global value counts only with allow_looser = true. Of several, later ones win.
#[[override]]
#account = "act_1234567890"
#max_daily_change_pct = 0.10
#
#[[override]]
#match = "*prospecting*"
#allow_looser = true
#hard_stop_roas = 0.7

# When budgets stay as they are. Pauses stay allowed.
#[[freeze]]
#from = 2026-11-26T00:00:00+01:00
#to = 2026-12-01T00:00:00+01:00
#reason = "Black Friday: budgets are set by hand"
"""


def render(given: Mapping[str, Any] | None = None) -> str:
    """The file, with these settings (by lower-case name) set and all others at their default.

    Raises SettingsError for a wrong value, ValueError for a secret.
    """
    valid = AutonomousSettings.of(given or {})
    chosen = {name: getattr(valid, name) for name in valid.model_fields_set}
    secrets = sorted(name for name in chosen if KEYS[name].is_secret)
    if secrets:
        raise ValueError(f"never in a file that others may read: {', '.join(secrets)}")
    parts = [_HEADER]
    for table, says in TABLES.items():
        keys = [key for key in KEYS.values() if key.table == table and not key.is_secret]
        settings = "\n".join(_setting(key, chosen) for key in keys)
        parts.append(f"# {says}\n[{table}]\n{settings}")
    return "\n".join([*parts, _FOOTER])


def written(value: Any) -> str:
    """A value as TOML."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return f"{value:f}" if isinstance(value, Decimal) else str(value)
        case str() | Path():
            # TOML's basic strings are JSON's, but for the one control character JSON lets pass.
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
        case frozenset():
            return written(tuple(each.value for each in AUTOMATIC if each in value))
        case _:
            return f"[{', '.join(written(each) for each in value)}]"


def _setting(key: Key, chosen: Mapping[str, Any]) -> str:
    return "\n".join([*_remarks(key), *_lines(key, chosen), ""])


def _remarks(key: Key) -> list[str]:
    allowed = [f"Allowed: {key.allowed}."] if key.kind.shape is not Shape.SWITCH else []
    looser = [f"Looser when {key.looser}."] if key.looser else []
    return [*_wrapped(key.says), *_wrapped(" ".join([*allowed, *looser]))]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")


def _lines(key: Key, chosen: Mapping[str, Any]) -> list[str]:
    if key.name in chosen:
        if key.name == FX:
            return [f"{code} = {written(rate)}" for code, rate in chosen[FX].items()]
        return [f"{key.name} = {written(chosen[key.name])}"]
    if key.example:
        name = "EUR" if key.name == FX else key.name
        return ["# Not set. For example:", f"#{name} = {key.example}"]
    return [f"#{key.name} = {written(key.default)}"]
