"""A folder of archived months of the ledger: `ledger-meta-2026-03.jsonl` and its manifest.

Each line is one entry as `ledger export` prints it: `seq`, `prev`, `hash`, and the body as it was
hashed. A file gets its name only when it is whole and on the disk, so that a process that dies on
the way leaves nothing that looks like an archive. Files are of mode 0600: they hold the trail.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from meta_autonomous.adapters.database.engine import expected_errors
from meta_autonomous.adapters.database.ledger import chained
from meta_autonomous.domain.segment import ArchiveFault, Month, Segment
from meta_autonomous.ports.errors import RefusedByGuard
from meta_autonomous.ports.records import LedgerLine

_FORMAT: Final = "meta-auto ledger segment 1"
_BLOCK: Final = 1 << 20


class _Line(msgspec.Struct):
    seq: int
    prev: str
    hash: str
    body: msgspec.Raw


_line: Final = msgspec.json.Decoder(_Line)


class _Written(NamedTuple):
    last: int
    head: str
    sha256: str


class ArchiveFolder:
    """Implements `operations.prune.Archive`. The folder is made when the first file is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def location(self) -> str:
        return str(self._folder)

    def write(self, month: Month, lines: Iterable[LedgerLine], *, platform: str) -> Segment:
        name = f"ledger-{platform}-{month.month}"
        path = self._folder / f"{name}.jsonl"
        with expected_errors(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _taking_its_place(path) as draft:
                written = _write_chain(draft, month, lines)
                if path.exists() and _digest_of(path) != written.sha256:
                    raise RefusedByGuard(
                        f"{path} exists already, and holds something else.",
                        remedy="Give an archive folder of this system's own with --archive.",
                    )
            segment = Segment(
                platform=platform,
                month=month.month,
                first=month.first,
                last=written.last,
                previous=month.previous,
                head=written.head,
                sha256=written.sha256,
                file=path.name,
            )
            with _taking_its_place(self._folder / f"{name}.manifest.json") as draft:
                draft.write_bytes(_manifest(segment))
        return segment

    def check(self, segment: Segment, *, expect: str | None = None) -> ArchiveFault | None:
        path = self._folder / segment.file
        wanted, _, hash_ = (expect or "").strip().lower().partition(":")
        with expected_errors(self._folder):
            if not path.is_file():
                return ArchiveFault(seq=segment.first, message=f"{path} is not there")
            return _checked(path, segment, (wanted, hash_))


@contextmanager
def _taking_its_place(path: Path) -> Iterator[Path]:
    """A draft that becomes the file at once and for good, or is gone."""
    draft = path.with_name(f".{path.name}.partial")
    draft.unlink(missing_ok=True)  # a process that died left it
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(draft, flags, 0o600))
    try:
        yield draft
        _sync(draft)
        draft.replace(path)
        _sync(path.parent)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_chain(path: Path, month: Month, lines: Iterable[LedgerLine]) -> _Written:
    """Every entry, proven as it is written. Raises RefusedByGuard for one that does not fit."""
    digest = sha256()
    seq, previous = month.first - 1, month.previous
    with path.open("wb") as file:
        for line in lines:
            seq += 1
            body = line.body.encode("utf-8", "surrogateescape")
            hash_ = chained(previous, seq, body)
            if (line.seq, line.hash) != (seq, hash_):
                raise _broken(seq)
            text = b'{"seq":%d,"prev":"%s","hash":"%s","body":%s}\n' % (
                seq,
                previous.encode(),
                hash_.encode(),
                body,
            )
            file.write(text)
            digest.update(text)
            previous = hash_
    if seq != month.last:
        raise _broken(seq + 1)
    return _Written(seq, previous, digest.hexdigest())


def _broken(seq: int) -> RefusedByGuard:
    return RefusedByGuard(
        f"Entry {seq} of the ledger does not follow the one before it.",
        remedy="Run `meta-auto ledger verify`; nothing that is broken is archived.",
    )


def _manifest(segment: Segment) -> bytes:
    told = {
        "format": _FORMAT,
        "platform": segment.platform,
        "month": segment.month,
        "file": segment.file,
        "first": segment.first,
        "last": segment.last,
        "count": segment.count,
        "previous": segment.previous,
        "head": segment.head,
        "sha256": segment.sha256,
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"


def _digest_of(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _checked(path: Path, segment: Segment, wanted: tuple[str, str]) -> ArchiveFault | None:
    """The chain first, so that a broken entry is named; then the file's own hash."""
    digest = sha256()
    seq, previous = segment.first - 1, segment.previous
    with path.open("rb") as file:
        for text in file:
            digest.update(text)
            due = seq + 1
            try:
                line = _line.decode(text)
                hash_ = chained(previous, due, bytes(line.body))
            except (msgspec.MsgspecError, ValueError):
                return ArchiveFault(seq=due, message=f"{path.name}: entry {due} is no entry")
            if (line.seq, line.prev, line.hash) != (due, previous, hash_):
                message = f"{path.name}: entry {due} was changed, moved or removed"
                return ArchiveFault(seq=due, message=message)
            if str(due) == wanted[0] and hash_ != wanted[1]:
                message = f"{path.name}: entry {due} is not the expected one"
                return ArchiveFault(seq=due, message=message)
            seq, previous = due, hash_
    if (seq, previous) != (segment.last, segment.head):
        message = f"{path.name} does not end as it was sealed"
        return ArchiveFault(seq=min(seq + 1, segment.last), message=message)
    if digest.hexdigest() != segment.sha256:
        message = f"{path.name} holds other bytes than were sealed"
        return ArchiveFault(seq=segment.first, message=message)
    return None
