"""Messages to people, through Apprise: mail, Slack, Teams, webhooks and more by URL.

Every target gets one message: the news, and below it what it did not take before. That is kept
in a file of the state folder, by the target's place in META_AUTO_NOTIFY_URLS, because the URLs
themselves are secret.
"""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from meta_autonomous.adapters.letters import Letter, joined, letter
from meta_autonomous.adapters.whole_file import write_whole
from meta_autonomous.domain.news import News
from meta_autonomous.ports.errors import ConfigError

logger = logging.getLogger("meta_auto.notify")

_SECONDS: Final = 30
#: Of each target; older ones are dropped, the alerts among them are repeated daily anyway.
_KEPT: Final = 10

Waiting = dict[int, list[Letter]]


class Silence:
    """Nobody is configured to be told."""

    async def send(self, news: News) -> bool:
        logger.debug("no notification target: items=%d urgent=%s", len(news.items), news.is_urgent)
        return False

    async def catch_up(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Outbox:
    """What could not be delivered, in a file that only its owner may read."""

    path: Path

    def read(self) -> Waiting:
        """By target. A file that is not there, or that nobody can read, is an empty one."""
        try:
            kept: Mapping[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
            return {int(k): [Letter(**one) for one in found] for k, found in kept.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError):
            logger.warning("the file of undelivered messages can't be read, and is begun anew")
            return {}

    def keep(self, waiting: Waiting) -> None:
        kept = {str(k): [asdict(one) for one in found] for k, found in waiting.items() if found}
        try:
            if kept:
                write_whole(self.path, json.dumps(kept), mode=0o600)
            else:
                self.path.unlink(missing_ok=True)
        except OSError as problem:
            logger.warning("undelivered messages can't be kept: %s", problem.strerror)


class AppriseNotifier:
    """Sends to every URL of META_AUTO_NOTIFY_URLS. The URLs hold secrets and are never logged.

    Raises ConfigError when Apprise is not installed or does not understand a URL.
    """

    def __init__(self, urls: Sequence[str], outbox: Outbox) -> None:
        if find_spec("apprise") is None:
            raise ConfigError(
                "META_AUTO_NOTIFY_URLS is set, but Apprise is not installed.",
                remedy="Install it: pip install 'meta-auto[notify]'.",
            )
        # Apprise knows a hundred services; only a run with news should pay for its import.
        self._apprise: Any = import_module("apprise")
        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it logs URLs
        self._outbox = outbox
        self._targets = [self._target(place, url) for place, url in enumerate(_once(urls), 1)]

    def _target(self, place: int, url: str) -> Any:
        target = self._apprise.Apprise()
        if not target.add(url):
            raise ConfigError(
                f"META_AUTO_NOTIFY_URLS: URL number {place} is not one that Apprise knows.",
                remedy="See Apprise's list of services for the form of each URL.",
            )
        return target

    async def send(self, news: News) -> bool:
        return await self._deliver([letter(news)])

    async def catch_up(self) -> bool:
        return await self._deliver([])

    async def _deliver(self, fresh: list[Letter]) -> bool:
        """To every target at once, however slow or broken another one is."""
        before = self._outbox.read()
        due = [
            [*fresh, *before.get(place, [])][:_KEPT]
            for place, _ in enumerate(self._targets, start=1)
        ]
        taken = await asyncio.gather(
            *(
                self._take(place, target, letters)
                for place, (target, letters) in enumerate(
                    zip(self._targets, due, strict=True), start=1
                )
            )
        )
        left = {
            place: letters
            for place, (letters, is_taken) in enumerate(zip(due, taken, strict=True), start=1)
            if not is_taken
        }
        if left or before:
            self._outbox.keep(left)
        return not left

    async def _take(self, place: int, target: Any, letters: list[Letter]) -> bool:
        if not letters:
            return True
        one = joined(letters)
        kind, form = self._apprise.NotifyType, self._apprise.NotifyFormat
        wants_html = any(_reads_html(service) for service in target)
        try:
            async with asyncio.timeout(_SECONDS):
                sent = await target.async_notify(
                    title=one.subject,
                    body=one.html if wants_html else one.text,
                    body_format=form.HTML if wants_html else form.TEXT,
                    notify_type=kind.FAILURE if one.is_urgent else kind.INFO,
                )
        except Exception as problem:  # noqa: BLE001 - a failing notifier never fails a tick
            logger.warning("notification target %d failed: %s", place, type(problem).__name__)
            return False
        if not sent:
            logger.warning("notification target %d did not take the message", place)
        return bool(sent)


def _reads_html(service: Any) -> bool:
    """Mail does. Chats have an HTML of their own at best."""
    return "mailto" in (service.protocol or ()) or service.notify_format == "html"


def _once(urls: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(urls))
