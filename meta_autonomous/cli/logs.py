"""Logs on stderr: text for a person, or one JSON object a line for a collector.

Under systemd's journal, and wherever `--log-format json` asks for it, a line is a JSON object with
`at`, `level`, `logger`, `message` and the tick's id. Secrets are taken out of every line,
whichever library wrote it: by their looks, and those that this run knows by their value.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import quote, quote_plus

from meta_autonomous.render.text import visible

_SECRETS: Final = re.compile(
    r"EAA[A-Za-z0-9]{8,}"
    r"|(?<=access_token=)[^&\s\"']+"
    r"|(?<=input_token=)[^&\s\"']+"
    r"|(?<=appsecret_proof=)[^&\s\"']+"
    r"|(?<=Bearer )[^\s\"']+"
    r"|(?<=://)[^/\s\"'@]*:[^/\s\"']*(?=@)"
)
_HIDDEN: Final = "[secret]"
#: A shorter value would be found in innocent words.
_SHORTEST: Final = 8
#: Libraries that log whole URLs, or a line for each step of a request.
_TALKATIVE: Final = ("httpx2", "httpcore2", "asyncio", "sqlalchemy", "alembic", "apprise")

_known: set[str] = set()
_tick_id: ContextVar[str | None] = ContextVar("tick_id", default=None)


def hide(*secrets: str | None) -> None:
    """Take these out of everything that is told from now on, however a URL spells them."""
    for secret in secrets:
        if secret is not None and len(secret) >= _SHORTEST:
            _known.update((secret, quote(secret, safe=""), quote_plus(secret)))


def redacted(text: str) -> str:
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return _SECRETS.sub(_HIDDEN, text)


def within_tick(tick_id: str) -> None:
    """Name the tick on every line from now on."""
    _tick_id.set(tick_id)


def under_journal() -> bool:
    """Whether systemd collects stderr. A terminal that a session manager started has the variable
    too, and is read by a person."""
    return bool(os.environ.get("JOURNAL_STREAM")) and not sys.stderr.isatty()


def configure(*, as_json: bool, debug: bool) -> None:
    """Warnings and errors as text; with JSON the routine entries too; with debug everything."""
    handler = _ToStderr()
    handler.setFormatter(_Json() if as_json else _Text())
    root = logging.getLogger()
    root.handlers = [handler]
    routine = logging.INFO if as_json else logging.WARNING
    root.setLevel(logging.DEBUG if debug else routine)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def are_json() -> bool:
    """Whether a collector reads stderr, which then has to hold nothing but these lines."""
    return any(isinstance(one.formatter, _Json) for one in logging.getLogger().handlers)


@contextmanager
def only_of_trouble(*, is_wanted: bool) -> Iterator[Callable[[], None]]:
    """Text for a person waits until it is known how the run ends. Whoever calls what is given says
    that it went well: then the warnings of this run are nobody's concern, as in cron's mail. An
    error is told at once. A collector (JSON) and --debug get every line when it comes."""
    root = logging.getLogger()
    handlers = root.handlers
    is_text = any(isinstance(one.formatter, _Text) for one in handlers)
    if not is_wanted or not is_text or root.level == logging.DEBUG:
        yield lambda: None
        return
    waiting = _Waiting(_Text())
    root.handlers = [waiting]
    try:
        yield waiting.lines.clear
    finally:
        waiting.tell()
        root.handlers = handlers


class _Waiting(logging.Handler):
    """Lines in order, formatted while the tick that they name is known."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))
        if record.levelno >= logging.ERROR:
            self.tell()

    def tell(self) -> None:
        from meta_autonomous.render.output import complain

        for line in self.lines:
            complain(line)
        self.lines.clear()


class _ToStderr(logging.StreamHandler):  # type: ignore[type-arg]
    """To whatever stderr is at the time: beside a line of progress it is another one."""

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, _: Any) -> None: ...


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = redacted(visible(record.getMessage()))
        trace = _trace(self, record)
        tick = _tick_id.get()
        place = record.name.removeprefix("meta_autonomous.").removeprefix("meta_auto.")
        head = f"{record.levelname.lower()}: {place}: "
        tail = f" tick={tick}" if tick is not None else ""
        lines = [f"{head}{told}{tail}", *(visible(line) for line in trace.splitlines())]
        return "\n".join(lines)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "tick_id": _tick_id.get(),
            "message": redacted(record.getMessage()),
        }
        if record.exc_info:
            entry["trace"] = _trace(self, record)
        return json.dumps(entry)


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return redacted(formatter.formatException(record.exc_info)) if record.exc_info else ""
