"""What a tick says of itself while it works."""

import pytest

from meta_autonomous.ports.progress import Stage, Step
from tests.operations.live_world import SECOND_ACCOUNT, Live
from tests.operations.test_tick import with_both_accounts

pytestmark = pytest.mark.slow


def steps_of(live: Live, **options) -> list[Step]:
    seen: list[Step] = []
    live.tick(progress=seen.append, **options)
    return seen


def test_every_account_and_every_write_is_counted(live):
    seen = steps_of(with_both_accounts(live).in_mode("auto"))
    stages = list(dict.fromkeys(step.stage for step in seen))
    assert stages == [
        Stage.READING, Stage.DECIDING, Stage.RECORDING, Stage.EXECUTING, Stage.REPORTING,
    ]  # fmt: skip
    reading = [(step.place, step.of) for step in seen if step.stage is Stage.READING]
    assert reading == [(1, 2), (2, 2), (2, 2)]
    writes = [step for step in seen if step.stage is Stage.EXECUTING]
    assert [step.place for step in writes] == list(range(1, writes[0].of + 1))
    assert all(step.subject for step in writes)


def test_a_dry_run_says_nothing_of_writing(live):
    stages = {step.stage for step in steps_of(live, dry_run=True)}
    assert stages == {Stage.READING, Stage.DECIDING}


def test_an_account_that_fails_is_counted_too(live):
    live.system = with_both_accounts(live).system
    seen = steps_of(live, accounts=(SECOND_ACCOUNT,))
    assert [(s.place, s.of) for s in seen if s.stage is Stage.READING] == [(1, 1), (1, 1)]
