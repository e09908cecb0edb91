"""Every promise can be broken, and the witness notices: so that its silence means something."""

import pytest

from tests.worlds.invariants import EVERY_INVARIANT
from tests.worlds.mutants import MUTANTS, Mutant
from tests.worlds.play import play


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_broken_rule_is_noticed_and_the_real_one_keeps_its_promise(mutant: Mutant) -> None:
    assert play(mutant.world).violations == []
    with mutant.at_work():
        story = play(mutant.world)
    assert mutant.breaks.__name__ in story.broken, "\n".join(story.log)


def test_every_invariant_has_been_seen_to_catch() -> None:
    assert {mutant.breaks.__name__ for mutant in MUTANTS} == set(EVERY_INVARIANT)
