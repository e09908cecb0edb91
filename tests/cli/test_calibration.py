"""`calibration`: the program's own past probabilities, against what came of them."""

import pytest


def test_before_anything_is_answered_it_says_so(meta_auto):
    told = meta_auto("calibration", "--json").json
    assert told["claims"] == 0
    assert told["brier"] is None
    assert told["agrees"] is None
    assert told["reliability"] == []
    assert told["holdout"]["interval"] is None
    assert "No claim has an answer yet" in meta_auto("calibration").out


def test_the_claims_of_a_young_account_wait_for_their_answers(meta_auto):
    meta_auto("tick")
    told = meta_auto("calibration", "--json").json
    assert told["claims"] == 0
    assert told["unanswered"]["not_final"] > 10
    assert {about["type"] for about in told["actions"]} >= {"pause", "scale_up"}
    assert all(about["count"] == 0 for about in told["actions"])
    text = meta_auto("calibration").out
    assert "not final yet" in text
    assert "too few to say" in text


@pytest.mark.slow
def test_after_thirty_simulated_days_predicted_and_observed_agree(meta_auto, home, monkeypatch):
    assert meta_auto("demo", "--days", "30", "--keep", "kept").code == 0
    monkeypatch.setenv("META_AUTO_STATE_DIR", str(home / "kept"))
    told = meta_auto("--config", "kept/config.toml", "calibration", "--json").json
    assert told["claims"] > 500
    assert told["agrees"] is True
    assert told["brier"] < told["brier_if_right"] + 0.03
    for about in told["reliability"]:
        assert sum(one["count"] for one in about["bins"]) == about["count"]
        for one in about["bins"]:
            assert one["low"] <= one["predicted"] <= one["high"]
            assert (one["agrees"] is None) == (one["count"] < 30)
    for about in told["actions"]:
        answered = about["count"] + sum(about["unanswered"].values())
        assert 0 < answered <= about["decided"]


def test_a_hold_out_withholds_what_it_counts(meta_auto, monkeypatch):
    monkeypatch.setenv("HOLDOUT_PCT", "1")
    report = meta_auto("tick", "--json").json
    withheld = [
        action
        for action in report["actions"]
        if any(verdict["rule"] == "limits.holdout" for verdict in action["verdicts"])
    ]
    assert withheld
    assert {action["outcome"] for action in withheld} == {"deferred"}
    queued = [action for action in report["actions"] if action["outcome"] == "queued"]
    assert queued
    assert all(action["reason"].startswith("HARD STOP") for action in queued)
    words = (
        "policy_blocked", "safety_blocked", "queued", "executed", "failed", "in_doubt", "deferred",
        "unchanged",
    )  # fmt: skip
    assert report["actions_generated"] == sum(report[f"actions_{word}"] for word in words)
    explained = meta_auto("explain", withheld[0]["entity_id"], "--json").json
    assert explained["first_binding"] == "limits.holdout"
    assert explained["eligible_again_at"] is not None
    again = meta_auto("tick", "--json").json
    assert [action["id"] for action in again["actions"]] == [
        action["id"] for action in report["actions"]
    ]


def test_break_even_stands_beside_every_roas(meta_auto, monkeypatch):
    monkeypatch.setenv("PROFIT_MARGIN", "0.4")
    assert meta_auto("tick", "--json").json["break_even_roas"] == 2.5
    assert "Break-even at your margin: a ROAS of 2.50" in meta_auto("tick").out
    assert "Break-even at your margin: a ROAS of 2.50" in meta_auto("campaigns", "list").out
    first = meta_auto("suggestions", "list", "--json").json[0]["id"]
    assert "2.50" in meta_auto("suggestions", "show", str(first)).out
    policies = meta_auto("policies", "show", "--json").json
    assert policies["break_even_roas"] == 2.5
    assert any("SCALE_UP_ROAS" in warning for warning in policies["warnings"])
    monkeypatch.delenv("PROFIT_MARGIN")
    assert meta_auto("policies", "show", "--json").json["break_even_roas"] is None
    assert "Break-even" not in meta_auto("tick").out
