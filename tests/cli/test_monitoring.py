"""The monitoring queries that users have, unchanged, on tables that real ticks have filled; and the
history's filters, on both databases.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from meta_autonomous.adapters.sandbox import Sandbox
from tests.cli.conftest import process
from tests.postgres import postgres_server  # noqa: F401

pytestmark = pytest.mark.slow

# As they were written before this program was: not one sign may be changed.
PER_HOUR = """
-- Actions generated per hour
SELECT
  DATE_TRUNC('hour', created_at) AS hour,
  COUNT(*) AS total_actions,
  SUM(CASE WHEN status = 'executed' THEN 1 ELSE 0 END) AS executed,
  SUM(CASE WHEN status = 'suggested' THEN 1 ELSE 0 END) AS suggested
FROM optimization_actions
WHERE created_by = 'autonomous_worker'
GROUP BY hour
ORDER BY hour DESC;
"""
POLICY_BLOCKS = """
-- Policy blocks (top reasons)
SELECT
  reason,
  COUNT(*) AS count
FROM optimization_actions
WHERE guard_rails_passed = false
GROUP BY reason
ORDER BY count DESC
LIMIT 10;
"""
HARD_STOPS = """
-- Hard stops triggered
SELECT
  campaign_id,
  ad_id,
  roas_value,
  confidence,
  created_at
FROM optimization_actions
WHERE action_type = 'pause'
  AND reason LIKE '%HARD STOP%'
ORDER BY created_at DESC;
"""
DAILY_SPEND = """
-- Daily spend tracking
SELECT
  DATE(created_at) AS date,
  SUM(amount_usd) AS total_budget_changes
FROM optimization_actions
WHERE status = 'executed'
  AND action_type IN ('scale_up', 'scale_down')
GROUP BY date
ORDER BY date DESC;
"""
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns")
COLUMNS = (
    "created_at", "status", "created_by", "reason", "guard_rails_passed", "campaign_id", "ad_id",
    "roas_value", "confidence", "action_type", "amount_usd",
)  # fmt: skip


def run(home: Path, url: str, *arguments: str) -> str:
    with process(*arguments, home=home, META_AUTO_DATABASE_URL=url) as ran:
        out, err = ran.communicate(timeout=120)
    assert ran.returncode in (0, 4), out + err
    return out


def worked(home: Path, url: str) -> None:
    """Three days: suggestions, of which some are approved, one is taken back; then auto mode."""
    run(home, url, "tick", "-q")
    pending = json.loads(run(home, url, "suggestions", "list", "--json"))
    scales = [str(one["id"]) for one in pending if one["type"].startswith("scale")]
    run(home, url, "suggestions", "approve", *scales, "--yes")
    raised = next(one["id"] for one in pending if one["type"] == "scale_up")
    run(home, url, "actions", "undo", str(raised))
    run(home, url, "mode", "set", "auto")
    for _ in range(3):
        with Sandbox(home / "state" / "sandbox.sqlite3") as sandbox:
            sandbox.advance(timedelta(hours=25, minutes=20))
        run(home, url, "tick", "-q")


@pytest.fixture(scope="module")
def on_postgres(
    postgres_server: str,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, str]:
    import psycopg

    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA monitored")
    joint = "&" if "?" in postgres_server else "?"
    url = f"{postgres_server}{joint}options=-csearch_path%3Dmonitored"
    home = tmp_path_factory.mktemp("monitored")
    worked(home, url)
    return home, url


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    home = tmp_path_factory.mktemp("filtered")
    url = f"sqlite:///{home / 'state' / 'meta-auto.sqlite3'}"
    worked(home, url)
    return home, url


@pytest.fixture(params=ZONES)
def asked(
    on_postgres: tuple[Path, str], request: pytest.FixtureRequest
) -> Iterator[tuple[Any, ZoneInfo]]:
    """A session of the user's, in a time zone of the user's."""
    import psycopg

    with psycopg.connect(on_postgres[1]) as connection:
        connection.execute(f"SET TIME ZONE '{request.param}'")
        yield connection, ZoneInfo(request.param)


def actions(connection: Any) -> list[dict[str, Any]]:
    """All of them, to be counted here."""
    found = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM optimization_actions")
    return [dict(zip(COLUMNS, row, strict=True)) for row in found.fetchall()]


def test_actions_per_hour(asked: tuple[Any, ZoneInfo]) -> None:
    connection, zone = asked
    hours: defaultdict[datetime, Counter[str]] = defaultdict(Counter)
    for action in actions(connection):
        if action["created_by"] == "autonomous_worker":
            at = action["created_at"].astimezone(zone)
            hours[at.replace(minute=0, second=0, microsecond=0)][action["status"]] += 1
    expected = [
        (hour, sum(counts.values()), counts["executed"], counts["suggested"])
        for hour, counts in sorted(hours.items(), reverse=True)
    ]
    assert connection.execute(PER_HOUR).fetchall() == expected
    assert len(expected) == 4
    assert sum(executed for *_, executed, _ in expected) > 0
    assert sum(suggested for *_, suggested in expected) > 0


def test_reasons_of_blocks(asked: tuple[Any, ZoneInfo]) -> None:
    connection, _ = asked
    counts = Counter(
        action["reason"] for action in actions(connection) if not action["guard_rails_passed"]
    )
    found = connection.execute(POLICY_BLOCKS).fetchall()
    assert dict(found).items() <= counts.items()
    assert [count for _, count in found] == [count for _, count in counts.most_common(10)]
    assert found[0][1] > 1, "the reasons group"
    assert not any(sign.isdigit() for reason, _ in found for sign in reason)


def test_hard_stops(asked: tuple[Any, ZoneInfo]) -> None:
    connection, _ = asked
    columns = ("campaign_id", "ad_id", "roas_value", "confidence", "created_at")
    expected = [
        tuple(action[name] for name in columns)
        for action in actions(connection)
        if action["action_type"] == "pause" and "HARD STOP" in action["reason"]
    ]
    found = connection.execute(HARD_STOPS).fetchall()
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    times = [row[-1] for row in found]
    assert times == sorted(times, reverse=True)
    assert any(row[1] for row in found)
    for _, _, roas, confidence, _ in found:
        assert roas < Decimal("0.9")
        assert confidence >= Decimal("0.7")


def test_budget_changes_per_day(asked: tuple[Any, ZoneInfo]) -> None:
    connection, zone = asked
    days: defaultdict[Any, Decimal] = defaultdict(Decimal)
    for action in actions(connection):
        scales = action["action_type"] in ("scale_up", "scale_down")
        if scales and action["status"] == "executed":
            days[action["created_at"].astimezone(zone).date()] += action["amount_usd"]
    found = connection.execute(DAILY_SPEND).fetchall()
    assert found == sorted(days.items(), reverse=True)
    assert len(found) > 1


def test_the_filters_of_the_history_are_the_same_on_both_databases(
    on_postgres: tuple[Path, str], on_sqlite: tuple[Path, str]
) -> None:
    told = []
    for home, url in (on_postgres, on_sqlite):

        def listed(*options: str, home: Path = home, url: str = url) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = json.loads(
                run(home, url, "actions", "list", "--json", *options)
            )
            return found

        everything = listed()
        for status in {one["status"] for one in everything}:
            found = listed("--status", status)
            assert found == [one for one in everything if one["status"] == status]
        two = listed("--status", "executed", "--status", "blocked")
        assert {one["status"] for one in two} == {"executed", "blocked"}
        entity = next(one["entity_id"] for one in everything if one["type"] == "reallocate")
        assert entity in {one["entity_id"] for one in listed("--entity", entity)}
        scaled = next(one["entity_id"] for one in everything if one["type"] == "scale_up")
        of_one = listed("--entity", scaled)
        assert {one["id"] for one in of_one} >= {
            one["id"] for one in everything if one["entity_id"] == scaled
        }
        assert listed("--since", "365d") == everything
        recent = listed("--since", "2h")
        assert 0 < len(recent) < len(everything)
        assert listed("--since", "2099-01-01") == []
        assert listed("--entity", "no-such'; --") == []
        told.append([(one["type"], one["status"], one["entity_id"]) for one in everything])
    assert sorted(told[0]) == sorted(told[1])
