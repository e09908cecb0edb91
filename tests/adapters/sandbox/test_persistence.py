import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meta_autonomous.adapters.sandbox import Sandbox, SandboxError
from tests.adapters.sandbox.api import Api

ROOT = Path(__file__).parents[3]
DAY = timedelta(days=1)


def test_the_file_is_private_and_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "state" / "sandbox.db"
    Sandbox(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [one.name for one in path.parent.iterdir()] == ["sandbox.db"]


def test_a_world_in_memory_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Sandbox(None) as sandbox:
        sandbox.advance(DAY)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_world_goes_on_and_ignores_seed_and_start(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.advance(DAY)
    again = Sandbox(tmp_path / "sandbox.db", seed=99, start=datetime(2030, 1, 1, tzinfo=UTC))
    assert again.now() == sandbox.now()


def test_two_sandboxes_on_one_file_see_each_others_changes(api: Api, tmp_path: Path) -> None:
    other = Sandbox(tmp_path / "sandbox.db")
    with other.serving() as base_url:
        second = Api(base_url, other)
        campaign = api.named("Black Friday - ES")
        assert api.post(campaign, daily_budget="60000").status == 200
        assert second.read(campaign, fields="daily_budget")["daily_budget"] == "60000"
        other.advance(timedelta(hours=1))
        assert api.sandbox.now() == other.now()


def test_writes_at_the_same_time_all_arrive(api: Api, tmp_path: Path) -> None:
    ads = [row["id"] for row in api.rows(f"{api.act}/ads", limit=20)][:20]
    other = Sandbox(tmp_path / "sandbox.db")
    with other.serving() as base_url:
        second = Api(base_url, other)
        threads = [
            threading.Thread(
                target=(api, second)[place % 2].post, args=(ad,), kwargs={"name": "x"}
            )
            for place, ad in enumerate(ads)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    names = {api.read(ad, fields="name")["name"] for ad in ads}
    assert names == {"x"}


def test_two_creators_of_one_file_make_one_world(tmp_path: Path) -> None:
    made: list[Sandbox] = []
    threads = [
        threading.Thread(target=lambda: made.append(Sandbox(tmp_path / "w.db"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert len({one.now() for one in made}) == 1
    assert made[0].find("Black Friday - ES") == made[3].find("Black Friday - ES")


_WRITER = """
import sys
from datetime import timedelta
from pathlib import Path
from meta_autonomous.adapters.sandbox import Sandbox
sandbox = Sandbox(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    sandbox.advance(timedelta(hours=1))
    sandbox.edit(sandbox.find("Black Friday - ES"), daily_budget=50000 + sandbox.now().hour)
"""


@pytest.mark.parametrize("after", [0.0, 0.03, 0.11, 0.27])
def test_killing_a_writer_leaves_a_valid_world(
    sandbox: Sandbox, tmp_path: Path, after: float
) -> None:
    path = tmp_path / "sandbox.db"
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert writer.stdout is not None
    writer.stdout.readline()
    threading.Event().wait(after)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    again = Sandbox(path)
    assert again.now().minute == 0
    again.advance(timedelta(hours=1))
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    sums = db.execute("SELECT SUM(spend), SUM(value) FROM delivery GROUP BY level").fetchall()
    db.close()
    assert len(set(sums)) == 1


def test_killing_the_creator_leaves_a_file_that_can_be_created_again(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    for after in (0.12, 0.2, 0.3):
        creator = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.DEVNULL, cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        threading.Event().wait(after)
        creator.send_signal(signal.SIGKILL)
        creator.wait()
    assert Sandbox(path).find("Black Friday - ES")


def test_a_file_that_is_no_sandbox_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, but long enough to be taken for one" * 20)
    with pytest.raises(SandboxError, match="not a usable sandbox"):
        Sandbox(tmp_path / "text")
    db = sqlite3.connect(tmp_path / "future")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(SandboxError, match="version 99"):
        Sandbox(tmp_path / "future")


def test_naming_nothing_is_an_error(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="nothing named"):
        sandbox.find("No such campaign")
    with pytest.raises(SandboxError, match="no entity"):
        sandbox.edit("1", status="PAUSED")


def test_serving_starts_and_stops_within_a_moment(sandbox: Sandbox) -> None:
    began = time.perf_counter()
    for _ in range(5):
        with sandbox.serving() as base_url:
            Api(base_url, sandbox).read("me")
    assert time.perf_counter() - began < 1.0


def test_a_file_that_stays_locked_is_an_answer_of_unavailable(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meta_autonomous.adapters.sandbox.store.BUSY_SECONDS", 0.05)
    with sandbox.serving() as base_url:
        api = Api(base_url, sandbox)
        campaign = api.named("Black Friday - ES")
        holder = sqlite3.connect(tmp_path / "sandbox.db", isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        answer = api.post(campaign, status="PAUSED")
        holder.close()
        assert (answer.status, answer.error) == (503, (2, None))
        assert api.read(campaign, fields="status")["status"] == "ACTIVE"
