"""`explain` says in each situation what its file says; and what it says would flip it, does.

Mend the files with `python -m tests.golden`, and read them.
"""

import re

import pytest

from meta_autonomous.decision.policy_engine import POLICY_RULES
from meta_autonomous.decision.safety import SAFETY_RULES
from tests.golden.situations import SITUATIONS
from tests.golden.told import FOLDER, as_told, explained

#: Words of the engine room that no sentence for a manager may hold.
JARGON = ("posterior", "prior", "shrink", "binding", "effective_status", "None", "Decimal", "  ")
_IDS = [rule.id for rule in (*POLICY_RULES, *SAFETY_RULES)]


@pytest.mark.parametrize("name", SITUATIONS)
def test_explain_says_what_the_file_says(name):
    assert as_told(name) == (FOLDER / f"{name}.txt").read_text()


def test_there_is_a_file_for_each_situation_and_no_other():
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(SITUATIONS)


@pytest.mark.parametrize("name", SITUATIONS)
def test_no_sentence_speaks_the_language_of_the_engine_room(name):
    shown = explained(name)
    for sentence in shown.sentences:
        assert not [rule for rule in _IDS if rule in sentence], sentence
        assert not re.search(r"\b(candidate|wanted|limits|auto)\.\w", sentence), sentence
        assert not [word for word in JARGON if word in sentence], sentence
        assert len(sentence) < 300
    assert 2 <= len(shown.sentences) <= 12


@pytest.mark.parametrize("name", SITUATIONS)
def test_who_got_nothing_is_told_what_would_have_to_be_different(name):
    shown = explained(name)
    stopped = ("none", "policy_blocked", "safety_blocked", "deferred")
    if shown.trace.decision.endswith(stopped) and name != "legacy":
        assert shown.flips
        assert shown.to_json()["flips"][0]["sentence"] in shown.sentences


def test_nothing_is_promised_where_nothing_helps():
    shown = explained("legacy")
    assert shown.to_json()["flips"] == []
    assert shown.sentences[-1] == "No number and no setting would change that."
