"""Which known name a mistaken one was meant to be."""

import subprocess
import sys

import pytest

from meta_autonomous.domain.likeness import nearest


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("min_spent_usd", "min_spend_usd"),
        ("spend_usd", "min_spend_usd"),
        ("embargo", "safety.embargo"),
        ("hard_stop", "hard_stop:11"),
    ],
)
def test_a_name_that_is_like_a_known_one_or_the_end_of_it_is_guessed(name, guess):
    known = ["safety.embargo", "min_spend_usd", "hard_stop:11"]
    assert nearest(name, known) == f"did you mean {guess}?"


def test_nothing_is_guessed_where_nothing_is_so_like_it():
    assert nearest("min_spent", ["min_spend"]) == "did you mean min_spend?"
    assert nearest("min_spent", ["min_spend"], likeness=90) == ""
    assert nearest("qqq", ["min_spend"]) == nearest("min_spend", []) == ""


def test_only_a_guess_loads_what_compares():
    code = (
        "import sys, meta_autonomous.ports.errors, meta_autonomous.domain.likeness as likeness\n"
        "before = 'difflib' in sys.modules\n"
        "likeness.nearest('a', ['b'])\n"
        "print(before, 'difflib' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True"]
