"""Why the last tick did what it did, or nothing, with one entity."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from meta_autonomous.render.banner import banner
from meta_autonomous.render.document import Document, Line, Pairs, Span, Tone, line
from meta_autonomous.render.stakes import break_even, exact
from meta_autonomous.render.text import clean, moment, parsed, relative
from meta_autonomous.render.tick import decision_words, visible_sentence
from meta_autonomous.render.verdicts import verdict_table


class Explanation(Protocol):
    @property
    def sentences(self) -> Sequence[str]: ...
    def to_json(self) -> Mapping[str, Any]: ...


def explanation_document(explanation: Explanation, *, platform: str, now: datetime) -> Document:
    told = explanation.to_json()
    eligible = parsed(told["eligible_again_at"])
    evidence: Mapping[str, Any] = told.get("evidence", {})
    even = break_even(evidence, exact(evidence.get("roas")))
    again = f"{moment(eligible)} ({relative(eligible, now)})" if eligible else "-"
    return Document.of(
        banner(platform),
        Line(),
        *(line(visible_sentence(sentence)) for sentence in explanation.sentences),
        Line(),
        Pairs(
            (
                (str(told["level"]), clean(str(told["entity_id"]))),
                ("decision", Span(clean(decision_words(str(told["decision"]))), Tone.STRONG)),
                ("first binding", str(told["first_binding"] or "nothing")),
                ("eligible again", again),
                *((("break-even", even),) if even else ()),
            )
        ),
        Line(),
        verdict_table(told["gates"]),
    )
