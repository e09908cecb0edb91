"""Logs on stderr: text for a person, or one JSON object a line for a collector.

Secrets are taken out of every line, whichever library wrote it.
"""

import json
import logging
import re
import sys
from typing import Final

from meta_autonomous.render.text import visible

_SECRETS: Final = re.compile(
    r"EAA[A-Za-z0-9]{8,}"
    r"|(?<=access_token=)[^&\s\"']+"
    r"|(?<=appsecret_proof=)[^&\s\"']+"
    r"|(?<=Bearer )[^\s\"']+"
)
#: Libraries that log whole URLs, or a line for each step of a request.
_TALKATIVE: Final = ("httpx2", "httpcore2", "asyncio", "sqlalchemy", "alembic")


def redacted(text: str) -> str:
    return _SECRETS.sub("[secret]", text)


def configure(*, as_json: bool, debug: bool) -> None:
    """Warnings and errors as text; with JSON the routine entries too; with debug everything."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if as_json else _Text())
    root = logging.getLogger()
    root.handlers = [handler]
    routine = logging.INFO if as_json else logging.WARNING
    root.setLevel(logging.DEBUG if debug else routine)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = redacted(visible(record.getMessage()))
        trace = redacted(self.formatException(record.exc_info)) if record.exc_info else ""
        head = f"{record.levelname.lower()}: {record.name.removeprefix('meta_autonomous.')}: "
        return f"{head}{told}\n{trace}".rstrip()


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
        }
        if record.exc_info:
            entry["trace"] = redacted(self.formatException(record.exc_info))
        return json.dumps(entry)
