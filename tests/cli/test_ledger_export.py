"""What an auditor takes away: the trail as it is stored, and a copy of the database."""

import csv
import io
import json
import shutil
import sqlite3
import stat
from contextlib import closing
from hashlib import sha256

import pytest

from tests.cli.conftest import process

pytestmark = pytest.mark.slow


def _run(home, *arguments, **environment):
    with process(*arguments, home=home, **environment) as ran:
        out, err = ran.communicate(timeout=120)
    assert "Traceback" not in err
    return ran.returncode, out, err


@pytest.fixture(scope="session")
def after_one_tick(tmp_path_factory):
    home = tmp_path_factory.mktemp("export")
    assert _run(home, "tick", "-q")[0] == 0
    return home / "state"


@pytest.fixture
def home(after_one_tick, tmp_path):
    shutil.copytree(after_one_tick, tmp_path / "state")
    return tmp_path


def _execute(home, *statements):
    with closing(sqlite3.connect(home / "state" / "meta-auto.sqlite3")) as database:
        database.execute("DROP TRIGGER IF EXISTS ledger_no_update")
        for statement in statements:
            found = database.execute(statement).fetchall()
        database.commit()
    return found


def test_each_line_gives_its_hash_by_the_readmes_formula(home):
    code, out, err = _run(home, "ledger", "export")
    assert (code, err) == (0, "")
    previous = "0" * 64
    for number, line in enumerate(out.splitlines(), start=1):
        entry = json.loads(line)
        body = line.partition('"body":')[2].removesuffix("}").encode()
        assert json.loads(body) == entry["body"]
        assert entry["seq"] == number
        assert entry["prev"] == previous
        chained = b"meta-auto/1\0" + bytes.fromhex(previous) + number.to_bytes(8) + body
        previous = sha256(chained).hexdigest()
        assert entry["hash"] == previous
    (head,) = _execute(home, "SELECT seq || ':' || hash FROM ledger_head")
    assert head == (f"{number}:{previous}",)


def test_since_begins_at_the_first_that_is_not_older_and_keeps_the_chain(home):
    assert _run(home, "stop")[0] == 0
    everything = _run(home, "ledger", "export")[1].splitlines()
    _execute(home, "UPDATE ledger SET at = '2026-11-01T00:00:00.000000Z' WHERE seq = 3")
    since = _run(home, "ledger", "export", "--since", "2026-11-02")[1].splitlines()
    assert since == everything
    _execute(home, "UPDATE ledger SET at = '2026-11-01T00:00:00.000000Z' WHERE seq < 5")
    since = _run(home, "ledger", "export", "--since", "2026-11-02")[1].splitlines()
    assert since == everything[4:]
    assert json.loads(since[0])["prev"] == json.loads(everything[3])["hash"]
    assert _run(home, "ledger", "export", "--since", "2027-01-01")[1] == ""


def test_json_is_one_document_with_the_same_entries(home):
    lines = [json.loads(line) for line in _run(home, "ledger", "export")[1].splitlines()]
    assert json.loads(_run(home, "ledger", "export", "--json")[1]) == lines
    empty = _run(home, "ledger", "export", "--since", "2027-01-01", "--json")[1]
    assert json.loads(empty) == []
    assert _run(home, "ledger", "export", "--format", "csv", "--json")[0] == 2


def test_csv_has_a_row_each_and_no_formula(home):
    evil = '=HYPERLINK("http://x","y")'
    (creative,) = _execute(home, "SELECT creative_id FROM creative_approvals LIMIT 1")
    assert _run(home, "creatives", "reject", *creative, "--reason", evil)[0] == 0
    code, out, _ = _run(home, "ledger", "export", "--format", "csv")
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    (count,) = _execute(home, "SELECT count(*) FROM ledger")
    assert (len(rows),) == count
    assert rows[-1]["event"] == "creative_rejected"
    assert rows[-1]["why"] == f"'{evil}"
    assert json.loads(rows[-1]["after"])["status"] == "rejected"
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_damaged_entries_are_exported_as_text(home):
    _execute(
        home,
        "UPDATE ledger SET body = CAST(x'7bff0a7d' AS TEXT) WHERE seq = 2",
        "UPDATE ledger SET body = '[1]' WHERE seq = 3",
    )
    lines = [json.loads(line) for line in _run(home, "ledger", "export")[1].splitlines()]
    assert lines[1]["body"].encode("utf-8", "surrogateescape") == b"{\xff\n}"
    assert lines[2]["body"] == "[1]"
    rows = list(csv.DictReader(io.StringIO(_run(home, "ledger", "export", "--format", "csv")[1])))
    assert rows[1]["event"] == ""


def test_it_is_utf_8_whatever_the_terminal_speaks(home):
    (creative,) = _execute(home, "SELECT creative_id FROM creative_approvals LIMIT 1")
    assert _run(home, "creatives", "reject", *creative, "--reason", "no 🛍️ here")[0] == 0
    code, out, _ = _run(home, "ledger", "export", PYTHONIOENCODING="ascii")
    assert code == 0
    assert '"why":"no 🛍️ here"' in out.splitlines()[-1]


def test_a_reader_may_leave_early(home):
    with process("ledger", "export", home=home) as ran:
        ran.stdout.close()
        assert ran.wait(timeout=60) == 0
        assert ran.stderr.read() == ""


def test_no_database_is_an_empty_trail(tmp_path):
    assert _run(tmp_path, "ledger", "export") == (0, "", "")


# --- the copy -----------------------------------------------------------------------------------


def test_a_backup_is_a_whole_database_of_its_owners(home):
    code, out, _ = _run(home, "db", "backup", "copies/today.sqlite3", "--json")
    told = json.loads(out)
    copy = home / "copies" / "today.sqlite3"
    assert code == 0
    assert told["backup"] == str(copy)
    assert told["bytes"] == copy.stat().st_size
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    elsewhere = {"META_AUTO_DATABASE_URL": f"sqlite:///{copy}"}
    code, out, _ = _run(home, "ledger", "verify", "--json", **elsewhere)
    assert code == 0
    assert json.loads(out)["entries"] > 0
    assert str(copy) in _run(home, "db", "backup", str(home / "second.sqlite3"), **elsewhere)[1]


def test_a_backup_overwrites_nothing(home):
    (home / "precious").write_text("mine")
    code, _, err = _run(home, "db", "backup", "precious")
    assert code == 3
    assert "exists already" in err
    assert (home / "precious").read_text() == "mine"


def test_without_a_database_there_is_nothing_to_copy(tmp_path):
    code, _, err = _run(tmp_path, "db", "backup", "copy.sqlite3")
    assert code == 78
    assert "there is no database yet" in err
    assert not (tmp_path / "copy.sqlite3").exists()
