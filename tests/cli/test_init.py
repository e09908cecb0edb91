"""`init` at a real terminal: it asks, tries each answer against a served Meta, and writes."""

import json
import os
import re
import stat
import tomllib
from contextlib import contextmanager
from pathlib import Path

import pytest

from meta_autonomous.config import KEYS
from tests.adapters.fault_server import TOKEN, graph_error
from tests.cli.conftest import MetaAuto, process
from tests.cli.mail_server import mail_server
from tests.cli.terminal import Terminal, at
from tests.cli.test_faulty_meta import serving

ACCOUNTS = "Your ad accounts, such as act_1234567890"
CAP = "may spend on one day, in USD [10000]:"
MAIL = "Mail suggestions and alerts to"
ENTER = "\r"
CTRL_C = "\x03"


def file_of(home: Path) -> Path:
    return home / ".config" / "meta-auto" / "config.toml"


def written(home: Path) -> dict[str, object]:
    """The settings that the file sets, whatever their table."""
    tables = tomllib.loads(file_of(home).read_text())
    return {name: value for table in tables.values() for name, value in table.items()}


def left_behind(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file()]


@contextmanager
def asked(*arguments: str, home: Path, **environment: str):
    environment = {"TMPDIR": str(home), "COLUMNS": "300"} | environment
    with at(*arguments, "init", home=home, **environment) as (terminal, ran):
        yield terminal, ran


def answer(terminal: Terminal, question: str, text: str) -> str:
    shown = until(terminal, question)
    terminal.press(f"{text}{ENTER}")
    return shown


def until(terminal: Terminal, text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", terminal.until(text))


def test_a_newcomer_who_takes_every_default_gets_the_sandbox(meta_auto: MetaAuto, home: Path):
    with asked(home=home) as (terminal, ran):
        told = answer(terminal, ACCOUNTS, "")
        assert str(file_of(home)) in told.replace("\r\n", "")
        answer(terminal, CAP, "")
        answer(terminal, MAIL, "")
        until(terminal, "Try it: meta-auto tick")
    assert ran.returncode == 0
    assert written(home) == {"meta_auto_platform": "sandbox", "max_daily_spend_usd": 10000}
    assert stat.S_IMODE(file_of(home).stat().st_mode) == 0o600
    assert (home / "state" / "meta-auto.sqlite3").exists()
    assert meta_auto("tick", "-q").code == 0


def test_accounts_currency_cap_and_mail_are_tried_and_written(meta_auto: MetaAuto, home: Path):
    with (
        mail_server() as mail,
        serving() as server,
        asked(home=home, META_ACCESS_TOKEN=TOKEN, META_GRAPH_URL=server.base_url) as (
            terminal,
            ran,
        ),
    ):
        answer(terminal, ACCOUNTS, "shop")
        assert "allowed:" in answer(terminal, ACCOUNTS, "act_1")
        shown = answer(terminal, "USD for one EUR, such as 1.08", "-1")
        assert "accounts: 1 can be read and changed" in shown
        assert "a rate above 0" in answer(terminal, "USD for one EUR", "1.08")
        assert "So 100 EUR count as 108.00 USD." in answer(terminal, CAP, "lots")
        assert "an amount in USD" in answer(terminal, "in USD [10000]:", "2500")
        answer(terminal, MAIL, "nobody")
        assert "That is no mail address" in answer(terminal, MAIL, "ads@shop.example")
        answer(terminal, "[localhost]:", f"127.0.0.1:{mail.port}")
        answer(terminal, "Send a test message now? [Y/n]:", "")
        told = until(terminal, "meta-auto tick --dry-run")
        assert "took the test message" in told
        assert TOKEN not in told
    assert ran.returncode == 0
    assert TOKEN not in file_of(home).read_text()
    assert written(home) == {
        "meta_auto_platform": "meta",
        "meta_ad_account_ids": ["1"],
        "EUR": 1.08,
        "max_daily_spend_usd": 2500,
        "meta_auto_notify_urls": [
            f"mailto://127.0.0.1:{mail.port}?from=ads@shop.example&to=ads@shop.example"
        ],
    }


def test_an_account_that_can_not_be_read_is_asked_for_again(home: Path):
    refuses = [graph_error(100, 33)]
    with (
        serving(account=refuses) as server,
        asked(home=home, META_ACCESS_TOKEN=TOKEN, META_GRAPH_URL=server.base_url) as (
            terminal,
            ran,
        ),
    ):
        answer(terminal, ACCOUNTS, "act_1")
        shown = answer(terminal, "Keep these answers all the same? [y/N]:", "n")
        assert "1 of 1 ad accounts can't be read" in shown
        answer(terminal, ACCOUNTS, "act_1")
        answer(terminal, "Keep these answers all the same? [y/N]:", "y")
        answer(terminal, CAP, "")
        answer(terminal, MAIL, "")
        until(terminal, "meta-auto tick --dry-run")
    assert ran.returncode == 0
    assert written(home)["meta_ad_account_ids"] == ["1"]


def test_the_token_is_never_asked_for_only_the_file_that_holds_it(home: Path):
    token = home / "token"
    token.write_text(TOKEN)
    token.chmod(0o644)
    with (
        serving() as server,
        asked(home=home, META_GRAPH_URL=server.base_url, META_AUTO_FX_EUR="1.08") as (
            terminal,
            ran,
        ),
    ):
        answer(terminal, ACCOUNTS, "act_1")
        answer(terminal, "A file of mode 0600 that holds it", TOKEN)
        told = answer(terminal, "A file of mode 0600", str(home / "elsewhere"))
        assert "[secret]" in told
        assert told.count(TOKEN) == 1, "as it was typed, and not once more"
        assert "does not exist" in answer(terminal, "A file of mode 0600", str(token))
        assert "0644" in until(terminal, "A file of mode 0600")
        token.chmod(0o600)
        terminal.press(f"{token}{ENTER}")
        assert "accounts: 1 can be read" in answer(terminal, CAP, "")
        answer(terminal, MAIL, "")
        assert TOKEN not in until(terminal, "meta-auto tick --dry-run")
    assert ran.returncode == 0
    assert written(home)["meta_access_token_file"] == str(token)
    assert "EUR" not in written(home), "the environment has it"


def test_without_a_token_nothing_is_tried_and_it_says_so(home: Path):
    with asked(home=home) as (terminal, ran):
        answer(terminal, ACCOUNTS, "act_1")
        answer(terminal, "A file of mode 0600", "")
        assert "Without a token nothing can be tried." in answer(terminal, CAP, "")
        answer(terminal, MAIL, "")
        until(terminal, "meta-auto tick --dry-run")
    assert ran.returncode == 0


def test_what_the_environment_overrules_is_said(home: Path):
    with asked(home=home, MAX_DAILY_SPEND_USD="700") as (terminal, ran):
        answer(terminal, ACCOUNTS, "")
        answer(terminal, CAP, "900")
        answer(terminal, MAIL, "")
        told = until(terminal, "Try it: meta-auto tick")
    assert ran.returncode == 0
    assert "MAX_DAILY_SPEND_USD is set in the environment too" in told


@pytest.mark.parametrize("question", [ACCOUNTS, CAP, MAIL])
@pytest.mark.parametrize("key", [CTRL_C, "\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_whoever_leaves_finds_everything_as_it_was(home: Path, question: str, key: str):
    with asked(home=home) as (terminal, ran):
        for other in (ACCOUNTS, CAP, MAIL):
            if other == question:
                until(terminal, question)
                terminal.press(key)
                break
            answer(terminal, other, "")
        assert "Stopped before anything was done." in until(terminal, "was done")
    assert ran.returncode == 130
    assert left_behind(home) == []


def test_a_file_that_is_there_is_refused_before_anything_is_asked(meta_auto: MetaAuto, home: Path):
    assert meta_auto("init", "--set", "max_daily_spend_usd=77").code == 0
    before = file_of(home).read_bytes()
    with asked(home=home) as (terminal, ran):
        told = until(terminal, "begin anew with --force")
    assert ran.returncode == 3
    assert "exists already" in told
    assert ACCOUNTS not in told
    assert file_of(home).read_bytes() == before
    assert list(file_of(home).parent.iterdir()) == [file_of(home)]


def test_who_begins_anew_keeps_what_was_there_and_is_told_where(meta_auto: MetaAuto, home: Path):
    assert meta_auto("init").code == 0
    own = file_of(home).read_bytes() + b'\n[[override]]\naccount = "1"\nmin_spend_usd = 200\n'
    file_of(home).write_bytes(own)
    kept = file_of(home).with_name("config.toml.old")
    with at("init", "--force", home=home, COLUMNS="300") as (terminal, ran):
        told = until(terminal, "Try it:")
        ran.wait(timeout=30)
    assert f"the one that was there is kept: {kept}" in told
    assert ran.returncode == 0
    assert kept.read_bytes() == own
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert b"\n[[override]]\n" not in file_of(home).read_bytes()

    second = meta_auto("init", "--force", "--set", "max_daily_spend_usd=5", "--json").json
    assert (second["replaced"], second["kept"]) == (True, f"{kept}-2")
    assert kept.read_bytes() == own, "an older copy stays"
    same = meta_auto("init", "--force", "--set", "max_daily_spend_usd=5", "--json").json
    assert (same["replaced"], same["kept"]) == (True, None), "nothing was lost"


def test_where_no_database_can_be_made_the_configuration_stands(
    meta_auto: MetaAuto, home: Path, monkeypatch: pytest.MonkeyPatch
):
    assert meta_auto("init", "--set", "max_daily_spend_usd=77").code == 0
    before = file_of(home).read_bytes()
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("META_AUTO_STATE_DIR", "/proc/no/such/place")
        assert meta_auto("init", "--force").code == 1
    assert file_of(home).read_bytes() == before
    assert list(file_of(home).parent.iterdir()) == [file_of(home)]


def test_who_failed_may_try_again(
    meta_auto: MetaAuto, home: Path, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("META_AUTO_STATE_DIR", "/proc/no/such/place")
        assert meta_auto("init").code == 1
    assert left_behind(home) == []
    assert meta_auto("init").code == 0


def test_a_link_to_the_configuration_stays_one(meta_auto: MetaAuto, home: Path):
    link, real = home / "link.toml", home / "kept" / "real.toml"
    link.symlink_to("kept/real.toml")
    assert meta_auto("--config", str(link), "init").code == 0
    old = real.read_bytes()
    done = meta_auto(
        "--config", str(link), "init", "--force", "--set", "max_daily_spend_usd=5", "--json"
    )
    assert done.json["config"] == str(link)
    assert Path(done.json["kept"]).read_bytes() == old
    assert link.is_symlink()
    assert b"max_daily_spend_usd = 5" in real.read_bytes()


def test_a_pipe_is_no_place_for_a_configuration(meta_auto: MetaAuto, home: Path):
    pipe = home / "pipe"
    os.mkfifo(pipe)
    refused = meta_auto("--config", str(pipe), "init", "--force")
    assert refused.code == 1
    assert f"{pipe}: It is no regular file" in refused.err
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    "options", [["--set", "max_daily_spend_usd=5"], ["--force"], ["--json"]], ids=" ".join
)
def test_with_options_it_never_asks(home: Path, options: list[str]):
    with at("init", *options, home=home, COLUMNS="300") as (terminal, ran):
        until(terminal, "config.toml")
        ran.wait(timeout=30)
    assert ran.returncode == 0
    assert file_of(home).exists()


def test_without_a_terminal_it_never_asks(home: Path):
    ran = process("init", home=home)
    out, err = ran.communicate(timeout=60)
    assert (ran.returncode, err) == (0, "")
    assert "configuration" in out
    assert written(home) == {}


def test_somebody_who_may_not_is_not_even_asked(home: Path):
    with asked(home=home, META_AUTO_ADMINS="somebody-else") as (terminal, ran):
        until(terminal, "may not run `init`")
    assert ran.returncode == 77
    assert left_behind(home) == []


def test_the_example_of_a_mail_address_is_one_that_apprise_knows(home: Path):
    (url,) = tomllib.loads(f"urls = {KEYS['meta_auto_notify_urls'].example}")["urls"]
    ran = process("doctor", "--json", home=home, META_AUTO_NOTIFY_URLS=url)
    found = json.loads(ran.communicate(timeout=60)[0])["checks"]
    assert [one["status"] for one in found if one["name"] == "notifications"] == ["ok"]
