"""A line on stderr that says what a tick is at, and is gone when it has ended."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

from meta_autonomous.ports.progress import Progress, Stage, Step
from meta_autonomous.render.text import clean, counted

_PER_SECOND: Final = 8
_WORDS: Final = {
    Stage.STARTING: "Starting",
    Stage.READING: "Reading the ad account",
    Stage.DECIDING: "Deciding",
    Stage.RECORDING: "Writing down what was decided",
    Stage.EXECUTING: "Executing",
    Stage.REPORTING: "Reporting",
}


class _Line:
    """The latest step, drawn anew with the requests so far and the seconds since it began."""

    def __init__(self, requests: Callable[[], int]) -> None:
        self.step = Step(stage=Stage.STARTING)
        self._requests = requests
        self._began = time.monotonic()

    def __rich__(self) -> Text:
        seconds = time.monotonic() - self._began
        told = step_text(self.step, requests=self._requests(), seconds=int(seconds))
        return Text(told, "dim", no_wrap=True, overflow="ellipsis")


def step_text(step: Step, *, requests: int, seconds: int) -> str:
    """`Reading account 2 of 3 · 57 requests · 4 s`."""
    what = _WORDS[step.stage]
    if step.of > 1:
        what = "Reading account" if step.stage is Stage.READING else what
        what += f" {step.place} of {step.of}"
    if step.subject:
        what += f": {clean(step.subject)}"
    return f"{what} · {counted(requests, 'request')} · {seconds} s"


@contextmanager
def line(requests: Callable[[], int]) -> Iterator[Progress]:
    """`requests` counts those made so far. A terminal that has gone away stops no tick."""
    drawn = _Line(requests)
    console = Console(file=sys.stderr, markup=False, highlight=False, emoji=False)
    live = Live(
        drawn,
        console=console,
        transient=True,
        refresh_per_second=_PER_SECOND,
        redirect_stdout=False,  # what is logged meanwhile goes to stderr, and stays above
    )

    def step(now: Step) -> None:
        drawn.step = now

    with suppress(OSError):
        live.start(refresh=True)
    try:
        yield step
    finally:
        with suppress(OSError):
            live.stop()
        _give_up_if_gone()


def _give_up_if_gone() -> None:
    """What could not be written would be tried again at the very end, where Python makes an exit
    code of its own of it (120), whatever the tick's was."""
    try:
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
