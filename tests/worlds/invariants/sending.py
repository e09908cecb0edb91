"""How a write is sent, and what takes it back."""

from collections.abc import Iterator
from typing import Final

from tests.worlds.invariants.found import Found
from tests.worlds.shop import SYSTEM
from tests.worlds.witness import Witness, Write

HOUR: Final = 3_600


def every_write_has_its_own_committed_intent(write: Write, witness: Witness) -> Iterator[Found]:
    intent = write.intent
    if intent is None:
        yield Found(holds=False, told="no committed record says that this was meant")
        return
    yield Found(
        intent.attempt_id not in witness.used_intents, told=f"{intent.attempt_id} was sent before"
    )
    is_it = intent.field == write.name and intent.new == str(write.new)
    yield Found(is_it, told=f"meant {intent.field} = {intent.new}")


def an_undo_puts_back_exactly_what_was_replaced(write: Write, witness: Witness) -> Iterator[Found]:
    if write.is_undo:
        ours = [
            turn
            for turn in write.thing.past
            if turn.field == write.field and turn.by == SYSTEM and turn.new == write.old
        ]
        yield Found(any(turn.old == write.new for turn in ours), told="nobody replaced that value")
