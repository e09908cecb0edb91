"""The first line of every view: which world this is about."""

from typing import Final

from meta_autonomous.render.document import Cell, Line, Span, Tone, line

SANDBOX: Final = "sandbox"


def banner(platform: str, *more: Cell) -> Line:
    """`SANDBOX · simulated ad account, no real money · mode suggest`."""
    if platform == SANDBOX:
        name: Span = Span("SANDBOX", Tone.WARN)
        words = "simulated ad account, no real money"
    else:
        name = Span(platform.upper(), Tone.STRONG)
        words = "live ad accounts"
    pieces: list[Cell] = [name, " · ", words]
    for piece in more:
        pieces += [" · ", piece]
    return line(*pieces)
