"""`report`: a look back that can be mailed, and that no campaign's name can break out of."""

import base64
import os
import re
import shutil
import stat
import subprocess
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from meta_autonomous.operations.report import (
    CalibrationBin,
    CampaignRoas,
    DayTotal,
    Report,
    RuleCount,
)
from meta_autonomous.ports.records import AlertRecord
from meta_autonomous.render.plain import plain_text
from meta_autonomous.render.report import report_document
from meta_autonomous.render.report_page import _scale, report_page
from tests.adapters.test_letters import hostile_names, raw_signs

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
VOID = {"meta", "br"}


class Page(HTMLParser):
    """What a browser would make of it: tags, attributes, balance."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.stack: list[str] = []
        self.feed(page)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


def a_report(*names: str, **more) -> Report:
    known = {
        "platform": "meta",
        "mode": "auto",
        "made_at": NOW,
        "since": date(2026, 11, 20),
        "window_days": 7,
        "cap_usd": Decimal(10_000),
        "thresholds": {"hard stop": 0.9, "scale down": 1.5, "scale up": 2.0},
        "days": tuple(
            DayTotal(
                day=date(2026, 11, 20 + age),
                spent_usd=Decimal(1000 * age),
                value_usd=Decimal(2500 * age),
                is_today=age == 2,
            )
            for age in range(3)
        ),
        "unpriced": (),
        "campaigns": tuple(
            CampaignRoas(
                entity_id="1", name=name, spend_usd=Decimal(100), roas=1.0, expected=1.1,
                low=0.5, high=1.9, decision="none",
            )
            for name in names
        ),
        "outcomes": {date(2026, 11, 21): {"executed": 3, "blocked": 1}},
        "blocks": tuple(RuleCount(rule="policy.x", sentence=n, count=2) for n in names),
        "alerts": tuple(
            AlertRecord(key=n, severity="critical", message=n, raised_at=NOW) for n in names
        ),
        "pending": 2,
        "last_tick_at": NOW,
    }  # fmt: skip
    return Report(**known | more)


def drawings(page: str) -> list[ET.Element]:
    return [ET.fromstring(one) for one in re.findall(r"<svg.*?</svg>", page)]


def test_a_page_allows_its_own_style_sheet_and_nothing_else():
    page = report_page(a_report("A"))
    style = re.search(r"<style>(.*?)</style>", page, flags=re.DOTALL)
    assert style
    digest = base64.b64encode(sha256(style[1].encode()).digest()).decode()
    assert f"default-src &#x27;none&#x27;; style-src &#x27;sha256-{digest}&#x27;" in page
    found = Page(page)
    assert found.tags.isdisjoint({"script", "link", "img", "iframe", "a", "object", "form"})
    assert not [name for name in found.attributes if name.startswith("on") or name == "style"]
    assert found.attributes.isdisjoint({"href", "src", "action"})
    assert "http://" not in page
    assert "https://" not in page


def test_hostile_names_stay_text():
    for start in range(0, 500, 20):
        names = hostile_names(500)[start : start + 20]
        page = report_page(a_report(*names))
        found = Page(page)
        assert found.tags.isdisjoint({"script", "img"})
        assert raw_signs(page) == set()
        assert len(drawings(page)) > 3


def test_the_plots_are_well_formed_and_say_what_they_are():
    page = report_page(a_report("A", "B"))
    labels = {one.get("aria-label") for one in drawings(page)} - {None}
    assert {
        "Spend of each day in USD, against the daily cap",
        "ROAS of each campaign with its 90 % interval",
        "Actions of each day by what became of them",
        "Blocked actions by the rule that stopped them",
    } < labels


def test_a_cap_far_above_the_spend_is_told_and_not_drawn():
    assert ">cap $10k<" in report_page(a_report(cap_usd=Decimal(8000))).replace("$8,000", "$10k")
    far = report_page(a_report(cap_usd=Decimal(100_000)))
    assert "far above this scale" in far
    assert ">cap $" not in far


def test_calibration_is_shown_once_it_can_tell_something():
    few = (CalibrationBin(stated=0.8, observed=0.7, count=29),)
    assert "came true" not in report_page(a_report(calibration=few))
    enough = (CalibrationBin(stated=0.8, observed=0.7, count=30),)
    page = report_page(a_report(calibration=enough))
    assert "How often confidences came true" in page
    assert "stated 80 %, true 70 % of 30" in page


def test_what_the_hold_out_shows_is_told_with_its_interval():
    told = {
        "share": 0.1, "period_days": 14, "margin": None, "treated": 40, "withheld": 20,
        "fewest": 10, "treated_mean": 0.3, "withheld_mean": 0.1, "difference": 0.2,
        "interval": [0.05, 0.35], "is_telling": True,
    }  # fmt: skip
    report = a_report(holdout=told)
    assert report.to_json()["holdout"] == told
    page = report_page(report)
    Page(page)
    for shown in (page, plain_text(report_document(report))):
        words = " ".join(shown.split())
        assert "Hold-out" in words
        assert "a difference of +0.20, between +0.05 and +0.35 with 95 %" in words


def test_without_a_hold_out_there_is_no_word_of_it():
    assert a_report().to_json()["holdout"] is None
    assert "Hold-out" not in report_page(a_report())
    assert "Hold-out" not in plain_text(report_document(a_report()))


def test_the_report_tells_of_a_hold_out_as_soon_as_there_is_one(meta_auto, home, monkeypatch):
    assert meta_auto("report", "--json").json["holdout"] is None
    monkeypatch.setenv("HOLDOUT_PCT", "0.2")
    told = meta_auto("report", "--json", "--html", "page.html").json["holdout"]
    assert (told["share"], told["withheld"], told["interval"]) == (0.2, 0, None)
    assert "Too few to say" in (home / "page.html").read_text()
    assert "of the campaigns are left alone for 14 days" in " ".join(
        meta_auto("report").out.split()
    )


@pytest.mark.parametrize(
    ("most", "top"), [(0, 1), (1, 1), (9, 10), (97, 100), (4321, 5000), (0.3, 0.3)]
)
def test_a_scale_ends_just_above_the_most(most, top):
    found, ticks = _scale(most)
    assert found == pytest.approx(top, rel=0.2)
    assert found >= most
    assert ticks[0] == 0
    assert 2 <= len(ticks) <= 6


def test_before_the_first_tick_there_is_little_to_tell(meta_auto, home):
    ran = meta_auto("report", "--json", "--html", "page.html")
    assert ran.code == 0
    assert ran.json["campaigns"] == []
    Page((home / "page.html").read_text())
    assert meta_auto("report").code == 0


def test_after_a_tick_it_tells_spend_roas_actions_and_blocks(meta_auto, home):
    assert meta_auto("tick", "-q").code == 0
    ran = meta_auto("report", "--json", "--html", "page.html")
    told = ran.json
    assert len(told["days"]) == 28
    assert told["days"][-1]["spend_usd"] == "1069.79"
    assert told["outcomes"]["waiting"] == told["pending"] == 9
    assert sum(one["count"] for one in told["blocks"]) == told["outcomes"]["blocked"] == 3
    for campaign in told["campaigns"]:
        low, high = campaign["interval"]
        assert 0 <= low < high
    assert not [one for one in told["campaigns"] if one["entity_name"].startswith("Lead form")]
    page = home / "page.html"
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert "<script>alert" not in page.read_text()
    assert "SANDBOX" in page.read_text()
    people = meta_auto("report", "--days", "7").out
    assert "7 days to 2026-11-02" in people
    assert "policy.geo_distribution" in people


def test_a_file_that_can_not_be_written_is_told(meta_auto):
    ran = meta_auto("report", "--html", "/no/such/folder/page.html")
    assert ran.code == 1
    assert "No such file" in ran.err


def test_the_file_a_link_names_is_written_and_a_pipe_stays_one(meta_auto, home):
    link, pipe = home / "link.html", home / "pipe"
    link.symlink_to("real.html")
    os.mkfifo(pipe)
    assert meta_auto("report", "--html", str(link)).code == 0
    assert link.is_symlink()
    assert (home / "real.html").read_text().startswith("<!DOCTYPE html>")
    refused = meta_auto("report", "--html", str(pipe))
    assert refused.code == 1
    assert f"{pipe}: No such device or address" in refused.err
    assert pipe.is_fifo()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no browser on this machine")
def test_a_real_browser_draws_it_and_objects_to_nothing(tmp_path):
    page = tmp_path / "page.html"
    days = tuple(
        DayTotal(
            day=date(2026, 11, 22) - timedelta(days=age), spent_usd=Decimal(900),
            value_usd=Decimal(2000), is_today=not age,
        )
        for age in range(20, -1, -1)
    )  # fmt: skip
    page.write_text(report_page(a_report(*hostile_names(15), days=days)))
    for width in (400, 1200):
        picture = tmp_path / f"{width}.png"
        done = subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
             f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={picture}",
             f"--window-size={width},1800", page.as_uri()],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert "CONSOLE" not in done.stderr, done.stderr  # where a refusal by the policy is told
        assert picture.stat().st_size > 20_000


def test_the_page_may_go_to_stdout(meta_auto):
    """Whoever runs it under another account's rights may not write files with them."""
    ran = meta_auto("report", "--html", "-")
    assert ran.code == 0
    assert ran.out.startswith("<!DOCTYPE html>")
    assert not Path("-").exists()
