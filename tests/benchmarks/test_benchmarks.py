"""The benchmark suite runs whole, and what it counts holds on any machine. Nothing is timed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks import against_sdk, table
from tests.benchmarks.figures import Figure, Goal, at_least, at_most, ratio_at_most, shown
from tests.benchmarks.graph import Shop
from tests.benchmarks.site import Server, serving, site
from tests.benchmarks.suite import SUITE
from tests.benchmarks.tick_sizes import tick

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("benchmark", SUITE, ids=lambda one: one.name)
def test_every_figure_comes_out(benchmark):
    """The real program in processes of its own, on tiny accounts. What could not be measured (no
    network for the SDK, no PostgreSQL) says why."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", benchmark.name, "--quick"],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = done.stdout.splitlines()[1:]
    assert rows
    for row in rows:
        figure, value = row.split("  ")[0], row[row.index("  ") :].split()[0]
        assert value != "–" or "could not be installed" in row or "no PostgreSQL" in row, figure


@pytest.mark.slow
def test_the_requests_of_a_tick_have_no_term_per_campaign():
    """Ads and days fill pages; campaigns alone, few as they are, may not cost a request each."""
    asked = {}
    for campaigns in (10, 40):
        with serving(campaigns, ads=1, days=3) as server, site(server) as here:
            asked[campaigns] = tick(here).asked.requests
    assert asked[10] == asked[40]
    assert asked[40] < 40


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(3, ads=2, days=5, accounts=2) as server:
        yield server


def test_the_server_counts_requests_writes_and_the_longest_chain(server):
    from urllib.request import urlopen

    for _ in range(3):
        urlopen(f"{server.url}/v26.0/act_7001/ads?limit=2&after=2").read()
    urlopen(f"{server.url}/v26.0/act_7002/campaigns").read()
    urlopen(f"{server.url}/v26.0/100000000001", data=b"daily_budget=700").read()
    asked = server.asked()
    assert (asked.requests, asked.writes, asked.chain) == (5, 1, 3)
    assert server.asked().requests == 0
    with urlopen(f"{server.url}/v26.0/100000000001") as answer:
        assert json.load(answer)["daily_budget"] == "700"


def test_a_campaigns_rows_are_the_sum_of_its_ads():
    shop = Shop(0, campaigns=2, ads=3, days=5)
    day = shop.first_day
    asked = {"time_range": json.dumps({"since": str(day), "until": str(day)}), "limit": "50"}
    of_ads = json.loads(shop.page("act_7001", "insights", asked | {"level": "ad"}))["data"]
    (of_campaign,) = json.loads(shop.page("100000000001", "insights", asked))["data"]
    mine = [row for row in of_ads if row["campaign_id"] == "100000000001"]
    assert len(of_ads) == 6
    assert len(mine) == 3
    assert float(of_campaign["spend"]) == pytest.approx(sum(float(r["spend"]) for r in mine))


def test_a_goal_is_met_up_to_its_bound_and_not_beyond():
    assert at_most(80).is_met(Figure("f", 80))
    assert not at_most(80).is_met(Figure("f", 80.1))
    assert at_least(30).is_met(Figure("f", 30))
    assert not at_least(30).is_met(Figure("f", 29.9))
    assert ratio_at_most(1.3).is_met(Figure("f", 900, ratio=1.3))
    assert not ratio_at_most(1.3).is_met(Figure("f", 1, ratio=1.4))


def test_what_was_not_measured_meets_no_goal():
    assert not Goal("value", at_most=1.0).is_met(Figure("f", None))
    assert not Goal("ratio", at_least=1.0).is_met(Figure("f", 5.0))


def test_numbers_are_shown_by_three_digits():
    assert [shown(n) for n in (0, 0.1234, 1.2345, 12.345, 40.0, 1234.5)] == [
        "0", "0.123", "1.23", "12.3", "40", "1,234",
    ]  # fmt: skip


def test_the_baseline_keeps_what_was_not_measured_again(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "BASELINE", tmp_path / "baseline.json")
    table.write([Figure("a", 1.0, "s", ratio=2.0, against="b"), Figure("c", 3.0)])
    table.write([Figure("a", 1.5, "s", ratio=3.0, against="b", goal=ratio_at_most(2.0))])
    figures = table.read()["figures"]
    assert (figures["a"]["ratio"], figures["a"]["met"], figures["c"]["value"]) == (3.0, False, 3.0)
    told = table.row(Figure("a", 1.0, "s", ratio=2.5, against="b"), table.read())
    assert told[3] == "3 ×"


def test_every_ratio_to_the_sdk_script_is_ours_divided_by_the_scripts():
    figure = against_sdk._compared("requests", "", [43, 44, 43], [101, 101, 101])
    assert (figure.value, figure.other) == (43, 101)
    assert figure.ratio == pytest.approx(43 / 101)
    assert table.row(figure, {"figures": {}})[2] == "0.426 × SDK script (101)"
    assert table.entry(figure)["other"] == 101
    for one in table.read()["figures"].values():
        if one["against"] == "SDK script":
            assert one["ratio"] == pytest.approx(one["value"] / one["other"], rel=0.3)


def test_the_baseline_is_of_this_suite_and_names_no_path():
    text = table.BASELINE.read_text()
    assert {"measured_on", "processor", "cores", "python"} <= set(table.read()["machine"])
    assert "/home" not in text
    assert "/tmp" not in text
