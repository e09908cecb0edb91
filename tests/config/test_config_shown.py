"""What `policies show` prints and what each tick records of the policy."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_autonomous.config import KEYS, Sourced, effective, explain_for
from meta_autonomous.config.keys import FX
from meta_autonomous.config.showing import digest, exact
from meta_autonomous.config.values import account_id, redacted
from meta_autonomous.ports.people import System

SEEDS_POLICIES = """{
  "max_daily_change_pct": 0.20,
  "max_auto_change_pct": 0.10,
  "hard_stop_roas": 0.9,
  "hard_stop_confidence": 0.70,
  "min_impressions": 1000,
  "min_spend_usd": 100.0,
  "min_age_hours": 48,
  "creative_embargo_hours": 48,
  "min_spain_percentage": 0.35,
  "max_single_country_pct": 0.70,
  "require_human_approval_creatives": true
}"""
OVERRIDE = """
[[override]]
account = 123
max_daily_change_pct = 0.15
[[override]]
match = "ES *"
min_age_hours = 72
[[override]]
account = 123
max_daily_spend_usd = 99999
"""


def test_the_seeds_eleven_keys_stand_at_the_top_with_its_types(machine) -> None:
    shown = json.loads(json.dumps(effective(machine.load())))

    for name, value in json.loads(SEEDS_POLICIES).items():
        assert shown[name] == value
        assert type(shown[name]) is type(value)


def test_every_setting_is_shown_with_its_value_source_and_detail(machine) -> None:
    shown = effective(machine.load(META_AUTO_FX_EUR="1.08", MIN_AGE_HOURS="0.5"))

    assert set(shown["sources"]) == set(KEYS) - {FX} | {"meta_auto_fx_eur"}
    for name, source in shown["sources"].items():
        assert source["value"] == shown[name]
    assert shown["sources"]["meta_auto_fx_eur"] == {
        "value": 1.08,
        "source": "environment",
        "detail": "META_AUTO_FX_EUR",
    }
    assert shown["min_age_hours"] == 0.5


def test_what_only_the_file_can_say_is_shown_too(machine) -> None:
    shown = effective(
        machine.load(
            toml=OVERRIDE
            + """
            [scope]
            include = ["ES *"]
            [[freeze]]
            from = 2026-11-26T00:00:00+01:00
            to = 2026-12-01T00:00:00+01:00
            reason = "Black Friday"
            """
        )
    )

    assert shown["scope"] == {"include": ["ES *"], "exclude": []}
    assert shown["overrides"][0] == {
        "account": "123",
        "match": None,
        "allow_looser": False,
        "limits": {"max_daily_change_pct": 0.15},
    }
    assert shown["freezes"] == [
        {
            "from": "2026-11-25T23:00:00+00:00",
            "to": "2026-11-30T23:00:00+00:00",
            "reason": "Black Friday",
        }
    ]
    assert "99999 is looser than 10000" in shown["warnings"][0]
    json.dumps(shown)


def test_what_is_stored_at_run_time_is_shown_as_such(machine) -> None:
    stored = Sourced(value="auto", source="runtime override", detail="alice")

    shown = effective(machine.load(), runtime={"meta_auto_mode": stored})

    assert shown["meta_auto_mode"] == "auto"
    assert shown["sources"]["meta_auto_mode"]["source"] == "runtime override"


def test_for_one_campaign_an_overrides_values_are_shown_with_the_override(machine) -> None:
    shown = explain_for(machine.load(toml=OVERRIDE), "123", "ES shoes")

    assert shown["max_daily_change_pct"] == 0.15
    assert shown["sources"]["max_daily_change_pct"]["source"] == "account override"
    assert "account 123" in shown["sources"]["max_daily_change_pct"]["detail"]
    assert shown["min_age_hours"] == 72
    assert shown["sources"]["min_age_hours"]["source"] == "name override"
    assert shown["max_daily_spend_usd"] == 10000
    assert shown["sources"]["max_daily_spend_usd"]["source"] == "default"
    assert explain_for(machine.load(toml=OVERRIDE), "9", "FR")["max_daily_change_pct"] == 0.2


def test_no_secret_is_shown_recorded_or_printed(machine) -> None:
    loaded = machine.load(
        META_ACCESS_TOKEN="hunter2",
        META_APP_SECRET="hunter2",
        META_AUTO_DATABASE_URL="postgresql://u:hunter2@db:5432/x?password=hunter2",
        META_AUTO_NOTIFY_URLS="smtp://u:hunter2@mail,https://hooks.example.com/hunter2,tg://hunter2/1",
    )

    shown = effective(loaded)
    assert shown["meta_access_token"] == shown["meta_app_secret"] == "set"
    assert shown["meta_auto_database_url"] == "postgresql+psycopg://u:***@db:5432/x?…"
    assert shown["meta_auto_notify_urls"] == [
        "smtp://u:***@mail",
        "https://hooks.example.com/…",
        "tg:…",
    ]
    for text in (json.dumps(shown), repr(loaded), str(loaded.system())):
        assert "hunter2" not in text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mailto:a@example.com?subject=x", "mailto:a@example.com"),
        ("sqlite:////var/lib/x.db", "sqlite:////var/lib/x.db"),
        ("postgresql+psycopg:///x?host=/run", "postgresql+psycopg:///x?…"),
        ("https://[broken", "(not a URL)"),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url, shown) -> None:
    assert redacted(url) == shown


# --- the record ---------------------------------------------------------------------------------


def test_the_system_is_what_the_settings_say(machine) -> None:
    system = machine.load(
        META_AUTO_ENABLED="false",
        META_AUTO_MODE="auto",
        META_AUTO_PLATFORM="meta",
        META_AUTO_INTERVAL_SECONDS="600",
        META_AUTO_SETTLE_SECONDS="300",
        META_AD_ACCOUNT_IDS="act_1,2",
    ).system()

    assert system == System(
        platform="meta",
        is_enabled=False,
        mode="auto",
        interval_seconds=600,
        settle_seconds=300,
        account_ids=("1", "2"),
        policy=system.policy,
        policy_digest=system.policy_digest,
    )


def holds_no_float(value: object) -> bool:
    match value:
        case dict():
            return all(holds_no_float(each) for each in value.values())
        case list():
            return all(holds_no_float(each) for each in value)
        case _:
            return value is None or isinstance(value, (str, int, bool))


def test_the_recorded_policy_has_no_fraction_no_secret_and_no_place(machine) -> None:
    policy = machine.load(toml=OVERRIDE, META_AUTO_FX_EUR="1.080").system().policy

    assert holds_no_float(policy)
    assert policy["max_daily_change_pct"] == "0.2"
    assert policy["max_daily_spend_usd"] == "10000"
    assert policy["meta_auto_fx_eur"] == "1.08"
    assert policy["auto_action_types"] == ["pause", "scale_up", "scale_down"]
    assert policy["overrides"][0]["limits"] == {"max_daily_change_pct": "0.15"}
    for name in ("meta_access_token", "meta_auto_state_dir", "meta_auto_database_url", FX):
        assert name not in policy


def test_equal_policies_have_one_digest_however_they_are_written(machine) -> None:
    digests = {
        machine.load().system().policy_digest,
        machine.load(MAX_DAILY_CHANGE_PCT="0.2").system().policy_digest,
        machine.load(toml="[limits]\nmax_daily_spend_usd = 10_000.00\n").system().policy_digest,
        machine.load(META_AUTO_STATE_DIR="/elsewhere", HOME="/root").system().policy_digest,
        machine.load(META_ACCESS_TOKEN="x").system().policy_digest,
    }

    assert len(digests) == 1
    assert digests != {machine.load(MIN_AGE_HOURS="49").system().policy_digest}


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8), st.integers(0, 5))
def test_trailing_zeros_do_not_change_the_record(number, zeros) -> None:
    text = f"{number:f}"
    padded = type(number)(text + "0" * zeros if "." in text else text)

    assert exact(number) == exact(padded)
    assert digest({"a": exact(number)}) == digest({"a": exact(padded)})


@given(st.from_regex(r"[0-9]{1,20}", fullmatch=True))
def test_an_account_id_is_its_digits_with_or_without_the_prefix(digits) -> None:
    assert account_id(digits) == account_id(f"act_{digits}") == digits
