"""Messages to people, through Apprise: mail, Slack, Teams, webhooks and more by URL."""

import asyncio
import logging
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from meta_autonomous.ports import ConfigError

logger = logging.getLogger("meta_auto.notify")


class Silence:
    """Nobody is configured to be told."""

    async def send(self, *, subject: str, body: str, is_urgent: bool) -> bool:
        logger.debug(
            "no notification target: subject=%r length=%d urgent=%s", subject, len(body), is_urgent
        )
        return False


class AppriseNotifier:
    """Sends to every URL of META_AUTO_NOTIFY_URLS. The URLs hold secrets and are never logged.

    Raises ConfigError when Apprise is not installed or does not understand a URL.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        if find_spec("apprise") is None:
            raise ConfigError(
                "META_AUTO_NOTIFY_URLS is set, but Apprise is not installed.",
                remedy="Install it: pip install 'meta-auto[notify]'.",
            )
        # Apprise knows a hundred services; only a tick with news should pay for its import.
        self._apprise: Any = import_module("apprise")
        self._targets = self._apprise.Apprise()
        for number, url in enumerate(urls, start=1):
            if not self._targets.add(url):
                raise ConfigError(
                    f"META_AUTO_NOTIFY_URLS: URL number {number} is not one that Apprise knows.",
                    remedy="See Apprise's list of services for the form of each URL.",
                )

    async def send(self, *, subject: str, body: str, is_urgent: bool) -> bool:
        kind = self._apprise.NotifyType
        news = {"notify_type": kind.FAILURE if is_urgent else kind.INFO}
        try:
            async with asyncio.timeout(30):
                sent = await self._targets.async_notify(body=body, title=subject, **news)
        except Exception as problem:  # noqa: BLE001 - a failing notifier never fails a tick
            logger.warning("notification failed: %s", type(problem).__name__)
            return False
        if not sent:
            logger.warning("notification failed: a target did not take it")
        return bool(sent)
