"""Every way in which HTTP and JSON fail here, as one table: what a read, a page and a write make
of it.

A fault takes the honest answer's body and gives the deed that is done instead, so that each is
tried where it hurts: on one entity, on the second page of a list, on a write.
"""

import asyncio
import gzip
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from meta_autonomous.ports.errors import (
    AuthFailed,
    BadAnswer,
    PlatformError,
    Throttled,
    Unreachable,
)
from meta_autonomous.ports.platform import AnswerKind
from tests.adapters.fault_server import (
    Asked,
    Deed,
    drip,
    flood,
    graph_error,
    hang,
    http,
    reset,
    say,
    send,
)

UNKNOWN, REFUSED = AnswerKind.UNKNOWN, AnswerKind.REFUSED
ACCEPTED, THROTTLED = AnswerKind.ACCEPTED, AnswerKind.THROTTLED
HTML = {"Content-Type": "text/html"}
CLOSES = {"Content-Length": None, "Connection": "close"}
CHUNKED = {"Content-Length": None, "Transfer-Encoding": "chunked"}
MEGABYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`read` and `page` are the class of error, or None where the answer is good enough. A read
    is asked for `attempts` times; each ends within `patience` seconds."""

    deed: Callable[[bytes], Deed]
    read: type[PlatformError] | None = Unreachable
    page: type[PlatformError] | None = Unreachable
    write: AnswerKind = UNKNOWN
    attempts: int = 4
    patience: float = 0.3
    is_large: bool = False  # tried in a process of its own too, for its memory


def _final(deed: Callable[[bytes], Deed], problem: type[PlatformError], **values: object) -> Fault:
    """What asking again would not mend."""
    known: dict[str, object] = {"read": problem, "page": problem, "attempts": 1}
    return Fault(deed=deed, **(known | values))  # type: ignore[arg-type]


def _with(field: bytes) -> Callable[[bytes], Deed]:
    """The honest object with one more field."""
    return lambda body: say(body[:-1] + b"," + field + b"}")


def _headers(count: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + b"X-Header: 1\r\n" * count + b"\r\n"


def endless_header() -> Deed:
    """One header that never ends."""

    async def deed(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Header: ")
        for _ in range(200):
            writer.write(b"x" * MEGABYTES)
            await writer.drain()

    return deed


def endless_interim() -> Deed:
    """Interim answers without an end: each is whole, none is the answer."""

    async def deed(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.005)

    return deed


def one_too_many(body: bytes) -> Deed:
    """The honest answer, and behind it another that nobody asked for."""
    return send(http(body) + http(b'{"id":"666","data":[],"success":false}'), closes=False)


def split_bomb(body: bytes) -> Deed:
    """Very many chunks of one byte each, which take longer to take apart than anyone waits."""
    pieces = b"1\r\n \r\n" * MEGABYTES
    return send(http(pieces + b"0\r\n\r\n" + body, headers=CHUNKED))


FAULTS: Mapping[str, Fault] = {
    # the connection
    "reset": Fault(deed=lambda _: reset()),
    "closed without an answer": Fault(deed=lambda _: send(b"")),
    "hang": Fault(deed=lambda _: hang()),
    "headers dripping": Fault(deed=lambda body: drip(http(body), after=20)),
    "body dripping": Fault(
        deed=lambda body: drip(http(body), after=len(http(body)) - 9, seconds=0.1)
    ),
    "truncated, with a length": Fault(deed=lambda body: send(http(body)[:-3])),
    "truncated, without a length": Fault(deed=lambda body: send(http(body[:-1], 200, CLOSES))),
    "truncated, chunked": Fault(
        deed=lambda body: send(http(b"%x\r\n%s" % (len(body), body[:-2]), 200, CHUNKED))
    ),
    "an answer too many": Fault(deed=one_too_many, read=None, page=None, write=ACCEPTED),
    # not quite HTTP
    "not HTTP": Fault(deed=lambda _: send(b"SSH-2.0-OpenSSH_9.2\r\n")),
    "20 000 headers": Fault(deed=lambda _: send(_headers(20_000)), is_large=True),
    "a header without an end": Fault(deed=lambda _: endless_header(), is_large=True),
    "interim answers without an end": Fault(deed=lambda _: endless_interim()),
    "two lengths": Fault(
        deed=lambda body: send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" + http(body)[17:])
    ),
    "a length that is none": Fault(deed=lambda body: say(body, 200, {"Content-Length": "-1"})),
    # large
    "200 MB": _final(lambda _: flood(200 * MEGABYTES), BadAnswer, patience=5.0, is_large=True),
    "compressed": _final(
        lambda body: say(gzip.compress(body), headers={"Content-Encoding": "gzip"}), BadAnswer
    ),
    "gzip bomb": _final(
        lambda _: say(_BOMB, headers={"Content-Encoding": "GZIP"}), BadAnswer, is_large=True
    ),
    "deflate bomb, twice": _final(
        lambda _: say(zlib.compress(_BOMB), headers={"Content-Encoding": "deflate, gzip"}),
        BadAnswer,
        is_large=True,
    ),
    "a million chunks": Fault(deed=split_bomb, is_large=True),
    # not the answer
    "200 with HTML": Fault(deed=lambda _: say(b"<html>Service Unavailable</html>", 200, HTML)),
    "200 and empty": Fault(deed=lambda _: say(b"")),
    "204": Fault(deed=lambda _: say(b"", 204, {"Content-Length": None}), attempts=1),
    "the right body of the wrong type": Fault(
        deed=lambda body: say(body, 200, HTML), read=None, page=None, write=ACCEPTED
    ),
    "500 and empty": Fault(deed=lambda _: say(b"", 500)),
    "502 with HTML": Fault(deed=lambda _: say(b"<html>Bad Gateway</html>", 502, HTML)),
    "503 with JSON that is no error": Fault(deed=lambda _: say({"status": "down"}, 503)),
    "403 of a proxy": Fault(deed=lambda _: say(b"<html>Forbidden</html>", 403, HTML), attempts=1),
    "429 without a Graph code": _final(lambda _: say(b"", 429), Throttled),
    "redirect to another host": _final(
        lambda _: say(b"", 307, {"Location": "http://127.0.0.1:9/steal"}), BadAnswer
    ),
    # not quite JSON
    "NaN": Fault(deed=_with(b'"x":NaN')),
    "-Infinity": Fault(deed=_with(b'"x":-Infinity')),
    "1e999": Fault(deed=_with(b'"x":1e999'), page=None),
    "an integer of 5 000 digits": Fault(deed=_with(b'"x":' + b"9" * 5000), page=None),
    "a key twice": Fault(deed=_with(b'"x":1,"x":2')),
    "a key twice, deep inside": Fault(deed=_with(b'"x":[{"a":{"b":1,"b":1}}]')),
    "the data twice": Fault(deed=_with(b'"data":[],"id":"9","success":true,"data":[],"id":"9"')),
    "nested deeply": Fault(deed=_with(b'"x":' + b"[" * 200_000 + b"]" * 200_000), is_large=True),
    "nested without an end": Fault(deed=lambda _: say(b'{"data":' + b"[" * 200_000)),
    "half a character": Fault(deed=_with(b'"x":"\\ud800"'), read=None, page=None, write=ACCEPTED),
    "bytes that are no UTF-8": Fault(deed=_with(b'"x":"\xff\xfe"')),
    "UTF-16": Fault(deed=lambda body: say(body.decode().encode("utf-16"))),
    "two documents": Fault(deed=lambda body: say(body + body)),
    "an error beside the answer": Fault(
        deed=_with(b'"error":{"code":1,"message":"unknown"}'),
    ),
    # Meta's own words
    "code 1": Fault(deed=lambda _: graph_error(1, status=500)),
    "code 2": Fault(deed=lambda _: graph_error(2, status=503, is_transient=True)),
    "code 17": _final(lambda _: graph_error(17, 2446079), Throttled, write=THROTTLED),
    "code 80004": _final(lambda _: graph_error(80004), Throttled, write=THROTTLED),
    "code 190": _final(lambda _: graph_error(190, 463, 401), AuthFailed, write=REFUSED),
    "code 10": _final(lambda _: graph_error(10, status=403), AuthFailed, write=REFUSED),
    "code 100": _final(lambda _: graph_error(100), BadAnswer, write=REFUSED),
}

#: 200 MB of blanks in 200 kB.
_BOMB = gzip.compress(b" " * (200 * MEGABYTES), compresslevel=9)
