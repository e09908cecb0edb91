"""What others watch the program by: a Prometheus textfile, and the ping of a dead man's switch."""

import asyncio
import logging
import re
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import httpx2

from meta_autonomous.adapters.whole_file import write_whole
from meta_autonomous.ports.people import Signal

logger = logging.getLogger("meta_auto.watch")

_PING_SECONDS: Final = 5
#: A file in node_exporter's folder is for its account to read; in the state folder nothing is.
_READABLE, _PRIVATE = 0o644, 0o600
_PATHS: Final = {Signal.START: "/start", Signal.SUCCESS: "", Signal.FAIL: "/fail"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideWatch:
    """Implements `ports.Watch`. The ping URL is a secret: it is never logged."""

    metrics_file: Path
    is_for_others: bool = False
    ping_url: str | None = field(default=None, repr=False)

    def show(self, metrics: str) -> None:
        try:
            write_whole(
                self.metrics_file, metrics, mode=_READABLE if self.is_for_others else _PRIVATE
            )
        except OSError as problem:
            logger.warning(
                "the metrics file %s can't be written: %s", self.metrics_file, problem.strerror
            )

    async def failed(self, *, exit_code: int, at: datetime) -> None:
        """What was measured last stands, but for when it ran and how it ended."""
        try:
            # To read a pipe would wait for a writer, and some devices never end.
            is_file = self.metrics_file.is_file()
            known = self.metrics_file.read_text(encoding="utf-8") if is_file else ""
        except OSError:
            known = ""
        if known:
            known = _changed(known, "last_run_timestamp_seconds", round(at.timestamp()))
            self.show(_changed(known, "last_run_exit_code", exit_code))
        await self.signal(Signal.FAIL)

    async def signal(self, signal: Signal) -> None:
        if self.ping_url is None:
            return
        try:
            async with asyncio.timeout(_PING_SECONDS):
                status = await self._get(_PATHS[signal])
        except Exception as problem:  # noqa: BLE001 - a switch that can't be reached fails no tick
            logger.warning("the dead man's switch was not reached: %s", type(problem).__name__)
            return
        if status >= 300:  # noqa: PLR2004 - anything but HTTP's successes
            logger.warning("the dead man's switch answered HTTP %d", status)

    async def _get(self, path: str) -> int:
        """The transport alone, as for Meta: the client on top of it would log the URL."""
        url = httpx2.URL(str(self.ping_url))
        url = url.copy_with(path=url.path.rstrip("/") + path)
        tls = (
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            if url.scheme == "http"
            else httpx2.create_ssl_context(trust_env=False)
        )
        async with httpx2.AsyncHTTPTransport(verify=tls, trust_env=False) as transport:
            request = httpx2.Request("GET", url, headers={"User-Agent": "meta-auto"})
            response = await transport.handle_async_request(request)
            await response.aclose()
            return response.status_code


def _changed(metrics: str, name: str, value: int) -> str:
    return re.sub(rf"(?m)^(meta_auto_{name}) .*$", rf"\g<1> {value}", metrics)
