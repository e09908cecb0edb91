"""One HTTP exchange with the Graph API: credentials, connection, deadline, size.

The transport is used without httpx2's client on top: the client would log whole URLs, keep
cookies and read proxies from the environment. Here the token travels in one header to one host,
redirects are not followed, and nothing is sent twice. The deadline is a total one, so a server
that drips a byte at a time, in headers or body, ends like one that hangs.
"""

import asyncio
import contextlib
import hashlib
import hmac
import logging
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Final

import httpx2

from meta_autonomous.ports.errors import ConfigError

_USER_AGENT: Final = "meta-auto (budget guard for Meta ad accounts; unattended)"
_CONNECT_SECONDS: Final = 10.0
_CLOSE_SECONDS: Final = 1.0
BODY_LIMIT: Final = 16 * 1024 * 1024
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_VERSION: Final = re.compile(r"v[0-9]{1,3}\.[0-9]{1,2}")
_HEADER_SAFE: Final = re.compile(r"[\x21-\x7e]+")
#: What Meta repeats of a token in its own messages.
_TOKEN_LIKE: Final = re.compile(r"EAA[0-9A-Za-z]{8,}|access_token=[^\s&\"']+", re.IGNORECASE)
HIDDEN: Final = "[hidden]"


# At debug level the transport would log every header of every answer.
logging.getLogger("httpcore2").setLevel(logging.WARNING)


class Loss(StrEnum):
    """Why an exchange left no answer to read."""

    NOT_CONNECTED = "not_connected"  # nothing was sent
    CERTIFICATE = "certificate"  # nothing was sent: the other side is not who it should be
    BROKEN = "broken"  # the connection ended too early, or what came was not HTTP
    TOO_LATE = "too_late"  # the deadline passed
    TOO_LARGE = "too_large"
    ENCODED = "encoded"  # compressed, though we asked for plain bytes


class NoAnswer(Exception):
    """An exchange without an answer. `was_sent` is False only when that is certain."""

    def __init__(self, loss: Loss, message: str, *, was_sent: bool) -> None:
        super().__init__(message)
        self.loss = loss
        self.message = message
        self.was_sent = was_sent


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer, whatever it says."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_ok(self) -> bool:
        return self.status == HTTPStatus.OK

    @property
    def is_redirect(self) -> bool:
        return HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST

    @property
    def is_server_error(self) -> bool:
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def trace_id(self) -> str | None:
        return self.headers.get("x-fb-trace-id") or self.headers.get("x-fb-request-id")


@dataclass(slots=True)
class GraphHttp:
    """The connection pool for reads, and a fresh connection for each write."""

    base_url: str
    version: str
    token: str = field(repr=False)
    app_secret: str | None = field(default=None, repr=False)
    connections: int = 4
    body_limit: int = BODY_LIMIT
    _pool: httpx2.AsyncHTTPTransport | None = field(default=None, init=False, repr=False)
    _retired: httpx2.AsyncHTTPTransport | None = field(default=None, init=False, repr=False)
    _says_too_much: bool = field(default=False, init=False, repr=False)
    _tls: ssl.SSLContext | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        try:
            url = httpx2.URL(self.base_url)
        except httpx2.InvalidURL as error:
            raise ConfigError(f"META_GRAPH_URL is not a URL: {error}") from None
        if url.scheme != "https" and not (url.scheme == "http" and url.host in _LOOPBACK):
            raise ConfigError(
                "META_GRAPH_URL must be https (or http on loopback)",
                remedy="leave it unset to use Meta's own address",
            )
        if not _VERSION.fullmatch(self.version):
            raise ConfigError(f"META_GRAPH_VERSION is {self.version!r}; it looks like v26.0")
        if not _HEADER_SAFE.fullmatch(self.token):
            raise ConfigError(
                "the Meta access token is empty or holds characters that no token has",
                remedy="copy it again, without quotes or line ends",
            )

    async def get(self, path: str, params: Mapping[str, str], *, seconds: float) -> HttpAnswer:
        """Raises NoAnswer."""
        if self._says_too_much and self._retired is None:
            # From now on a connection for each read; those under way end on theirs.
            self._pool, self._retired = None, self._pool
        if self._pool is None:
            kept = 0 if self._says_too_much else self.connections
            self._pool = self._transport(self.connections, kept=kept)
        return await self._exchange(self._pool, self._request("GET", path, params), seconds)

    async def post(self, path: str, form: Mapping[str, str], *, seconds: float) -> HttpAnswer:
        """Send once, on a connection of its own. Raises NoAnswer."""
        transport = self._transport(1, kept=0)
        try:
            return await self._exchange(transport, self._request("POST", path, form), seconds)
        finally:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await transport.aclose()

    def scrubbed(self, text: str) -> str:
        """Text from outside, without anything that is secret here."""
        for secret in (self.token, self.app_secret, self._proof()):
            if secret:
                text = text.replace(secret, HIDDEN)
        return _TOKEN_LIKE.sub(HIDDEN, text)

    async def aclose(self) -> None:
        pools = (self._pool, self._retired)
        self._pool = self._retired = None
        for pool in pools:
            if pool is not None:
                await pool.aclose()

    def _proof(self) -> str | None:
        if not self.app_secret:
            return None
        return hmac.new(self.app_secret.encode(), self.token.encode(), hashlib.sha256).hexdigest()

    def _transport(self, connections: int, *, kept: int) -> httpx2.AsyncHTTPTransport:
        if self._tls is None:
            is_plain = self.base_url.startswith("http:")
            self._tls = (
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                if is_plain
                else httpx2.create_ssl_context(trust_env=False)
            )
        limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=kept)
        return httpx2.AsyncHTTPTransport(
            verify=self._tls, trust_env=False, http2=False, limits=limits, retries=0
        )

    def _request(self, method: str, path: str, fields: Mapping[str, str]) -> httpx2.Request:
        proof = self._proof()
        if proof is not None:
            fields = {**fields, "appsecret_proof": proof}
        is_read = method == "GET"
        return httpx2.Request(
            method,
            f"{self.base_url.rstrip('/')}/{self.version}/{path}",
            params=fields if is_read else None,
            data=None if is_read else fields,
            headers={
                "Authorization": f"Bearer {self.token}",
                "User-Agent": _USER_AGENT,
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            },
        )

    async def _exchange(
        self, transport: httpx2.AsyncHTTPTransport, request: httpx2.Request, seconds: float
    ) -> HttpAnswer:
        # TCP and TLS each get less than half, so that they end by their own limit, which proves
        # that nothing was sent. (Cancelled in a handshake, the transport also leaks its socket.)
        request.extensions["timeout"] = {"connect": min(_CONNECT_SECONDS, 0.45 * seconds)}
        try:
            async with asyncio.timeout(seconds):
                response = await transport.handle_async_request(request)
                try:
                    return await self._read(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            message = f"no complete answer within {seconds:.0f} s"
            raise NoAnswer(Loss.TOO_LATE, message, was_sent=True) from None
        except NoAnswer:
            raise
        except Exception as error:  # noqa: BLE001 - an exchange ends in an answer or in NoAnswer
            raise _lost(error) from None

    async def _read(self, response: httpx2.Response) -> HttpAnswer:
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", ""):
            message = f"the answer is compressed ({encoding[:20]!r}), though we asked for plain"
            raise NoAnswer(Loss.ENCODED, message, was_sent=True)
        body = bytearray()
        async with contextlib.aclosing(response.aiter_raw()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > self.body_limit:
                    message = f"the answer is larger than {self.body_limit} bytes"
                    raise NoAnswer(Loss.TOO_LARGE, message, was_sent=True)
        self._says_too_much |= _is_followed(response)
        return HttpAnswer(response.status_code, response.headers, bytes(body))


def _is_followed(response: httpx2.Response) -> bool:
    """Whether something that nobody asked for came behind the answer. The transport keeps it, and
    would take it for the answer to the connection's next request. It offers no way to ask; so
    this looks inside, and what can't be seen counts as there."""
    inside: object = response.stream
    for name in ("_httpcore_stream", "_stream", "_connection", "_h11_state", "trailing_data"):
        inside = getattr(inside, name, None)
    return not isinstance(inside, tuple) or inside[0] != b""


def _lost(error: Exception) -> NoAnswer:
    if _has_cause(error, ssl.SSLCertVerificationError):
        return NoAnswer(
            Loss.CERTIFICATE,
            "the server's certificate is not one that this machine trusts for that name",
            was_sent=False,
        )
    # These three come before the first byte of a request: DNS, TCP, TLS, a slot in the pool.
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout):
        # The text is the operating system's: "Connection refused", "Name or service not known".
        reason = str(error) or "no connection in time"
        return NoAnswer(Loss.NOT_CONNECTED, f"can't connect ({reason})", was_sent=False)
    return NoAnswer(
        Loss.BROKEN,
        f"the connection broke before the answer was complete ({type(error).__name__})",
        was_sent=True,
    )


def _has_cause(error: BaseException | None, wanted: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, wanted):
            return True
        error = error.__cause__ or error.__context__
    return False
