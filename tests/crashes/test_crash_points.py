"""The real program, killed with SIGKILL at every named point: nothing is done twice, nothing is
lost, and no state is wrong.

Once each here; `python -m tests.crashes --runs 20` is a release's worth, on both databases.
"""

import signal
import time
from pathlib import Path

import pytest

from tests.crashes.points import POINTS, Point
from tests.crashes.shop import wait_until
from tests.crashes.trial import judged, trial
from tests.crashes.victim import Hook

pytestmark = pytest.mark.slow

#: Where the two databases differ: inside and around commits, and with the lock held.
_ON_BOTH = (2, 9, 10, 14, 18, 25, 26, 29)


def test_every_point_of_the_list_is_there():
    assert {point.number for point in POINTS} == set(range(1, 31))
    assert len({point.id for point in POINTS}) == len(POINTS)


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.id)
def test_killed_there_it_ends_as_if_it_had_lived(point, on_sqlite):
    assert trial(on_sqlite, point).faults == ()


@pytest.mark.parametrize(
    "point", [point for point in POINTS if point.number in _ON_BOTH], ids=lambda point: point.id
)
def test_killed_there_on_postgresql_it_ends_as_if_it_had_lived(point, on_postgresql):
    assert trial(on_postgresql, point).faults == ()


@pytest.mark.parametrize("number", [10, 15])
def test_it_is_so_too_for_a_process_that_was_not_forked(number, on_sqlite):
    point = next(point for point in POINTS if point.number == number)
    assert trial(on_sqlite, point, cold=True).faults == ()


def test_a_point_that_is_never_reached_is_a_fault(on_sqlite):
    """Or a hook that nothing calls any more would pass for ever."""
    hook = Hook(target="meta_autonomous.adapters.meta_http:GraphHttp.post", when="after", nth=99)
    (fault,) = trial(on_sqlite, Point(number=99, name="nowhere", hooks=(hook,))).faults
    assert fault.startswith("wrong: 99 nowhere was never reached")


_STORE = "meta_autonomous.adapters.database.store:Database"
_SHORT = "meta_autonomous.operations.execute:SEND_WITHIN=0.5"


@pytest.mark.parametrize(
    ("target", "state"),
    [
        (f"{_STORE}.commit_intent", "not_sent"),
        ("meta_autonomous.adapters.meta_http:GraphHttp.post", "confirmed"),
    ],
    ids=["before it sends", "after it was answered"],
)
def test_stopped_for_longer_than_an_intent_holds_nothing_is_sent_late(target, state, on_sqlite):
    """SIGSTOP, as a machine that sleeps. Its lock is still its own meanwhile."""
    hook = Hook(target=target, when="after", deed="stop")
    with on_sqlite.shop("fresh") as shop:
        victim = shop.start("tick", point={"hooks": [hook.to_json()], "settings": [_SHORT]})
        wait_until(lambda: _is_stopped(victim.pid))
        sent_before = shop.posts()
        assert shop.run("tick").code == 75
        time.sleep(0.6)
        assert shop.posts() == sent_before
        victim.kill(signal.SIGCONT)
        assert victim.wait().code == 0

        assert shop.attempts()[0]["state"] == state
        shop.passes(5)
        assert shop.run("tick").code == 0
        assert judged(shop) == []


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
