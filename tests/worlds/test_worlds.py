"""Random worlds keep every promise, judged by what reaches the server.

`python -m tests.worlds 10000` plays as many as one likes; here are a few of each run.
"""

from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.worlds.__main__ import main
from tests.worlds.description import World
from tests.worlds.drawing import draw_world
from tests.worlds.invariants import EVERY_INVARIANT
from tests.worlds.play import play
from tests.worlds.story import Story

worlds = st.randoms(note_method_calls=False, use_true_random=False).map(draw_world)


def keeps_every_promise(world: World) -> Story:
    story = play(world)
    assert not story.violations, "\n".join([*story.violations, *story.log])
    return story


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
)
@given(worlds)
def test_whatever_happens_no_write_that_reaches_the_server_breaks_a_limit(world: World) -> None:
    keeps_every_promise(world)


def test_the_same_seed_plays_the_same_world() -> None:
    one, other = (play(draw_world(Random(7))) for _ in range(2))
    assert draw_world(Random(7)) == draw_world(Random(7))
    assert one.log == other.log


@pytest.mark.slow
def test_three_hundred_worlds_exercise_every_promise() -> None:
    """A promise that is never asked about would be a defect of the worlds."""
    judged: Counter[str] = Counter()
    for seed in range(300):
        judged.update(keeps_every_promise(draw_world(Random(seed))).judged)
    assert [name for name in EVERY_INVARIANT if not judged[name]] == []


def test_the_command_plays_worlds_and_tells_what_it_saw(capsys: pytest.CaptureFixture) -> None:
    assert main(["2", "--seed", "7", "--workers", "1"]) == 0
    told = capsys.readouterr().out
    assert "2 worlds" in told
    assert all(name.replace("_", " ") in told for name in EVERY_INVARIANT)
