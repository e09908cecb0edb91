"""The ledger: a chain in which every change of the past is found, and named."""

import json
import random
import sqlite3
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meta_autonomous.adapters.database import Database, texts
from meta_autonomous.adapters.database.ledger import GENESIS
from meta_autonomous.ports.errors import StoreUnavailable
from meta_autonomous.ports.records import LedgerEvent
from tests.adapters.database_scene import (
    NOON,
    a_database,
    closed_at_the_end,  # noqa: F401
    only_sqlite,
    opened,
    rows,
    tamper,
)


def an_event(number: int = 0, **values: Any) -> LedgerEvent:
    known: dict[str, Any] = {
        "event": "optimization_executed",
        "who": "autonomous_worker",
        "at": NOON + timedelta(minutes=number),
        "entity_id": "11",
        "action_id": number,
        "why": f"reason {number}",
        "before": {"budget": "50.00 USD"},
        "after": {"budget": "55.00 USD"},
    }
    return LedgerEvent(**(known | values))


def a_ledger(folder: Path, entries: int = 10) -> Database:
    database = a_database(folder)
    for number in range(1, entries + 1):
        database.append(an_event(number))
    return database


def test_an_empty_ledger_is_whole(tmp_path: Path) -> None:
    check = a_database(tmp_path).verify_ledger()
    assert check.ok
    assert (check.entries, check.head) == (0, f"0:{GENESIS}")


def test_an_untouched_ledger_is_whole_and_its_head_is_the_last_entry(tmp_path: Path) -> None:
    database = a_ledger(tmp_path)
    check = database.verify_ledger()
    last = database.ledger(limit=1)[0]
    assert check.ok
    assert check.first_broken is None
    assert check.head == f"10:{last.hash}"


def test_the_hash_is_the_one_that_the_documentation_gives(tmp_path: Path) -> None:
    database = a_ledger(tmp_path, 2)
    previous = bytes(32)
    for seq, body, stored in rows(database, "SELECT seq, body, hash FROM ledger ORDER BY seq"):
        text = b"meta-auto/1\0" + previous + seq.to_bytes(8, "big") + body.encode()
        previous = sha256(text).digest()
        assert previous.hex() == stored


def test_an_entry_comes_back_as_it_was_written(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    event = an_event(1, tick_id="t1", after={"list": ["a", 1, True, None], "nested": {"x": "y"}})
    database.append(event)
    assert database.ledger()[0].event == event


def test_entries_are_listed_oldest_first_and_the_newest_are_kept(tmp_path: Path) -> None:
    database = a_ledger(tmp_path)
    assert [entry.seq for entry in database.ledger(limit=3)] == [8, 9, 10]
    since = NOON + timedelta(minutes=9)
    assert [entry.seq for entry in database.ledger(since=since)] == [9, 10]


def test_the_latest_time_is_metas_and_never_this_machines(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    assert database.latest_time() is None
    database.append(an_event(7))
    ahead = an_event(60 * 24)  # by a wall clock a day ahead
    database.append(replace(ahead, event="mode_changed"))
    database.append(replace(ahead, event="creative_approved"))
    assert database.latest_time() == NOON + timedelta(minutes=7)


@pytest.mark.parametrize("seq", [1, 5, 10])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger SET body = replace(body, 'reason', 'Reason') WHERE seq = {seq}",
        "UPDATE ledger SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE seq = {seq}",
        "UPDATE ledger SET event = 'mode_changed' WHERE seq = {seq}",
        "UPDATE ledger SET at = '2020-01-01T00:00:00.000000Z' WHERE seq = {seq}",
        "UPDATE ledger SET platform = 'sandbox' WHERE seq = {seq}",
        "UPDATE ledger SET seq = 9999 WHERE seq = {seq}",
        "DELETE FROM ledger WHERE seq = {seq}",
    ],
)
def test_one_changed_entry_is_found_and_named(tmp_path: Path, change: str, seq: int) -> None:
    database = a_ledger(tmp_path)
    tamper(database, change.format(seq=seq))
    check = database.verify_ledger()
    assert not check.ok
    assert check.first_broken == seq
    assert str(seq) in check.message or "missing" in check.message


def test_two_swapped_entries_are_found_at_the_first(tmp_path: Path) -> None:
    database = a_ledger(tmp_path)
    tamper(
        database,
        "UPDATE ledger SET seq = 1003 WHERE seq = 3",
        "UPDATE ledger SET seq = 3 WHERE seq = 7",
        "UPDATE ledger SET seq = 7 WHERE seq = 1003",
    )
    assert database.verify_ledger().first_broken == 3


def test_an_inserted_entry_is_found(tmp_path: Path) -> None:
    database = a_ledger(tmp_path)
    tamper(
        database,
        "UPDATE ledger SET seq = seq + 1000 WHERE seq >= 4",
        "UPDATE ledger SET seq = seq - 999 WHERE seq >= 1004",
        "INSERT INTO ledger SELECT platform, 4, at, event, body, hash FROM ledger WHERE seq = 3",
    )
    assert database.verify_ledger().first_broken == 4


def test_a_cut_tail_is_found_by_the_stored_head(tmp_path: Path) -> None:
    database = a_ledger(tmp_path)
    tamper(database, "DELETE FROM ledger WHERE seq > 6")
    check = database.verify_ledger()
    assert (check.ok, check.first_broken) == (False, 7)


def test_a_cut_tail_with_a_cut_head_is_found_by_a_noted_entry(tmp_path: Path) -> None:
    database = a_ledger(tmp_path)
    noted = database.verify_ledger().head
    tamper(
        database,
        "DELETE FROM ledger WHERE seq > 6",
        "UPDATE ledger_head SET seq = 6, hash = (SELECT hash FROM ledger WHERE seq = 6)",
    )
    assert database.verify_ledger().ok
    check = database.verify_ledger(expect=noted)
    assert (check.ok, check.first_broken) == (False, 7)


def test_a_rewritten_ledger_is_found_by_a_noted_entry(tmp_path: Path) -> None:
    database = a_ledger(tmp_path, 5)
    noted = database.verify_ledger().head
    tamper(database, "DELETE FROM ledger", "DELETE FROM ledger_head")
    for number in range(1, 8):
        database.append(an_event(number, why="another story"))
    assert database.verify_ledger().ok
    check = database.verify_ledger(expect=noted)
    assert (check.ok, check.first_broken) == (False, 5)


def test_a_noted_entry_that_still_stands_is_confirmed(tmp_path: Path) -> None:
    database = a_ledger(tmp_path, 5)
    noted = database.verify_ledger().head
    database.append(an_event(6))
    assert database.verify_ledger(expect=noted).ok


def test_what_was_noted_wrongly_is_said_to_be_so(tmp_path: Path) -> None:
    check = a_ledger(tmp_path, 1).verify_ledger(expect="one:two")
    assert not check.ok
    assert "SEQ:HASH" in check.message


def test_a_changed_or_lost_head_is_found(tmp_path: Path) -> None:
    database = a_ledger(tmp_path, 3)
    tamper(database, "UPDATE ledger_head SET hash = replace(hash, substr(hash, 1, 1), 'f')")
    assert database.verify_ledger().first_broken == 3
    tamper(database, "UPDATE ledger_head SET seq = 2")
    assert not database.verify_ledger().ok
    tamper(database, "DELETE FROM ledger_head")
    assert database.verify_ledger().first_broken == 1


@only_sqlite
def test_any_one_changed_byte_is_found_and_named(tmp_path: Path) -> None:
    database = a_ledger(tmp_path, 30)
    chance = random.Random(5)
    for _ in range(150):
        seq, column = chance.randint(1, 30), chance.choice(["at", "event", "body", "hash"])
        with database._writing() as unit:
            for name in ("ledger_no_update", "ledger_no_delete", "ledger_no_replace"):
                unit.connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
            query = f"SELECT CAST({column} AS BLOB) FROM ledger WHERE seq = {seq}"
            whole = unit.connection.exec_driver_sql(query).scalar_one()
            place = chance.randrange(len(whole))
            flipped = whole[place] ^ (1 << chance.randrange(8))
            damaged = whole[:place] + bytes([flipped]) + whole[place + 1 :]
            change = f"UPDATE ledger SET {column} = CAST(? AS TEXT) WHERE seq = {seq}"
            unit.connection.exec_driver_sql(change, (damaged,))
        check = database.verify_ledger()
        assert (check.ok, check.first_broken) == (False, seq), (column, place, flipped)
        with database._writing() as unit:
            unit.connection.exec_driver_sql(change, (whole,))
    assert database.verify_ledger().ok


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET body = 'x'",
        "DELETE FROM ledger",
        "INSERT OR REPLACE INTO ledger SELECT platform, seq, at, event, 'x', hash FROM ledger",
        "REPLACE INTO ledger SELECT platform, seq, at, event, 'x', hash FROM ledger",
    ],
)
def test_the_database_itself_refuses_to_change_an_entry(tmp_path: Path, statement: str) -> None:
    database = a_ledger(tmp_path, 3)
    if "REPLACE" in statement and database.path is None:
        statement = "TRUNCATE ledger"
    with pytest.raises(StoreUnavailable, match="refuses to be changed"), database._writing() as u:
        u.connection.exec_driver_sql(statement)
    assert database.verify_ledger().ok


@only_sqlite
def test_not_even_a_connection_without_our_settings_replaces_an_entry(tmp_path: Path) -> None:
    database = a_ledger(tmp_path, 3)
    assert database.path is not None
    foreign = sqlite3.connect(database.path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        foreign.execute(
            "INSERT OR REPLACE INTO ledger SELECT platform, seq, at, event, 'x', hash FROM ledger"
        )
    foreign.close()


def test_each_platform_has_a_chain_of_its_own(tmp_path: Path) -> None:
    meta = a_ledger(tmp_path, 3)
    sandbox = opened(tmp_path, platform="sandbox")
    assert sandbox.ledger() == ()
    sandbox.append(an_event(1))
    assert sandbox.verify_ledger().entries == 1
    assert meta.verify_ledger().entries == 3


def test_an_entry_is_gone_when_what_it_tells_of_was_rolled_back(tmp_path: Path) -> None:
    database = a_ledger(tmp_path, 3)

    def append_and_fail() -> None:
        from meta_autonomous.adapters.database import ledger

        with database._writing() as unit:
            ledger.append(unit, an_event(4))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        append_and_fail()
    database.append(an_event(5))
    check = database.verify_ledger()
    assert (check.ok, check.entries) == (True, 4)


# --- the text that is hashed --------------------------------------------------------------------

_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
)


@given(_values)
def test_canonical_text_says_the_same_again_and_is_the_same_again(value: Any) -> None:
    text = texts.canonical(value)
    assert text == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert json.loads(text) == value
    assert texts.canonical(json.loads(text)) == text


@given(st.dictionaries(st.text(st.characters(codec="ascii")), st.integers(0, 9), min_size=2))
def test_canonical_text_does_not_depend_on_the_order_of_keys(value: dict[str, int]) -> None:
    turned = dict(reversed(value.items()))
    assert texts.canonical(turned) == texts.canonical(value)


def test_numbers_that_readers_round_are_written_as_text() -> None:
    said = texts.canonical({"a": Decimal("1E+2"), "b": 0.5, "c": 2**60, "d": Decimal("0.10")})
    assert said == '{"a":"100","b":"0.5","c":"1152921504606846976","d":"0.10"}'


def test_half_a_character_is_replaced(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    database.append(an_event(1, why="broken \ud83d name", after={"\udc00": "\ud800"}))
    check = database.verify_ledger()
    assert check.ok
    assert database.ledger()[0].event.why == "broken ? name"


def test_a_name_can_hold_what_the_database_can_not(tmp_path: Path) -> None:
    database = a_database(tmp_path)
    event = replace(an_event(1), why="a\x00b \U0001f600 'quoted' \\ %s ?")
    database.append(event)
    assert database.ledger()[0].event.why == event.why
    assert database.verify_ledger().ok
