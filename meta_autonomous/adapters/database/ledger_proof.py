"""Whether the ledger is whole: one walk over its stored bytes, in constant memory.

Each entry must follow the one before it, give its hash, and say what its columns say. The walk
begins where the sealed months end, and must meet the entry that sealed them; it must end at the
stored head, and pass through whatever someone noted elsewhere.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from meta_autonomous.adapters.database import ledger, segments
from meta_autonomous.adapters.database.columns import to_text
from meta_autonomous.adapters.database.ledger import GENESIS, PREFIX
from meta_autonomous.adapters.database.unit import Unit
from meta_autonomous.domain.segment import Segment
from meta_autonomous.ports.records import LedgerCheck

_EXPECT: Final = re.compile(r"(\d{1,18}):([0-9a-f]{64})")
_SEALS: Final = b"segment_sealed"


class Noted(NamedTuple):
    """An entry's number and hash, as noted by the stored head, a seal, or someone. 0 is none."""

    seq: int = 0
    hash: str = GENESIS

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


def noted(expect: str | None) -> Noted | None:
    """What `--expect` says; None when it is not SEQ:HASH."""
    if expect is None:
        return Noted()
    said = _EXPECT.fullmatch(expect.strip().lower())
    return None if said is None else Noted(int(said[1]), said[2])


def verify(unit: Unit, *, expect: str | None) -> LedgerCheck:
    """Walk the chain, up to the first entry that does not fit."""
    wanted = noted(expect)
    if wanted is None:
        return _unproven("expected is SEQ:HASH, as `ledger verify` printed it")
    sealed = segments.known(unit)
    floor = Noted(*segments.floor(unit))
    if 0 < wanted.seq < floor.seq:
        return _unproven(
            f"entry {wanted.seq} was moved to the archive with those before {floor.seq + 1}: "
            "give its folder with --archive"
        )
    walk = _Walk(unit, floor, Noted(*ledger.head(unit)), wanted, sealed)
    broken = walk.broken()
    return LedgerCheck(
        ok=broken is None,
        entries=walk.seq - floor.seq,
        head=str(walk.stored) if broken else f"{walk.seq}:{walk.digest.hex()}",
        first_broken=broken.seq if broken else None,
        message=broken.message if broken else "",
        starts_after=str(floor) if floor.seq else None,
    )


def _unproven(message: str) -> LedgerCheck:
    return LedgerCheck(ok=False, entries=0, head=None, first_broken=None, message=message)


class _Broken(NamedTuple):
    seq: int
    message: str


class _Said(msgspec.Struct):
    """What the columns repeat of the body."""

    platform: str
    event: str
    at: str


class _Sealed(msgspec.Struct):
    """What an entry says of the segment that it seals."""

    first: int
    last: int
    head: str
    sha256: str


class _Seal(msgspec.Struct):
    after: _Sealed


_said: Final = msgspec.json.Decoder(_Said)
_seal: Final = msgspec.json.Decoder(_Seal)


@dataclass(slots=True)
class _Walk:
    """`seq` and `digest` are of the last entry found whole, as far as the walk has come."""

    unit: Unit
    floor: Noted
    stored: Noted
    wanted: Noted
    sealed: Sequence[Segment]
    seq: int = 0
    digest: bytes = b""

    def broken(self) -> _Broken | None:
        """What ends the walk too early; None when it reaches the head."""
        self.seq, self.digest = self.floor.seq, bytes.fromhex(self.floor.hash)
        if self.wanted.seq == self.floor.seq and self.wanted != self.floor and self.wanted.seq:
            return _Broken(self.wanted.seq, f"entry {self.wanted.seq} {_NOT_EXPECTED}")
        anchors = self._anchors()
        seals: set[_Key] = set()
        for number, at, event, body, stored_hash in _stream(self.unit):
            due = self.seq + 1
            if number != due:
                return self._misplaced(number)
            digest = sha256(PREFIX + self.digest + due.to_bytes(8) + body).digest()
            as_hex = digest.hex()
            if as_hex.encode() != stored_hash:
                return _Broken(due, f"entry {due} was changed: its text does not give its hash")
            fault = _fault(self.unit, body, at, event)
            if fault is None and due > self.stored.seq:
                fault = f"stands beyond the stored head, {self.stored.seq}"
            if fault is None and due in anchors:
                fault = next((why for hash_, why in anchors[due] if hash_ != as_hex), None)
            if fault is not None:
                return _Broken(due, f"entry {due} {fault}")
            if event == _SEALS:
                seals.add(_key_of(body))
            self.seq, self.digest = due, digest
        return self._cut_short() or self._unsealed(seals)

    def _anchors(self) -> Mapping[int, list[tuple[str, str]]]:
        """By number: hashes that are known from elsewhere, and what it means when they differ."""
        found: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
        found[self.stored.seq].append((self.stored.hash, "is not the one whose hash is the head"))
        found[self.wanted.seq].append((self.wanted.hash, _NOT_EXPECTED))
        for segment in self.sealed:
            if segment.removed_at is None:
                why = f"is not the end of {segment.month} that was sealed"
                found[segment.last].append((segment.head, why))
        return dict(found)

    def _misplaced(self, number: Any) -> _Broken:
        due = self.seq + 1
        if isinstance(number, int) and number < due:
            return _Broken(number, f"entry {number} stands where none can be: {due} is the first")
        return _Broken(due, f"entry {due} is missing")

    def _cut_short(self) -> _Broken | None:
        if self.seq < self.stored.seq:
            why = f"entries after {self.seq} are missing: {self.stored.seq} were written"
        elif self.seq < self.wanted.seq:
            why = f"entry {self.wanted.seq} was expected, but the ledger ends at {self.seq}"
        else:
            return None
        return _Broken(self.seq + 1, why)

    def _unsealed(self, seals: "set[_Key]") -> _Broken | None:
        """Entries that left without an entry that says so. (The seals of all but the last months
        to leave have left too: the archive has them.)"""
        for segment in self.sealed:
            is_here = segment.removed_at is None or segment.last == self.floor.seq
            if is_here and _key(segment) not in seals:
                why = (
                    f"no entry seals {segment.month} (entries {segment.first} to {segment.last}), "
                    f"though the database calls it sealed"
                )
                return _Broken(segment.first, why)
        return None


_NOT_EXPECTED: Final = "is not the expected one: it was rewritten, or one before it"

_Key = tuple[int, int, str, str]


def _key(segment: Segment) -> _Key:
    return segment.first, segment.last, segment.head, segment.sha256


def _key_of(body: bytes) -> _Key:
    try:
        said = _seal.decode(body).after
    except msgspec.MsgspecError:
        return 0, 0, "", ""
    return said.first, said.last, said.head, said.sha256


def _stream(unit: Unit) -> Iterator[tuple[Any, ...]]:
    """Every entry in order, page by page."""
    last: Any = None
    while page := ledger.page(unit, after=last):
        yield from page
        last = page[-1][0]


def _fault(unit: Unit, body: bytes, at: Any, event: bytes) -> str | None:
    """What is wrong with an entry whose hash is right; None if nothing is."""
    try:
        said = _said.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "is not JSON"
    stored_at = at if isinstance(at, bytes) else to_text(at).encode()
    if (said.platform, said.event.encode(), said.at.encode()) != (unit.platform, event, stored_at):
        return "was changed: its columns say other than its text"
    return None
