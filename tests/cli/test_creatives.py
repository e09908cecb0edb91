"""Creatives: listed, approved and rejected by people, on the real sandbox."""

import json
import shutil
from datetime import timedelta

import pytest

from meta_autonomous.adapters.sandbox import Sandbox
from tests.cli.conftest import ME, process

pytestmark = pytest.mark.slow

KEYS = {
    "id", "account_id", "status", "source", "ads", "first_seen_at", "decided_by", "decided_at",
    "platform",
}  # fmt: skip
AD = "Promo - Video"


def _run(home, *arguments, **environment):
    with process(*arguments, home=home, **environment) as ran:
        out, err = ran.communicate(timeout=120)
    assert "Traceback" not in err
    return ran.returncode, out, err


def _json(home, *arguments):
    code, out, err = _run(home, *arguments, "--json")
    assert err == ""
    return code, json.loads(out)


def _waiting(home):
    code, found = _json(home, "creatives", "list", "--status", "pending")
    assert code == 0
    return found


@pytest.fixture(scope="session")
def day_two(tmp_path_factory):
    """The state after a tick, a simulated day in which an ad got a new creative, and a tick."""
    home = tmp_path_factory.mktemp("creatives")
    assert _run(home, "tick", "-q")[0] == 0
    with Sandbox(home / "state" / "sandbox.sqlite3") as sandbox:
        sandbox.advance(timedelta(days=1))
    assert _run(home, "tick", "-q")[0] == 0
    return home / "state"


@pytest.fixture
def home(day_two, tmp_path):
    shutil.copytree(day_two, tmp_path / "state")
    return tmp_path


def _increase(home):
    """The next tick's verdicts on raising the campaign of the changed ad."""
    _, report = _json(home, "tick")
    (campaign_id,) = {
        ad["campaign_id"]
        for one in _json(home, "creatives", "list")[1]
        for ad in one["ads"]
        if ad["name"] == AD
    }
    (action,) = [one for one in report["actions"] if one["entity_id"] == campaign_id]
    assert action["type"] == "scale_up"
    return {verdict["rule"]: verdict for verdict in action["verdicts"]}


def _decisions(home):
    found = _json(home, "ledger", "list")[1]
    return [one for one in found if one["event"].startswith("creative_") and one["who"] == ME]


def test_what_was_in_use_at_the_first_read_is_approved_and_a_changed_one_waits_on_top(home):
    code, found = _json(home, "creatives", "list")
    assert code == 0
    assert all(set(one) == KEYS for one in found)
    assert [one["status"] for one in found].count("pending") == 1
    first, *others = found
    assert first["status"] == "pending"
    assert [ad["name"] for ad in first["ads"]] == [AD]
    assert first["decided_by"] is first["decided_at"] is None
    assert {one["source"] for one in others} == {"baseline"}
    assert {one["decided_by"] for one in others} == {"baseline"}


def test_statuses_are_chosen_from(home):
    (waiting,) = _waiting(home)
    assert waiting["first_seen_at"] == "2026-11-03T10:00:00Z"
    chosen = ("creatives", "list", "--status", "rejected", "--status", "pending")
    assert _json(home, *chosen)[1] == [waiting]
    assert _run(home, "creatives", "list", "--status", "nonsense")[0] == 2


def test_approving_it_lets_the_increase_pass_the_rule(home):
    assert _increase(home)["policy.creative_approval"]["outcome"] == "block"
    (waiting,) = _waiting(home)
    code, handled = _json(home, "creatives", "approve", waiting["id"])
    assert code == 0
    assert [(one["id"], one["status"]) for one in handled] == [(waiting["id"], "approved")]
    assert _waiting(home) == []
    # Meta's own review of the new creative still binds, and that of its ad: other rules say so.
    assert _increase(home)["policy.creative_approval"]["outcome"] == "pass"
    (event,) = _decisions(home)
    assert event["event"] == "creative_approved"
    assert event["after"] == {"creative_id": waiting["id"], "status": "approved"}


def test_a_rejection_says_why_blocks_and_can_be_taken_back(home):
    (waiting,) = _waiting(home)
    why = "off brand"
    assert _json(home, "creatives", "reject", waiting["id"], "--reason", why)[0] == 0
    assert _increase(home)["policy.creative_approval"]["outcome"] == "block"
    assert _json(home, "creatives", "approve", waiting["id"])[0] == 0
    assert [(one["event"], one["why"]) for one in _decisions(home)] == [
        ("creative_rejected", why),
        ("creative_approved", ""),
    ]


def test_nothing_is_decided_twice(home):
    (waiting,) = _waiting(home)
    assert _json(home, "creatives", "approve", waiting["id"])[0] == 0
    code, (again,) = _json(home, "creatives", "approve", waiting["id"])
    assert code == 3
    assert again["status"] == "approved"
    assert again["message"] == f"Approved already by {ME}."
    assert len(_decisions(home)) == 1


def test_a_baseline_needs_no_approval(home):
    baseline = _json(home, "creatives", "list", "--status", "approved")[1][0]
    code, (told,) = _json(home, "creatives", "approve", baseline["id"])
    assert (code, told["status"]) == (3, "approved")
    assert "first read" in told["message"]


def test_one_that_no_read_has_seen_is_not_found(home):
    code, (told,) = _json(home, "creatives", "approve", "no-such")
    assert (code, told["status"]) == (3, "not_found")
    (waiting,) = _waiting(home)
    code, handled = _json(home, "creatives", "reject", "no-such", waiting["id"], "no-such")
    assert code == 4
    assert [one["status"] for one in handled] == ["not_found", "rejected"]


def test_people_are_shown_the_ad_and_the_next_command(home):
    (waiting,) = _waiting(home)
    code, out, _ = _run(home, "creatives", "list", "--status", "pending")
    assert code == 0
    assert out.startswith("SANDBOX")
    assert AD in out
    assert f"Next: meta-auto creatives approve {waiting['id']}" in out
    code, out, _ = _run(home, "creatives", "approve", waiting["id"])
    assert "what runs it may get more money" in out


def test_no_id_is_wrong_usage(home):
    assert _run(home, "creatives", "approve")[0] == 2


def test_where_nothing_was_read_there_is_nothing(tmp_path):
    assert _json(tmp_path, "creatives", "list") == (0, [])
    assert _json(tmp_path, "creatives", "approve", "1")[0] == 3
    assert not (tmp_path / "state").exists()
