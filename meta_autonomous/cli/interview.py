"""The questions of `init` at a terminal. Each answer is tried before the next is asked for.

Few, with an answer that Enter takes; what else can be set stands in the file with its default.
The token is never asked for: it would be seen.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from meta_autonomous.cli.examination import notification_check, platform_checks
from meta_autonomous.cli.logs import redacted
from meta_autonomous.config import KEYS, AutonomousSettings, Source
from meta_autonomous.operations.doctor import Check, State
from meta_autonomous.operations.examine_platform import RATE
from meta_autonomous.ports.errors import ConfigError
from meta_autonomous.render import output
from meta_autonomous.render.doctor import check_lines
from meta_autonomous.render.document import Document, Line, Span, Tone, line

if TYPE_CHECKING:
    from meta_autonomous.config import LoadedSettings

#: Answers by the name of the setting, as `AutonomousSettings` has them.
Given = Mapping[str, Any]
#: The configuration as it would be read from a file with these answers. Raises ConfigError.
Read = Callable[[Given], "LoadedSettings"]

_ACCOUNTS: Final = "meta_ad_account_ids"
_TOKEN: Final = "meta_access_token"  # noqa: S105 - a name
_TOKEN_FILE: Final = "meta_access_token_file"  # noqa: S105 - a name
_CAP: Final = "max_daily_spend_usd"
_NOTIFY: Final = "meta_auto_notify_urls"
_PLATFORM: Final = "meta_auto_platform"
_RATES: Final = "meta_auto_fx"


def begin(path: Path) -> None:
    """Say where the answers go, and how to leave."""
    _say(
        f"The answers go to {path}.",
        "Enter takes what stands in brackets. Ctrl-C leaves everything as it is.",
    )


def interview(read: Read) -> Given:
    """All answers. Raises Abort when whoever is asked has left."""
    given = _where_to_work(read)
    given |= _setting(
        _CAP,
        "The most that all ad accounts together may spend on one day, in USD",
        default=str(KEYS[_CAP].default),
    )
    given |= _mail(read, given)
    for name in given:
        source = _source_of(read(given), name)
        if source not in (Source.TOML.value, ""):
            _warn(f"{name.upper()} is set in the {source} too, which wins over the file.")
    return given


# --- the ad accounts ----------------------------------------------------------------------------


def _where_to_work(read: Read) -> dict[str, Any]:
    """The sandbox, or ad accounts that were looked at."""
    while True:
        known = ",".join(read({}).settings.meta_ad_account_ids)
        given = _setting(
            _ACCOUNTS,
            "Your ad accounts, such as act_1234567890 (nothing: the sandbox)",
            default=known,
        )
        has_token = _has_token(read({}))
        if not given.get(_ACCOUNTS):
            if has_token:
                _warn("A token is set: with it nothing works on the sandbox. Remove the token.")
            return {_PLATFORM: "sandbox"}
        given[_PLATFORM] = "meta"
        if not has_token:
            given |= _token_file(read, given)
        if not _has_token(read(given)):
            _warn(
                "Without a token nothing can be tried. Give it as META_ACCESS_TOKEN or "
                "META_ACCESS_TOKEN_FILE, then run: meta-auto doctor"
            )
            return given
        checks = asyncio.run(platform_checks(read(given)))
        rates = next((check for check in checks if check.name == "currency_rates"), None)
        _show([check for check in checks if check is not rates])
        troubles = [one for one in checks if one.state is State.FAIL and one is not rates]
        if not troubles or typer.confirm("Keep these answers all the same?"):
            return given | _rates(rates)


def _token_file(read: Read, given: Given) -> dict[str, Any]:
    """The path of a file that holds the token, and that can be read."""
    _say("The token is not set. It is never asked for here, and never stands in this file.")
    while True:
        answer = _setting(
            _TOKEN_FILE, "A file of mode 0600 that holds it (nothing: later)", default=""
        )
        if not answer.get(_TOKEN_FILE):
            return {}
        try:
            loaded = read({**given, **answer})
            loaded.token()
        except ConfigError as error:
            _warn(error.told)
        else:
            return answer


def _has_token(loaded: "LoadedSettings") -> bool:
    return _source_of(loaded, _TOKEN) not in (Source.DEFAULT.value, "")


def _rates(check: Check | None) -> dict[str, Any]:
    """What a currency is worth, for each that the accounts use and that has no rate."""
    rates: dict[str, Any] = {}
    for variable in check.details if check is not None and check.state is State.FAIL else ():
        code = variable.removeprefix(RATE)
        told = _setting(
            variable.lower(), f"USD for one {code}, such as 1.08 (nothing: later)", default=""
        )
        if told:
            rates |= told[_RATES]
            _say(f"So 100 {code} count as {told[_RATES][code] * 100:,.2f} USD.")
        else:
            _warn(f"Without {variable} no budget is raised anywhere.")
    return {_RATES: rates} if rates else {}


# --- who is told --------------------------------------------------------------------------------


def _mail(read: Read, given: Given) -> dict[str, Any]:
    """A mail address, tried if wanted. Nothing when somebody is told already."""
    if read({}).notify_urls:
        return {}
    while True:
        address = _answer("Mail suggestions and alerts to (nothing: to nobody)", default="")
        if not address:
            return {}
        if "@" not in address or any(sign in address for sign in " ,/?&:"):
            _warn("That is no mail address, such as ads-team@example.com.")
            continue
        server = _answer("By the mail server, as HOST or HOST:PORT", default="localhost")
        url = f"mailto://{server}?from={address}&to={address}"
        try:
            answer = _valid(_NOTIFY, url)
            loaded = read({**given, **answer})
            sends = typer.confirm("Send a test message now?", default=True)
            check = asyncio.run(notification_check(loaded, sends=sends))
        except ConfigError as error:
            _warn(error.told)
            continue
        _show([check])
        if check.state is State.OK or typer.confirm("Keep it all the same?"):
            return answer


# --- asking -------------------------------------------------------------------------------------


def _setting(name: str, question: str, *, default: str) -> dict[str, Any]:
    """A setting that is valid, or nothing for no answer."""
    while True:
        text = _answer(question, default=default)
        if not text:
            return {}
        try:
            return _valid(name, text)
        except ConfigError as error:
            _warn(error.told)


def _valid(name: str, text: str) -> dict[str, Any]:
    """Raises ConfigError."""
    key = _RATES if name.startswith(RATE.lower()) else name
    return {key: getattr(AutonomousSettings.of({name: text}), key)}


def _answer(question: str, *, default: str) -> str:
    _say()
    told = typer.prompt(question, default=default, show_default=bool(default))
    return str(told).strip()


def _source_of(loaded: "LoadedSettings", name: str) -> str:
    """Empty where a name is of several settings: the rates."""
    sourced = loaded.sources.get(name)
    return sourced.source if sourced is not None else ""


def _show(checks: Sequence[Check]) -> None:
    output.show(Document.of(*check_lines(check.to_json() for check in checks)))


def _warn(text: str) -> None:
    """An error may quote what was typed, and that may be a token in the wrong place."""
    _say(Span(redacted(text), Tone.WARN))


def _say(*texts: str | Span) -> None:
    output.show(Document.of(*(line(text) for text in texts) if texts else (Line(),)))
