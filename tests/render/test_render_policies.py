from meta_autonomous.config import load
from meta_autonomous.config.loaded import effective
from meta_autonomous.render.plain import plain_text
from meta_autonomous.render.policies import checked_document, policies_document
from meta_autonomous.render.setup import made_document, upgraded_document

TOML = """
[limits]
max_daily_spend_usd = 1000

[scope]
include = ["ES *"]

[[override]]
account = "act_123"
max_daily_change_pct = 0.10

[[freeze]]
from = 2026-11-26T00:00:00Z
to = 2026-12-01T00:00:00Z
reason = "Black Friday \\u202e"
"""


def test_every_limit_is_shown_with_its_source(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(TOML)
    file.chmod(0o600)
    loaded = load(file, {"META_AUTO_STATE_DIR": str(tmp_path), "MIN_AGE_HOURS": "72"}, tmp_path)
    text = plain_text(policies_document({**effective(loaded), "platform": "sandbox"}))
    rows = {line.split()[0]: line for line in text.splitlines() if line}
    assert " for " not in rows["SANDBOX"]
    assert str(file) in rows["MAX_DAILY_SPEND_USD"]
    assert "environment" in rows["MIN_AGE_HOURS"]
    assert "default" in rows["MIN_SPEND_USD"]
    assert "include ES *; exclude none" in text
    assert "account '123': max_daily_change_pct = 0.1" in text
    assert "Black Friday \\u202e" in text
    assert "Policy digest: " in text


def test_for_one_entity_each_override_says_whether_it_is_in_force_there(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(TOML)
    file.chmod(0o600)
    loaded = load(file, {"META_AUTO_STATE_DIR": str(tmp_path)}, tmp_path)
    whom = {
        "entity_id": "42", "entity_name": "Video \u202e", "level": "ad",
        "account_id": "123", "campaign_id": "4", "campaign_name": "ES shoes",
    }  # fmt: skip

    def told(**override):
        shown = {**effective(loaded), "platform": "sandbox", "for": whom}
        shown["overrides"] = [{**shown["overrides"][0], **override}]
        return plain_text(policies_document(shown))

    limit = "max_daily_change_pct"
    there = told(concerns=True, in_force=[limit])
    assert "for ad Video \\u202e (42) of campaign ES shoes, ad account 123" in there
    assert "max_daily_change_pct = 0.1; in force here" in there
    assert "does not concern it" in told(concerns=False, in_force=[])
    assert f"not in force here: {limit}" in told(concerns=True, in_force=[])


def test_a_plans_verdicts_are_one_table():
    verdict = {
        "rule": "policy.geo_distribution", "outcome": "block", "observed": 0.3, "limit": 0.35,
        "message": "Spain has 30 %.",
    }  # fmt: skip
    told = {"allowed": False, "verdicts": [verdict], "platform": "sandbox"}
    text = plain_text(checked_document(told))
    assert "Refused." in text
    assert "policy.geo_distribution  block" in text


def test_what_was_made_is_told_with_the_next_step():
    made = {
        "platform": "sandbox",
        "mode": "suggest",
        "config": "/c.toml",
        "database": "/d",
        "replaced": False,
        "kept": None,
    }
    assert "meta-auto tick" in plain_text(made_document(made))
    assert "--dry-run" in plain_text(made_document(made | {"platform": "meta"}))
    upgraded = {"platform": "meta", "upgraded": True, "database": "/d"}
    assert "brought to this version" in plain_text(upgraded_document(upgraded))
