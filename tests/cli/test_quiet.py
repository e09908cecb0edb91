"""`tick -q` from cron: whatever is printed is mailed, so a tick that went well prints nothing."""

from pathlib import Path

import pytest

from tests.adapters.fault_server import (
    TOKEN,
    Deed,
    FaultServer,
    account_row,
    graph_error,
    say,
)
from tests.cli.conftest import process
from tests.cli.test_faulty_meta import serving

WARNED = "Meta on the API version: v26.0 ends soon"


def warned(_asked: object) -> Deed:
    return say(account_row(), headers={"x-ad-api-version-warning": "v26.0 ends soon"})


def run(home: Path, server: FaultServer, *arguments: str) -> tuple[int, str, str]:
    with process(
        *arguments,
        home=home,
        META_AUTO_PLATFORM="meta",
        META_ACCESS_TOKEN=TOKEN,
        META_AD_ACCOUNT_IDS="1",
        META_GRAPH_URL=server.base_url,
        META_AUTO_FX_EUR="1.08",
    ) as ran:
        out, err = ran.communicate(timeout=120)
    return ran.returncode, out, err


def test_a_warning_beside_success_is_not_mailed(home):
    with serving(account=warned) as server:
        assert run(home, server, "tick", "-q") == (0, "", "")
        code, out, err = run(home, server, "tick")
    assert (code, WARNED in err) == (0, True)
    assert out.startswith("META")


def test_with_trouble_everything_is_told(home):
    with serving(account=warned, campaigns=[graph_error(100)]) as server:
        code, out, err = run(home, server, "tick", "-q")
    assert code == 4
    assert WARNED in err
    assert " tick=20" in err, "each line names its tick"
    assert "Error: account 1" in out
    assert "No actions: no ad account could be worked." in out


@pytest.mark.parametrize("options", [["--log-format", "json"], ["--debug"]], ids=" ".join)
def test_a_collector_and_a_debugger_get_every_line(home, options):
    with serving(account=warned) as server:
        code, out, err = run(home, server, *options, "tick", "-q")
    assert (code, out) == (0, "")
    assert WARNED in err
