"""Rules, runbook and dashboard say the same, and cover every alert that the program can raise."""

import ast
import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.deploy.conftest import DEPLOY, ROOT, tool

PROMETHEUS = DEPLOY / "prometheus"
RULES = (PROMETHEUS / "meta-auto.rules.yml").read_text()
TESTS = (PROMETHEUS / "meta-auto.test.yml").read_text()
RUNBOOK = (DEPLOY / "RUNBOOK.md").read_text()
DASHBOARD = json.loads((DEPLOY / "grafana" / "meta-auto.json").read_text())
ALERTS = re.findall(r"^      - alert: (\w+)$", RULES, re.MULTILINE)

#: The metrics file, by the names that its writer and everything here agree on.
METRICS = {
    "last_run_timestamp_seconds", "last_success_timestamp_seconds", "last_run_exit_code",
    "tick_duration_seconds", "actions", "in_doubt", "in_doubt_oldest_seconds", "needs_resolving",
    "api_requests", "api_usage_ratio", "cap_used_ratio", "ledger_seq", "circuit_open",
    "alert_active", "enabled", "started", "interval_seconds", "info",
}  # fmt: skip
#: Alerts of the program whose condition Prometheus sees for itself, in a metric.
BY_METRIC = {
    "no_ticks": "MetaAutoNoTicks",
    "in_doubt": "MetaAutoInDoubt",
    "spend_near_cap": "MetaAutoSpendNearCap",
    "spend_over_cap": "MetaAutoSpendOverCap",
}
#: The contract's list: what people must hear of.
PROMISED = {
    "actions_failing", "no_ticks", "actions_blocked", "spend_near_cap", "hard_stop", "auth",
    "token_expiring", "tracking_outage", "blast_radius", "in_doubt", "ledger_broken",
    "spend_over_cap", "dead_guard", "no_purchases",
}  # fmt: skip


def raised() -> Iterator[str]:
    """The kinds of alert in the code: what stands before the colon of a key."""
    for path in sorted((ROOT / "meta_autonomous" / "operations").glob("*.py")):
        module = import_module(f"meta_autonomous.operations.{path.stem}")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                for key in _keys(node):
                    yield from _kinds(key, module)


def _keys(call: ast.Call) -> Iterator[ast.expr]:
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if name == "AlertRecord":
        yield from (word.value for word in call.keywords if word.arg == "key")
    elif name in ("alert", "alert_of"):
        yield call.args[0]


def _kinds(key: ast.expr, module: object) -> Iterator[str]:
    match key:
        case ast.Constant(value=str(text)):
            yield text.partition(":")[0]
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            yield text.partition(":")[0]
        case ast.JoinedStr(values=[ast.FormattedValue(value=ast.Name(id=name)), *_]):
            yield getattr(module, name)
        case ast.Name(id=name) if hasattr(module, name):
            yield getattr(module, name)


def kinds() -> set[str]:
    return {*raised(), "in_doubt"}


def rule_for(kind: str) -> set[str]:
    """The rules that look at this alert of the program, the last resort left out."""
    found = set()
    for name, expression in re.findall(
        r"- alert: (\w+)\n        expr: (.*?)\n        (?:for|labels):", RULES, re.DOTALL
    ):
        pattern = re.search(r'alert=~"([^"]+)"', expression)
        if pattern and re.fullmatch(pattern[1], kind) and re.fullmatch(pattern[1], f"{kind}:x"):
            found.add(name)
    return found | {BY_METRIC[kind] for kind in {kind} & BY_METRIC.keys()}


def test_the_code_is_read_right():
    assert {"hard_stop", "ledger_broken", "no_ticks", "auth", "overridden"} <= kinds()


@pytest.mark.parametrize("kind", sorted(kinds() | PROMISED))
def test_every_alert_of_the_program_has_one_rule_of_its_own(kind):
    assert len(rule_for(kind)) == 1
    assert rule_for(kind) <= set(ALERTS)


@pytest.mark.parametrize("kind", sorted(kinds() | PROMISED))
def test_the_last_resort_leaves_out_what_has_a_rule(kind):
    left_out = re.search(r'alert!~"([^"]+)"', RULES)
    assert left_out
    assert re.fullmatch(left_out[1], kind)
    assert not re.fullmatch(left_out[1], "something_new")


@pytest.mark.parametrize("alert", ALERTS)
def test_every_rule_has_its_chapter_in_the_runbook_and_both_its_tests(alert):
    assert f"RUNBOOK.md#{alert.lower()}\n" in RULES
    assert re.search(rf"^## {alert}$", RUNBOOK, re.MULTILINE)
    assert f"name: {alert} fires\n" in TESTS
    assert f"name: {alert} keeps quiet\n" in TESTS


def test_the_runbook_has_no_chapter_too_many_and_no_dead_link():
    chapters = re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE)
    assert sorted(chapters) == sorted(ALERTS)
    links = set(re.findall(r"\]\(#(\w+)\)", RUNBOOK))
    assert links <= {chapter.lower() for chapter in chapters}


def test_the_runbooks_commands_exist():
    from tests.test_docs import commands

    known = {name.split()[0]: name for name, _ in commands()}
    # Commands that stand in the contract and come with another part of the program.
    for words in re.findall(r"`ma ((?:[a-z]+ ?)+)", RUNBOOK):
        assert words.split()[0] in known, words


@pytest.mark.parametrize(
    "text", [RULES, TESTS, json.dumps(DASHBOARD)], ids=["rules", "tests", "dashboard"]
)
def test_only_metrics_that_are_written_are_asked_for(text):
    asked = set(re.findall(r"\bmeta_auto_([a-z_]+)", text))
    assert asked
    assert asked <= METRICS


def test_the_dashboard_shows_every_metric():
    asked = set(re.findall(r"\bmeta_auto_([a-z_]+)", json.dumps(DASHBOARD)))
    assert asked == METRICS


def test_the_dashboards_panels_are_apart_and_know_their_source():
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert panel["targets"]


def test_promtool_finds_nothing_wrong_with_the_rules():
    done = tool("promtool")("check", "rules", PROMETHEUS / "meta-auto.rules.yml")
    assert done.returncode == 0, done.stderr
    assert f"SUCCESS: {len(ALERTS)} rules found" in done.stdout


def test_each_alert_fires_on_what_it_is_for_and_on_nothing_less():
    done = tool("promtool")("test", "rules", PROMETHEUS / "meta-auto.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_would_see_a_rule_that_no_longer_fires(tmp_path: Path):
    head, *groups = re.split(r"(?m)^(?=  - name: )", TESTS)
    of_doubt = [group for group in groups if group.startswith("  - name: MetaAutoInDoubt ")]
    (tmp_path / "meta-auto.rules.yml").write_text(RULES.replace("> 3600", "> 36000"))
    (tmp_path / "meta-auto.test.yml").write_text("".join([head, *of_doubt]))
    done = tool("promtool")("test", "rules", tmp_path / "meta-auto.test.yml")
    assert done.returncode == 1
    assert "alertname: MetaAutoInDoubt" in done.stdout + done.stderr


def test_every_query_of_the_dashboard_is_one(tmp_path: Path):
    """promtool parses them as recording rules would be."""
    queries = [
        target["expr"].replace("$instance", "x").replace("$__rate_interval", "5m")
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", [])
    ]
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "queries.yml").write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}))
    done = tool("promtool")("check", "rules", tmp_path / "queries.yml")
    assert done.returncode == 0, done.stderr
    assert f"SUCCESS: {len(queries)} rules found" in done.stdout
