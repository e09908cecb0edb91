"""Several hosts on one PostgreSQL: each account is worked by one at a time, what one books counts
for all, and an upgrade waits for whoever works."""

import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from meta_autonomous.adapters.database import Database
from meta_autonomous.adapters.sandbox import Fault
from tests.crashes.points import next_version
from tests.crashes.shop import ACCOUNT, SECOND_ACCOUNT, Shop, wait_until
from tests.crashes.trial import judged
from tests.crashes.victim import Hook

pytestmark = pytest.mark.slow

BOTH = f"{ACCOUNT},{SECOND_ACCOUNT}"
_STORE = "meta_autonomous.adapters.database.store:Database"


@contextmanager
def held_at(shop: Shop, match: str):
    """A tick is at work, and goes no further than this request until we leave."""
    reached, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        reached.set()
        go_on.wait(60)

    shop.sandbox.inject(Fault(before=hold), match=match)
    tick = shop.start("tick", "--json", META_AD_ACCOUNT_IDS=ACCOUNT)
    assert reached.wait(60)
    try:
        yield tick
    finally:
        go_on.set()


def test_an_account_that_another_host_works_is_left_and_the_others_are_worked(on_postgresql):
    with on_postgresql.shop("offered", META_AD_ACCOUNT_IDS=BOTH) as shop:
        with held_at(shop, r"^POST ") as tick:
            ran = shop.run("tick", "--json")
            assert ran.code == 0
            states = {one["account_id"]: one["state"] for one in ran.json["accounts"]}
            assert states == {ACCOUNT: "locked", SECOND_ACCOUNT: "ok"}
        assert tick.wait().code == 0
        assert {name for name, amount in shop.amounts().items() if amount > 50_000} == {"Alpha"}
        assert judged(shop) == []


def test_a_killed_host_frees_its_account_at_once(on_postgresql):
    with on_postgresql.shop("offered") as shop:
        with held_at(shop, r"^POST ") as tick:
            tick.kill(signal.SIGSTOP)
            assert shop.run("tick").code == 75
            tick.kill()
            tick.wait()
            shop.passes(5)
            began = time.monotonic()
            assert shop.run("tick").code == 0
            assert time.monotonic() - began < 20
        shop.passes(5)


# --- the cap over all accounts ------------------------------------------------------------------

#: The four budgets of both accounts come to 2,100 USD; each raise alone fits under this.
CAP = {"META_AD_ACCOUNT_IDS": BOTH, "MAX_DAILY_SPEND_USD": "2210"}
_JUST_BEFORE = Hook(target=f"{_STORE}.move", when="before", given=("APPROVED",), deed="stop")


def offered_in_both(shop: Shop) -> tuple[str, str]:
    """A suggestion in each account, both found good under a cap that holds both."""
    assert shop.run("tick", META_AUTO_MODE="suggest", META_AD_ACCOUNT_IDS=BOTH).code == 0
    rows = shop.database.rows(
        "SELECT id, account_id, amount_usd FROM optimization_actions "
        "WHERE status = 'suggested' ORDER BY amount_usd DESC"
    )
    first = next(str(row["id"]) for row in rows if row["account_id"] == ACCOUNT)
    second = next(str(row["id"]) for row in rows if row["account_id"] == SECOND_ACCOUNT)
    return first, second


@pytest.mark.parametrize("alone", [0, 1])
def test_each_of_two_raises_fits_under_the_cap_alone(alone, on_postgresql):
    with on_postgresql.shop("fresh") as shop:
        chosen = offered_in_both(shop)[alone]
        assert shop.run("suggestions", "approve", chosen, **CAP).code == 0
        assert len(shop.posts()) == 1


@pytest.mark.parametrize("first_to_go_on", [0, 1])
def test_two_hosts_in_two_accounts_at_once_do_not_pass_the_cap_together(
    first_to_go_on, on_postgresql
):
    """Both have read, and both were told yes by every rule, before either has booked."""
    with on_postgresql.shop("fresh") as shop:
        point = {"hooks": [_JUST_BEFORE.to_json()]}
        hosts = [
            shop.start("suggestions", "approve", number, "--json", point=point, **CAP)
            for number in offered_in_both(shop)
        ]
        for host in hosts:
            wait_until(lambda pid=host.pid: _is_stopped(pid))
        hosts[first_to_go_on].kill(signal.SIGCONT)
        hosts[1 - first_to_go_on].kill(signal.SIGCONT)
        codes = sorted(host.wait().code for host in hosts)

        assert codes in ([0, 3], [3, 3])
        assert len(shop.posts()) == codes.count(0)
        assert sum(shop.amounts().values()) <= 221_000
        assert judged(shop) == []


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


# --- migrations ---------------------------------------------------------------------------------


@pytest.mark.parametrize("stages", ["on_sqlite", "on_postgresql"])
def test_an_upgrade_waits_for_a_tick_and_then_the_old_program_is_refused(stages, request):
    with request.getfixturevalue(stages).shop("offered") as shop:
        newer = {"newer_schema": str(next_version(shop.folder))}
        too_new = shop.run("tick", "--json", point=newer)
        assert (too_new.code, "db upgrade" in too_new.json["error"]["remedy"]) == (78, True)
        with held_at(shop, r"^POST ") as tick:
            upgrade = shop.start("db", "upgrade", point=newer)
            time.sleep(1)
            assert not upgrade.has_ended()
        assert tick.wait().code == 0
        assert upgrade.wait().code == 0

        too_old = shop.run("tick", "--json")
        assert (too_old.code, "upgrade meta-auto" in too_old.json["error"]["remedy"]) == (78, True)
        shop.passes(5)
        assert shop.run("tick", point=newer).code == 0
        assert judged(shop) == []


def test_an_upgrade_does_not_wait_for_ever(on_sqlite):
    with on_sqlite.shop("offered") as shop:
        newer = {
            "newer_schema": str(next_version(shop.folder)),
            "settings": ["meta_autonomous.adapters.database.store:_UPGRADE_WAITS=0.2"],
        }
        with held_at(shop, r"^POST ") as tick:
            ran = shop.run("db", "upgrade", point=newer)
            assert ran.code == 75
            assert "being worked with" in ran.err
        assert tick.wait().code == 0


# --- the connection -----------------------------------------------------------------------------


def test_the_server_is_asked_to_notice_a_dead_host_and_so_are_we(on_postgresql):
    with on_postgresql.shop("offered") as shop:
        database = Database(shop.database.url, platform="meta")
        with database._reading() as unit:
            driver = unit.connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            ours = driver.info.get_parameters()
            asked = dict(
                unit.connection.exec_driver_sql(
                    "SELECT name, reset_val FROM pg_settings WHERE name LIKE 'tcp_keepalives%%'"
                ).all()
            )
        database.close()
    assert (ours["keepalives_idle"], ours["keepalives_interval"]) == ("30", "10")
    assert (ours["keepalives_count"], ours["connect_timeout"]) == ("6", "10")
    assert asked == {
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "6",
    }
