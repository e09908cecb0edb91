"""A thousand ways to change the past of the ledger, on both databases: each is found, and named."""

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from meta_autonomous.adapters.database import Database, ledger, ledger_proof
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.ports.records import LedgerEvent
from tests.adapters.database_scene import NOON
from tests.postgres import postgres_server, postgres_url  # noqa: F401

ENTRIES = 40
COLUMNS = ("body", "hash", "event", "at")


def filled(url: str) -> Database:
    database = Database(url, platform="meta")
    database.create_or_check()
    for number in range(1, ENTRIES + 1):
        database.append(
            LedgerEvent(
                event="optimization_executed",
                who="autonomous_worker",
                at=NOON + timedelta(minutes=number),
                entity_id="11",
                action_id=number,
                why=f"reason {number}",
                before={"budget": f"{number}.00 USD"},
            )
        )
    return database


@contextmanager
def taken_back(database: Database) -> Iterator[Unit]:
    """A transaction of which nothing stays."""
    with suppress(_Undone), database._writing() as unit:
        yield unit
        raise _Undone


class _Undone(Exception):
    pass


class Tampering:
    """One change of the stored rows, drawn at random; `broken` is the entry to be named."""

    def __init__(self, unit: Unit, chance: random.Random) -> None:
        self.unit = unit
        self.chance = chance
        self.kinds = {
            "change": self.change,
            "delete": self.delete,
            "delete several": self.delete_several,
            "swap": self.swap,
            "insert": self.insert,
            "insert a forged one": self.insert_forged,
            "append a forged one": self.append_forged,
            "cut the tail": self.cut,
            "renumber": self.renumber,
        }

    def run(self, kind: str) -> int:
        """Do it; the number of the first entry that is broken by it."""
        if self.unit.is_sqlite:
            for name in ("ledger_no_update", "ledger_no_delete", "ledger_no_replace"):
                self.sql(f"DROP TRIGGER {name}")
        else:
            self.sql("DROP TRIGGER ledger_no_change ON ledger")
        return self.kinds[kind]()

    def sql(self, query: str, *values: Any) -> Any:
        if not self.unit.is_sqlite:
            query = query.replace("?", "%s")
        return self.unit.connection.exec_driver_sql(query, values)

    def any_seq(self, until: int = ENTRIES) -> int:
        return self.chance.randint(1, until)

    def change(self) -> int:
        """One character of one column becomes another."""
        seq, column = self.any_seq(), self.chance.choice(COLUMNS)
        if column == "at":
            wrong = self.unit.at(NOON - timedelta(seconds=self.chance.randint(1, 10**6)))
            self.sql("UPDATE ledger SET at = ? WHERE seq = ?", wrong, seq)
            return seq
        text = self.sql(f"SELECT {column} FROM ledger WHERE seq = ?", seq).scalar_one()
        place = self.chance.randrange(len(text))
        other = self.chance.choice([sign for sign in "0a{ z\"'," if sign != text[place]])
        wrong = text[:place] + other + text[place + 1 :]
        self.sql(f"UPDATE ledger SET {column} = ? WHERE seq = ?", wrong, seq)
        return seq

    def delete(self) -> int:
        seq = self.any_seq()
        self.sql("DELETE FROM ledger WHERE seq = ?", seq)
        return seq

    def delete_several(self) -> int:
        first = self.any_seq()
        self.sql("DELETE FROM ledger WHERE seq BETWEEN ? AND ?", first, first + self.any_seq(9))
        return first

    def swap(self) -> int:
        one, other = sorted(self.chance.sample(range(1, ENTRIES + 1), 2))
        for before, after in ((one, 1000), (other, one), (1000, other)):
            self.sql("UPDATE ledger SET seq = ? WHERE seq = ?", after, before)
        return one

    def renumber(self) -> int:
        """An entry gets a number that nothing has."""
        seq = self.any_seq()
        wrong = self.chance.choice([-seq, 0, ENTRIES + 1 + seq])
        self.sql("UPDATE ledger SET seq = ? WHERE seq = ?", wrong, seq)
        return seq if wrong > 0 else wrong

    def insert(self) -> int:
        """A copy of another entry is pushed in between."""
        seq, copied = self.any_seq(), self.any_seq()
        found = self.sql("SELECT at, event, body, hash FROM ledger WHERE seq = ?", copied).one()
        self._make_room(seq)
        self._insert(seq, *found)
        return seq if seq != copied else seq + 1

    def insert_forged(self) -> int:
        """An entry that follows the one before it by the book: the next one gives it away."""
        seq = self.any_seq(ENTRIES - 1)
        forged = self._forged(seq)
        self._make_room(seq)
        self._insert(seq, *forged)
        return seq + 1

    def append_forged(self) -> int:
        self._insert(ENTRIES + 1, *self._forged(ENTRIES + 1))
        return ENTRIES + 1

    def cut(self) -> int:
        first = self.any_seq()
        self.sql("DELETE FROM ledger WHERE seq >= ?", first)
        return first

    def _forged(self, seq: int) -> tuple[Any, str, str, str]:
        before = self.sql("SELECT hash FROM ledger WHERE seq = ?", seq - 1).scalar_one_or_none()
        at = NOON + timedelta(minutes=seq)
        stored = at.isoformat(timespec="microseconds").replace("+00:00", "Z")
        body = f'{{"at":"{stored}","event":"alert_raised","platform":"meta","who":"eve"}}'
        text = b"meta-auto/1\0" + bytes.fromhex(before or "0" * 64) + seq.to_bytes(8)
        return self.unit.at(at), "alert_raised", body, sha256(text + body.encode()).hexdigest()

    def _make_room(self, seq: int) -> None:
        self.sql("UPDATE ledger SET seq = seq + 1000 WHERE seq >= ?", seq)
        self.sql("UPDATE ledger SET seq = seq - 999 WHERE seq >= ?", 1000)

    def _insert(self, seq: int, at: Any, event: str, body: str, hash_: str) -> None:
        self.sql(
            "INSERT INTO ledger (platform, seq, at, event, body, hash) "
            "VALUES ('meta', ?, ?, ?, ?, ?)",
            seq, at, event, body, hash_,
        )  # fmt: skip


def tampered(database: Database, count: int, seed: int) -> Iterator[tuple[str, int, Any]]:
    """(what was done, the entry it breaks first, what verify says), `count` times."""
    chance = random.Random(seed)
    kinds = list(Tampering(None, chance).kinds)  # type: ignore[arg-type]
    for number in range(count):
        kind = kinds[number % len(kinds)]
        with taken_back(database) as unit:
            broken = Tampering(unit, chance).run(kind)
            found = ledger_proof.verify(unit, expect=None)
        yield kind, broken, found


def each_is_found_and_named(database: Database, count: int, seed: int) -> None:
    untouched = database.ledger_head()
    done = 0
    for kind, broken, found in tampered(database, count, seed):
        assert not found.ok, f"{kind} of {broken} was not found (seed {seed}, number {done})"
        assert found.first_broken == broken, f"{kind}: {found.message} (seed {seed})"
        assert found.message
        done += 1
    assert done == count
    check = database.verify_ledger(expect=untouched)
    assert (check.ok, check.entries) == (True, ENTRIES)


def test_a_thousand_tamperings_are_all_found_and_named(tmp_path: Path) -> None:
    database = filled(f"sqlite:///{tmp_path / 'state' / 'meta.sqlite3'}")
    each_is_found_and_named(database, 1000, seed=20261122)
    database.close()


def test_so_they_are_on_postgresql(postgres_url: str) -> None:  # noqa: F811
    database = filled(postgres_url)
    each_is_found_and_named(database, 90, seed=20261122)
    database.close()


def test_a_tail_that_was_cut_with_its_head_is_found_by_what_was_noted_elsewhere(
    tmp_path: Path,
) -> None:
    database = filled(f"sqlite:///{tmp_path / 'state' / 'meta.sqlite3'}")
    noted = database.ledger_head()
    chance = random.Random(7)
    for _ in range(50):
        kept = chance.randint(0, ENTRIES - 1)
        with taken_back(database) as unit:
            tampering = Tampering(unit, chance)
            tampering.run("change")
            tampering.sql("DELETE FROM ledger")
            tampering.sql("DELETE FROM ledger_head")
            again = [LedgerEvent(event="x", who="eve", at=NOON) for _ in range(kept)]
            ledger.append(unit, *again)  # a shorter story, whole in itself
            alone = ledger_proof.verify(unit, expect=None)
            known = ledger_proof.verify(unit, expect=noted)
        assert alone.ok
        assert (known.ok, known.first_broken) == (False, kept + 1)
    database.close()
