"""What a tick says of itself."""

from collections.abc import Iterator
from typing import Final

from tests.worlds.invariants.found import Found, Report, up_to
from tests.worlds.witness import Witness

HOUR: Final = 3_600


_SENT: Final = ("executed", "failed", "in_doubt")
_OUTCOMES: Final = (
    *("policy_blocked", "safety_blocked", "queued", "executed"),
    *("failed", "in_doubt", "deferred", "unchanged"),
)


def a_ticks_counts_add_up(report: Report, witness: Witness) -> Iterator[Found]:
    counts = {word: report[f"actions_{word}"] for word in _OUTCOMES}
    generated = report["actions_generated"]
    listed = [one["outcome"] for one in report["actions"]]
    are_same = all(counts[word] == listed.count(word) for word in _OUTCOMES)
    yield Found(generated == sum(counts.values()), generated > 0, f"{generated}: {counts}")
    yield Found(are_same and generated == len(listed), generated > 0, f"{listed}: {counts}")


def a_tick_does_no_more_than_its_most(report: Report, witness: Witness) -> Iterator[Found]:
    most = witness.settings.limits.max_actions_per_tick
    granted = report["actions_queued"] + sum(report[f"actions_{word}"] for word in _SENT)
    sent = {
        one.intent.action_id
        for one in witness.writes
        if one.deed.number == witness.deed.number and one.intent is not None
    }
    yield up_to(granted, most)
    yield up_to(len(sent), most)


def what_a_tick_calls_executed_stands_at_the_server(
    report: Report, witness: Witness
) -> Iterator[Found]:
    for action in report["actions"]:
        if action["outcome"] != "executed" or report["dry_run"]:
            continue
        thing = witness.shop.find(action["entity_id"])
        wrote = [
            one
            for one in witness.writes
            if one.deed.number == witness.deed.number and one.thing is thing
        ]
        is_done = len(wrote) == 1 and getattr(thing, wrote[0].field) == wrote[0].new
        yield Found(is_done, told=f"action {action['id']} on {action['entity_id']}")
