"""The commented file that `init` writes: it loads, it says everything, it is the example."""

import re
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_autonomous.config import KEYS, SettingsError, effective
from meta_autonomous.config.keys import FX
from meta_autonomous.config.template import render, written

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
#: A setting that waits for its "#" to be removed; an example is announced as one.
DEFAULT_LINE = re.compile(r"(?<!# Not set\. For example:\n)^#(?=[a-z_]+ = )", re.MULTILINE)
ANY_LINE = re.compile(r"^#(?=[A-Za-z_\[])", re.MULTILINE)


def test_the_example_is_the_template() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == render()


def test_the_template_loads_and_changes_nothing(machine) -> None:
    from_template = machine.load(toml=render())

    assert from_template.settings == machine.load().settings
    assert {each.source for each in from_template.sources.values()} == {"default"}


def test_every_default_line_holds_its_default(machine) -> None:
    settings = render().split("# Which campaigns may be touched")[0]
    loaded = machine.load(toml=DEFAULT_LINE.sub("", settings))

    assert loaded.settings == machine.load().settings
    expected = {name for name, key in KEYS.items() if key.default not in (None, (), {})}
    from_file = {name for name, each in loaded.sources.items() if each.source == "TOML"}
    assert from_file == expected


def test_every_example_line_would_load(machine) -> None:
    text = ANY_LINE.sub("", render())
    for secret in ("meta_access_token_file", "meta_app_secret_file"):
        path = machine.write(machine.root / secret, "EAAx")
        text = re.sub(rf"{secret} = .*", f'{secret} = "{path}"', text)

    loaded = machine.load(toml=text)

    assert loaded.token() == "EAAx"
    assert loaded.settings.meta_auto_fx == {"EUR": Decimal("1.08")}
    assert len(loaded.overrides) == 2
    assert len(loaded.freezes) == 1
    assert loaded.scope.include


def test_every_setting_but_the_secrets_stands_in_its_table() -> None:
    found: dict[str, str] = {}
    table = ""
    for line in render().splitlines():
        if heading := re.fullmatch(r"\[([a-z]+)\]", line):
            table = heading[1]
        elif setting := re.match(r"#?([a-z_]+) = ", line):
            found.setdefault(setting[1], table)

    expected = {name: key.table for name, key in KEYS.items() if not key.is_secret and name != FX}
    assert {name: found.get(name) for name in expected} == expected


def test_no_line_is_wider_than_the_code() -> None:
    assert max(len(line) for line in render().splitlines()) <= 99


def test_what_init_sets_is_set_and_comes_back(machine) -> None:
    chosen = {
        "max_daily_spend_usd": "1000.50",
        "meta_auto_mode": "auto",
        "meta_auto_enabled": False,
        "meta_ad_account_ids": "act_1,2",
        "auto_action_types": ["scale_down", "pause"],
        "meta_auto_state_dir": "/srv/x",
        "meta_auto_fx_eur": "1.08",
        "profit_margin": 0.4,
    }

    shown = effective(machine.load(toml=render(chosen)))

    assert shown["max_daily_spend_usd"] == 1000.5
    assert shown["meta_auto_mode"] == "auto"
    assert shown["meta_auto_enabled"] is False
    assert shown["meta_ad_account_ids"] == ["1", "2"]
    assert shown["auto_action_types"] == ["pause", "scale_down"]
    assert shown["meta_auto_state_dir"] == "/srv/x"
    assert shown["meta_auto_fx_eur"] == 1.08
    assert shown["profit_margin"] == 0.4
    assert {name for name, each in shown["sources"].items() if each["source"] == "TOML"} == set(
        chosen
    )


def test_init_never_writes_a_secret_or_a_wrong_value() -> None:
    with pytest.raises(ValueError, match="meta_access_token"):
        render({"meta_access_token": "x"})
    with pytest.raises(SettingsError):
        render({"max_daily_spend_usd": -1})


@given(
    st.one_of(
        st.booleans(),
        st.integers(-(10**12), 10**12),
        st.decimals(allow_nan=False, allow_infinity=False, places=6),
        st.text(),
        st.lists(st.text()).map(tuple),
    )
)
def test_a_written_value_is_read_back_as_it_was(value) -> None:
    parsed = tomllib.loads(f"x = {written(value)}", parse_float=Decimal)["x"]

    assert (tuple(parsed) if isinstance(value, tuple) else parsed) == value
