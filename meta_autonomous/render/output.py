"""The one door to stdout: a document for people or one JSON document, never both.

A reader who closes the pipe early (``| head``) is not an error: the command has done its work and
its exit code must still say how that went. A stdout that is full or closed is one: `OutputLost`.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TextIO

from meta_autonomous.render.document import Document

if TYPE_CHECKING:
    from meta_autonomous.ports.progress import Progress

#: Signs of ours that not every terminal's encoding has.
_ASCII: Final = str.maketrans(
    {"→": "->", "·": "|", "…": "...", "≥": ">=", "≤": "<=", "−": "-", "–": "-", "×": "x"}
)


class OutputLost(Exception):
    """What was to be told could not be written. Nothing that is printed after it raises again."""

    def __init__(self, reason: OSError) -> None:
        self.reason = reason.strerror or str(reason)
        super().__init__(self.reason)


def show(document: Document) -> None:
    if on_terminal():
        from meta_autonomous.render import screen

        with _to_stdout():
            screen.show(document)
        return
    from meta_autonomous.render.plain import plain_text

    write(plain_text(document))


def watch(document: Callable[[], Document]) -> None:
    """Show a document on the terminal, made afresh every few seconds until Ctrl-C."""
    from meta_autonomous.render import screen

    with _quiet_pipe(), suppress(KeyboardInterrupt):
        screen.watch(document)


def show_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """One JSON document. Signs beyond ASCII are escaped: names are foreign text, and a terminal
    would act on some of them."""
    write(json.dumps(value, indent=2, allow_nan=False, default=_as_json) + "\n")


def _as_json(value: object) -> object:
    """A Decimal or a time that a view left as it was."""
    from meta_autonomous.render.shape import plain

    told = plain(value)
    if told is value:
        raise TypeError(f"{type(value).__name__} is nothing that JSON can say")
    return told


def write(text: str) -> None:
    with _to_stdout():
        sys.stdout.write(_sayable(text, sys.stdout.encoding))
        sys.stdout.flush()


def stream(pieces: Iterable[str]) -> None:
    """Print what may be long, piece by piece, always in UTF-8: it is for other programs. Once the
    reader is gone nothing more is made."""
    with _quiet_pipe():
        for piece in pieces:
            with _or_lost():
                sys.stdout.buffer.write(piece.encode())
        with _or_lost():
            sys.stdout.buffer.flush()


def complain(text: str) -> None:
    """One line for people on stderr; there is nobody to tell that it could not be written."""
    try:
        sys.stderr.write(_sayable(text, sys.stderr.encoding) + "\n")
        sys.stderr.flush()
    except OSError:
        _let_go(sys.stderr)


def last_words() -> None:
    """Write what waits for stdout, such as help. Raises OutputLost."""
    with _to_stdout():
        sys.stdout.flush()


def on_terminal() -> bool:
    return sys.stdout.isatty() and _is_clever()


@contextmanager
def progress(requests: Callable[[], int], *, is_wanted: bool) -> Iterator["Progress"]:
    """Where a tick says what it is at: a passing line on stderr, if somebody looks at it there."""
    if not (is_wanted and sys.stderr.isatty() and _is_clever()):
        from meta_autonomous.ports.progress import unseen

        yield unseen
        return
    from meta_autonomous.render import progress as passing

    with passing.line(requests) as seen:
        yield seen


def _is_clever() -> bool:
    """Whether the terminal knows how to move the cursor."""
    return os.environ.get("TERM") != "dumb"


def _sayable(text: str, encoding: str | None) -> str:
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        plain = text.translate(_ASCII)
        return plain.encode(encoding or "utf-8", "backslashreplace").decode(encoding or "utf-8")
    return text


@contextmanager
def _to_stdout() -> Iterator[None]:
    with _quiet_pipe(), _or_lost():
        yield


@contextmanager
def _quiet_pipe() -> Iterator[None]:
    """What is left to print goes nowhere once the reader is gone."""
    try:
        yield
    except BrokenPipeError:
        _let_go(sys.stdout)


@contextmanager
def _or_lost() -> Iterator[None]:
    """Around what does nothing but write to stdout."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        _let_go(sys.stdout)
        raise OutputLost(error) from error


def _let_go(stream: TextIO) -> None:
    """What waits for it, and Python's own attempt at the end, goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
