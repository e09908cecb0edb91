"""`suggestions review`: one suggestion after the other, decided by one key."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import typer

from meta_autonomous.render import output
from meta_autonomous.render.document import Document, Line, Span, Tone, line
from meta_autonomous.render.suggestion import card, detail_document

if TYPE_CHECKING:
    from meta_autonomous.operations.by_person import Handled
    from meta_autonomous.ports.records import ActionRecord

#: Decides one suggestion: its id -> what became of it.
Deed = Callable[[int], "Handled"]


class Key(Enum):
    """What a person can press, with the word for it."""

    APPROVE = "a"
    REJECT = "r"
    SKIP = "s"
    DETAILS = "d"
    QUIT = "q"

    @property
    def word(self) -> str:
        return self.name.lower()


_CHOICES: Final = "  ".join(f"[{key.value}]{key.word[1:]}" for key in Key)
_ESCAPE: Final = "\x1b"


def is_possible() -> bool:
    """Somebody sits at a terminal, at both ends."""
    return sys.stdin.isatty() and output.on_terminal()


def review(
    records: Sequence["ActionRecord"],
    deeds: Mapping[Key, Deed],
    *,
    platform: str,
    now: datetime,
) -> "list[Handled]":
    """Show each and do what is pressed; what became of those decided, in order. Ctrl-C is passed
    on once it is told what was decided."""
    done: list[Handled] = []
    for place, record in enumerate(records, start=1):
        output.show(
            Document.of(
                Line(), line(Span(f"{place} of {len(records)}", Tone.QUIET)), card(record, now)
            )
        )
        try:
            key = _pressed(record, platform=platform, now=now)
        except KeyboardInterrupt:
            output.show(Document.of(Line(), line(_summary(len(records), done))))
            raise
        if key is Key.QUIT:
            break
        if key in deeds:
            handled = deeds[key](record.id)
            done.append(handled)
            output.show(
                Document.of(line(Span(f"{handled.status}: ", Tone.STRONG), handled.message))
            )
    output.show(Document.of(Line(), line(_summary(len(records), done))))
    return done


def deed(work: "Callable[[int], Coroutine[Any, Any, Sequence[Handled]]]") -> Deed:
    """A coroutine that handles one id, as a plain call."""

    async def one(action_id: int) -> "Handled":
        return (await work(action_id))[0]

    return lambda action_id: asyncio.run(one(action_id))


def _pressed(record: "ActionRecord", *, platform: str, now: datetime) -> Key:
    """The key that decides; details are shown as often as they are asked for."""
    output.show(Document.of(line(Span(_CHOICES, Tone.STRONG))))
    while True:
        try:
            key = Key(typer.getchar().lower().replace(_ESCAPE, Key.QUIT.value))
        except EOFError:  # Ctrl-D
            return Key.QUIT
        except ValueError:
            continue
        if key is not Key.DETAILS:
            return key
        output.show(detail_document(record, platform=platform, now=now))
        output.show(Document.of(line(Span(_CHOICES, Tone.STRONG))))


def _summary(count: int, done: "Sequence[Handled]") -> str:
    left = count - len(done)
    by_status: dict[str, int] = {}
    for handled in done:
        word = handled.status.replace("_", " ")
        by_status[word] = by_status.get(word, 0) + 1
    told = [f"{number} {word}" for word, number in by_status.items()]
    return ", ".join([*told, f"{left} left as they are" if left else "none left"]) + "."
