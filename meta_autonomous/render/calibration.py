"""How often past probabilities came true, as tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from meta_autonomous.render.banner import banner
from meta_autonomous.render.document import (
    Block,
    Cell,
    Column,
    Document,
    Line,
    Span,
    Table,
    Tone,
    line,
)
from meta_autonomous.render.text import percent, ratio

_Json = Mapping[str, Any]

_MEANING: Final = (
    "Claimed: the mean probability, as it was told then, that the true ROAS is below the "
    "threshold. A true ROAS is never seen, and a week has luck of its own; so predicted is what "
    "that claim says of the week after it: the probability that its ROAS, final, shows below the "
    "threshold. Observed: how often it did, with an interval. Where the interval holds what was "
    "predicted, they agree; all intervals hold together with 95 %."
)
_UNANSWERED: Final[Mapping[str, str]] = {
    "not_final": "whose week is not final yet (8 days after its end)",
    "changed": "about what was paused or changed within three days",
    "too_little": "about what spent too little afterwards",
    "no_record": "that no later week can answer, or of which no estimate is on record",
}


def calibration_document(told: _Json, *, platform: str) -> Document:
    return Document.of(banner(platform), Line(), *_blocks(told))


def _blocks(told: _Json) -> Iterator[Block]:
    levels: Sequence[_Json] = told["reliability"]
    if not levels:
        yield line(Span("No claim has an answer yet", Tone.STRONG))
        yield line(
            "A probability is answered by the seven days after it, eight days later: run ticks "
            "for two weeks, and look again."
        )
        yield from _set_aside(told["unanswered"], "estimates")
    else:
        yield line(Span(_verdict(told["agrees"]), Tone.STRONG))
        yield from _set_aside(told["unanswered"], "estimates")
        yield Line()
        yield _summary(levels)
        yield Line()
        most = max(levels, key=lambda about: about["count"])["level"]
        yield line(Span(f"Reliability, all {most}s, a claim a week each", Tone.STRONG))
        yield _bins([about for about in levels if about["level"] == most])
        yield Line()
        yield line(Span(_MEANING, Tone.QUIET))
    if told["actions"]:
        yield Line()
        yield line(Span("By action type", Tone.STRONG))
        yield _types(told["actions"])
        yield line(
            Span(
                "Here the claim is the action's own: below its threshold, or at least it. A "
                "reallocation compares two ad sets, and no week answers it.",
                Tone.QUIET,
            )
        )
    yield Line()
    yield line(Span("Hold-out", Tone.STRONG))
    yield from (line(sentence) for sentence in holdout_sentences(told["holdout"]))


def _verdict(agrees: bool | None) -> str:  # noqa: FBT001 - a three-valued answer
    if agrees is None:
        return "Too few claims have an answer to say whether they came true"
    if agrees:
        return "Past probabilities came true about as often as they said"
    return "Some past probabilities did not come true as often as they said"


def _set_aside(unanswered: Mapping[str, int], what: str) -> Iterator[Block]:
    for reason, count in unanswered.items():
        yield line(Span(f"Set aside: {count:,} {what} {_UNANSWERED[reason]}.", Tone.QUIET))


def _summary(levels: Sequence[_Json]) -> Table:
    columns = (
        Column("claim"),
        Column("answered", is_number=True),
        Column("Brier", is_number=True),
        Column("if right", is_number=True),
        Column("ECE", is_number=True),
        Column("by luck", is_number=True),
        Column("agrees"),
    )
    return Table(
        columns,
        tuple(
            (
                f"{about['level']} below {about['threshold']}",
                f"{about['count']:,}",
                _three(about["brier"]),
                _three(about["brier_if_right"]),
                _three(about["ece"]),
                _three(about["ece_by_luck"]),
                _agrees(about["agrees"]),
            )
            for about in levels
        ),
        empty="",
    )


def _bins(levels: Sequence[_Json]) -> Table:
    columns = (
        Column("below", is_number=True),
        Column("probability"),
        Column("claims", is_number=True),
        *_SHARES,
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            str(about["threshold"]),
            f"{one['low']:.1f}–{one['high']:.1f}",
            f"{one['count']:,}",
            *_share(one),
        )
        for about in levels
        for one in about["bins"]
    )
    return Table(columns, rows, empty="")


_SHARES: Final = (
    Column("claimed", is_number=True),
    Column("predicted", is_number=True),
    Column("observed", is_number=True),
    Column("interval", is_number=True),
    Column("agrees"),
)


def _share(one: _Json) -> tuple[Cell, ...]:
    interval = one["interval"]
    return (
        ratio(one["claimed"]),
        ratio(one["predicted"]),
        Span(ratio(one["observed"]), Tone.STRONG),
        "-" if interval is None else f"{ratio(interval[0])}–{ratio(interval[1])}",
        _agrees(one["agrees"]),
    )


def _types(types: Sequence[_Json]) -> Table:
    columns = (
        Column("action"),
        Column("decided", is_number=True),
        Column("answered", is_number=True),
        *_SHARES,
        Column("set aside", may_wrap=True),
    )
    return Table(
        columns,
        tuple(
            (
                str(about["type"]).replace("_", " "),
                f"{about['decided']:,}",
                f"{about['count']:,}",
                *_share(about),
                ", ".join(
                    f"{count} {reason.replace('_', ' ')}"
                    for reason, count in about["unanswered"].items()
                )
                or "-",
            )
            for about in types
        ),
        empty="",
    )


def _agrees(said: bool | None) -> Span:  # noqa: FBT001 - a three-valued answer
    if said is None:
        return Span("too few to say", Tone.QUIET)
    return Span("yes", Tone.GOOD) if said else Span("no", Tone.BAD)


def _three(value: float) -> str:
    return f"{value:.3f}"


def holdout_sentences(told: _Json) -> tuple[str, ...]:
    """The hold-out's scorecard in words, for a page too."""
    share, counts = told["share"], f"{told['treated']} treated, {told['withheld']} withheld"
    if not told["withheld"] and not share:
        return ("HOLDOUT_PCT is 0: nothing is left alone, so there is nothing to compare with.",)
    measure = "revenue less spend" if told["margin"] is None else "profit less spend"
    about = (
        f"{percent(share)} of the campaigns are left alone for {told['period_days']} days at a "
        f"time ({counts}, whose days are final). Compared is by how much the daily {measure} grew "
        "against the week before, per unit of that week's spend."
    )
    if told["interval"] is None:
        return about, f"Too few to say: {told['fewest']} are needed on either side."
    low, high = told["interval"]
    found = (
        f"Treated {told['treated_mean']:+.2f}, withheld {told['withheld_mean']:+.2f}: a "
        f"difference of {told['difference']:+.2f}, between {low:+.2f} and {high:+.2f} with 95 %."
    )
    telling = (
        "Acting made the difference."
        if told["is_telling"]
        else "That includes zero: it may be chance."
    )
    return about, f"{found} {telling}"
