"""The dashboard that stays."""

import signal
from pathlib import Path

from tests.cli.conftest import MetaAuto
from tests.cli.terminal import at


def test_it_stays_and_shows_what_changed(meta_auto: MetaAuto, home: Path):
    assert meta_auto("tick", "-q").code == 0
    with at("status", "--watch", home=home) as (terminal, ran):
        assert "SUGGEST" in terminal.until("No alerts", "Alert:")
        assert meta_auto("stop").code == 0
        terminal.until("stopped: meta-auto start")
        ran.send_signal(signal.SIGINT)
    assert ran.returncode == 0


def test_without_a_terminal_it_says_what_to_run(meta_auto: MetaAuto):
    for arguments in (["status", "--watch"], ["status", "--watch", "--json"]):
        ran = meta_auto(*arguments)
        assert ran.code == 2
        assert "status --json" in ran.out + ran.err
