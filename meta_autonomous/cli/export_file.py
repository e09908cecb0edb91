"""A person's own export, row by row: CSV with a header, or JSON lines.

Ads Manager's column names are understood, and so are what spreadsheets do to a file: a byte order
mark, semicolons, a decimal comma. What can't be told for sure is an error that names its line,
never a guess.
"""

import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import chain
from pathlib import Path
from typing import Any, Final, TextIO

from meta_autonomous.cli.json_objects import each_key_once
from meta_autonomous.cli.usage import WrongUsage
from meta_autonomous.decision.export import ExportRow

#: Column names by what they mean, lower case and without a currency in brackets. The first found
#: counts.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "date": ("date", "day", "date_start", "reporting starts"),
    "spend": ("spend", "amount spent"),
    "purchases": ("purchases", "website purchases"),
    "purchase_value": (
        "purchase_value",
        "purchases conversion value",
        "website purchases conversion value",
        "purchase conversion value",
    ),
    "impressions": ("impressions",),
    "seen_on": ("seen_on",),
    "ends": ("date_stop", "reporting ends"),
}
#: What tells rows apart, the most specific first. Names stand with their parents' names, because
#: two campaigns may hold ad sets of one name.
_IDS: Final = ("entity_id", "ad id", "ad set id", "adset id", "campaign id")
_TITLES: Final = ("campaign name", "ad set name", "ad name")
_REQUIRED: Final = ("date", "spend", "purchases", "purchase_value")

_BRACKETS: Final = re.compile(r"\s*\([A-Za-z]{3}\)$")
_THOUSANDS: Final = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?")
_COMMA: Final = re.compile(r"-?(\d{1,3}(\.\d{3})+|\d+),\d+")
_AMBIGUOUS: Final = re.compile(r"-?[1-9]\d{0,2}(\.\d{3})+")
_MOST: Final = 10**12
_SPACES: Final = str.maketrans("", "", "\u00a0\u202f ")


class _Unreadable(Exception):
    """What is wrong with one row, without its place."""


def rows(file: str) -> Iterator[ExportRow]:
    """The rows of a file (`-` is stdin), streamed. Raises WrongUsage naming the line."""
    try:
        with _opened(file) as lines:
            yield from _rows(lines, file)
    except UnicodeDecodeError as error:
        raise WrongUsage(
            f"{file} is not text in UTF-8: {error.reason} at byte {error.start}.",
            remedy="Save it as CSV UTF-8.",
        ) from None
    except OSError as error:
        raise WrongUsage(
            f"{file}: {error.strerror}.",
            remedy="Name your export, or give it on stdin as -.",
        ) from None


@contextmanager
def _opened(file: str) -> Iterator[TextIO]:
    if file == "-":
        yield sys.stdin
        return
    path = Path(file)
    with path.open("rb") as raw:
        is_utf16 = raw.read(2) in (b"\xff\xfe", b"\xfe\xff")
    with path.open(encoding="utf-16" if is_utf16 else "utf-8-sig", newline="") as lines:
        yield lines


def _rows(lines: TextIO, file: str) -> Iterator[ExportRow]:
    first = lines.readline().removeprefix("\ufeff")
    while first and not first.strip():
        first = lines.readline()
    if not first:
        raise WrongUsage(f"{file} is empty.")
    if first.lstrip().startswith("["):
        raise WrongUsage(
            f"{file} is one JSON array.", remedy="Write one JSON object a line (jq -c '.[]')."
        )
    records = _json_rows if first.lstrip().startswith("{") else _csv_rows
    found = False
    for place, fields, comma in records(first, lines, file):
        try:
            row = _row(fields, comma_is_decimal=comma)
        except (_Unreadable, ValueError) as error:
            raise WrongUsage(f"{file}, line {place}: {error}.") from None
        if row is not None:
            found = True
            yield row
    if not found:
        raise WrongUsage(f"{file} has no rows of data.")


_Placed = tuple[int, Mapping[str, str], bool]


def _json_rows(first: str, lines: TextIO, file: str) -> Iterator[_Placed]:
    for place, text in enumerate(_chained(first, lines), start=1):
        if not text.strip():
            continue
        try:
            record = json.loads(
                text, parse_float=str, parse_int=str, object_pairs_hook=each_key_once
            )
        except ValueError as error:
            raise WrongUsage(f"{file}, line {place}: not JSON: {error}.") from None
        if not isinstance(record, dict):
            raise WrongUsage(f"{file}, line {place}: not a JSON object.")
        _complete(list(map(_folded, record)), file, place)
        named = {_folded(key): _text(value) for key, value in record.items()}
        yield place, named, False


def _csv_rows(first: str, lines: TextIO, file: str) -> Iterator[_Placed]:
    delimiter = max((",", ";", "\t"), key=first.count)
    reader = csv.reader(_chained(first, lines), delimiter=delimiter)
    try:
        header = [_folded(name) for name in next(reader)]
        _complete(header, file, 1)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise WrongUsage(
                    f"{file}, line {reader.line_num}: {len(cells)} cells under "
                    f"{len(header)} column names."
                )
            yield reader.line_num, dict(zip(header, cells, strict=True)), delimiter != ","
    except csv.Error as error:
        raise WrongUsage(f"{file}, line {reader.line_num}: {error}.") from None


def _chained(first: str, lines: Iterable[str]) -> Iterator[str]:
    yield first
    yield from lines


def _folded(name: str) -> str:
    return _BRACKETS.sub("", name.strip().lower())


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _complete(names: Sequence[str], file: str, place: int) -> None:
    known = set(names)
    if len(known) < len(names):
        _refuse_twice(names, file, place)
    missing = [key for key in _REQUIRED if not known.intersection(_NAMES[key])]
    if not known.intersection((*_IDS, *_TITLES)):
        missing.insert(0, "entity_id")
    if missing:
        raise WrongUsage(
            f"{file}, line {place}: no column for {', '.join(missing)}.",
            remedy="Wanted: entity_id, date, spend, purchases, purchase_value (and, if you have "
            "them, impressions, seen_on), or Ads Manager's names for them.",
        )


def _refuse_twice(names: Sequence[str], file: str, place: int) -> None:
    """Of columns that nobody reads there may be many of one name."""
    read = {*_IDS, *_TITLES, *chain.from_iterable(_NAMES.values())}
    twice = next((name for name in names if name in read and names.count(name) > 1), None)
    if twice is not None:
        raise WrongUsage(
            f"{file}, line {place}: there is more than one column {twice!r}.",
            remedy="Leave one of them, so that it is plain which one counts.",
        )


def _row(fields: Mapping[str, str], *, comma_is_decimal: bool) -> ExportRow | None:
    """One row; None for the summary that Ads Manager puts over or under its export."""
    entity, day = _entity(fields), _said(fields, "date")
    if not entity and not day:
        return None
    if not entity:
        raise _Unreadable("nothing says which campaign, ad set or ad this is")
    ends = _said(fields, "ends")
    if ends and ends != day:
        raise _Unreadable(f"covers {day} to {ends}: break the export down by day")
    seen_on = _said(fields, "seen_on")
    impressions = _said(fields, "impressions")
    return ExportRow(
        entity_id=entity,
        on=_date("date", day),
        spend=_number(fields, "spend", comma_is_decimal=comma_is_decimal),
        purchases=_whole(fields, "purchases", comma_is_decimal=comma_is_decimal),
        purchase_value=_number(fields, "purchase_value", comma_is_decimal=comma_is_decimal),
        impressions=_whole(fields, "impressions", comma_is_decimal=comma_is_decimal)
        if impressions
        else None,
        seen_on=_date("seen_on", seen_on) if seen_on else None,
    )


def _entity(fields: Mapping[str, str]) -> str:
    for name in _IDS:
        if fields.get(name, "").strip():
            return fields[name].strip()
    return " / ".join(fields[name].strip() for name in _TITLES if fields.get(name, "").strip())


def _said(fields: Mapping[str, str], key: str) -> str:
    return next((fields[name].strip() for name in _NAMES[key] if name in fields), "")


def _date(key: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _Unreadable(f"{key} {text!r} is not a date like 2026-11-01") from None


def _number(fields: Mapping[str, str], key: str, *, comma_is_decimal: bool) -> Decimal:
    """An empty cell is zero: Ads Manager leaves days without purchases empty."""
    told = _said(fields, key)
    text = told.translate(_SPACES)
    if text in ("", "-"):
        return Decimal(0)
    if comma_is_decimal and _COMMA.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    elif comma_is_decimal and _AMBIGUOUS.fullmatch(text):
        raise _Unreadable(f"{key} {told!r} could be two numbers: write it without thousands")
    elif _THOUSANDS.fullmatch(text) and not comma_is_decimal:
        text = text.replace(",", "")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise _Unreadable(f"{key} {told!r} is not a number") from None
    if not value.is_finite():
        raise _Unreadable(f"{key} {told!r} is not a number")
    if abs(value) > _MOST:
        raise _Unreadable(f"{key} {told!r} is too large to be true")
    return value


def _whole(fields: Mapping[str, str], key: str, *, comma_is_decimal: bool) -> int:
    value = _number(fields, key, comma_is_decimal=comma_is_decimal)
    if value != value.to_integral_value():
        raise _Unreadable(f"{key} {_said(fields, key)!r} is not a whole number")
    return int(value)
