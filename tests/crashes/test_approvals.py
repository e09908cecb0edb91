"""Exactly one wins, however many come at one moment.

A few rounds here; `python -m tests.crashes.approvals --rounds 100` is a release's worth.
"""

import pytest

from tests.crashes.approvals import BUSY_SECONDS, approve_at_once, tick_at_once

pytestmark = pytest.mark.slow


def test_of_32_processes_that_approve_one_suggestion_one_executes_it(on_sqlite):
    assert approve_at_once(on_sqlite).faults == ()


def test_on_postgresql_too_of_32_that_approve_one_executes_it(on_postgresql):
    assert approve_at_once(on_postgresql).faults == ()


def test_of_8_ticks_one_works_and_the_others_leave_at_once(on_sqlite):
    done = tick_at_once(on_sqlite)
    assert done.faults == ()
    assert done.slowest < 5 * BUSY_SECONDS  # on a machine that does much else besides


def test_on_postgresql_too_of_8_ticks_one_works(on_postgresql):
    assert tick_at_once(on_postgresql).faults == ()


def test_it_is_so_for_processes_that_were_not_forked(on_sqlite):
    assert approve_at_once(on_sqlite, 4, cold=True).faults == ()
