"""Told to end, by SIGTERM or by `stop` from another terminal: the write in hand is finished, no
new one is begun, and the process is gone in time."""

import os
import signal
import time

import pytest

from meta_autonomous.adapters.sandbox import Fault, faults
from tests.crashes.shop import Shop, wait_until
from tests.crashes.trial import go_on, judged

pytestmark = pytest.mark.slow

SECONDS = 45.0


def during_the_first_write(shop: Shop, deed):
    def do_it() -> None:
        assert shop.began.wait(30)
        deed()

    shop.sandbox.inject(Fault(before=do_it), match=r"^POST ")


def ended(shop: Shop):
    """The tick that was told to end: its one write is in force, the rest waits."""
    began = time.monotonic()
    ran = shop.run("tick", "--json")
    assert time.monotonic() - began < SECONDS
    assert ran.code == 0, ran
    assert [action["outcome"] for action in ran.json["actions"]] == [
        "executed",
        "deferred",
        "deferred",
    ]
    assert len(shop.posts()) == 1
    assert judged(shop) == []


def test_after_sigterm_the_write_in_hand_is_the_last(on_sqlite):
    with on_sqlite.shop("fresh") as shop:
        during_the_first_write(
            shop, lambda: (os.kill(shop.victim, signal.SIGTERM), time.sleep(0.3))
        )
        ended(shop)
        shop.passes(5)
        assert shop.run("tick", "--json").json["actions_executed"] == 2
        assert judged(shop) == []


def test_after_stop_from_another_terminal_too_and_nothing_goes_on_until_start(on_sqlite):
    with on_sqlite.shop("offered") as shop:
        said = []

        def stop() -> None:
            tick = shop.victim
            said.append(shop.run("stop").code)
            shop.victim = tick

        during_the_first_write(shop, stop)
        ended(shop)
        assert said == [0]

        shop.passes(5)
        stopped = shop.run("tick", "--json")
        assert (stopped.code, stopped.json["started"], len(shop.posts())) == (0, False, 1)
        assert shop.run("start").code == 0
        shop.passes(5)
        assert shop.run("tick", "--json").json["actions_executed"] == 2


@pytest.mark.parametrize("how", ["SIGTERM", "stop"])
def test_a_tick_that_waits_for_a_server_that_hangs_ends_all_the_same(how, on_postgresql):
    with on_postgresql.shop("offered") as shop:
        shop.sandbox.inject(faults.hang(60), match=r"/insights", times=9)
        tick = shop.start("tick", "--json")
        wait_until(lambda: any("insights" in one.text for one in shop.sandbox.requests))
        told = time.monotonic()
        if how == "SIGTERM":
            tick.kill(signal.SIGTERM)
        else:
            assert shop.run("stop").code == 0
        ran = tick.wait()

        assert time.monotonic() - told < SECONDS
        assert (ran.code, ran.json["accounts"][0]["state"]) == (75, "stopped")
        assert shop.posts() == []
        assert judged(shop) == []


def test_a_write_that_gets_no_answer_is_waited_for_only_so_long(on_sqlite):
    """Its time and that of the looks after it are limited; what is not known then is in doubt."""
    short = {"settings": ["meta_autonomous.operations.execute:LOOKS_END_AFTER=1"]}
    with on_sqlite.shop("offered", META_AUTO_INTERVAL_SECONDS="60") as shop:
        sent = []
        shop.sandbox.inject(
            Fault(before=lambda: sent.append(time.monotonic()), hang=60), match=r"^POST "
        )
        shop.sandbox.inject(faults.hang(60), match=lambda _: bool(sent), times=99)
        tick = shop.start("tick", "--json", point=short)
        wait_until(lambda: sent)
        tick.kill(signal.SIGTERM)
        ran = tick.wait()

        assert time.monotonic() - sent[0] < SECONDS
        assert ran.code == 4, ran
        assert [one["outcome"] for one in ran.json["actions"]].count("in_doubt") == 1
        assert len(shop.posts()) == 1
        shop.sandbox.clear_faults()
        problems: list[str] = []
        go_on(shop, problems)
        assert problems + judged(shop) == []
