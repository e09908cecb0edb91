"""The metrics file of a real tick: promtool finds nothing to say, and every series has a reader."""

import re
from pathlib import Path

import pytest

from meta_autonomous.__main__ import main
from tests.deploy.conftest import tool
from tests.deploy.test_prometheus import METRICS, kinds

pytest.importorskip("meta_autonomous.operations.metrics", reason="nothing writes metrics here")


@pytest.fixture(scope="module")
def textfile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """After two ticks and a look for alerts, as the timers run them."""
    folder = tmp_path_factory.mktemp("metrics")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.setenv("META_AUTO_STATE_DIR", str(folder / "state"))
        patch.setenv("META_AUTO_METRICS_FILE", str(folder / "meta-auto.prom"))
        patch.chdir(folder)
        for command in (["tick", "-q"], ["tick", "-q"], ["alerts", "check"]):
            assert main(command) == 0
    return folder / "meta-auto.prom"


def test_promtool_has_nothing_to_say_about_it(textfile):
    done = tool("promtool")("check", "metrics", input=textfile.read_text())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_holds_what_the_rules_and_the_dashboard_read(textfile):
    names = set(re.findall(r"^meta_auto_([a-z_]+)", textfile.read_text(), re.MULTILINE))
    assert names == METRICS


def test_no_line_has_a_time_stamp_and_every_kind_of_alert_is_there(textfile):
    lines = [line for line in textfile.read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"meta_auto_\S+ \S+", line) for line in lines)
    shown = set(re.findall(r'alert="([^"]+)"', textfile.read_text()))
    assert kinds() <= shown
