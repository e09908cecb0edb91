"""What people are told: by the real program, over real SMTP."""

import json
import stat
from datetime import timedelta

import pytest

from meta_autonomous.adapters.sandbox import Sandbox
from tests.cli.conftest import process
from tests.cli.mail_server import MailServer, mail_server, text_of

pytestmark = pytest.mark.slow

#: With these the sandbox's first tick has a dozen suggestions.
A_DOZEN = {
    "MIN_ACTION_CONFIDENCE": "0.6",
    "MAX_SINGLE_COUNTRY_PCT": "1",
    "MIN_SPAIN_PERCENTAGE": "0",
    "MAX_DAILY_SPEND_USD": "100000",
    "BLOCK_INCREASE_WHILE_LEARNING": "false",
}


@pytest.fixture
def mail():
    with mail_server() as server:
        yield server


def run(home, *arguments, server: MailServer | None = None, **environment):
    if server is not None:
        environment.setdefault("META_AUTO_NOTIFY_URLS", server.url())
    with process(*arguments, home=home, **environment) as ran:
        out, err = ran.communicate(timeout=120)
    assert "Traceback" not in err
    return ran.returncode, out, err


def test_a_tick_with_twelve_suggestions_is_one_letter_and_one_without_news_is_none(home, mail):
    code, out, err = run(home, "tick", "--json", server=mail, **A_DOZEN)
    assert (code, err) == (0, "")
    actions = [one for one in json.loads(out)["actions"] if one["outcome"] == "queued"]
    assert len(actions) == 12
    (message,) = mail.messages
    assert mail.envelopes[0].rcpt_tos == ["ana@shop.example"]
    assert message["Subject"] == "SANDBOX meta-auto: URGENT: 3 alerts, 12 suggestions"
    ids = [str(one["id"]) for one in actions]
    for kind in ("plain", "html"):
        told = text_of(message, kind)
        for one in actions:
            assert f"#{one['id']} " in told
        approve = next(line for line in told.split("suggestions ") if line.startswith("approve"))
        assert sorted(approve.split("<")[0].split()[1:13], key=int) == sorted(ids, key=int)
    assert "<script>" not in text_of(message, "html")
    assert "\u202e" not in text_of(message) + text_of(message, "html")

    code, out, err = run(home, "tick", "--json", server=mail, **A_DOZEN)
    assert (code, err) == (0, "")
    assert json.loads(out)["actions_unchanged"] == 12
    assert len(mail.messages) == 1
    assert run(home, "alerts", "check", server=mail, **A_DOZEN)[0] == 0
    assert len(mail.messages) == 1


def test_two_recipients_get_one_letter_each(home, mail):
    urls = f"{mail.url()},{mail.url('bea@shop.example')},{mail.url()}"
    assert run(home, "tick", "-q", META_AUTO_NOTIFY_URLS=urls)[0] == 0
    told = sorted(one.rcpt_tos for one in mail.envelopes)
    assert told == [["ana@shop.example"], ["bea@shop.example"]]


def test_what_a_target_did_not_take_is_sent_to_it_with_the_next_tick(home, mail):
    kept = home / "state" / "undelivered.json"
    mail.refusal = "451 not now"
    code, _, err = run(home, "tick", server=mail)
    assert code == 0
    assert "notification target 1 did not take the message" in err
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "mailto" not in kept.read_text()
    mail.refusal = None
    assert run(home, "tick", "-q", server=mail)[0] == 0  # which has no news itself
    (message,) = mail.messages
    assert "suggestions" in message["Subject"]
    assert not kept.exists()
    assert run(home, "tick", "-q", server=mail)[0] == 0
    assert len(mail.messages) == 1


def test_what_is_late_comes_below_the_news(home, mail):
    mail.refusal = "451 not now"
    run(home, "tick", "-q", server=mail)
    with Sandbox(home / "state" / "sandbox.sqlite3") as sandbox:
        sandbox.advance(timedelta(hours=3))
    mail.refusal = None
    assert run(home, "alerts", "check", server=mail)[0] == 0
    (message,) = mail.messages
    assert message["Subject"].startswith("SANDBOX meta-auto: URGENT: 1 alert (and 1 earlier")
    assert "No tick has completed since" in text_of(message).split("Not delivered before")[0]
    assert "#1 " in text_of(message).split("Not delivered before")[1]


def test_a_target_that_is_not_there_fails_no_tick_and_no_other_target(home, mail):
    urls = f"mailto://127.0.0.1:1?from=a@shop.example&to=b@shop.example,{mail.url()}"
    assert run(home, "tick", "-q", META_AUTO_NOTIFY_URLS=urls)[0] == 0
    assert len(mail.messages) == 1
    kept = json.loads((home / "state" / "undelivered.json").read_text())
    assert list(kept) == ["1"]


def test_a_dry_run_tells_nobody(home, mail):
    assert run(home, "tick", "--dry-run", "-q", server=mail)[0] == 0
    assert mail.messages == []


def test_the_doctors_test_message_arrives_and_a_refused_one_fails(home, mail):
    code, out, _ = run(home, "doctor", "--json", "--notify-test", server=mail)
    found = {check["name"]: check for check in json.loads(out)["checks"]}
    assert (code, found["notifications"]["status"]) == (0, "ok")
    assert mail.messages[0]["Subject"] == "SANDBOX meta-auto: test message"
    mail.refusal = "554 no"
    code, out, _ = run(home, "doctor", "--json", "--notify-test", server=mail)
    found = {check["name"]: check for check in json.loads(out)["checks"]}
    assert (code, found["notifications"]["status"]) == (4, "fail")
